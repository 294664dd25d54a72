/**
 * One Poisson process of a client (drafts/decoy_traffic.rst §5): when it has its next turn.
 *
 * Its instants are drawn from a key of its own, which each draw replaces. So they depend on nothing but that key, the
 * rates and the times of connection: whatever a user does, the same key gives the same instants, and who learns the key
 * of now learns no instant of the past.
 *
 * @module
 */
import { after, type Mono } from "../machine.ts";
import { deriveSeed, exponentialMs, stream } from "../random.ts";

export interface Poisson {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** The rate (per ms) and clamp (ms, 0 for none) that `dueAt` was drawn with. */
  readonly rate: number;
  readonly maxMs: number;
  readonly dueAt: Mono | null;
}

/** A process that is off. */
export const createPoisson = (key: Uint8Array): Poisson => ({ key, rate: 0, maxMs: 0, dueAt: null });

/** The process with its next turn drawn, counted from `from`. Its old key is used up. `rate` is positive. */
export const drawNext = ({ key }: Poisson, rate: number, maxMs: number, from: Mono): Poisson => ({
  key: deriveSeed(key, "next"),
  rate,
  maxMs,
  dueAt: after(from, exponentialMs(stream(deriveSeed(key, "interval")), rate, maxMs)),
});

/**
 * The process as the rates in force demand: a rate of 0 stops it, another rate or clamp draws its turn anew (which an
 * exponential distribution allows at any time), the same ones leave it as it is.
 */
export const reconcile = (process: Poisson, rate: number, maxMs: number, now: Mono): Poisson => {
  if (!(rate > 0)) return process.dueAt === null ? process : { ...process, dueAt: null };
  if (process.dueAt !== null && process.rate === rate && process.maxMs === maxMs) return process;
  return drawNext(process, rate, maxMs, now);
};

/** Turns that were missed for longer than this (a machine that slept) are not made up for, ms. */
const lateMaxMs = 1_000;

/** The process after a turn: counted from when it was due, so that a late step shifts nothing. */
export const afterTurn = (process: Poisson, dueAt: Mono, now: Mono): Poisson =>
  drawNext(process, process.rate, process.maxMs, now - dueAt > lateMaxMs ? now : dueAt);
