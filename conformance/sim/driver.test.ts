/** The simulator's driver, with toy machines: what it promises to machines is what core/effects.ts says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, equal, utf8 } from "../../core/bytes.ts";
import type { Effect, SocketEvent, StoreEvent } from "../../core/effects.ts";
import { after, type Machine, type Mono, mono, type Step } from "../../core/machine.ts";
import { draws } from "../../core/random.ts";
import { type AnyMachine, createSystem, type Emission } from "../../core/system.ts";
import type { HostSpec } from "./host.ts";
import type { Observer } from "./watch.ts";
import { createWorld, type World, type WorldOptions } from "./world.ts";

const seedOf = (n: number): Uint8Array => new Uint8Array(32).fill(n);

const still = <S>(state: S, effects: ReadonlyArray<Effect> = [], wakeAt: Mono | null = null): Step<S, Effect> => ({
  state,
  effects,
  wakeAt,
});

/** Writes back what it is sent. */
const echo: AnyMachine = {
  start: () => still(null),
  step: (_context, state, event: SocketEvent) =>
    still(state, event.type === "Received" ? [{ type: "Write", pieces: [event.bytes.slice()] }] : []),
};

const acceptor: AnyMachine = {
  start: () => still(null),
  step: (_context, state, event) =>
    still(
      state,
      event.type === "Incoming" ? [{ type: "Spawn", at: event.connection, kind: "echo", config: null }] : [],
    ),
};

const refuser: AnyMachine = {
  start: () => still(null),
  step: (_context, state, event) => still(state, [{ type: "Refuse", connection: event.connection }]),
};

interface Caller {
  readonly sent: Uint8Array;
  readonly got: Uint8Array;
}

/** Sends random bytes, waits for them to come back and says how they came. */
const caller = (length: number): Machine<null, Caller, SocketEvent, Effect> => ({
  start: (context) =>
    still({ sent: draws(context.seed)("greeting").bytes(length), got: new Uint8Array(0) }, [
      { type: "Dial", addresses: ["nowhere:1", "server:1"], timeoutMs: 1000 },
    ]),
  step: (_context, state, event) => {
    if (event.type === "Connected") return still(state, [{ type: "Write", pieces: [state.sent.slice()] }]);
    if (event.type === "Received") {
      const got = concat(state.got, event.bytes);
      return still(
        { ...state, got },
        got.length < length ? [] : [{ type: "Notify", event: { same: equal(got, state.sent) } }],
      );
    }
    return still(state, event.type === "Tick" ? [] : [{ type: "Notify", event: { type: event.type } }]);
  },
});

const host = (name: string, kinds: Record<string, AnyMachine>, more: Partial<HostSpec> = {}): HostSpec => ({
  name,
  system: createSystem(kinds),
  machines: [{ type: "Spawn", at: "main", kind: "main", config: null }],
  listens: [],
  acceptor: null,
  unwrap: () => assert.fail("no unwrapping here"),
  unwrapMsMax: 1,
  storeMsMax: 3,
  ...more,
});

const server = (main: AnyMachine): HostSpec =>
  host("server", { main, echo }, { listens: ["server:1"], acceptor: "main" });

const run = (
  specs: ReadonlyArray<HostSpec>,
  more: Partial<WorldOptions> = {},
): { world: World; notes: unknown[]; seen: Emission[] } => {
  const [notes, seen]: [unknown[], Emission[]] = [[], []];
  const observer: Observer = {
    emission: (_at, _host, emission) => {
      seen.push(emission);
      if (emission.effect.type === "Notify") notes.push(emission.effect.event);
    },
  };
  const latency = { minMs: 1, maxMs: 20, jitterMs: 5 };
  const world = createWorld({ seed: seedOf(1), originMs: 1e12, latency, ...more });
  world.observe(observer);
  for (const spec of specs) world.add(spec).start();
  world.runUntil(60_000);
  return { world, notes, seen };
};

test("bytes arrive whole and in order over a connection, tried at one address after another", () => {
  const { notes } = run([server(acceptor), host("client", { main: caller(300_000) })]);
  assert.deepEqual(notes.filter((note) => (note as { type?: string }).type !== "Flushed"), [{ same: true }]);
});

test("every write is flushed once", () => {
  const { notes } = run([server(acceptor), host("client", { main: caller(1000) })]);
  assert.equal(notes.filter((note) => (note as { type?: string }).type === "Flushed").length, 1);
});

test("a refused connection is disconnected", () => {
  const { notes } = run([server(refuser), host("client", { main: caller(10) })]);
  assert.deepEqual(notes.at(-1), { type: "Disconnected" });
});

test("a dial that no one answers fails", () => {
  const { notes } = run([host("client", { main: caller(10) })]);
  assert.deepEqual(notes, [{ type: "DialFailed" }]);
});

