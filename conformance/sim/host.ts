/**
 * One host: drives a system in virtual time. It performs the leaf effects of each step, feeds their results back as
 * events, and arms one timer, exactly as adapters/shell.ts does with real sockets, disks and clocks.
 *
 * Consumed secrets and seeds are wiped after each step, packets when they are given back: a state that still refers to
 * them is found out.
 *
 * @module
 */
import { wipe, writeUint32 } from "../../core/bytes.ts";
import type {
  Dial,
  LeafEffect,
  PluginEvent,
  PluginRequest,
  PluginStart,
  PluginStop,
  Spawn,
  Unwrap,
  Unwrapped,
  Verified,
  Verify,
} from "../../core/effects.ts";
import { absurd, type Context, invariant, type Mono, mono, type Step, type Wall, wall } from "../../core/machine.ts";
import { deriveSeed } from "../../core/random.ts";
import type { Address, Emission, Input, System, SystemState } from "../../core/system.ts";
import type { Agenda } from "./agenda.ts";
import { createDisk, type Disk } from "./disk.ts";
import type { Socket, SocketHandler } from "./link.ts";
import type { Net } from "./net.ts";
import { createPrng, type Prng } from "./prng.ts";
import { join } from "./slab.ts";
import { createStore } from "./store.ts";
import type { Watch } from "./watch.ts";

/** A host to be: what cmd/*.ts would start as one process. */
export interface HostSpec {
  readonly name: string;
  readonly system: System;
  readonly machines: ReadonlyArray<Spawn>;
  /** Addresses (`host:port`) that it listens at, and the machine that is told of connections. */
  readonly listens: ReadonlyArray<string>;
  readonly acceptor: Address | null;
  readonly unwrap: (effect: Unwrap) => Unwrapped;
  /** Checks signatures, where a machine of its asks for that. */
  readonly verify?: (effect: Verify) => Verified;
  /** Runs its plugins, where it has any: hosts of their own (spool_network.ts). */
  readonly plugins?: (
    effect: PluginStart | PluginStop | PluginRequest,
    answer: (event: PluginEvent) => void,
  ) => void;
  /** Work that takes time: an unwrap, a disk. Drawn from [1, max] ms. */
  readonly unwrapMsMax: number;
  readonly storeMsMax: number;
}

export interface Host {
  readonly name: string;
  readonly start: () => void;
  /** An event from the world: a scenario's request. Lost where the process does not run. */
  readonly tell: (to: Address, event: unknown) => void;
  /** Null while the process does not run. */
  readonly state: () => SystemState | null;
  /** How many entries each table of the store has. */
  readonly tables: () => ReadonlyMap<string, number>;
  /** The monotonic time that machines of the host read, ms. */
  readonly now: () => Mono;
  /* Faults. */
  /** Kills the process; `start` brings it back with what its store has. */
  readonly crash: () => void;
  readonly suspend: () => void;
  /** Goes on with everything that came meanwhile. */
  readonly awake: () => void;
  readonly stepClock: (ms: number) => void;
  readonly disk: Pick<Disk, "slowBy" | "setFull">;
}

/** What a host stands in. `originMs` is the wall-clock time at which the run begins. */
export interface Surroundings {
  readonly agenda: Agenda;
  readonly net: Net;
  readonly seed: Uint8Array;
  readonly originMs: number;
  readonly watch: Watch;
}

const seedOf = (prng: Prng): Uint8Array => {
  const seed = new Uint8Array(32);
  for (let at = 0; at < 32; at += 4) writeUint32(seed, at, prng.below(2 ** 32));
  return seed;
};

/**
 * The context of one step, whose seed is wiped after it. Most steps draw nothing, and a seed that was not asked for
 * need not be wiped.
 */
class Taken implements Context {
  readonly now: Mono;
  readonly wall: Wall;
  private readonly seeds: Prng;
  private drawn: Uint8Array | null = null;

  constructor(now: Mono, wall: Wall, seeds: Prng) {
    this.now = now;
    this.wall = wall;
    this.seeds = seeds;
  }

  get seed(): Uint8Array {
    return this.drawn ??= seedOf(this.seeds);
  }

  wipe(): void {
    if (this.drawn !== null) wipe(this.drawn);
  }
}

/** A machine that leaves a past deadline is woken at once; more often than this without an event is a bug of it. */
const idleWakesMax = 1000;

