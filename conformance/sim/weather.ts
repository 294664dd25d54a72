/**
 * The faults of a run: brought over a world at their instants, and what oracles may ask about them.
 *
 * @module
 */
import { createRecorder, type Recorder } from "./adversary.ts";
import { type Fault, hostsOf } from "./fault.ts";
import { absurd } from "../../core/machine.ts";
import type { World } from "./world.ts";

/** What an oracle may know of the faults. Instants are ms since the run began. */
export interface Weather {
  readonly faults: ReadonlyArray<Fault>;
  /** Some fault was there between the two instants. */
  readonly wasFoul: (from: number, until: number) => boolean;
  /** Some fault of a kind concerned the host between the two instants. */
  readonly wasHit: (host: string, types: ReadonlyArray<Fault["type"]>, from: number, until: number) => boolean;
  /** When the last fault has ended; 0 where there was none. */
  readonly healedAt: number;
}

const overlaps = (fault: Fault, from: number, until: number): boolean => fault.from < until && fault.until >= from;

export const weatherOf = (faults: ReadonlyArray<Fault>): Weather => ({
  faults,
  wasFoul: (from, until) => faults.some((fault) => overlaps(fault, from, until)),
  wasHit: (host, types, from, until) =>
    faults.some((fault) => types.includes(fault.type) && hostsOf(fault).includes(host) && overlaps(fault, from, until)),
  healedAt: faults.reduce((latest, { until }) => Math.max(latest, until), 0),
});

/** Calls for all pairs of a link fault. */
const links = (world: World, { a, b }: Extract<Fault, { a: unknown }>) =>
  a.flatMap((one) => b.filter((other) => other !== one).map((other) => world.link(one, other)));

/** A host that sleeps hears nothing: its links stall. */
const allLinks = (world: World, host: string) =>
  world.hosts().filter((other) => other !== host).map((other) => world.link(host, other));

const turn = (world: World, recorder: Recorder, fault: Fault, by: 1 | -1): void => {
  switch (fault.type) {
    case "Cut":
      return links(world, fault).forEach((link) => link.cut(by));
    case "Stall":
      return links(world, fault).forEach((link) => link.stall(by));
    case "Slow":
      return links(world, fault).forEach((link) => link.slow(by * fault.ms));
    case "Clock":
      return world.host(fault.host).stepClock(by * fault.ms);
    case "SlowDisk":
      return world.host(fault.host).disk.slowBy(by * fault.ms);
    case "FullDisk":
      return world.host(fault.host).disk.setFull(by === 1);
    case "Crash":
      return by === 1 ? world.host(fault.host).crash() : restart(world, fault.host);
    case "Replay":
      return by === 1 ? recorder.record(fault.host) : recorder.replay(fault.host);
    case "Suspend":
      allLinks(world, fault.host).forEach((link) => link.stall(by));
      return by === 1 ? world.host(fault.host).suspend() : world.host(fault.host).awake();
    default:
      return absurd(fault);
  }
};

// Of two crashes that overlap the first to end brings the host back.
const restart = (world: World, host: string): void => {
  if (world.host(host).state() === null) world.host(host).start();
};

/** Plans all faults. */
export const bring = (world: World, faults: ReadonlyArray<Fault>): void => {
  const recorder = createRecorder(world);
  for (const fault of faults) {
    world.at(fault.from, () => turn(world, recorder, fault, 1));
    world.at(fault.until, () => turn(world, recorder, fault, -1));
  }
};
