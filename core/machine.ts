/**
 * The one machine contract: every protocol machine is a pair of pure functions, `start` and `step`, from values to
 * values.
 *
 * A machine reads no clock, performs no I/O and draws no ambient randomness: time and a fresh seed come in with the
 * context, everything it wants done goes out as effects. The driver (adapters/shell.ts, conformance/sim) performs the
 * effects and feeds their results back as events.
 *
 * @module
 */

declare const monoBrand: unique symbol;
declare const wallBrand: unique symbol;

/** Monotonic time in ms from an arbitrary start: for deadlines and durations only. */
export type Mono = number & { readonly [monoBrand]: true };

/** Wall-clock time in ms since 1970-01-01T00:00:00Z: for epochs and certificates only. */
export type Wall = number & { readonly [wallBrand]: true };

/** Brands a number of ms read from a monotonic clock, or computed from one. */
export const mono = (ms: number): Mono => ms as Mono;

/** Brands a number of ms since the Unix epoch. */
export const wall = (ms: number): Wall => ms as Wall;

/** The instant `ms` after `from`. */
export const after = (from: Mono, ms: number): Mono => (from + ms) as Mono;

/** What a step may know of the world. A step reads each field at most once per decision and keeps none but as data. */
export interface Context {
  readonly now: Mono;
  readonly wall: Wall;
  /** 32 bytes, fresh for this step. Expanded by `draws` (core/random.ts). */
  readonly seed: Uint8Array;
}

/**
 * The outcome of a step. The state given in is never changed; `wakeAt` is the minimum of the deadlines named in
 * `state`; `consumed` are secrets that the new state no longer holds, to be wiped by the driver once the new state is
 * stored.
 */
export interface Step<State, Effect> {
  readonly state: State;
  readonly effects: ReadonlyArray<Effect>;
  readonly wakeAt: Mono | null;
  readonly consumed?: ReadonlyArray<Uint8Array>;
}

/** A deadline may have passed. Spurious ticks change nothing. */
export interface Tick {
  readonly type: "Tick";
}

export const tick: Tick = { type: "Tick" };

/** A machine; crypto suite and constants of the build are bound when it is made, `config` when it is started. */
export interface Machine<Config, State, Event, Effect, Restored = undefined> {
  readonly start: (context: Context, config: Config, restored: Restored) => Step<State, Effect>;
  readonly step: (context: Context, state: State, event: Event | Tick) => Step<State, Effect>;
}

/** The earliest of some deadlines, or null when none is set. */
export const earliest = (...deadlines: ReadonlyArray<Mono | null>): Mono | null => {
  let first: Mono | null = null;
  for (const deadline of deadlines) {
    if (deadline !== null && (first === null || deadline < first)) first = deadline;
  }
  return first;
};

/** A bug of ours, never a peer's or a caller's fault: it ends the process with exit code 70. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** Closes a switch over a union: the compiler proves that it is never reached. */
export const absurd = (_value: never): never => {
  throw new InvariantError(`unreachable variant`);
};

/** Throws when our own reasoning turns out wrong. Never used on input. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}