test("equal seeds give equal traces, other seeds other ones", () => {
  const specs = (): HostSpec[] => [server(acceptor), host("client", { main: caller(5000) })];
  const first = run(specs()).world.traceHash();
  assert.equal(run(specs()).world.traceHash(), first);
  assert.notEqual(run(specs(), { seed: seedOf(2) }).world.traceHash(), first);
});

test("a machine is woken at its deadline, at a monotonic time of its host's own, and not after it is cleared", () => {
  const sleeper: AnyMachine = {
    start: (context) => still(context.now, [], after(context.now, 1234)),
    step: (context, state) => still(state, [{ type: "Notify", event: context.now - state }]),
  };
  const { notes } = run([host("a", { main: sleeper }), host("b", { main: sleeper })]);
  assert.deepEqual(notes, [1234, 1234]);
});

test("a deadline that is never cleared is a broken invariant", () => {
  const stuck: AnyMachine = { start: () => still(null, [], mono(0)), step: () => still(null, [], mono(0)) };
  assert.throws(() => run([host("stuck", { main: stuck })]), /never clears a deadline/);
});

test("the disk answers in order; a commit is seen by a later scan, in the order of keys", () => {
  const names = ["b", "a", "c"];
  const keeper: AnyMachine = {
    start: () =>
      still(null, [
        { type: "Commit", id: 1, writes: names.map((name) => ({ table: "t", key: utf8(name), value: utf8(name) })) },
        { type: "Commit", id: 2, writes: [{ table: "t", key: utf8("c"), value: null }] },
        { type: "Scan", id: 3, table: "t", after: null, limit: 10 },
        { type: "TestAndSetReplay", id: 4, epoch: 1, tag: seedOf(7) },
        { type: "TestAndSetReplay", id: 5, epoch: 1, tag: seedOf(7) },
        { type: "TestAndSetReplay", id: 6, epoch: 2, tag: seedOf(7) },
        { type: "DropTable", id: 7, table: "t" },
        { type: "Scan", id: 8, table: "t", after: null, limit: 10 },
      ]),
    step: (_context, state, event: StoreEvent) => still(state, [{ type: "Notify", event }]),
  };
  const { notes } = run([host("keeper", { main: keeper })]);
  const entries = ["a", "b"].map((name) => ({ key: utf8(name), value: utf8(name) }));
  assert.deepEqual(notes, [
    { type: "Committed", id: 1 },
    { type: "Committed", id: 2 },
    { type: "Scanned", id: 3, entries },
    { type: "ReplayTested", id: 4, outcome: "fresh" },
    { type: "ReplayTested", id: 5, outcome: "replayed" },
    { type: "ReplayTested", id: 6, outcome: "fresh" },
    { type: "Committed", id: 7 },
    { type: "Scanned", id: 8, entries: [] },
  ]);
});

test("consumed secrets and seeds are wiped after the step", () => {
  const kept: Uint8Array[] = [];
  const secretive: AnyMachine = {
    start: (context) => {
      kept.push(context.seed);
      const secret = seedOf(9);
      kept.push(secret);
      return { ...still(null), consumed: [secret] };
    },
    step: () => still(null),
  };
  run([host("secretive", { main: secretive })]);
  assert.deepEqual(kept[1], seedOf(0));
});

test("a paused reader is sent nothing until it resumes, and its peer's writes wait", () => {
  const lazy: AnyMachine = {
    start: (context) => still(context.now, [{ type: "Dial", addresses: ["server:1"], timeoutMs: 1000 }]),
    step: (context, state, event) => {
      if (event.type === "Connected") return still(state, [{ type: "Pause" }], after(context.now, 5000));
      if (event.type === "Tick") return still(state, [{ type: "Resume" }]);
      return still(state, event.type === "Received" ? [{ type: "Notify", event: context.now - state >= 5000 }] : []);
    },
  };
  const talker: AnyMachine = {
    start: () =>
      still(0, [{ type: "Write", pieces: [new Uint8Array(300_000)] }, { type: "Write", pieces: [new Uint8Array(1)] }]),
    step: (_context, state, event) =>
      still(state, event.type === "Flushed" ? [{ type: "Notify", event: event.length }] : []),
  };
  const { notes } = run([
    host("server", { main: acceptor, echo: talker }, { listens: ["server:1"], acceptor: "main" }),
    host("client", { main: lazy }),
  ]);
  const reads = notes.filter((note) => typeof note === "boolean");
  assert.deepEqual(reads, reads.map(() => true));
  assert.deepEqual(notes.slice(0, 2), [300_000, true]);
  assert.ok(notes.indexOf(1) > notes.indexOf(true));
});
