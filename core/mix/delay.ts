/**
 * How long a packet still has to wait (specs/mixnet.rst §4.3, wire-facts §6.1, §6.2). The sender's delay counts from
 * reception: what unwrapping and replay detection took is taken off.
 *
 * @module
 */
import type { EpochClock } from "../pki/epoch.ts";
import type { DropReason } from "./drop_reason.ts";

/** The least time for which a packet mixes, in ms. */
const delayMinMs = 1;

/** Keys are published for as many epochs: a packet that waits longer arrives nowhere. */
const epochsMax = 3;

/** The longest delay that makes sense at all, in ms. */
const absoluteMaxMs = (clock: EpochClock): number => epochsMax * clock.periodMs;

/** The longest delay of the document in force, in ms; three epochs where it has none, a larger one, or is missing. */
export const delayMaxMs = (clock: EpochClock, muMaxDelayMs: number | null): number =>
  muMaxDelayMs === null || muMaxDelayMs === 0 ? absoluteMaxMs(clock) : Math.min(muMaxDelayMs, absoluteMaxMs(clock));

/**
 * The wait from now on, in ms, of a packet whose sender asked for `delayMs` and which came `dwellMs` ago. No client of
 * the reference asks for 0: such a packet gets 1 ms less its dwell, and none when that has passed, so that a flood of
 * them does not turn the mix into a first-in-first-out queue.
 */
export const remainingDelay = (
  clock: EpochClock,
  maxMs: number,
  delayMs: number,
  dwellMs: number,
): number | DropReason => {
  if (delayMs > absoluteMaxMs(clock)) return "delay-too-long";
  if (delayMs === 0) return dwellMs < delayMinMs ? delayMinMs - dwellMs : "delay-zero";
  const remaining = delayMs > dwellMs ? delayMs - dwellMs : delayMinMs;
  return remaining > maxMs ? "delay-too-long" : remaining;
};
