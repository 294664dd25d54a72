/** Systems: machines composed into one, with toy machines. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toHex } from "../../core/bytes.ts";
import { type Effect, tell } from "../../core/effects.ts";
import { after, type Context, InvariantError, type Mono, mono, type Step, wall } from "../../core/machine.ts";
import { type AnyMachine, createSystem, type Emission, type Input, type SystemState } from "../../core/system.ts";

const contextAt = (now: number, fill = 1): Context => ({
  now: mono(now),
  wall: wall(now),
  seed: new Uint8Array(32).fill(fill),
});

const still = <S>(state: S, effects: ReadonlyArray<Effect> = [], wakeAt: Mono | null = null): Step<S, Effect> => ({
  state,
  effects,
  wakeAt,
});

const note = (event: unknown): Effect => ({ type: "Notify", event });

/** Does what it is told: the event is the list of effects. */
const puppet: AnyMachine = {
  start: (_context, config) => still(null, config ?? []),
  step: (_context, state, event) => still(state, event.type === "Tick" ? [] : event),
};

/** Notes what it is told. */
const recorder: AnyMachine = {
  start: () => still(0),
  step: (_context, count, event) => still(count + 1, [note(event)]),
};

/** Wakes after the ms that it is told (null: not at all), and notes ticks with the time. */
const sleeper: AnyMachine = {
  start: () => still(null),
  step: (context, _state, event) =>
    event.type === "Tick"
      ? still(null, [note(context.now)])
      : still(null, [], event.ms === null ? null : after(context.now, event.ms)),
};

const kinds = { puppet, recorder, sleeper };
const spawn = (at: string, kind: string, config: unknown = null) => ({ type: "Spawn", at, kind, config }) as const;

const { start, step } = createSystem(kinds);

const notes = (outcome: Step<SystemState, Emission>): unknown[] =>
  outcome.effects.map(({ effect }) => (effect.type === "Notify" ? effect.event : effect));

const started = start(contextAt(0), [
  spawn("p", "puppet"),
  spawn("r", "recorder"),
  spawn("s", "sleeper"),
  spawn("t", "sleeper"),
]);

const tellTo = (
  to: string,
  event: unknown,
  from: Step<SystemState, Emission> = started,
  now = 0,
): Step<SystemState, Emission> => step(contextAt(now), from.state, { to, event });

test("what machines tell one another is drained in order before the leaf effects leave", () => {
  const outcome = tellTo("p", [
    note("first"),
    tell("r", "a"),
    tell("p", [tell("r", "c")]),
    tell("r", "b"),
    note("second"),
  ]);
  assert.deepEqual(outcome.effects.map(({ from, effect }) => [from, effect.type === "Notify" && effect.event]), [
    ["p", "first"],
    ["p", "second"],
    ["r", "a"],
    ["r", "b"],
    ["r", "c"],
  ]);
});

test("a machine is spawned at once, so that the spawning step can already speak to it", () => {
  const outcome = tellTo("p", [spawn("new", "puppet", [note("born")]), tell("new", [note("told")])]);
  assert.deepEqual(notes(outcome), ["born", "told"]);
  assert.ok(outcome.state.machines.has("new"));
  assert.ok(!started.state.machines.has("new"), "the state before is as it was");
});

test("what is told to a stopped machine, or to none, is counted as undeliverable", () => {
  const outcome = tellTo("p", [{ type: "Stop", at: "r" }, tell("r", "late"), tell("nobody", 1)]);
  const count = { type: "Count", name: "undeliverable" };
  assert.deepEqual(outcome.effects, [{ from: "r", effect: count }, { from: "nobody", effect: count }]);
});

test("a taken address, an unknown kind and endless talk are broken invariants", () => {
  assert.throws(() => tellTo("p", [spawn("r", "recorder")]), InvariantError);
  assert.throws(() => tellTo("p", [spawn("x", "nothing")]), InvariantError);
  const talker: AnyMachine = { start: () => still(null), step: () => still(null, [tell("talker", 1)]) };
  const system = createSystem({ talker });
  const state = system.start(contextAt(0), [spawn("talker", "talker")]).state;
  assert.throws(() => system.step(contextAt(0), state, { to: "talker", event: 1 }), InvariantError);
});

test("the host is woken at the earliest deadline, each machine at its own, and not again", () => {
  const first = tellTo("s", { ms: 50 });
  const both = tellTo("t", { ms: 20 }, first);
  assert.equal(both.wakeAt, 20);
  const early = step(contextAt(19), both.state, null);
  assert.deepEqual([notes(early), early.wakeAt], [[], 20]);
  const woken = step(contextAt(20), early.state, null);
  assert.deepEqual([notes(woken), woken.wakeAt], [[20], 50]);
  const late = step(contextAt(70), woken.state, null);
  assert.deepEqual([notes(late), late.wakeAt], [[70], null]);
});

test("a deadline that is moved or cleared counts as it was last", () => {
  const moved = tellTo("s", { ms: 90 }, tellTo("s", { ms: 50 }));
  assert.equal(moved.wakeAt, 90);
  assert.deepEqual(notes(step(contextAt(60), moved.state, null)), []);
  const cleared = tellTo("s", { ms: null }, moved);
  assert.equal(cleared.wakeAt, null);
  const stopped = tellTo("p", [{ type: "Stop", at: "s" }], tellTo("s", { ms: 50 }));
  assert.equal(stopped.wakeAt, null);
  assert.deepEqual(notes(step(contextAt(60), stopped.state, null)), []);
});

