/**
 * Composes the machines of one process into one: a table from address to machine and state, a queue of internal events,
 * a heap of deadlines. A step of the system takes one event from outside (or a tick), drains everything that machines
 * tell one another, and gives back the leaf effects with the address that asked for each.
 *
 * One shell per process drives one system; the simulator drives many of the same systems. The seed of each inner step
 * is derived from the host's seed, the address and a counter, so that runs can be reproduced and machines do not shift
 * one another.
 *
 * @module
 */
import { PersistentMap } from "./collections/map.ts";
import { count, type Effect, type LeafEffect, type Spawn } from "./effects.ts";
import { emptyHeap, type Heap, peek, pop, push } from "./heap.ts";
import { type Context, invariant, type Machine, type Mono, mono, type Step, tick, type Wall } from "./machine.ts";
import { deriveSeed } from "./random.ts";

/** Names a machine in its system: `node`, `conn/17`, `pki`. */
export type Address = string;

/**
 * A machine as the system sees it: what it is told and what it asks for are checked by the modules that export its
 * events.
 */
// deno-lint-ignore no-explicit-any
export type AnyMachine = Machine<any, any, any, Effect>;

/** The kinds of machines that a process may spawn, by name. */
export type Kinds = Readonly<Record<string, AnyMachine>>;

interface Entry {
  readonly kind: string;
  readonly state: unknown;
  readonly wakeAt: Mono | null;
  /**
   * When the heap of deadlines has its turn, or null where it has none: never after `wakeAt`, and before it where that
   * was put off. So a deadline that moves with every event, as those of writes do, costs the heap nothing.
   */
  readonly planned: Mono | null;
}

export interface SystemState {
  readonly machines: PersistentMap<Address, Entry>;
  /** Holds stale turns too: one counts only if it still is the `planned` of its machine. */
  readonly deadlines: Heap<Address>;
  /** Inner steps so far: makes each one's seed its own. */
  readonly steps: number;
}

/** An event from outside for one machine. */
export interface Input {
  readonly to: Address;
  readonly event: unknown;
}

/** A leaf effect with the address that asked for it, to which its result goes. */
export interface Emission {
  readonly from: Address;
  readonly effect: LeafEffect;
}

export interface System {
  /** Starts the given machines in order. */
  readonly start: (context: Context, machines: ReadonlyArray<Spawn>) => Step<SystemState, Emission>;
  /** Handles one event from outside, then whatever has become due. */
  readonly step: (context: Context, state: SystemState, input: Input | null) => Step<SystemState, Emission>;
}

/** More than any honest step causes: a guard against machines that tell one another for ever. */
const innerStepsMax = 100_000;

/** The heap of deadlines is made anew when it holds more than twice the machines and this many. */
const staleDeadlinesMin = 64;

/** What one step of the system gathers; it lives for that step only. */
interface Run {
  readonly context: Context;
  machines: PersistentMap<Address, Entry>;
  deadlines: Heap<Address>;
  steps: number;
  readonly queue: Input[];
  readonly emissions: Emission[];
  readonly consumed: Uint8Array[];
}

/** What one inner step knows. Most draw nothing: a hash for each would be a tenth of a mix's work. */
class InnerContext implements Context {
  readonly now: Mono;
  readonly wall: Wall;
  private readonly outer: Context;
  private readonly address: Address;
  private readonly step: number;
  private derived: Uint8Array | null = null;

  constructor(outer: Context, address: Address, step: number) {
    this.now = outer.now;
    this.wall = outer.wall;
    this.outer = outer;
    this.address = address;
    this.step = step;
  }

  get seed(): Uint8Array {
    return this.derived ??= deriveSeed(this.outer.seed, `${this.address}#${this.step}`);
  }
}

