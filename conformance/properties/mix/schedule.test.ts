/** What a node does by the clock: keys, descriptors, documents; and that none of it piles up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex, utf8 } from "../../../core/bytes.ts";
import type { Effect } from "../../../core/effects.ts";
import { E } from "../../../core/fp.ts";
import { wall } from "../../../core/machine.ts";
import { verifyDescriptor } from "../../../core/pki/descriptor.ts";
import { epochStart } from "../../../core/pki/epoch.ts";
import {
  clock,
  createDriver,
  createRunning,
  documentOf,
  type Driver,
  firstEpoch,
  keysOf,
  logged,
  periodMs,
  suite,
  told,
} from "./fixture.ts";

interface Request {
  readonly type: string;
  readonly epoch: number;
  readonly descriptor?: Uint8Array;
}

const asked = (effects: ReadonlyArray<Effect>, type: "Fetch" | "Publish"): ReadonlyArray<Request> =>
  (told(effects, "directory") as ReadonlyArray<unknown> as ReadonlyArray<Request>).filter((request) =>
    request.type === type
  );

const start = (name: string, elapsedMs: number): { driver: Driver; effects: ReadonlyArray<Effect> } => {
  const driver = createDriver(name, { elapsedMs });
  return { driver, effects: driver.advance(0) };
};

const published = (driver: Driver, epoch: number, accepted: number, conflicts = 0): ReadonlyArray<Effect> =>
  driver.tell({
    type: "Directory",
    report: { type: "Published", epoch, accepted, conflicts, failures: [], of: 3 },
  });

const failed = (driver: Driver, epoch: number, reason: "not-found" | "gone"): ReadonlyArray<Effect> =>
  driver.tell({ type: "Directory", report: { type: "FetchFailed", epoch, reason } });

test("[PKI-2.1.2-01] descriptors are published for the next epoch while more than P/2 remains", () => {
  const epochs = (elapsedMs: number): number[] => {
    const driver = createDriver("a1", { elapsedMs });
    return [...driver.state().publications.keys()];
  };
  assert.deepEqual(epochs(0), [firstEpoch, firstEpoch + 1]);
  assert.deepEqual(epochs(periodMs / 2 - 1), [firstEpoch, firstEpoch + 1]);
  assert.deepEqual(epochs(periodMs / 2), [firstEpoch]);
});

test("[PKI-2.1-01] [PKI-2-03] [PKI-3.1.1-01] [PKI-4.1-01] a descriptor is valid for its epoch and has the keys of three", () => {
  for (const name of ["a1", "p1"]) {
    const { driver } = start(name, 0);
    const raw = driver.state().publications.get(firstEpoch)!.raw;
    const now = Math.floor(wall(epochStart(clock, firstEpoch)) / 1000);
    const verified = verifyDescriptor(suite, raw, firstEpoch, now);
    assert.ok(E.isRight(verified), E.isLeft(verified) ? verified.left : "");
    const { mixKeys, layer, kaetzchen, identityKey } = verified.right;
    assert.equal(toHex(identityKey), keysOf(name).id);
    assert.deepEqual([...mixKeys.keys()], [firstEpoch, firstEpoch + 1, firstEpoch + 2]);
    for (const [epoch, key] of mixKeys) assert.deepEqual(key, driver.state().keys.get(epoch)!.publicKey);
    assert.equal(layer, name === "p1" ? 255 : 0);
    assert.deepEqual(
      kaetzchen === null ? null : [...kaetzchen.keys()].sort(),
      name === "p1" ? ["keyserver", "loop"] : null,
    );
  }
});

test("a descriptor is signed once and sent byte for byte until every authority has answered", () => {
  const { driver } = start("a1", 0);
  const first = driver.state().publications.get(firstEpoch + 1)!.raw;
  published(driver, firstEpoch, 3);
  published(driver, firstEpoch + 1, 2);
  const again = asked(driver.advance(driver.state().schedule.recheckMs), "Publish");
  assert.deepEqual(again.map(({ epoch }) => epoch), [firstEpoch + 1]);
  assert.equal(again[0]!.descriptor, first);
  const done = published(driver, firstEpoch + 1, 2, 1);
  assert.deepEqual(logged(done, "published")[0]?.fields, {
    epoch: firstEpoch + 1,
    accepted: 2,
    conflicts: 1,
    of: 3,
    missing: [],
  });
  assert.deepEqual(asked(driver.advance(periodMs / 2), "Publish"), []);
});

test("a node that restarts sends the same descriptor, and opens packets with the same keys", () => {
  const { driver } = start("a1", 0);
  const restarted = createDriver("a1", { elapsedMs: 5000 }, driver.store);
  const before = driver.state();
  const after = restarted.state();
  for (const epoch of [firstEpoch, firstEpoch + 1]) {
    assert.deepEqual(after.publications.get(epoch)!.raw, before.publications.get(epoch)!.raw);
  }
  for (const [epoch, { privateKey }] of before.keys) assert.deepEqual(after.keys.get(epoch)!.privateKey, privateKey);
});

test("a store written by another version is refused", () => {
  const { driver } = start("a1", 0);
  driver.store.perform({
    type: "Commit",
    id: 0,
    writes: [{ table: "mix-keys", key: new Uint8Array(8), value: Uint8Array.of(2, 1) }],
  });
  const restarted = createDriver("a1", { elapsedMs: 0 }, driver.store);
  assert.notEqual(restarted.state().restoring, null);
  assert.equal(restarted.wakeAt(), null);
});

test("[PKI-2.1.2-02] the next document is fetched in the last P/8, by each node at another moment", () => {
  const { driver } = start("a1", 0);
  const recheck = (): number[] =>
    asked(driver.advance(driver.state().schedule.recheckMs), "Fetch").map(({ epoch }) => epoch);
  // Documents of the past say nothing without the present one.
  assert.deepEqual([...driver.state().fetching.keys()], [firstEpoch]);
  failed(driver, firstEpoch, "not-found");
  assert.deepEqual(recheck(), [firstEpoch]);
  driver.document(documentOf(firstEpoch));
  assert.deepEqual(recheck(), [firstEpoch - 1, firstEpoch - 2]);
  failed(driver, firstEpoch - 1, "not-found");
  failed(driver, firstEpoch - 2, "gone");
  // What is gone for ever is not asked for again.
  assert.deepEqual(recheck(), [firstEpoch - 1]);
  driver.document(documentOf(firstEpoch - 1));
  assert.deepEqual(asked(driver.advance(periodMs * 7 / 8 - driver.now() + 500 - 1), "Fetch"), []);
  const next = asked(driver.advance(driver.state().schedule.recheckMs + 1), "Fetch");
  assert.deepEqual(next.map(({ epoch }) => epoch), [firstEpoch + 1]);
  // A late consensus is waited for, until its epoch is there and it is gone for good.
  failed(driver, firstEpoch + 1, "gone");
  assert.deepEqual(recheck(), [firstEpoch + 1]);
  failed(driver, firstEpoch + 1, "gone");
  driver.advance(periodMs / 8 + 1000);
  assert.equal(driver.state().epoch, firstEpoch + 1);
  failed(driver, firstEpoch + 1, "gone");
  assert.ok(!recheck().includes(firstEpoch + 1));
  const staggers = new Set(["a1", "a2", "b1", "b2", "c1"].map((name) => start(name, 0).driver.state().staggerMs));
  assert.ok(staggers.size > 1);
});

test("[PKI-5.3-01] clients get the documents as they came, and learn what is gone and what is not there yet", () => {
  const provider = createRunning("p1");
  provider.register("alice");
  failed(provider, firstEpoch - 2, "gone");
  const session = provider.connectUser("alice");
  const ask = (epoch: number) => {
    const [send] = told(
      provider.report(session, { type: "Command", command: { type: "GetConsensus", epoch } }),
      session,
    );
    assert.ok(send?.type === "Send" && send.command.type === "Consensus");
    return [send.command.status, new TextDecoder().decode(send.command.payload)];
  };
  assert.deepEqual(ask(firstEpoch), [0, `document ${firstEpoch}`]);
  assert.deepEqual(ask(firstEpoch + 1), [1, ""]);
  assert.deepEqual(ask(firstEpoch + 9), [1, ""]);
  assert.deepEqual(ask(firstEpoch - 1), [1, ""]);
  assert.deepEqual(ask(firstEpoch - 2), [2, ""]);
  assert.deepEqual(ask(0), [2, ""]);
});

test("nodes get no documents and no messages from a Provider", () => {
  const provider = createRunning("p1");
  for (
    const [peer, command] of [["c1", { type: "GetConsensus", epoch: 1 }], ["c2", {
      type: "RetrieveMessage",
      sequence: 0,
    }]] as const
  ) {
    const session = provider.connectNode(peer);
    assert.deepEqual(told(provider.report(session, { type: "Command", command }), session), [{
      type: "Close",
      polite: true,
    }]);
  }
});

test("a node logs its layer once an epoch, and that it is not listed", () => {
  const mix = createDriver("b1");
  assert.deepEqual(logged(mix.document(documentOf(firstEpoch)), "layer").map(({ fields }) => fields), [{
    epoch: firstEpoch,
    layer: 1,
  }]);
  mix.document(documentOf(firstEpoch + 1, { layers: [["b1"], ["b2"]], providers: ["p1"] }));
  const next = mix.advance(periodMs);
  assert.deepEqual(logged(next, "layer").map(({ fields }) => fields), [{ epoch: firstEpoch + 1, layer: 0 }]);
  mix.document(documentOf(firstEpoch + 2, { layers: [["a1"], ["b2"]], providers: ["p1"] }));
  assert.equal(logged(mix.advance(periodMs), "unlisted").length, 1);
});

test("over many epochs nothing piles up, and a spurious tick changes nothing", () => {
  const mix = createRunning("a1", { sendDecoyTraffic: true, elapsedMs: 0 });
  for (let epoch = firstEpoch; epoch < firstEpoch + 30; epoch++) {
    published(mix, epoch, 3);
    published(mix, epoch + 1, 3);
    failed(mix, epoch - 2, "gone");
    mix.advance(periodMs * 0.9);
    // A new set of neighbours each epoch.
    mix.document(documentOf(epoch + 1, { layers: [["a1"], [`b${epoch}`, "b1"], ["c1"]], providers: ["p1"] }));
    mix.linkUp();
    mix.advance(periodMs * 0.1);
    for (const [session, id] of mix.state().links.bySession) {
      if (mix.state().links.byId.get(id)?.phase.type === "closing") {
        mix.report(session, { type: "Down", reason: "closed" });
      }
    }
    const { keys, documents, publications, links, decoys, fetching, sending } = mix.state();
    assert.ok(keys.size <= 5 && documents.known.size <= 4 && documents.gone.size <= 4 && publications.size <= 2);
    assert.ok(links.byId.size <= 4 && links.bySession.size <= 4 && fetching.size <= 4);
    assert.ok(decoys.byEpoch.size <= 3);
    for (const id of sending.keys()) mix.report(sending.get(id)!, { type: "Sent", id, dropped: null });
    const before = mix.state();
    mix.tick();
    assert.deepEqual(mix.state(), before);
  }
  const stored = (table: string): number => {
    const scanned = mix.store.perform({ type: "Scan", id: 0, table, after: null, limit: 999 });
    return scanned.type === "Scanned" ? scanned.entries.length : -1;
  };
  assert.ok(stored("mix-keys") <= 5 && stored("descriptors") <= 2);
});

test("a clock that is set forward and back leaves no keys behind and the node running", () => {
  const mix = createDriver("a1", { elapsedMs: 0 });
  const far = createDriver("a1", { elapsedMs: 50 * periodMs }, mix.store);
  assert.ok(far.state().keys.has(firstEpoch + 50));
  const back = createDriver("a1", { elapsedMs: periodMs }, far.store);
  assert.deepEqual([...back.state().keys.keys()].sort(), [0, 1, 2, 3, 4].map((n) => firstEpoch + n).slice(1, 5));
});

test("what a node is told before it has started, or by strangers, changes nothing", () => {
  const mix = createRunning("a1");
  const before = mix.state();
  for (
    const report of [{ type: "Up", clockSkewMs: 0, handshakeHash: utf8("") }, {
      type: "Down",
      reason: "closed",
    }] as const
  ) {
    assert.deepEqual(mix.report("in/77", report), []);
  }
  assert.deepEqual(mix.tell({ type: "Committed", id: 9999 }), []);
  assert.deepEqual(mix.tell({ type: "Scanned", id: 9999, entries: [] }), []);
  assert.deepEqual(mix.state(), before);
});
