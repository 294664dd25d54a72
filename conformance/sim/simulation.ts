/**
 * A whole run: a network and its users in virtual time from the epoch before its genesis, watched by all oracles, then
 * quiet epochs in which what is under way has to arrive.
 *
 * @module
 */
import type { Suite } from "../../core/crypto/suite.ts";
import { wall } from "../../core/machine.ts";
import { createEpochClock, epochStart, katzenpostOriginMs } from "../../core/pki/epoch.ts";
import type { LoopixParameters } from "../../core/pki/parameters.ts";
import { deriveSeed } from "../../core/random.ts";
import type { Geometry } from "../../core/sphinx/geometry.ts";
import { uint64 } from "../../core/bytes.ts";
import { sha256 } from "@noble/hashes/sha2.js";
import type { HostSpec, Observer } from "./host.ts";
import { createNetwork, type Network } from "./network.ts";
import { conservation } from "./oracles/conservation.ts";
import { consensus } from "./oracles/consensus.ts";
import { logs } from "./oracles/logs.ts";
import type { CreateOracle, Oracle, View, Violation } from "./oracles/oracle.ts";
import { progress } from "./oracles/progress.ts";
import { requests } from "./oracles/requests.ts";
import { sharedRandom } from "./oracles/shared_random.ts";
import { surbs } from "./oracles/surbs.ts";
import { createPrng } from "./prng.ts";
import { askStatus, registerAll, requestAll } from "./scenario.ts";
import { createWorld, type World } from "./world.ts";

export interface SimulationOptions {
  readonly seed: number;
  /** Epochs with a document in which users are active. */
  readonly epochs: number;
  readonly suite: Suite;
  readonly geometry: Geometry;
  readonly periodMs: number;
  readonly parameters: LoopixParameters;
  readonly authorities: number;
  readonly layers: number;
  readonly mixesPerLayer: number;
  readonly providers: number;
  readonly clients: number;
  /** Clients that ask for nothing. */
  readonly idle?: ReadonlyArray<string>;
  /** Watches beside the oracles. */
  readonly observer?: Observer;
  /** Changes a host before it starts: for runs that are to be caught. */
  readonly sabotage?: (spec: HostSpec) => HostSpec;
  /** Told as each epoch ends. */
  readonly onEpoch?: (
    progress: { readonly epoch: number; readonly traceHash: string; readonly traceLength: number },
  ) => void;
}

export interface SimulationResult {
  readonly traceHash: string;
  readonly traceLength: number;
  readonly violations: ReadonlyArray<Violation>;
  /** What each oracle saw. */
  readonly summaries: ReadonlyArray<{ readonly oracle: string; readonly summary: string }>;
  /** What ended the run early: a broken invariant or another bug. */
  readonly crash: Error | null;
}

/** What a run ends with: 0 all held, 127 crash, 128 liveness, 129 safety; the worst that happened decides. */
export const exitCodeOf = ({ crash, violations }: SimulationResult): number => {
  if (crash !== null) return 127;
  if (violations.some(({ kind }) => kind === "safety")) return 129;
  return violations.length > 0 ? 128 : 0;
};

/** The epoch in which every run begins; the genesis is the next one. */
const firstEpoch = 1000;
const samplesPerEpoch = 16;
/**
 * Hosts start in four waves of this part of an epoch: authorities, nodes, then, after users have registered, clients.
 */
const waveOf = ({ periodMs }: SimulationOptions): number => Math.floor(periodMs / 100);
/** More than these are not kept: one broken rule breaks often. */
const violationsMax = 100;

const creators: ReadonlyArray<CreateOracle> = [conservation, progress, consensus, sharedRandom, surbs, requests, logs];

interface Run {
  readonly options: SimulationOptions;
  readonly seed: Uint8Array;
  readonly network: Network;
  readonly world: World;
  readonly oracles: ReadonlyArray<Oracle>;
}

