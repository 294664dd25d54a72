/** What faults do to hosts, with toy machines: no more than a real one would. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../core/bytes.ts";
import type { Effect } from "../../core/effects.ts";
import { after, type Mono, type Step } from "../../core/machine.ts";
import { type AnyMachine, createSystem } from "../../core/system.ts";
import type { Fault } from "./fault.ts";
import type { HostSpec } from "./host.ts";
import { createNetwork } from "./network.ts";
import { createEpochClock } from "../../core/pki/epoch.ts";
import { smallNetwork } from "./small_network.ts";
import { drawFaults } from "./swarm.ts";
import { bring } from "./weather.ts";
import { createWorld } from "./world.ts";

const seedOf = (n: number): Uint8Array => new Uint8Array(32).fill(n);

const still = <S>(state: S, effects: ReadonlyArray<Effect> = [], wakeAt: Mono | null = null): Step<S, Effect> => ({
  state,
  effects,
  wakeAt,
});
const say = (event: unknown): Effect => ({ type: "Notify", event });

const host = (name: string, main: AnyMachine, more: Partial<HostSpec> = {}): HostSpec => ({
  name,
  system: createSystem({ main, peer: listener }),
  machines: [{ type: "Spawn", at: "main", kind: "main", config: null }],
  listens: [],
  acceptor: null,
  unwrap: () => assert.fail("no unwrapping here"),
  unwrapMsMax: 1,
  storeMsMax: 3,
  ...more,
});

const listener: AnyMachine = {
  start: () => still(null),
  step: (_context, state, event) => still(state, [say(`peer ${event.type}`)]),
};
const acceptor: AnyMachine = {
  start: () => still(null),
  step: (_context, state, event) =>
    still(
      state,
      event.type === "Incoming" ? [{ type: "Spawn", at: event.connection, kind: "peer", config: null }] : [],
    ),
};
const server = host("server", acceptor, { listens: ["server:1"], acceptor: "main" });

/** What hosts said, at which ms. */
const run = (specs: ReadonlyArray<HostSpec>, faults: ReadonlyArray<Fault>, seed = 1): Array<[number, unknown]> => {
  const said: Array<[number, unknown]> = [];
  const latency = { minMs: 5, maxMs: 5, jitterMs: 0 };
  const world = createWorld({ seed: seedOf(seed), originMs: 1e12, latency });
  world.observe({ emission: (at, _host, { effect }) => effect.type === "Notify" && said.push([at, effect.event]) });
  for (const spec of specs) world.add(spec).start();
  bring(world, faults);
  world.runUntil(20_000);
  return said;
};

/** Dials at once, writes a byte each second, and says what becomes of it. */
const caller: AnyMachine = {
  start: () => still(false, [{ type: "Dial", addresses: ["server:1"], timeoutMs: 3000 }]),
  step: (context, state, event) => {
    if (event.type === "Tick") return still(state, [{ type: "Write", pieces: [utf8("x")] }], after(context.now, 1000));
    if (event.type === "Connected") return still(true, [], after(context.now, 1000));
    return still(state, event.type === "Flushed" ? [] : [say(event.type)], state ? after(context.now, 1000) : null);
  },
};
const sides = { a: ["server"], b: ["client"] };

test("a cut breaks connections at both ends, and dials fail until it ends", () => {
  const broken = run([server, host("client", caller)], [{ type: "Cut", ...sides, from: 500, until: 600 }]);
  assert.deepEqual(broken.slice(0, 2).map(([, what]) => what).sort(), ["Disconnected", "peer Disconnected"]);
  const failed = run([server, host("client", caller)], [{ type: "Cut", ...sides, from: 0, until: 600 }]);
  assert.equal(failed[0]?.[1], "DialFailed");
});

test("a stall holds what is under way, and loses nothing; a dial times out", () => {
  const held = run([server, host("client", caller)], [{ type: "Stall", ...sides, from: 500, until: 4500 }]);
  assert.deepEqual(held[0], [4500, "peer Received"]);
  const late = run([server, host("client", caller)], [{ type: "Stall", ...sides, from: 0, until: 9000 }]);
  assert.deepEqual(late[0], [3000, "DialFailed"]);
});

