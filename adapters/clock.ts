/**
 * The two clocks of a Context (core/machine.ts).
 *
 * The monotonic one counts the time that the machine was suspended, too, since deadlines that protect against a peer's
 * silence mean real time. The platform's own does not: how much it missed is learned from the system's uptime.
 *
 * @module
 */
import { uptime } from "node:os";
import { type Mono, mono, type Wall, wall } from "../core/machine.ts";

export interface Clock {
  /** Never goes backwards. */
  readonly now: () => Mono;
  /** As the system's administrator sets it. */
  readonly wall: () => Wall;
}

/** What a clock is read from; times in ms. */
export interface TimeSources {
  readonly monotonic: () => number;
  readonly wall: () => number;
  /** Since the system started, suspension included; whole seconds are enough. Null where the platform does not tell. */
  readonly uptime: () => number | null;
}

/** Reading the uptime costs a system call: it is done this often, in ms. */
const uptimeIntervalMs = 1000;
/** Uptime is told in whole seconds on some platforms: less than this is no suspension. */
const suspensionMinMs = 2000;

const systemUptime = (): number | null => {
  try {
    return uptime() * 1000;
  } catch {
    // Deno without --allow-sys: deadlines then do not count suspended time.
    return null;
  }
};

export const platformTime: TimeSources = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  uptime: systemUptime,
};

export const createClock = (sources: TimeSources = platformTime): Clock => {
  let latest = 0;
  let suspended = 0;
  let lookedAt = sources.monotonic();
  const up = sources.uptime();
  let offset = up === null ? null : up - lookedAt;

  const countSuspension = (at: number): void => {
    if (offset === null || at - lookedAt < uptimeIntervalMs) return;
    lookedAt = at;
    const upNow = sources.uptime();
    if (upNow === null) return;
    const missed = upNow - at - offset;
    if (missed < suspensionMinMs) return;
    suspended += missed;
    offset += missed;
  };

  return {
    now: () => {
      const at = sources.monotonic();
      countSuspension(at);
      latest = Math.max(latest, at + suspended);
      return mono(latest);
    },
    wall: () => wall(sources.wall()),
  };
};
