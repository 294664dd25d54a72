/** The non-voting authority by hand: when documents come, what nodes and clients are answered, what the store has. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { equal, toHex } from "../../../core/bytes.ts";
import type { Effect, StoreFailure } from "../../../core/effects.ts";
import { type Context, mono, tick, wall } from "../../../core/machine.ts";
import { createEpochClock, epochStart } from "../../../core/pki/epoch.ts";
import { defaultLinkLimits } from "../../../core/pki/authority_admission.ts";
import { decodeDocument, verifyDocument } from "../../../core/pki/document.ts";
import { createNonvoting, type NonvotingEvent } from "../../../core/pki/nonvoting.ts";
import type { NonvotingConfig } from "../../../core/pki/nonvoting_state.ts";
import { type NonvotingStatusReport, nonvotingUnready, type NonvotingView } from "../../../core/pki/nonvoting_view.ts";
import { decodeCertificate } from "../../../core/pki/cert.ts";
import { type Command, consensusStatus, descriptorStatus } from "../../../core/wire/commands.ts";
import type { SessionRequest } from "../../../core/wire/session.ts";
import { createStore, type Store, type StoreEffect } from "../../sim/store.ts";
import { keysOf, mixFields, parameters, providerFields, right, signed, suite } from "./fixture.ts";

const periodMs = 80_000;
const epoch = 1000;
// The fixture's certificates are valid then.
const clock = createEpochClock(periodMs, 1_600_000_000_000 - epoch * periodMs);
const own = keysOf("authority0");
const config: NonvotingConfig = {
  identityPrivate: own.identityPrivate,
  mixes: ["mix1", "mix2"].map((name) => keysOf(name).identityKey),
  providers: [{ name: "provider", identityKey: keysOf("provider").identityKey }],
  parameters,
  layers: 2,
  minNodesPerLayer: 1,
  clock,
  certificateExpiration: "go",
  limits: defaultLinkLimits,
};
const machine = createNonvoting(suite, "authority");

const at = (ms: number): Context => ({
  now: mono(5000 + ms),
  wall: wall(epochStart(clock, epoch) + ms),
  seed: suite.sha256(Uint8Array.of(ms & 255, (ms >> 8) & 255)),
});

const isStoreEffect = (effect: Effect): effect is StoreEffect => effect.type === "Commit" || effect.type === "Scan";

const createRun = (startMs: number, store: Store = createStore(), limits = config.limits) => {
  let connections = 0;
  let failure: StoreFailure | null = null;
  let step = machine.start(at(startMs), { ...config, limits }, undefined);
  const all: Effect[] = [];
  const settle = (ms: number): void => {
    all.push(...step.effects);
    for (const effect of step.effects.filter(isStoreEffect)) {
      const answer = failure !== null && effect.type === "Commit"
        ? { type: "CommitFailed", id: effect.id, reason: failure } as const
        : store.perform(effect);
      tell(ms, answer);
    }
  };
  const tell = (ms: number, event: NonvotingEvent | typeof tick): void => {
    step = machine.step(at(ms), step.state, event);
    settle(ms);
  };
  /** What one connection is answered; null where it is closed without a word. */
  const ask = (ms: number, node: string | null, command: Command): Command | null => {
    const connection = `in/${connections++}`;
    const identity = node === null ? new Uint8Array(0) : keysOf(node).identityKey;
    const key = node === null ? new Uint8Array(32).fill(9) : suite.ed25519PublicToX25519(identity)!;
    const from = all.length;
    tell(ms, { type: "Incoming", connection, remote: "198.51.100.1:9" });
    const report = { type: "Authorize", additionalData: identity, key, remote: "198.51.100.1:9" } as const;
    tell(ms, { type: "Session", session: connection, report });
    tell(ms, { type: "Session", session: connection, report: { type: "Command", command } });
    tell(ms, { type: "Session", session: connection, report: { type: "Down", reason: "closed" } });
    const requests = all.slice(from).flatMap((effect) =>
      effect.type === "Tell" && effect.to === connection ? [effect.event as SessionRequest] : []
    );
    return requests.find((request) => request.type === "Send")?.command ?? null;
  };
  settle(startMs);
  const statusOf = (answer: Command | null): number | null =>
    answer !== null && "status" in answer ? answer.status : null;
  const post = (ms: number, name: string, of: number, payload = signed(fieldsOf(name, of))): number | null =>
    statusOf(ask(ms, name, { type: "PostDescriptor", epoch: of, payload }));
  return {
    tick: (ms: number) => tell(ms, tick),
    relist: (ms: number, mixes: ReadonlyArray<string>): void =>
      tell(ms, {
        type: "Relist",
        mixes: mixes.map((name) => keysOf(name).identityKey),
        providers: config.providers,
      }),
    fail: (reason: StoreFailure | null) => void (failure = reason),
    ask,
    post,
    postAll: (ms: number, of: number): void => {
      for (const name of ["mix1", "mix2", "provider"]) assert.equal(post(ms, name, of), descriptorStatus.ok);
    },
    get: (ms: number, of: number): number | null => statusOf(ask(ms, null, { type: "GetConsensus", epoch: of })),
    raw: (of: number): Uint8Array | undefined => step.state.documents.get(of)?.raw,
    state: () => step.state,
    view: (ms: number): NonvotingView => {
      tell(ms, { type: "Status", id: 7 });
      const notices = step.effects.flatMap((effect) => effect.type === "Notify" ? [effect.event] : []);
      assert.deepEqual(notices.map((notice) => (notice as NonvotingStatusReport).id), [7]);
      return (notices[0] as NonvotingStatusReport).view;
    },
    refusals: () =>
      all.flatMap((effect) => effect.type === "Count" && effect.name === "connections-refused" ? [effect.label] : []),
    reasons: () => all.flatMap((effect) => effect.type === "Log" ? [effect.reason] : []),
    exits: () => all.flatMap((effect) => effect.type === "Exit" ? [effect.code] : []),
    wakeAtMs: (): number => step.wakeAt! - 5000,
  };
};

