/** Where a client has its documents from, when, and which it refuses. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClientNotice, DocumentRefusal } from "../../../core/client/events.ts";
import type { Document } from "../../../core/pki/document.ts";
import { providerLayer } from "../../../core/pki/descriptor.ts";
import { scheduleOf } from "../../../core/pki/epoch.ts";
import { consensusStatus } from "../../../core/wire/commands.ts";
import { createDriver, createRunning, type Driver, keepAlive } from "./fixture.ts";
import {
  clock,
  descriptorOf,
  documentOf,
  firstEpoch,
  keysOf,
  parameters,
  periodMs,
  providers,
  signedDocument,
} from "./network.ts";

const { fetchMs, recheckMs, keyGraceMs } = scheduleOf(clock);

const asked = ({ commands }: Driver): number[] =>
  commands.flatMap((command) => (command.type === "GetConsensus" ? [command.epoch] : []));

const consensus = (driver: Driver, status: number, payload: Uint8Array = new Uint8Array(0)): void =>
  void driver.command({ type: "Consensus", status, payload });

/** Nothing is sent: these tests are about documents. */
const silent = documentOf(firstEpoch, { parameters: { ...parameters, lambdaP: 0, lambdaL: 0, lambdaD: 0 } });

/** Fails the open question to the directory. */
const fail = (driver: Driver, epoch: number, reason: "not-found" | "gone" | "unreachable"): void =>
  void driver.tell({ type: "Directory", report: { type: "FetchFailed", epoch, reason } });

test("before there is a connection an authority is asked, again and again but not at once", () => {
  const driver = createDriver();
  assert.deepEqual(driver.fetches, [{ type: "Fetch", epoch: firstEpoch }]);
  driver.advance(3 * recheckMs);
  assert.equal(driver.fetches.length, 1, "one question at a time");
  fail(driver, firstEpoch, "not-found");
  assert.equal(driver.fetches.length, 1);
  driver.advance(recheckMs);
  assert.equal(driver.fetches.length, 2);
  driver.document(documentOf(firstEpoch));
  assert.deepEqual(driver.of("NewDocument").map(({ document }) => document.epoch), [firstEpoch]);
  assert.equal(driver.state().link.type, "Connecting");
});

test("an epoch that has no document for good is not asked for again", () => {
  const driver = createDriver();
  fail(driver, firstEpoch, "gone");
  driver.advance(periodMs - 2_000 - fetchMs);
  assert.equal(driver.fetches.length, 1);
  driver.advance(fetchMs + 2_000);
  assert.deepEqual(driver.fetches.slice(1), [{ type: "Fetch", epoch: firstEpoch + 1 }]);
});

test("that the next epoch has no document is not believed before it has begun", () => {
  const driver = createRunning({ elapsedMs: periodMs - 10_000 }, silent);
  fail(driver, firstEpoch + 1, "gone");
  driver.advance(recheckMs, keepAlive(driver));
  assert.deepEqual(asked(driver), [firstEpoch + 1]);
});

test("[PKI-5.3-01] [PKI-2.1.2-02] the next document comes from the own Provider, in the last eighth", () => {
  const fractions = ["a", "b", "c", "d", "e"].map((run) => {
    const driver = createRunning({ run, timing: { pollMs: 5_000 } }, silent);
    driver.advance(periodMs - 1_000 - fetchMs - 1, keepAlive(driver));
    assert.deepEqual(asked(driver), []);
    const start = driver.now();
    while (asked(driver).length === 0) driver.advance(10, keepAlive(driver));
    consensus(driver, consensusStatus.ok, signedDocument(documentOf(firstEpoch + 1)));
    assert.deepEqual(driver.fetches, [{ type: "Fetch", epoch: firstEpoch }], "no authority was asked");
    driver.advance(start + 1 + fetchMs - driver.now(), keepAlive(driver));
    assert.deepEqual(driver.of("NewDocument").map(({ document }) => document.epoch), [firstEpoch, firstEpoch + 1]);
    return (driver.now() - start) / fetchMs;
  });
  assert.equal(fractions.length, 5);
});

test("clients fetch at different moments of the first half of that time", () => {
  const moments = ["a", "b", "c", "d", "e", "f"].map((run) => {
    const driver = createRunning({ run, timing: { pollMs: 5_000 } }, silent);
    driver.advance(periodMs - 1_000 - fetchMs, keepAlive(driver));
    const start = driver.now();
    while (asked(driver).length === 0) driver.advance(10, keepAlive(driver));
    return driver.now() - start;
  });
  assert.ok(new Set(moments).size >= 4, moments.join());
  assert.ok(moments.every((ms) => ms <= fetchMs / 2 + 10), moments.join());
});

test("a Provider without the document is asked again, an authority only once the epoch has begun", () => {
  const driver = createRunning({ elapsedMs: periodMs - fetchMs / 2 });
  fail(driver, firstEpoch + 1, "not-found");
  while (asked(driver).length < 2) {
    driver.advance(100, keepAlive(driver));
    if (driver.state().documents.asking?.from === "provider") consensus(driver, consensusStatus.notFound);
  }
  assert.equal(driver.fetches.length, 2, "one before the connection was there");
  driver.advance(fetchMs / 2, () => {
    keepAlive(driver)();
    if (driver.state().documents.asking?.from === "provider") consensus(driver, consensusStatus.notFound);
  });
  driver.advance(2 * recheckMs, keepAlive(driver));
  assert.deepEqual(driver.fetches.slice(2), [{ type: "Fetch", epoch: firstEpoch + 1 }]);
});