export const createHost = (
  spec: HostSpec,
  { agenda, net, seed: runSeed, originMs, watch }: Surroundings,
): Host => {
  const seed = deriveSeed(runSeed, `host ${spec.name}`);
  const prng = createPrng(seed, "world");
  const store = createStore();
  const seeds = createPrng(seed, "steps");
  const disk = createDisk(agenda, createPrng(seed, "disk"), store, spec.storeMsMax);
  // Any origin will do for monotonic time, so every host has another.
  const monoOrigin = prng.below(1_000_000);
  const sockets = new Map<Address, Socket>();
  const attempts = new Map<Address, () => void>();
  let state: SystemState | null = null;
  let wakeAt: Mono | null = null;
  // When the host looks at its deadline: never after it.
  let alarmAt: Mono | null = null;
  // What came while the host was suspended; null while it is not.
  let missed: Array<Input | null> | null = null;
  let [incoming, idleWakes, clockOffset, life] = [0, 0, 0, 0];

  const now = (): Mono => mono(monoOrigin + agenda.now());

  const context = (): Taken => new Taken(now(), wall(originMs + agenda.now() + clockOffset), seeds);

  /** Does it then, unless the process has died before. */
  const at = (instant: number, action: () => void): void => {
    const mine = life;
    agenda.at(instant, () => mine === life && action());
  };

  const settle = (taken: Taken, step: Step<SystemState, Emission>): void => {
    state = step.state;
    if (step.consumed !== undefined) wipe(...step.consumed);
    taken.wipe();
    arm(step.wakeAt);
    for (const emission of step.effects) {
      watch.emission(agenda.now(), spec.name, emission);
      perform(emission.from, emission.effect);
    }
  };

  const arm = (due: Mono | null): void => {
    wakeAt = due;
    if (due === null || (alarmAt !== null && alarmAt <= due)) return;
    alarmAt = due;
    at(due - monoOrigin, () => ring(due));
  };

  /** A deadline that was put off is found to be later only now: it moves with nearly every event. */
  const ring = (set: Mono): void => {
    if (set !== alarmAt) return;
    alarmAt = null;
    if (wakeAt === null || wakeAt > now()) return arm(wakeAt);
    wakeAt = null;
    invariant(++idleWakes < idleWakesMax, `${spec.name} never clears a deadline`);
    advance(null);
  };

  const advance = (input: Input | null): void => {
    if (state === null) return;
    if (missed !== null) return void missed.push(input);
    if (input !== null) idleWakes = 0;
    watch.input(agenda.now(), spec.name, input);
    const taken = context();
    settle(taken, spec.system.step(taken, state, input));
  };

  const later = (ms: number, to: Address, event: () => unknown): void =>
    at(agenda.now() + ms, () => advance({ to, event: event() }));

  const handlerOf = (address: Address, socket: Socket): SocketHandler => {
    sockets.set(address, socket);
    return {
      received: (bytes) => advance({ to: address, event: { type: "Received", bytes } }),
      flushed: (length) => advance({ to: address, event: { type: "Flushed", length } }),
      disconnected: (reason) => {
        sockets.delete(address);
        advance({ to: address, event: { type: "Disconnected", reason } });
      },
    };
  };

  const dial = (from: Address, effect: Dial): void => {
    invariant(!sockets.has(from) && !attempts.has(from), `${spec.name} ${from} has a connection`);
    const callOff = net.dial(spec.name, effect, {
      connected: (socket, remote) => {
        attempts.delete(from);
        const handler = handlerOf(from, socket);
        advance({ to: from, event: { type: "Connected", remote } });
        return handler;
      },
      failed: (reason) => {
        attempts.delete(from);
        advance({ to: from, event: { type: "DialFailed", reason } });
      },
    });
    attempts.set(from, callOff);
  };

  const hangup = (from: Address): void => {
    attempts.get(from)?.();
    attempts.delete(from);
    sockets.get(from)?.hangup();
    sockets.delete(from);
  };

  const accept = (socket: Socket, remote: string): SocketHandler | null => {
    invariant(spec.acceptor !== null, `${spec.name} listens without an acceptor`);
    if (state === null) return null;
    const connection = `in/${++incoming}`;
    const handler = handlerOf(connection, socket);
    advance({ to: spec.acceptor, event: { type: "Incoming", connection, remote } });
    // The kernel takes connections for a process that sleeps; it decides when it wakes.
    if (missed !== null) return handler;
    if (!sockets.has(connection)) return null;
    invariant(state?.machines.has(connection) === true, `${spec.name} neither takes nor refuses ${connection}`);
    return handler;
  };

  const perform = (from: Address, effect: LeafEffect): void => {
    switch (effect.type) {
      case "Dial":
        return dial(from, effect);
      case "Write":
        return sockets.get(from)?.write(join(effect.pieces));
      case "Hangup":
        return hangup(from);
      case "Refuse":
        return hangup(effect.connection);
      case "Pause":
        return sockets.get(from)?.pause();
      case "Resume":
        return sockets.get(from)?.resume();
      case "Commit":
      case "Scan":
      case "DropTable":
      case "TestAndSetReplay":
        return disk.perform(effect, (event) => advance({ to: from, event }));
      case "Unwrap":
        return later(1 + prng.below(spec.unwrapMsMax), from, () => spec.unwrap(effect));
      case "Verify":
        invariant(spec.verify !== undefined, `${spec.name} checks no signatures`);
        return later(1, from, () => spec.verify!(effect));
      case "PluginStart":
      case "PluginStop":
      case "PluginRequest":
        invariant(spec.plugins !== undefined, `${spec.name} has no plugins`);
        return spec.plugins(effect, (event) => later(1, from, () => event));
      case "Release":
        return wipe(effect.packet);
      case "Log":
      case "Count":
      case "Drop":
      case "Notify":
      case "Exit":
        return;
      default:
        return absurd(effect);
    }
  };

  const start = (): void => {
    invariant(state === null, `${spec.name} runs already`);
    watch.started(agenda.now(), spec.name);
    const taken = context();
    const step = spec.system.start(taken, spec.machines);
    settle(taken, step);
    for (const address of spec.listens) net.listen(address, { host: spec.name, incoming: accept });
  };

  const crash = (): void => {
    if (state === null) return;
    watch.crashed(agenda.now(), spec.name);
    life++;
    [state, wakeAt, alarmAt] = [null, null, null];
    if (missed !== null) missed = [];
    for (const callOff of attempts.values()) callOff();
    attempts.clear();
    sockets.clear();
    disk.crash();
    net.abandon(spec.name);
  };

  return {
    name: spec.name,
    start,
    tell: (to, event) => at(agenda.now(), () => advance({ to, event })),
    state: () => state,
    tables: store.sizes,
    now,
    crash,
    suspend: () => {
      missed ??= [];
    },
    awake: () => {
      const inputs = missed ?? [];
      missed = null;
      for (const input of inputs) advance(input);
    },
    stepClock: (ms) => {
      clockOffset += ms;
    },
    disk,
  };
};