test("a machine spawned at the address of a stopped one does not inherit its deadline", () => {
  const again = tellTo("p", [{ type: "Stop", at: "s" }, spawn("s", "sleeper")], tellTo("s", { ms: 50 }));
  assert.equal(again.wakeAt, null);
  assert.equal(tellTo("s", { ms: 70 }, again).wakeAt, 70);
});

test("a machine that leaves its deadline in the past is ticked once a step and the host woken again", () => {
  const stuck: AnyMachine = {
    start: () => still(0, [], mono(5)),
    step: (_context, ticks) => still(ticks + 1, [note(ticks)], mono(5)),
  };
  const system = createSystem({ stuck });
  const outcome = system.step(contextAt(10), system.start(contextAt(0), [spawn("stuck", "stuck")]).state, null);
  assert.deepEqual([notes(outcome), outcome.wakeAt], [[0], 5]);
  const next = system.step(contextAt(10), outcome.state, null);
  assert.deepEqual([notes(next), next.wakeAt], [[1], 5]);
});

test("stale deadlines are dropped: moving one for ever does not grow the state", () => {
  let state = started;
  for (let i = 0; i < 500; i++) state = tellTo("s", { ms: 1000 + i }, state);
  assert.ok(state.state.deadlines.size < 100, String(state.state.deadlines.size));
  assert.equal(state.wakeAt, 1499);
});

test("each inner step has a seed of its own, by address and count", () => {
  const seeds: string[] = [];
  const seeded: AnyMachine = {
    start: (context) => {
      seeds.push(toHex(context.seed));
      return still(null);
    },
    step: (context, state) => {
      seeds.push(toHex(context.seed));
      return still(state);
    },
  };
  const system = createSystem({ seeded });
  const run = (): void => {
    const begun = system.start(contextAt(0), [spawn("a", "seeded"), spawn("b", "seeded")]);
    const next = system.step(contextAt(0), begun.state, { to: "a", event: 1 });
    system.step(contextAt(0), next.state, { to: "a", event: 1 });
  };
  run();
  assert.equal(new Set(seeds).size, 4);
  run();
  assert.deepEqual(seeds.slice(4), seeds.slice(0, 4));
});

test("consumed secrets of all machines are handed on", () => {
  const secrets = [new Uint8Array(1), new Uint8Array(2)];
  const consuming: AnyMachine = {
    start: () => ({ ...still(null), consumed: [secrets[0]!] }),
    step: () => ({ ...still(null), consumed: [secrets[1]!] }),
  };
  const system = createSystem({ consuming });
  const begun = system.start(contextAt(0), [spawn("a", "consuming")]);
  assert.deepEqual(begun.consumed, [secrets[0]]);
  assert.equal(system.step(contextAt(0), begun.state, { to: "a", event: 1 }).consumed?.[0], secrets[1]);
});

const deepFreeze = (value: unknown): void => {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return;
  // Persistent maps memoise inside; their entries are what must not change.
  if (!(Symbol.iterator in value) || Array.isArray(value)) Object.freeze(value);
  for (const inner of Symbol.iterator in value ? [...(value as Iterable<unknown>)] : Object.values(value)) {
    deepFreeze(inner);
  }
};

/** What happens to a system in the properties below. */
const input = fc.oneof(
  fc.record({
    to: fc.constantFrom("s", "t", "gone"),
    event: fc.record({ ms: fc.option(fc.integer({ min: 0, max: 40 })) }),
  }),
  fc.record({
    to: fc.constant("p"),
    event: fc.constantFrom<Effect[]>([tell("r", 1), note(2)], [{ type: "Stop", at: "t" }], []),
  }),
  fc.constant(null),
);

test("no step changes the state that it was given", () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat({ max: 20 }), input)), (events) => {
    let [outcome, now]: [Step<SystemState, Emission>, number] = [started, 0];
    for (const [passed, event] of events) {
      now += passed;
      deepFreeze(outcome.state);
      const before = [...outcome.state.machines];
      const next = step(contextAt(now), outcome.state, event as Input | null);
      assert.deepEqual([...outcome.state.machines], before);
      outcome = next;
    }
  }));
});

test("wakeAt is the least deadline of the machines, whatever happened", () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat({ max: 20 }), input)), (events) => {
    let [outcome, now]: [Step<SystemState, Emission>, number] = [started, 0];
    for (const [passed, event] of events) {
      now += passed;
      outcome = step(contextAt(now), outcome.state, event as Input | null);
      const deadlines = [...outcome.state.machines.values()].map(({ wakeAt }) => wakeAt)
        .filter((at) => at !== null);
      assert.equal(outcome.wakeAt, deadlines.length === 0 ? null : Math.min(...deadlines));
    }
  }));
});

test("a tick without a due deadline changes no machine and asks for nothing", () => {
  const busy = tellTo("s", { ms: 50 });
  const outcome = step(contextAt(49), busy.state, null);
  assert.deepEqual(outcome.effects, []);
  assert.deepEqual([...outcome.state.machines], [...busy.state.machines]);
});