/** A system of the given kinds of machines. */
export const createSystem = (kinds: Kinds): System => {
  const machineOf = (kind: string): AnyMachine => {
    const machine = kinds[kind];
    invariant(machine !== undefined, `no machine of kind ${kind}`);
    return machine;
  };

  const innerContext = (run: Run, address: Address): Context => new InnerContext(run.context, address, run.steps++);

  /** `planned`: the turn of the machine that the heap is known to hold. */
  const settle = (
    run: Run,
    address: Address,
    kind: string,
    { state, wakeAt, effects, consumed }: Step<unknown, Effect>,
    planned: Mono | null,
  ): void => {
    plan(run, address, { kind, state, wakeAt, planned });
    if (consumed !== undefined) run.consumed.push(...consumed);
    for (const effect of effects) perform(run, address, effect);
  };

  /** Keeps a machine, with a turn that is no later than its deadline. */
  const plan = (run: Run, address: Address, entry: Entry): void => {
    const { wakeAt, planned } = entry;
    const isEarlier = wakeAt !== null && (planned === null || wakeAt < planned);
    if (isEarlier) run.deadlines = push(run.deadlines, wakeAt, address);
    run.machines = run.machines.set(address, isEarlier ? { ...entry, planned: wakeAt } : entry);
  };

  const perform = (run: Run, from: Address, effect: Effect): void => {
    switch (effect.type) {
      case "Tell":
        run.queue.push({ to: effect.to, event: effect.event });
        return;
      case "Spawn":
        spawn(run, effect);
        return;
      case "Stop":
        run.machines = run.machines.delete(effect.at);
        return;
      default:
        run.emissions.push({ from, effect });
    }
  };

  const spawn = (run: Run, { at, kind, config }: Spawn): void => {
    invariant(!run.machines.has(at), `address ${at} is taken`);
    settle(run, at, kind, machineOf(kind).start(innerContext(run, at), config, undefined), null);
  };

  const deliver = (run: Run, { to, event }: Input): void => {
    const entry = run.machines.get(to);
    if (entry === undefined) run.emissions.push({ from: to, effect: count("undeliverable") });
    else advance(run, to, entry, event, entry.planned);
  };

  const advance = (run: Run, address: Address, { kind, state }: Entry, event: unknown, planned: Mono | null): void =>
    settle(run, address, kind, machineOf(kind).step(innerContext(run, address), state, event), planned);

  const drain = (run: Run): void => {
    for (let handled = 0; handled < run.queue.length; handled++) {
      invariant(handled < innerStepsMax, "machines tell one another without end");
      deliver(run, run.queue[handled]!);
    }
    run.queue.length = 0;
  };

  const finish = (run: Run): Step<SystemState, Emission> => {
    drain(run);
    wakeDue(run);
    dropStaleDeadlines(run);
    const state = { machines: run.machines, deadlines: run.deadlines, steps: run.steps };
    return { state, effects: run.emissions, wakeAt: nextDeadline(run), consumed: run.consumed };
  };

  // Each machine is ticked once a step: a deadline that a tick leaves in the past wakes the host again at once, so that
  // a machine which never clears one cannot hold the others up.
  const wakeDue = (run: Run): void => {
    let first = firstTurn(run);
    if (first === null || first.key > run.context.now) return;
    const due = new Set<Address>();
    for (; first !== null && first.key <= run.context.now; first = firstTurn(run)) {
      run.deadlines = pop(run.deadlines);
      due.add(first.value);
    }
    for (const address of due) {
      const entry = run.machines.get(address);
      if (entry === undefined) continue;
      // Its turn has left the heap: a deadline that stands as it did has to go back.
      advance(run, address, entry, tick, null);
      drain(run);
    }
  };

  const dropStaleDeadlines = (run: Run): void => {
    if (run.deadlines.size <= 2 * run.machines.size + staleDeadlinesMin) return;
    run.deadlines = run.machines.reduce<Heap<Address>>(
      (heap, { planned }, address) => (planned === null ? heap : push(heap, planned, address)),
      emptyHeap(),
    );
  };

  const nextDeadline = (run: Run): Mono | null => {
    const first = firstTurn(run);
    return first === null ? null : mono(first.key);
  };

  /** The first turn in the heap that is the deadline of its machine. */
  const firstTurn = (run: Run): ReturnType<typeof peek<Address>> => {
    for (let first = peek(run.deadlines); first !== null; first = peek(run.deadlines)) {
      const entry = run.machines.get(first.value);
      if (entry?.planned === first.key && entry.wakeAt === first.key) return first;
      run.deadlines = pop(run.deadlines);
      // What was put off has its turn later.
      if (entry?.planned === first.key) plan(run, first.value, { ...entry, planned: null });
    }
    return null;
  };

  const begin = (context: Context, state: SystemState): Run => ({
    context,
    ...state,
    queue: [],
    emissions: [],
    consumed: [],
  });

  return {
    start: (context, machines) => {
      const run = begin(context, { machines: PersistentMap(), deadlines: emptyHeap(), steps: 0 });
      for (const machine of machines) spawn(run, machine);
      return finish(run);
    },
    step: (context, state, input) => {
      const run = begin(context, state);
      if (input !== null) run.queue.push(input);
      return finish(run);
    },
  };
};
