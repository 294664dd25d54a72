/**
 * `npm run bench -- --mix`: a whole mix process under load, on Node.
 *
 * A real cmd/mix.ts with its store in a file, between neighbours that this process plays (mix_world.ts,
 * mix_traffic.ts): as many packets as the mix takes, a window of them under way, once for the processor time that they
 * take and once for how late timers are meanwhile (mix_probe.mjs), which takes some; then half as many a second, at
 * random times. All that comes out is checked byte for byte, afterwards.
 *
 * Added latency is from handing a packet to this process's socket until it has come back from another one, less the
 * delay that it asks for. Processor time is told by thread: a mix with w workers forwards at most
 * min(1 / main, w / workers) packets a ms, given cores for all.
 *
 * @module
 */
import process from "node:process";
import { freePorts } from "../../adapters/free_ports.ts";
import { createEpochClock } from "../../core/pki/epoch.ts";
import { quantile, runtime } from "./measure.ts";
import { type CpuTimes, type Delays, type LoopDelay, type MixChild, prepareMix } from "./mix_child.ts";
import { prepare, type Prepared, type Route } from "./mix_packets.ts";
import { createTraffic, type Traffic } from "./mix_traffic.ts";
import { authorityKeys, nextHop, startWorld } from "./mix_world.ts";

const links = 2;
/** Until the engine has compiled what a packet passes: before, the main thread takes twice as long. */
const warmUpPackets = 3000;
/** The same where each waits in its worker. */
const warmUpPacketsThatWait = 400;
/** What packets ask for, in ms: as little as there may be, and some at half load. */
const leastDelayMs = 1;
const delayMs = 20;
const epoch = 1000;
const periodMs = 2 * 60 * 60 * 1000;

interface Phase {
  readonly perSecond: number;
  readonly times: ReadonlyArray<number>;
  /** Null where nobody looked. */
  readonly loop: LoopDelay | null;
  /** Per packet, in ms. */
  readonly cpu: CpuTimes | null;
  /** Of this process, its neighbour, per packet in ms. */
  readonly neighbours: number;
}

const perPacket = (before: CpuTimes | null, after: CpuTimes | null, packets: number): CpuTimes | null => {
  if (before === null || after === null) return null;
  const of = (part: keyof CpuTimes): number => Number(((after[part] - before[part]) / packets).toFixed(3));
  return { main: of("main"), workers: of("workers"), rest: of("rest") };
};

const phase = async (
  mix: MixChild,
  traffic: Traffic,
  packets: ReadonlyArray<Prepared>,
  rate: number | null,
  probed: boolean,
): Promise<Phase> => {
  const sealed = traffic.seal(packets);
  if (probed) mix.watchTimers();
  const [before, ours] = [mix.cpuTimes(), process.cpuUsage()];
  const began = performance.now();
  const sent = await traffic.send(sealed, rate);
  const perSecond = (packets.length * 1000) / (performance.now() - began);
  const { user, system } = process.cpuUsage(ours);
  const loop = probed ? await mix.loopDelay() : null;
  const cpu = perPacket(before, mix.cpuTimes(), packets.length);
  return { perSecond, times: traffic.check(sent), loop, cpu, neighbours: (user + system) / 1000 / packets.length };
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
  /** ms per packet at full load of the process that plays the neighbours. */
  readonly neighbours: number;
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

const resultOf = (workers: number, saturated: Phase, watched: Phase, half: Phase): MixResult => {
  const added = half.times.map((time) => time - delayMs);
  return {
    name: `mix-process-${workers}-workers`,
    runtime,
    workers,
    packetsPerSecond: Math.round(saturated.perSecond),
    addedLatency: { p50: rounded(quantile(added, 0.5)), p99: rounded(quantile(added, 0.99)) },
    loopDelay: roundedDelay(watched.loop!),
    loopDelayAtHalf: roundedDelay(half.loop!),
    cpu: saturated.cpu,
    neighbours: Number(saturated.neighbours.toFixed(3)),
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
  const world = await startWorld({ epoch, links, ports });
  mix.start();
  const neighbours = await world.ready;
  const route: Route = { mix: { id: mix.keys.identityKey, publicKey: neighbours.mixKey }, next: nextHop };
  const traffic = createTraffic(neighbours, route);
  const make = (count: number, delay: number): Prepared[] => Array.from({ length: count }, () => prepare(route, delay));
  await phase(mix, traffic, make(unwrapWaitMs > 0 ? warmUpPacketsThatWait : warmUpPackets, leastDelayMs), null, false);
  const saturated = await phase(mix, traffic, make(packets, leastDelayMs), null, false);
  const watched = await phase(mix, traffic, make(packets, leastDelayMs), null, true);
  const half = await phase(mix, traffic, make(Math.ceil(packets / 2), delayMs), saturated.perSecond / 2, true);
  await mix.stop();
  await world.stop();
  return resultOf(workers, saturated, watched, half);
};

const showDelays = ({ p50, p99, max }: Delays): string => `p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`;

const showDelay = (when: string, { late, own }: LoopDelay): string =>
  `  timers at ${when} load are late by ${showDelays(late)}` +
  (own === null ? "" : `; without waiting for a processor by ${showDelays(own)}`);

/** What the times say that the mix forwards, given processors for all threads. */
const showBounds = ({ main, workers }: CpuTimes): string => {
  const [one, two] = [1, 2].map((count) => Math.floor(1000 * Math.min(1 / main, count / workers)));
  return `  with processors for all threads: ${one} packets/s with one worker, ${two} with two`;
};

const showCpu = ({ main, workers, rest }: CpuTimes, neighbours: number): string =>
  `  processor time per packet: main thread ${main} ms, workers ${workers} ms, rest ${rest} ms; ` +
  `neighbours ${neighbours} ms`;

const show = (
  { workers, packetsPerSecond, addedLatency, loopDelay, loopDelayAtHalf, cpu, neighbours }: MixResult,
): string =>
  [
    `mix process, ${workers} workers: ${packetsPerSecond} packets/s`,
    `  added latency at half load: p50 ${addedLatency.p50} ms, p99 ${addedLatency.p99} ms`,
    showDelay("full", loopDelay),
    showDelay("half", loopDelayAtHalf),
    ...(cpu === null ? [] : [showCpu(cpu, neighbours)]),
    ...(cpu === null || workers === 0 ? [] : [showBounds(cpu)]),
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
