/**
 * A whole run: a network and its users in virtual time from the epoch before its genesis, watched by all oracles, then
 * quiet epochs in which what is under way has to arrive.
 *
 * Faults come over the epochs with active users, the genesis the first of them: nothing that must not happen may
 * happen.
 * Then they stop; some epochs later everything has to work again, which users prove for one more epoch.
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
import type { ClientTiming } from "../../core/client/config.ts";
import type { Limits } from "../../core/mix/config.ts";
import type { Fault } from "./fault.ts";
import type { HostSpec } from "./host.ts";
import type { Observer } from "./watch.ts";
import { createNetwork, type Network } from "./network.ts";
import { bounds } from "./oracles/bounds.ts";
import { conservation } from "./oracles/conservation.ts";
import { consensus } from "./oracles/consensus.ts";
import { grace } from "./oracles/grace.ts";
import { inFlight } from "./oracles/in_flight.ts";
import { instants } from "./oracles/instants.ts";
import { links } from "./oracles/links.ts";
import { logs } from "./oracles/logs.ts";
import type { CreateOracle, Oracle, View, Violation } from "./oracles/oracle.ts";
import { progress } from "./oracles/progress.ts";
import { replays } from "./oracles/replays.ts";
import { requests } from "./oracles/requests.ts";
import { sharedRandom } from "./oracles/shared_random.ts";
import { surbs } from "./oracles/surbs.ts";
import { createPrng } from "./prng.ts";
import { registerAll, requestAll } from "./scenario.ts";
import { drawFaults } from "./swarm.ts";
import { bring, weatherOf } from "./weather.ts";
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
  /** What happens to it; `swarm` leaves that to the seed. Default: nothing. */
  readonly faults?: ReadonlyArray<Fault> | "swarm";
  /** Clients that ask for nothing. */
  readonly idle?: ReadonlyArray<string>;
  /** Plans more than the scenario does, before the run begins. */
  readonly plan?: (world: World, network: Network) => void;
  /** Watches beside the oracles. */
  readonly observer?: Observer;
  /** Changes a host before it starts: for runs that are to be caught. */
  readonly sabotage?: (spec: HostSpec) => HostSpec;
  /** Whether everything goes into the trace hash (default); without, large networks run quicker. */
  readonly traced?: boolean;
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
  /** How long the run was, in ms of virtual time. */
  readonly virtualMs: number;
  /** What the network went through. */
  readonly faults: ReadonlyArray<Fault>;
}

/** What a run ends with: 0 all held, 127 crash, 128 liveness, 129 safety; the worst that happened decides. */
export const exitCodeOf = ({ crash, violations }: SimulationResult): number => {
  if (crash !== null) return 127;
  if (violations.some(({ kind }) => kind === "safety")) return 129;
  return violations.length > 0 ? 128 : 0;
};

/** The epoch in which every run begins; the genesis is the next one. */
export const firstEpoch = 1000;
const samplesPerEpoch = 16;
/**
 * Hosts start in four waves of this part of an epoch: authorities, nodes, then, after users have registered, clients.
 */
const waveOf = ({ periodMs }: SimulationOptions): number => Math.floor(periodMs / 100);
/** More than these are not kept: one broken rule breaks often. */
const violationsMax = 100;

const creators: ReadonlyArray<CreateOracle> = [
  conservation,
  progress,
  consensus,
  sharedRandom,
  surbs,
  requests,
  grace,
  replays,
  bounds,
  inFlight,
  instants,
  links,
  logs,
];

/** In networks with faults: deadlines that do not scale with the epoch are those of hours, not of seconds. */
const shortTiming: Partial<ClientTiming> = {
  reconnectStepMs: 1_000,
  reconnectMaxMs: 4_000,
  dialMs: 4_000,
  handshakeMs: 4_000,
  answerMs: 4_000,
  replySlackMs: 8_000,
  queuedMaxMs: 30_000,
};
const shortLimits: Partial<Limits> = {
  connectTimeoutMs: 4_000,
  handshakeTimeoutMs: 4_000,
  reconnectMinMs: 1_000,
  reconnectMaxMs: 4_000,
  writeTimeoutMs: 4_000,
};