test("a document of the Provider counts only with the authorities' signatures", () => {
  const driver = createRunning({ elapsedMs: periodMs - 10_000 });
  fail(driver, firstEpoch + 1, "unreachable");
  while (asked(driver).length === 0) driver.advance(100, keepAlive(driver));
  consensus(driver, consensusStatus.ok, signedDocument(documentOf(firstEpoch + 1), ["auth1"]));
  assert.ok(!driver.state().documents.held.has(firstEpoch + 1));
  assert.equal(driver.state().link.type, "Up");
  assert.ok(driver.logs.includes("client-no-document"));
});

test("a consensus that nobody asked for ends the connection", () => {
  const driver = createRunning();
  consensus(driver, consensusStatus.ok, signedDocument(documentOf(firstEpoch)));
  assert.equal(driver.state().link.type, "Closing");
});

test("a Provider that does not answer for a document is given up, and an authority asked", () => {
  const driver = createRunning({ elapsedMs: periodMs - 10_000, timing: { answerMs: 20_000, pollMs: 5_000 } });
  fail(driver, firstEpoch + 1, "unreachable");
  while (asked(driver).length === 0) driver.advance(100, keepAlive(driver));
  driver.advance(20_000, keepAlive(driver));
  assert.equal(driver.state().link.type, "Closing");
  assert.equal(driver.state().documents.asking?.from, "directory");
});

test("the last document stays in force for a tenth of an epoch that has none", () => {
  const driver = createRunning({ elapsedMs: periodMs - 1_000 });
  driver.advance(1_000 + keyGraceMs - 1, keepAlive(driver));
  assert.equal(driver.state().documents.inForce?.epoch, firstEpoch);
  driver.advance(recheckMs + 1, keepAlive(driver));
  assert.equal(driver.state().documents.inForce, null);
});

test("documents of the epochs around now are kept and no others", () => {
  const driver = createRunning();
  for (let epoch = firstEpoch + 1; epoch < firstEpoch + 6; epoch++) {
    driver.document(documentOf(epoch));
    driver.advance(periodMs, keepAlive(driver));
    assert.ok(driver.state().documents.held.size <= 3);
  }
});

const refusals: ReadonlyArray<readonly [DocumentRefusal, Partial<Document>, object]> = [
  [
    "provider-without-loop",
    {
      providers: providers.map((name) =>
        descriptorOf(name, providerLayer, firstEpoch, name === "p3" ? ["keyserver"] : ["loop"])
      ),
    },
    {},
  ],
  ["own-provider-missing", { providers: [descriptorOf("p2", providerLayer, firstEpoch)] }, {}],
  ["pin-mismatch", {}, { providerKeyPin: keysOf("p2").identityKey }],
  [
    "too-many-layers",
    { topology: ["w", "x", "y", "z"].map((name, layer) => [descriptorOf(name, layer, firstEpoch)]) },
    {},
  ],
];

for (const [reason, change, config] of refusals) {
  test(`a document is refused: ${reason}`, () => {
    const driver = createDriver(config);
    driver.document(documentOf(firstEpoch, change));
    assert.deepEqual(driver.of("DocumentRefused"), [{ type: "DocumentRefused", epoch: firstEpoch, reason }]);
    assert.equal(driver.state().documents.inForce, null);
    assert.equal(driver.state().link.type, "Idle");
    driver.advance(periodMs / 2);
    assert.equal(driver.fetches.length, 1, "it would be the same again");
  });
}

test("the pinned key is accepted", () => {
  const driver = createDriver({ providerKeyPin: keysOf("p1").identityKey });
  driver.document(documentOf(firstEpoch));
  assert.equal(driver.state().link.type, "Connecting");
});

test("[PKI-8-01] with two different documents for an epoch the client refuses to run in it", () => {
  const driver = createRunning();
  driver.document(documentOf(firstEpoch));
  assert.equal(driver.of("DocumentRefused").length, 0, "the same one again is fine");
  driver.document(documentOf(firstEpoch, { sharedRandomValue: new Uint8Array(32).fill(1) }));
  const refused: ReadonlyArray<ClientNotice> = driver.of("DocumentRefused");
  assert.deepEqual(refused, [{ type: "DocumentRefused", epoch: firstEpoch, reason: "equivocation" }]);
  const before = driver.packets.length;
  driver.advance(20_000, keepAlive(driver));
  assert.equal(driver.packets.length, before);
  driver.document(documentOf(firstEpoch));
  assert.equal(driver.state().documents.inForce, null);
});

test("[PKI-1.3-02] the same document with other signatures is the same", () => {
  const driver = createRunning();
  const document = documentOf(firstEpoch);
  const raw = signedDocument(document, ["auth1", "auth2"]);
  driver.tell({ type: "Directory", report: { type: "Document", epoch: firstEpoch, raw, document } });
  assert.equal(driver.of("DocumentRefused").length, 0);
});