test("what is slow comes later", () => {
  const [first] = run([server, host("client", caller)], [{ type: "Slow", ...sides, ms: 700, from: 0, until: 5000 }]);
  assert.equal((first?.[0] ?? 0) > 1700, true, "the first byte takes 700 ms more");
});

test("a process that is killed starts anew, and its peer's connection breaks", () => {
  const said = run([server, host("client", caller)], [{ type: "Crash", host: "server", from: 500, until: 900 }]);
  assert.equal(said[0]?.[1], "Disconnected");
});

/** Stores a number each 10 ms, and says which ones it was told to be durable; after a start it says what it finds. */
const keeper: AnyMachine = {
  start: (context) => still(0, [{ type: "Scan", id: 0, table: "t", after: null, limit: 1000 }], after(context.now, 10)),
  step: (context, state, event) => {
    if (event.type === "Committed") return still(state, [say(event.id)], after(context.now, 10));
    if (event.type === "Scanned") return still(state, [say(event.entries)], after(context.now, 10));
    if (event.type !== "Tick") return still(state, [say(event.type)], after(context.now, 10));
    const id = state + 1;
    const writes = ["a", "b"].map((key) => ({ table: "t", key: utf8(`${key}${id}`), value: utf8("") }));
    return still(id, [{ type: "Commit", id, writes }], after(context.now, 10));
  },
};

test("[FAULT-38] what was committed outlives a crash, and a transaction is there wholly or not", () => {
  for (let seed = 1; seed <= 8; seed++) {
    const faults: Fault[] = [
      { type: "SlowDisk", host: "keeper", ms: 25, from: 0, until: 500 },
      { type: "Crash", host: "keeper", from: 333 + seed, until: 400 },
    ];
    const said = run([host("keeper", keeper)], faults, seed);
    const [, found] = said.filter(([, what]) => Array.isArray(what)).map(([, what]) => what as unknown[]);
    const told = said.filter(([at, what]) => at < 400 && typeof what === "number").length;
    assert.equal(found!.length % 2, 0, "whole transactions only");
    assert.equal(found!.length / 2 >= told, true, `${found!.length / 2} kept, ${told} acknowledged`);
  }
});

test("a full disk refuses writes, and takes them again", () => {
  const said = run([host("keeper", keeper)], [{ type: "FullDisk", host: "keeper", from: 100, until: 200 }]);
  assert.equal(said.some(([at, what]) => at >= 100 && at <= 210 && what === "CommitFailed"), true, "refused");
  assert.equal(said.some(([at, what]) => at > 210 && typeof what === "number"), true, "taken again");
});

const clockWatcher: AnyMachine = {
  start: (context) => still(null, [say(context.wall)], after(context.now, 1000)),
  step: (context, state) => still(state, [say(context.wall)], after(context.now, 1000)),
};

test("[FAULT-24] a clock is set and set back, and time goes on", () => {
  const said = run([host("c", clockWatcher)], [{ type: "Clock", host: "c", ms: -7000, from: 1500, until: 3500 }]);
  assert.deepEqual(said.slice(0, 5).map(([, at]) => (at as number) - 1e12), [0, 1000, -5000, -4000, 4000]);
});

test("[FAULT-24] a host that sleeps does nothing, then one thing after the other", () => {
  const said = run([host("c", clockWatcher)], [{ type: "Suspend", host: "c", from: 1500, until: 8250 }]);
  assert.deepEqual(said.slice(0, 4).map(([at]) => at), [0, 1000, 8250, 9250]);
});

test("faults of a seed lie in their span, and each seed has its own", () => {
  const network = createNetwork({ ...smallNetwork, seed: seedOf(1), clock: createEpochClock(20_000, 0) });
  const span = { from: 20_000, until: 60_000 };
  const swarm = (n: number): ReadonlyArray<Fault> => drawFaults({ seed: seedOf(n), network, periodMs: 20_000, span });
  const all = Array.from({ length: 50 }, (_, n) => swarm(n));
  for (const { from, until } of all.flat()) {
    assert.equal(span.from <= from && from < until && until <= span.until, true);
  }
  assert.equal(new Set(all.flat().map(({ type }) => type)).size, 9);
  assert.deepEqual(swarm(3), swarm(3));
  assert.notDeepEqual(swarm(3), swarm(4));
});