const fieldsOf = (name: string, of: number) => name === "provider" ? providerFields(name, of) : mixFields(name, of);
const { ok, notFound, gone } = consensusStatus;

test("[MIXNET-4.1-07] [FAULT-16] an address that comes too often is refused, until it waits", () => {
  const run = createRun(100, createStore(), { ...defaultLinkLimits, arrivalsPerMinute: 8 });
  assert.deepEqual([200, 200, 200, 200 + 7_500].map((ms) => run.get(ms, epoch)), [notFound, notFound, null, notFound]);
  assert.deepEqual(run.refusals(), ["address-rate"]);
});

test("the next epoch's document comes when less than half of this one is left, not before", () => {
  const run = createRun(100);
  run.postAll(1000, epoch + 1);
  assert.equal(run.wakeAtMs(), periodMs / 2 + 1);
  run.tick(periodMs / 2);
  assert.equal(run.get(periodMs / 2, epoch + 1), notFound);
  run.tick(periodMs / 2 + 1);
  assert.equal(run.get(periodMs / 2 + 1, epoch + 1), ok);
  const raw = run.raw(epoch + 1)!;
  const context = { epoch: epoch + 1, nowSeconds: 1_600_000_000 };
  const { topology, providers } = right(verifyDocument(suite, { authorities: [own.identityKey] }, raw, context));
  assert.deepEqual([topology.map((layer) => layer.length), providers.length], [[1, 1], 1]);
  const fields = right(decodeDocument(right(decodeCertificate(raw)).certified));
  const zeros = new Uint8Array(32);
  assert.deepEqual([fields.sharedRandomValue, ...fields.priorSharedRandom], [zeros, zeros, zeros]);
  assert.equal(fields.genesisEpoch, epoch);
  assert.equal(
    run.post(periodMs / 2 + 2, "mix1", epoch + 1, signed({ ...fieldsOf("mix1", epoch + 1), loadWeight: 3 })),
    2,
  );
});