/** Starts the hosts one after another; users register once their Providers run. */
const start = ({ options, network, world, seed }: Run): void => {
  const prng = createPrng(seed, "starts");
  const wave = waveOf(options);
  const waves = new Map<string, number>([
    ...network.authorities.map((name) => [name, 0] as const),
    ...network.nodes.map((name) => [name, 1] as const),
    ...network.clients.map(({ name }) => [name, 3] as const),
  ]);
  for (const spec of network.hosts) {
    const host = world.add(options.sabotage?.(spec) ?? spec);
    world.at(waves.get(spec.name)! * wave + prng.below(wave), host.start);
  }
  world.at(2.5 * wave, () => registerAll(world, network));
};

/**
 * Users are active from the second tenth of an epoch to the last but one: packets have to arrive under a live document.
 */
const runEpoch = ({ options, network, world, oracles, seed }: Run, index: number, active: boolean): void => {
  const { periodMs } = options;
  const from = index * periodMs;
  if (active) {
    const epoch = firstEpoch + index;
    requestAll(world, network, seed, epoch, options.idle ?? [], {
      from: from + periodMs / 5,
      until: from + (periodMs * 4) / 5,
    });
  }
  for (let sample = 1; sample <= samplesPerEpoch; sample++) {
    world.runUntil(from + Math.floor((periodMs * sample) / (samplesPerEpoch + 1)));
    for (const oracle of oracles) oracle.sample?.();
  }
  askStatus(world, network, firstEpoch + index);
  world.runUntil(from + periodMs - 1);
  options.onEpoch?.({ epoch: firstEpoch + index, traceHash: world.traceHash(), traceLength: world.traceLength() });
};

/**
 * Long enough for what waits for its turn: lambdaP decides when, and twenty times its mean is next to never exceeded.
 */
const quietEpochs = ({ periodMs, parameters: { lambdaP } }: SimulationOptions): number =>
  Math.max(1, Math.ceil(20 / (lambdaP * periodMs)));

const runAll = (run: Run): void => {
  start(run);
  runEpoch(run, 0, false);
  for (let index = 1; index <= run.options.epochs; index++) runEpoch(run, index, true);
  for (let quiet = 1; quiet <= quietEpochs(run.options); quiet++) runEpoch(run, run.options.epochs + quiet, false);
  for (const oracle of run.oracles) oracle.finish?.();
};

const prepare = (options: SimulationOptions, violations: Violation[]): Run => {
  const seed = sha256(uint64(options.seed));
  const clock = createEpochClock(options.periodMs, katzenpostOriginMs);
  const network = createNetwork({ ...options, seed: deriveSeed(seed, "network"), clock });
  const originMs = epochStart(clock, firstEpoch);
  const latency = { minMs: 1, maxMs: 20, jitterMs: 5 };
  const world = createWorld({ seed: deriveSeed(seed, "world"), originMs, latency });
  const view: View = {
    network,
    clock,
    wall: () => wall(originMs + world.now()),
    machine: (host, address) => world.host(host).state().machines.get(address)?.state,
  };
  if (options.observer !== undefined) world.observe(options.observer);
  const oracles = creators.map((create) => {
    const oracle: Oracle = create(view, (kind, what) => {
      if (violations.length < violationsMax) violations.push({ kind, oracle: oracle.name, at: world.now(), what });
    });
    if (oracle.observer !== undefined) world.observe(oracle.observer);
    return oracle;
  });
  return { options, seed, network, world, oracles };
};

/** Runs to the end, or to the first exception. */
export const simulate = (options: SimulationOptions): SimulationResult => {
  const violations: Violation[] = [];
  const run = prepare(options, violations);
  let crash: Error | null = null;
  try {
    runAll(run);
  } catch (error) {
    crash = error instanceof Error ? error : new Error(String(error));
  }
  return {
    traceHash: run.world.traceHash(),
    traceLength: run.world.traceLength(),
    violations,
    summaries: run.oracles.map(({ name, summary }) => ({ oracle: name, summary: summary() })),
    crash,
  };
};