/**
 * Epochs after the last fault until everything works again: one to meet in, one to vote in, one that has a
 * document.
 */
const settlingEpochs = 3;

interface Run {
  readonly options: SimulationOptions;
  readonly seed: Uint8Array;
  readonly network: Network;
  readonly world: World;
  readonly oracles: ReadonlyArray<Oracle>;
  readonly faults: ReadonlyArray<Fault>;
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
  world.runUntil(from + periodMs - 1);
  options.onEpoch?.({ epoch: firstEpoch + index, traceHash: world.traceHash(), traceLength: world.traceLength() });
};

/**
 * Long enough for what waits for its turn: lambdaP decides when, and twelve times its mean is next to never exceeded
 * (e^-12). Then it is delayed by up to ten hops there and back, whose sum is as seldom above 32 times the mean of one.
 */
const quietEpochs = ({ periodMs, parameters: { lambdaP, mu } }: SimulationOptions): number =>
  Math.max(1, Math.ceil((12 / lambdaP + 32 / mu) / periodMs));

const runAll = (run: Run): void => {
  const { options, world, oracles, faults } = run;
  start(run);
  bring(world, faults);
  options.plan?.(world, run.network);
  runEpoch(run, 0, false);
  let index = 1;
  const go = (epochs: number, active: boolean): void => {
    for (const end = index + epochs; index < end; index++) runEpoch(run, index, active);
  };
  go(options.epochs, true);
  if (options.faults !== undefined) {
    go(settlingEpochs, false);
    go(1, true);
  }
  go(quietEpochs(options), false);
  for (const oracle of oracles) oracle.finish?.();
};

/**
 * When users prove that everything works, in ms since the run began: what the oracles of a faultless run go by is
 * 0.
 */
const settledAtOf = ({ faults, epochs, periodMs }: SimulationOptions): number =>
  faults === undefined ? 0 : (1 + epochs + settlingEpochs) * periodMs;

const faultsOf = (options: SimulationOptions, seed: Uint8Array, network: Network): ReadonlyArray<Fault> => {
  if (options.faults !== "swarm") return options.faults ?? [];
  const { periodMs, epochs } = options;
  return drawFaults({ seed, network, periodMs, span: { from: periodMs, until: (1 + epochs) * periodMs } });
};

const prepare = (options: SimulationOptions, violations: Violation[]): Run => {
  const seed = sha256(uint64(options.seed));
  const clock = createEpochClock(options.periodMs, katzenpostOriginMs);
  const short = options.faults === undefined ? {} : { timing: shortTiming, limits: shortLimits };
  const network = createNetwork({ ...options, ...short, seed: deriveSeed(seed, "network"), clock });
  const originMs = epochStart(clock, firstEpoch);
  const latency = { minMs: 1, maxMs: 20, jitterMs: 5 };
  const world = createWorld({ seed: deriveSeed(seed, "world"), originMs, latency, traced: options.traced ?? true });
  const faults = faultsOf(options, seed, network);
  const view: View = {
    network,
    clock,
    parameters: options.parameters,
    geometry: options.geometry,
    wall: () => wall(originMs + world.now()),
    now: world.now,
    system: (host) => world.host(host).state(),
    hostNow: (host) => world.host(host).now(),
    tables: (host) => world.host(host).tables(),
    weather: weatherOf(faults),
    settledAt: settledAtOf(options),
  };
  if (options.observer !== undefined) world.observe(options.observer);
  const oracles = creators.map((create) => {
    const oracle: Oracle = create(view, (kind, what) => {
      if (violations.length < violationsMax) violations.push({ kind, oracle: oracle.name, at: world.now(), what });
    });
    if (oracle.observer !== undefined) world.observe(oracle.observer);
    return oracle;
  });
  return { options, seed, network, world, oracles, faults };
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
    virtualMs: run.world.now(),
    faults: run.faults,
  };
};