test("lists that are read again are in force from the next epoch on", () => {
  const run = createRun(100);
  const listedIn = (of: number): ReadonlyArray<string> => {
    const context = { epoch: of, nowSeconds: 1_600_000_000 };
    const { topology } = right(verifyDocument(suite, { authorities: [own.identityKey] }, run.raw(of)!, context));
    return topology.flat().map(({ name }) => name).sort();
  };
  run.relist(1000, ["mix1", "mix3"]);
  run.postAll(2000, epoch + 1);
  assert.equal(run.post(2000, "mix3", epoch + 1), null, "not yet");
  run.tick(periodMs / 2 + 1);
  assert.deepEqual(listedIn(epoch + 1), ["mix1", "mix2"]);
  const later = periodMs + 1000;
  for (const name of ["mix1", "mix3", "provider"]) assert.equal(run.post(later, name, epoch + 2), descriptorStatus.ok);
  assert.equal(run.post(later, "mix2", epoch + 2), null, "no longer");
  run.tick(periodMs + periodMs / 2 + 1);
  assert.deepEqual(listedIn(epoch + 2), ["mix1", "mix3"]);
  assert.equal(run.reasons().filter((reason) => reason === "lists").length, 1);
});

test("a descriptor for what is still to be signed is not signed once its node is removed", () => {
  const run = createRun(100);
  run.post(periodMs - 1000, "mix2", epoch + 1);
  run.relist(periodMs - 900, ["mix1", "mix3"]);
  run.tick(periodMs + 1);
  assert.deepEqual([...run.state().descriptors.get(epoch + 1, new Map()).keys()], []);
});

test("started without this epoch's document it makes one once every listed node has posted", () => {
  const run = createRun(100);
  run.post(200, "mix1", epoch);
  run.post(200, "provider", epoch);
  assert.equal(run.get(300, epoch), notFound, "it may still come");
  run.post(400, "mix2", epoch);
  assert.equal(run.get(500, epoch), ok);
});

test("gone is what will never come; too few nodes make no document, and who is missing is told once", () => {
  const run = createRun(100);
  assert.equal(run.get(200, epoch - 1), gone);
  assert.equal(run.get(200, epoch + 1), notFound);
  assert.equal(run.get(200, epoch + 7), notFound);
  run.post(200, "mix1", epoch + 1);
  for (const ms of [40_001, 45_000, 50_000]) run.tick(ms);
  assert.equal(run.reasons().filter((reason) => reason === "no-consensus").length, 1);
  run.tick(2 * periodMs + 10);
  assert.equal(run.get(2 * periodMs + 20, epoch + 2), gone, "two epochs after the start");
  assert.equal(run.get(2 * periodMs + periodMs * 15 / 16, epoch + 3), gone, "after 7/8 of the epoch before");
});

test("[PKI-5.1.2-01] descriptors: accepted, the same again, changed, of strangers, of the wrong epoch, by clients", () => {
  const run = createRun(100);
  const { invalid, forbidden, conflict } = descriptorStatus;
  const changed = signed({ ...fieldsOf("mix1", epoch + 1), loadWeight: 3 });
  assert.equal(run.post(200, "mix1", epoch + 1), descriptorStatus.ok);
  assert.equal(run.post(200, "mix1", epoch + 1), descriptorStatus.ok);
  assert.equal(run.post(200, "mix1", epoch + 1, changed), conflict);
  assert.equal(run.post(200, "mix2", epoch + 2), invalid);
  assert.equal(run.post(200, "mix2", epoch + 1, new Uint8Array(10)), invalid);
  assert.equal(run.post(200, "mix2", epoch + 1, signed(fieldsOf("mix1", epoch + 1))), forbidden);
  assert.equal(run.post(200, "stranger", epoch + 1), null, "not even let in");
  const payload = signed(fieldsOf("mix2", epoch + 1));
  assert.equal(run.ask(200, null, { type: "PostDescriptor", epoch: epoch + 1, payload }), null);
  assert.equal(run.state().links.size, 0);
});

test("descriptors and documents outlive a kill: the same bytes are given out, and none is signed anew", () => {
  const store = createStore();
  const first = createRun(100, store);
  first.postAll(200, epoch + 1);
  const second = createRun(300, store);
  assert.equal(second.post(400, "mix1", epoch + 1), descriptorStatus.ok);
  assert.equal(second.state().descriptors.get(epoch + 1)!.size, 3);
  second.tick(periodMs / 2 + 1);
  const third = createRun(periodMs / 2 + 500, store);
  assert.equal(equal(third.raw(epoch + 1)!, second.raw(epoch + 1)!), true);
  assert.equal(third.state().genesisEpoch, epoch);
});

