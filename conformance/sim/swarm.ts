/**
 * Swarm testing: each seed has faults of its own. Which kinds there are, how many, how long, and whom they strike are
 * themselves drawn, so that some runs suffer much of one kind and others a little of everything.
 *
 * @module
 */
import type { Fault, Window } from "./fault.ts";
import type { Network } from "./network.ts";
import { createPrng, type Prng } from "./prng.ts";

export interface SwarmOptions {
  /** 32 bytes. */
  readonly seed: Uint8Array;
  readonly network: Network;
  readonly periodMs: number;
  /** When there may be faults: all end with it. */
  readonly span: Window;
}

interface Draw extends SwarmOptions {
  readonly prng: Prng;
  /** The longest fault of the kind that is being drawn, ms. */
  readonly lengthMaxMs: number;
}

type DrawFault = (draw: Draw) => Fault;

const pick = <T>(prng: Prng, of: ReadonlyArray<T>): T => of[prng.below(of.length)]!;

const everyone = ({ network }: Draw): ReadonlyArray<string> => [
  ...network.authorities,
  ...network.nodes,
  ...network.clients.map(({ name }) => name),
];

const window = ({ prng, span, lengthMaxMs }: Draw): Window => {
  const from = span.from + prng.below(span.until - span.from - 1);
  return { from, until: Math.min(span.until, from + 1 + prng.below(lengthMaxMs)) };
};

/** From 1 ms to `max`, each order of magnitude as likely as the next. */
const magnitude = (prng: Prng, max: number): number => {
  const below = 10 ** (1 + prng.below(String(max).length));
  return 1 + prng.below(Math.min(max, below));
};

/** Two sides: two hosts, or one and all others. */
const sides = (draw: Draw): { readonly a: ReadonlyArray<string>; readonly b: ReadonlyArray<string> } => {
  const all = everyone(draw);
  const one = pick(draw.prng, all);
  const others = all.filter((name) => name !== one);
  return { a: [one], b: draw.prng.once(3) ? others : [pick(draw.prng, others)] };
};

/**
 * The round of an epoch as authorities go through it: descriptors to P/2, votes to 5P/8, reveals to 6P/8, signatures to
 * 7P/8, then the document is given out. In eighths of the period.
 */
const phases: ReadonlyArray<readonly [from: number, until: number]> = [[0, 4], [4, 5], [5, 6], [6, 7], [7, 8], [0, 8]];

/** Some authorities are apart from all others, or from the other authorities, for one phase of a round or all. */
const partition: DrawFault = ({ prng, network, periodMs, span }) => {
  const { authorities } = network;
  const [first, last] = pick(prng, phases);
  const epoch = Math.floor(span.from / periodMs) + prng.below(Math.ceil((span.until - span.from) / periodMs));
  const cut = 1 + prng.below(Math.max(1, authorities.length - 1));
  const start = prng.below(authorities.length);
  const a = authorities.filter((_, at) => (at - start + authorities.length) % authorities.length < cut);
  const rest = authorities.filter((name) => !a.includes(name));
  const b = prng.once(2) ? rest : [...rest, ...network.nodes, ...network.clients.map(({ name }) => name)];
  const from = Math.max(span.from, Math.floor((epoch + first / 8) * periodMs));
  const until = Math.min(span.until, Math.floor((epoch + last / 8) * periodMs));
  return { type: prng.once(2) ? "Cut" : "Stall", from: Math.min(from, until - 1), until, a, b };
};

const kinds: ReadonlyArray<DrawFault> = [
  partition,
  (draw) => ({ type: "Cut", ...window(draw), ...sides(draw) }),
  (draw) => ({ type: "Stall", ...window(draw), ...sides(draw) }),
  (draw) => ({ type: "Slow", ...window(draw), ...sides(draw), ms: magnitude(draw.prng, 5_000) }),
  (draw) => ({ type: "Crash", ...window(draw), host: pick(draw.prng, everyone(draw)) }),
  (draw) => ({ type: "Crash", ...window(draw), host: pick(draw.prng, draw.network.authorities) }),
  (draw) => ({ type: "Suspend", ...window(draw), host: pick(draw.prng, draw.network.clients).name }),
  (draw) => ({
    type: "Clock",
    ...window(draw),
    host: pick(draw.prng, everyone(draw)),
    ms: magnitude(draw.prng, 2 * draw.periodMs) * (draw.prng.once(2) ? 1 : -1),
  }),
  (draw) => ({
    type: "SlowDisk",
    ...window(draw),
    host: pick(draw.prng, everyone(draw)),
    ms: magnitude(draw.prng, 3_000),
  }),
  (draw) => ({ type: "FullDisk", ...window(draw), host: pick(draw.prng, draw.network.providers) }),
  (draw) => ({ type: "Replay", ...window(draw), host: pick(draw.prng, draw.network.nodes) }),
];

/** How many faults of one kind a run has at most. */
const perKindMax = 4;

/** One disk is full, or one process dead, once at a time: the ends of overlapping ones would be ambiguous. */
const isFree = (faults: ReadonlyArray<Fault>, fault: Fault): boolean =>
  !("host" in fault) || !["FullDisk", "Crash", "Suspend", "Replay"].includes(fault.type) ||
  !faults.some((other) =>
    "host" in other && other.host === fault.host && other.type === fault.type && other.from <= fault.until &&
    fault.from <= other.until
  );

/** The faults of a seed, in the order of their beginnings. */
export const drawFaults = (options: SwarmOptions): ReadonlyArray<Fault> => {
  const prng = createPrng(options.seed, "swarm");
  const faults: Fault[] = [];
  for (const kind of kinds) {
    if (prng.once(2)) continue;
    const count = 1 + prng.below(perKindMax);
    const lengthMaxMs = magnitude(prng, options.span.until - options.span.from);
    for (let i = 0; i < count; i++) {
      const fault = kind({ ...options, prng, lengthMaxMs });
      if (isFree(faults, fault)) faults.push(fault);
    }
  }
  return faults.sort((a, b) => a.from - b.from || a.until - b.until);
};
