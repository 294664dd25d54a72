/**
 * `npm run bench -- --mix`: a whole mix process under load, on Node.
 *
 * A real cmd/mix.ts with its store in a file, between neighbours that this process plays (mix_world.ts). First packets
 * are sent and what comes out is checked byte for byte; then as many as the mix takes, a window of them under way; then
 * half as many a second, at random times. Under load every 64th packet is checked.
 *
 * Added latency is from handing a packet to this process's shell until it is in this process again, less the delay that
 * it asks for: the work of both neighbours is in it. Processor time is told by thread, since this process takes a core
 * of its own: a mix with w workers forwards at most min(1 / main, w / workers) packets a ms, given cores for all.
 *
 * @module
 */
import assert from "node:assert/strict";
import { freePorts } from "../../adapters/free_ports.ts";
import { createEpochClock } from "../../core/pki/epoch.ts";
import { quantile, runtime } from "./measure.ts";
import { type CpuTimes, type Delays, type LoopDelay, type MixChild, prepareMix } from "./mix_child.ts";
import { checkForwarded, nameOf, packetOf, prepare, type Prepared, type Route } from "./mix_packets.ts";
import { authorityKeys, nextHop, startWorld, type World } from "./mix_world.ts";

const links = 2;
/** Packets under way at full load: enough that the mix always has some. */
const windowMax = 64;
/** These are checked all. */
const checkedPackets = 400;
/** Until the engine has compiled what a packet passes: before, the main thread takes twice as long. */
const warmUpPackets = 3000;
/** What packets ask for, in ms: as little as there may be, and some at half load. */
const leastDelayMs = 1;
const delayMs = 20;
const checkedEvery = 64;
const phaseMs = 180_000;
const epoch = 1000;
const periodMs = 2 * 60 * 60 * 1000;

interface Flight {
  readonly prepared: Prepared;
  readonly sentAt: number;
}

interface Load {
  /** All at once, or so many a second at random times. Resolves with the ms that each was under way. */
  readonly run: (packets: ReadonlyArray<Prepared>, perSecond: number | null) => Promise<ReadonlyArray<number>>;
  readonly onPacket: (packet: Uint8Array) => void;
}

const createLoad = (route: () => Route, send: World["send"]): Load => {
  const flying = new Map<string, Flight>();
  const times: number[] = [];
  let [sent, arrived] = [0, 0];
  let onArrival: () => void = () => {};

  const launch = (prepared: Prepared): void => {
    flying.set(prepared.name, { prepared, sentAt: performance.now() });
    send(sent++ % links, packetOf(prepared));
  };

  const onPacket = (packet: Uint8Array): void => {
    const now = performance.now();
    const flight = flying.get(nameOf(packet));
    assert.notEqual(flight, undefined, "a packet that nobody sent");
    flying.delete(nameOf(packet));
    times.push(now - flight!.sentAt);
    if (arrived < checkedPackets || arrived % checkedEvery === 0) checkForwarded(flight!.prepared, route(), packet);
    arrived++;
    onArrival();
  };

  const full = (waiting: Prepared[]): void => {
    while (flying.size < windowMax && waiting.length > 0) launch(waiting.pop()!);
  };

  const atRate = (waiting: Prepared[], perSecond: number): void => {
    let due = performance.now();
    const go = (): void => {
      for (; due <= performance.now() && waiting.length > 0; due -= (Math.log(1 - Math.random()) * 1000) / perSecond) {
        launch(waiting.pop()!);
      }
      if (waiting.length > 0) setTimeout(go, 1);
    };
    go();
  };

  const run: Load["run"] = (packets, perSecond) =>
    new Promise((resolve, reject) => {
      times.length = 0;
      const waiting = [...packets];
      const timer = setTimeout(
        () => reject(new Error(`${times.length} of ${packets.length} packets came back in ${phaseMs} ms`)),
        phaseMs,
      );
      onArrival = () => {
        if (perSecond === null) full(waiting);
        if (times.length < packets.length) return;
        clearTimeout(timer);
        resolve([...times]);
      };
      if (perSecond === null) full(waiting);
      else atRate(waiting, perSecond);
    });

  return { run, onPacket };
};

interface Phase {
  readonly perSecond: number;
  readonly times: ReadonlyArray<number>;
  readonly loop: LoopDelay;
  /** Per packet, in ms. */
  readonly cpu: CpuTimes | null;
}

const perPacket = (before: CpuTimes | null, after: CpuTimes | null, packets: number): CpuTimes | null => {
  if (before === null || after === null) return null;
  const of = (part: keyof CpuTimes): number => Number(((after[part] - before[part]) / packets).toFixed(3));
  return { main: of("main"), workers: of("workers"), rest: of("rest") };
};

