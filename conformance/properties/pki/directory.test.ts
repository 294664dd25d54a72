/** The directory machine: documents and descriptors, whatever authorities and connections do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { equal, toHex } from "../../../core/bytes.ts";
import { scheduleOf } from "../../../core/pki/epoch.ts";
import { consensusStatus, descriptorStatus } from "../../../core/wire/commands.ts";
import type { SessionRequest } from "../../../core/wire/session.ts";
import { authorityNames, clock, documentOf, keysOf, signedDocument, suite } from "../client/network.ts";
import {
  authorities,
  createDriver,
  descriptor,
  document,
  type Driver,
  epoch,
  node,
  type Opened,
  raw,
} from "./directory_fixture.ts";

const fetchWith = (driver: Driver): Opened => {
  driver.tell({ type: "Fetch", epoch });
  driver.up(driver.last());
  return driver.last();
};

test("[PKI-5.3.2-01] a document is fetched anonymously, verified and reported with its bytes", () => {
  const driver = createDriver();
  const connection = fetchWith(driver);
  assert.equal(driver.opened.length, 1);
  assert.equal(connection.config.additionalData.length, 0);
  assert.deepEqual(connection.config.receives, ["Consensus"]);
  assert.deepEqual(connection.told, [{ type: "Allowed" }, { type: "Send", command: { type: "GetConsensus", epoch } }]);
  driver.consensus(connection, consensusStatus.ok, raw);
  assert.deepEqual(connection.told.at(-1), { type: "Close", polite: true });
  const [report] = driver.reports;
  assert.ok(report?.type === "Document" && report.epoch === epoch && equal(report.raw, raw));
  assert.deepEqual(
    report.document.topology.flat().map(({ name }) => name),
    document.topology.flat().map(({ name }) => name),
  );
  driver.down(connection, "closed");
  assert.deepEqual(driver.stopped, [connection.session]);
  assert.ok(driver.consumed.includes(connection.config.staticPrivate), "the key of the connection is wiped");
  assert.equal(driver.reports.length, 1);
  assert.equal(driver.state().attempts.size + driver.state().jobs.size, 0);
});

test("each fetch has a key of its own", () => {
  const driver = createDriver();
  driver.tell({ type: "Fetch", epoch });
  driver.tell({ type: "Fetch", epoch: epoch + 1 });
  const [first, second] = driver.opened;
  assert.notDeepEqual(first!.config.staticPrivate, second!.config.staticPrivate);
  assert.ok(!equal(first!.config.staticPrivate, node.linkPrivate));
});

test("an authority with another identity or link key is denied", () => {
  const driver = createDriver();
  driver.tell({ type: "Fetch", epoch });
  const connection = driver.last();
  const { identityKey, linkKey } = keysOf(connection.authority);
  const other = keysOf("somebody");
  const authorize = (additionalData: Uint8Array, key: Uint8Array): SessionRequest => {
    driver.report(connection, { type: "Authorize", additionalData, key, remote: "r" });
    return connection.told.at(-1)!;
  };
  assert.deepEqual(authorize(other.identityKey, linkKey), { type: "Denied", reason: "identity-key" });
  assert.deepEqual(authorize(identityKey, other.linkKey), { type: "Denied", reason: "link-key" });
  assert.deepEqual(authorize(identityKey, linkKey), { type: "Allowed" });
  driver.down(connection, "denied");
  assert.equal(driver.opened.length, 2, "the next authority is asked");
});

test("authorities are asked in random order, each once", () => {
  const firsts = new Set<string>();
  for (let run = 0; run < 20; run++) {
    const driver = createDriver({}, run);
    driver.tell({ type: "Fetch", epoch });
    for (let i = 0; i < authorities.length; i++) driver.down(driver.last(), "dial-failed");
    assert.deepEqual(driver.opened.map(({ authority }) => authority).sort(), authorityNames);
    assert.deepEqual(driver.reports, [{ type: "FetchFailed", epoch, reason: "unreachable" }]);
    firsts.add(driver.opened[0]!.authority);
  }
  assert.deepEqual([...firsts].sort(), authorityNames);
});

const invalids: ReadonlyArray<readonly [string, Uint8Array]> = [
  ["garbage", Uint8Array.of(1, 2, 3)],
  ["nothing", new Uint8Array(0)],
  ["too few signatures", signedDocument(document, ["auth1"])],
  [
    "signatures of strangers",
    signedDocument(
      document,
      ["auth1", "stranger", "other"].sort((
        a,
        b,
      ) => (toHex(keysOf(a).identityKey) < toHex(keysOf(b).identityKey) ? -1 : 1)),
    ),
  ],
  ["another epoch", signedDocument(documentOf(epoch + 1))],
];

for (const [what, payload] of invalids) {
  test(`[PKI-3.1.1-02] a document of ${what} counts as invalid, and another authority is asked`, () => {
    const driver = createDriver();
    driver.consensus(fetchWith(driver), consensusStatus.ok, payload);
    assert.equal(driver.reports.length, 0);
    driver.up(driver.last());
    driver.consensus(driver.last(), consensusStatus.ok, raw);
    assert.equal(driver.opened.length, 2);
    assert.equal(driver.reports[0]?.type, "Document");
  });
}

test("what all fail by is told in one word", () => {
  type Answer = "not-found" | "gone" | "invalid" | "unreachable" | "nonsense";
  const answer = fc.constantFrom<Answer>("not-found", "gone", "invalid", "unreachable", "nonsense");
  fc.assert(fc.property(fc.tuple(answer, answer, answer), (answers) => {
    const driver = createDriver();
    driver.tell({ type: "Fetch", epoch });
    for (const given of answers) {
      const connection = driver.last();
      if (given === "unreachable") {
        driver.down(connection);
        continue;
      }
      driver.up(connection);
      if (given === "not-found") driver.consensus(connection, consensusStatus.notFound);
      if (given === "gone") driver.consensus(connection, consensusStatus.gone);
      if (given === "invalid") driver.consensus(connection, consensusStatus.ok, Uint8Array.of(9));
      if (given === "nonsense") driver.consensus(connection, 77);
      driver.down(connection, "closed");
    }
    const count = (wanted: Answer): number => answers.filter((given) => given === wanted).length;
    const expected = count("gone") >= 2
      ? "gone"
      : count("not-found") > 0
      ? "not-found"
      : count("invalid") + count("nonsense") > 0
      ? "invalid"
      : "unreachable";
    assert.deepEqual(driver.reports, [{ type: "FetchFailed", epoch, reason: expected }]);
    assert.equal(driver.state().attempts.size + driver.state().jobs.size, 0);
  }));
});

test("[FAULT-15] a silent authority holds nobody up: the next one is asked as well, and the first document counts", () => {
  const driver = createDriver();
  const silent = fetchWith(driver);
  driver.advance(4_999);
  assert.equal(driver.opened.length, 1);
  driver.advance(1);
  assert.equal(driver.opened.length, 2);
  assert.deepEqual(silent.told.length, 2, "the silent one may still answer");
  driver.up(driver.last());
  driver.consensus(driver.last(), consensusStatus.ok, raw);
  assert.equal(driver.reports.length, 1);
  assert.deepEqual(silent.told.at(-1), { type: "Close", polite: true });
  driver.consensus(silent, consensusStatus.ok, raw);
  assert.equal(driver.reports.length, 1);
});

test("[FAULT-15] all silent: the fetch fails when the last connection has ended", () => {
  const driver = createDriver();
  driver.tell({ type: "Fetch", epoch });
  driver.advance(60_000);
  assert.equal(driver.opened.length, 3);
  for (const connection of driver.opened) {
    assert.equal(driver.reports.length, 0);
    driver.down(connection, "idle-timeout");
  }
  assert.deepEqual(driver.reports, [{ type: "FetchFailed", epoch, reason: "unreachable" }]);
});

test("equal fetches under way are answered together", () => {
  const driver = createDriver();
  const connection = fetchWith(driver);
  driver.tell({ type: "Fetch", epoch });
  assert.equal(driver.opened.length, 1);
  driver.consensus(connection, consensusStatus.ok, raw);
  assert.equal(driver.reports.length, 1);
});

test("fetches are bounded", () => {
  const driver = createDriver();
  for (let i = 0; i < 9; i++) driver.tell({ type: "Fetch", epoch: epoch + i });
  assert.equal(driver.opened.length, 8);
  assert.deepEqual(driver.reports, [{ type: "FetchFailed", epoch: epoch + 8, reason: "busy" }]);
});

const publish = (driver: Driver): void => driver.tell({ type: "Publish", epoch, descriptor });

test("[PKI-5.1-01] a descriptor goes to all authorities at once, as the owner of its identity key", () => {
  const driver = createDriver();
  publish(driver);
  assert.deepEqual(driver.opened.map(({ authority }) => authority).sort(), authorityNames);
  for (const connection of driver.opened) {
    assert.deepEqual(connection.config.additionalData, node.identityKey);
    assert.deepEqual(connection.config.staticPrivate, suite.ed25519PrivateToX25519(node.identityPrivate));
    driver.up(connection);
    const send = connection.told.at(-1);
    assert.ok(send?.type === "Send" && send.command.type === "PostDescriptor");
    assert.equal(send.command.epoch, epoch);
    assert.equal(send.command.payload, descriptor);
    driver.status(connection, descriptorStatus.ok);
  }
  assert.deepEqual(driver.reports, [{ type: "Published", epoch, accepted: 3, conflicts: 0, failures: [], of: 3 }]);
});

test("[PKI-5.1.2-01] every status of a post is reported", () => {
  const driver = createDriver();
  publish(driver);
  const [first, second, third] = driver.opened;
  for (const connection of driver.opened) driver.up(connection);
  driver.status(first!, descriptorStatus.conflict);
  driver.status(second!, descriptorStatus.forbidden);
  driver.status(third!, descriptorStatus.invalid);
  const failure = ({ authority }: Opened, reason: string) => ({
    authority: toHex(keysOf(authority).identityKey),
    reason,
  });
  assert.deepEqual(driver.reports, [{
    type: "Published",
    epoch,
    accepted: 0,
    conflicts: 1,
    failures: [failure(second!, "forbidden"), failure(third!, "invalid")],
    of: 3,
  }]);
});

test("posting is tried three times an authority, with the same bytes", () => {
  const driver = createDriver();
  publish(driver);
  const [first, second, ...rest] = driver.opened;
  for (const connection of [first!, second!]) {
    driver.up(connection);
    driver.status(connection, descriptorStatus.ok);
  }
  let failing = rest[0]!;
  for (let tries = 1; tries < 3; tries++) {
    driver.down(failing, "dial-failed");
    assert.equal(driver.opened.length, 2 + tries, "not at once");
    driver.advance(scheduleOf(clock).recheckMs);
    assert.equal(driver.opened.length, 3 + tries);
    failing = driver.last();
    assert.equal(failing.authority, rest[0]!.authority);
  }
  assert.equal(driver.reports.length, 0);
  driver.down(failing, "handshake-timeout");
  const failures = [{ authority: toHex(keysOf(failing.authority).identityKey), reason: "handshake-timeout" }];
  assert.deepEqual(driver.reports, [{ type: "Published", epoch, accepted: 2, conflicts: 0, failures, of: 3 }]);
});

test("who has no credentials cannot publish, and another descriptor waits for the first", () => {
  const anonymous = createDriver({ credentials: null });
  publish(anonymous);
  assert.equal(anonymous.opened.length, 0);
  const [refused] = anonymous.reports;
  assert.ok(refused?.type === "Published" && refused.failures.every(({ reason }) => reason === "no-credentials"));
  const driver = createDriver();
  publish(driver);
  publish(driver);
  assert.equal(driver.opened.length, 3);
  assert.equal(driver.reports.length, 0);
  driver.tell({ type: "Publish", epoch, descriptor: Uint8Array.of(1) });
  const [busy] = driver.reports;
  assert.ok(
    busy?.type === "Published" && busy.failures.length === 3 && busy.failures.every(({ reason }) => reason === "busy"),
  );
});

test("whatever authorities and connections do, every request ends in one report and nothing is left", () => {
  const action = fc.record({ connection: fc.nat({ max: 11 }), what: fc.nat({ max: 7 }) });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const driver = createDriver();
      const live = new Set<Opened>();
      driver.tell({ type: "Fetch", epoch });
      publish(driver);
      const perform = (connection: Opened, what: number): void => {
        if (what === 0) driver.up(connection);
        if (what === 1) driver.consensus(connection, consensusStatus.ok, raw);
        if (what === 2) driver.consensus(connection, consensusStatus.notFound);
        if (what === 3) driver.status(connection, descriptorStatus.ok);
        if (what === 4) driver.advance(6_000);
        if (what === 5) driver.answer(connection, { type: "NoOp" });
        if (what === 6) driver.consensus(connection, consensusStatus.ok, Uint8Array.of(1));
        if (what === 7 && !driver.stopped.includes(connection.session)) driver.down(connection);
      };
      for (const { connection, what } of actions) {
        for (const opened of driver.opened) if (!driver.stopped.includes(opened.session)) live.add(opened);
        perform(driver.opened[connection % driver.opened.length]!, what);
      }
      for (let round = 0; round < 8; round++) {
        for (const connection of [...driver.opened]) {
          if (!driver.stopped.includes(connection.session)) driver.down(connection);
        }
        driver.advance(60_000);
      }
      assert.deepEqual(driver.reports.map(({ type }) => (type === "Published" ? type : "fetch")).sort(), [
        "Published",
        "fetch",
      ]);
      assert.equal(driver.state().attempts.size + driver.state().jobs.size, 0);
    }),
    { numRuns: 60 },
  );
});
