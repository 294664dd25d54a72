/**
 * Epochs (specs/pki.rst §2, wire-facts §0, §12). The period and the origin are configuration of the network, so that
 * test networks can have epochs of seconds; what scales with the period is listed in `scheduleOf`.
 *
 * @module
 */
import { invariant, type Wall, wall } from "../machine.ts";

export interface EpochClock {
  /** Length of an epoch in ms: 20 min in the networks of 2020. */
  readonly periodMs: number;
  /** Start of epoch 0, in ms since the Unix epoch: 2017-06-01T00:00:00Z in Go. */
  readonly originMs: number;
}

export const katzenpostOriginMs = 1_496_275_200_000;
export const katzenpostClock: EpochClock = { periodMs: 20 * 60 * 1000, originMs: katzenpostOriginMs };

export interface EpochTime {
  readonly epoch: number;
  /** ms since the epoch began, in [0, period). */
  readonly elapsedMs: number;
  /** ms until the next one begins, in (0, period]. */
  readonly remainingMs: number;
}

/** Where in which epoch an instant lies; instants before the origin count as its first. */
export const epochAt = (clock: EpochClock, at: Wall): EpochTime => {
  const since = Math.max(0, at - clock.originMs);
  const epoch = Math.floor(since / clock.periodMs);
  const elapsedMs = since - epoch * clock.periodMs;
  return { epoch, elapsedMs, remainingMs: clock.periodMs - elapsedMs };
};

/** The instant at which an epoch begins. */
export const epochStart = (clock: EpochClock, epoch: number): Wall => wall(clock.originMs + epoch * clock.periodMs);

export const createEpochClock = (periodMs: number, originMs: number): EpochClock => {
  invariant(Number.isSafeInteger(periodMs) && periodMs >= 1000, "an epoch lasts at least 1 s");
  invariant(Number.isSafeInteger(originMs) && originMs >= 0, "the origin is not before 1970");
  return { periodMs, originMs };
};

/** Durations in ms that are fractions of the period, with a floor of 500 ms (design.md 4). */
export interface Schedule {
  /** Keys of the neighbouring epoch are accepted this long around a boundary: P/10. */
  readonly keyGraceMs: number;
  /** How often a node looks again for documents that it lacks: P/20. */
  readonly recheckMs: number;
  /** A node fetches the next document when less than this remains: P/8 (after the consensus at 7P/8 of the epoch). */
  readonly fetchMs: number;
  /** A node publishes for the next epoch while more than this remains: P/2. */
  readonly publishMs: number;
  /** Nodes connect to the next epoch's neighbours when less than this remains: P/6. */
  readonly earlyConnectMs: number;
}

const floorMs = 500;

export const scheduleOf = (clock: EpochClock): Schedule => {
  const fraction = (divisor: number): number => Math.max(floorMs, Math.floor(clock.periodMs / divisor));
  return {
    keyGraceMs: fraction(10),
    recheckMs: fraction(20),
    fetchMs: fraction(8),
    publishMs: fraction(2),
    earlyConnectMs: fraction(6),
  };
};