const phase = async (
  mix: MixChild,
  load: Load,
  packets: ReadonlyArray<Prepared>,
  rate: number | null,
): Promise<Phase> => {
  await mix.loopDelay();
  const before = mix.cpuTimes();
  const began = performance.now();
  const times = await load.run(packets, rate);
  const perSecond = (packets.length * 1000) / (performance.now() - began);
  return { perSecond, times, loop: await mix.loopDelay(), cpu: perPacket(before, mix.cpuTimes(), packets.length) };
};

export interface MixResult {
  readonly name: string;
  readonly runtime: string;
  readonly workers: number;
  readonly packetsPerSecond: number;
  /** ms at half load. */
  readonly addedLatency: { readonly p50: number; readonly p99: number };
  /** ms at full load. */
  readonly loopDelay: LoopDelay;
  readonly loopDelayAtHalf: LoopDelay;
  /** ms per packet at full load. */
  readonly cpu: CpuTimes | null;
}

const rounded = (value: number): number => Number(value.toFixed(2));

const roundedDelays = ({ p50, p99, max }: Delays): Delays => ({
  p50: rounded(p50),
  p99: rounded(p99),
  max: rounded(max),
});

const roundedDelay = ({ late, own }: LoopDelay): LoopDelay => ({
  late: roundedDelays(late),
  own: own === null ? null : roundedDelays(own),
});

const resultOf = (workers: number, saturated: Phase, half: Phase): MixResult => {
  const added = half.times.map((time) => time - delayMs);
  return {
    name: `mix-process-${workers}-workers`,
    runtime,
    workers,
    packetsPerSecond: Math.round(saturated.perSecond),
    addedLatency: { p50: rounded(quantile(added, 0.5)), p99: rounded(quantile(added, 0.99)) },
    loopDelay: roundedDelay(saturated.loop),
    loopDelayAtHalf: roundedDelay(half.loop),
    cpu: saturated.cpu,
  };
};

const measureMix = async (
  { packets, unwrapWaitMs, flags, profile }: MixBench,
  workers: number,
): Promise<MixResult> => {
  const [authority, next, mixPort] = await freePorts("127.0.0.1", 3);
  const clock = createEpochClock(periodMs, Math.round(Date.now() - (epoch + 0.25) * periodMs));
  const ports = { authority: authority!, next: next!, mix: mixPort! };
  const mix = prepareMix({
    workers,
    ports,
    authorityKey: authorityKeys.identityKey,
    clock,
    unwrapWaitMs,
    flags,
    profile,
  });
  let route: Route | null = null;
  let load: Load | null = null;
  const world = await startWorld({ epoch, links, ports, mix: mix.keys, onPacket: (packet) => load?.onPacket(packet) });
  load = createLoad(() => route!, world.send);
  mix.start();
  route = { mix: { id: mix.keys.identityKey, publicKey: await world.ready }, next: nextHop };
  const make = (count: number, delay: number): Prepared[] =>
    Array.from({ length: count }, () => prepare(route!, delay));
  await load.run(make(unwrapWaitMs > 0 ? checkedPackets : warmUpPackets, leastDelayMs), null);
  const saturated = await phase(mix, load, make(packets, leastDelayMs), null);
  const half = await phase(mix, load, make(Math.ceil(packets / 2), delayMs), saturated.perSecond / 2);
  await mix.stop();
  await world.stop();
  return resultOf(workers, saturated, half);
};

const showDelays = ({ p50, p99, max }: Delays): string => `p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`;

const showDelay = (when: string, { late, own }: LoopDelay): string =>
  `  timers at ${when} load are late by ${showDelays(late)}` +
  (own === null ? "" : `; without waiting for a processor by ${showDelays(own)}`);

const showCpu = ({ main, workers, rest }: CpuTimes): string =>
  `  processor time per packet: main thread ${main} ms, workers ${workers} ms, rest ${rest} ms`;

const show = ({ workers, packetsPerSecond, addedLatency, loopDelay, loopDelayAtHalf, cpu }: MixResult): string =>
  [
    `mix process, ${workers} workers: ${packetsPerSecond} packets/s`,
    `  added latency at half load: p50 ${addedLatency.p50} ms, p99 ${addedLatency.p99} ms`,
    showDelay("full", loopDelay),
    showDelay("half", loopDelayAtHalf),
    ...(cpu === null ? [] : [showCpu(cpu)]),
  ].join("\n");

export interface MixBench {
  readonly json: boolean;
  readonly workers: ReadonlyArray<number>;
  readonly packets: number;
  /** ms that a worker waits with each packet, on top of unwrapping it: 0 but to see whether workers add up. */
  readonly unwrapWaitMs: number;
  /** Of Node, for the mix. */
  readonly flags: ReadonlyArray<string>;
  /** A folder for CPU profiles, or null. */
  readonly profile: string | null;
}

/** Measures a mix process with each number of workers. */
export const benchMix = async (bench: MixBench): Promise<void> => {
  for (const count of bench.workers) {
    const result = await measureMix(bench, count);
    console.log(bench.json ? JSON.stringify(result) : show(result));
  }
};