test("a full disk: a descriptor is not acknowledged, a document is not given out; both are once there is room", () => {
  const run = createRun(100);
  run.post(200, "mix1", epoch + 1);
  run.post(200, "provider", epoch + 1);
  run.fail("full");
  assert.equal(run.post(300, "mix2", epoch + 1), null, "closed without an answer");
  assert.equal(run.state().descriptors.get(epoch + 1)!.size, 2);
  run.fail(null);
  assert.equal(run.post(400, "mix2", epoch + 1), descriptorStatus.ok);
  run.fail("read-only");
  run.tick(periodMs / 2 + 1);
  const { signed: waiting } = run.state();
  assert.equal(run.get(periodMs / 2 + 2, epoch + 1), notFound);
  run.fail(null);
  run.tick(run.wakeAtMs());
  assert.equal(run.get(periodMs / 2 + 9000, epoch + 1), ok);
  assert.equal(equal(run.raw(epoch + 1)!, waiting!.raw), true, "the same bytes as were signed first");
  assert.equal(run.reasons().filter((reason) => reason === "store-failed").length, 2);
});

test("what a newer version has written ends the start; old epochs are forgotten, in the store as well", () => {
  const store = createStore();
  const run = createRun(100, store);
  run.postAll(200, epoch + 1);
  for (let half = 1; half <= 12; half++) run.tick(half * periodMs / 2 + 1);
  assert.deepEqual([run.state().documents.size, run.state().descriptors.size], [0, 0]);
  const rows = store.perform({ type: "Scan", id: 0, table: "nonvoting-descriptors", after: null, limit: 10 });
  assert.equal(rows.type === "Scanned" && rows.entries.length, 0);
  const writes = [{ table: "nonvoting-documents", key: new Uint8Array(8), value: Uint8Array.of(2, 1) }];
  store.perform({ type: "Commit", id: 0, writes });
  assert.deepEqual(createRun(100, store).exits(), [69]);
});

test("[FAULT-49] the view shows who has posted, documents and a store that fails, and no secrets", () => {
  const run = createRun(100);
  run.postAll(1000, epoch + 1);
  run.fail("full");
  run.tick(periodMs / 2 + 1);
  const before = run.view(periodMs / 2 + 2);
  assert.deepEqual([before.epoch, before.documents], [epoch, []]);
  assert.deepEqual(before.nodes.map(({ role, name, epochs }) => [role, name, epochs]), [
    ["mix", "mix1", [epoch + 1]],
    ["mix", "mix2", [epoch + 1]],
    ["provider", "provider", [epoch + 1]],
  ]);
  assert.deepEqual(before.store, { restoring: false, retrying: true, pending: 0 });
  run.fail(null);
  run.tick(periodMs * 3 / 4);
  const after = run.view(periodMs * 3 / 4);
  assert.deepEqual(after.documents, [{ epoch: epoch + 1, signatures: 1, mixes: 2, providers: 1 }]);
  assert.deepEqual(after.connections, { opening: 0, client: 0, node: 0, answering: 0, closing: 0 });
  assert.deepEqual([after.store.retrying, nonvotingUnready(after)], [false, []]);
  const text = JSON.stringify(after);
  assert.deepEqual(JSON.parse(text), after);
  assert.equal(text.includes(toHex(own.identityPrivate.subarray(0, 32))), false);
});

test("a non-voting authority that still reads its store says that it is not ready", () => {
  const { effects, state } = machine.start(at(100), config, undefined);
  assert.deepEqual(effects.map(({ type }) => type), ["Scan"]);
  const asked = machine.step(at(200), state, { type: "Status", id: 1 });
  const [notice] = asked.effects.flatMap((effect) => effect.type === "Notify" ? [effect.event] : []);
  assert.deepEqual(nonvotingUnready((notice as NonvotingStatusReport).view), ["restoring"]);
});
