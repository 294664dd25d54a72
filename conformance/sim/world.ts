/**
 * A world of hosts on one agenda. Everything that happens follows from the seed.
 *
 * @module
 */
import { createAgenda } from "./agenda.ts";
import { createHost, type Host, type HostSpec, type Surroundings } from "./host.ts";
import type { Latency, Link } from "./link.ts";
import { createNet } from "./net.ts";
import { invariant } from "../../core/machine.ts";
import { createTrace } from "./trace.ts";
import { createWatch, type Observer } from "./watch.ts";

export interface WorldOptions {
  /** 32 bytes. */
  readonly seed: Uint8Array;
  /** Wall-clock time at which the run begins, in ms since 1970. */
  readonly originMs: number;
  readonly latency: Latency;
  /** Whether everything is folded into the trace hash. Default: yes. */
  readonly traced?: boolean;
}

export interface World {
  readonly add: (spec: HostSpec) => Host;
  readonly host: (name: string) => Host;
  readonly hosts: () => ReadonlyArray<string>;
  /** What lies between two hosts. */
  readonly link: (a: string, b: string) => Link;
  /** Lets an observer see everything from now on. */
  readonly observe: (observer: Observer) => void;
  /** ms since the run began. */
  readonly now: () => number;
  readonly at: (instant: number, action: () => void) => void;
  readonly runUntil: (instant: number) => void;
  readonly traceHash: () => string;
  /** Inputs and effects so far. */
  readonly traceLength: () => number;
}

export const createWorld = (options: WorldOptions): World => {
  const agenda = createAgenda();
  const net = createNet(agenda, options.seed, options.latency);
  const trace = createTrace();
  const tracer: Observer = {
    started: (at, host) => trace.fold(["start", at, host]),
    crashed: (at, host) => trace.fold(["crash", at, host]),
    input: (at, host, input) => trace.fold(["in", at, host, input]),
    emission: (at, host, emission) => trace.fold(["out", at, host, emission]),
  };
  const watch = createWatch();
  if (options.traced !== false) watch.add(tracer);
  const surroundings: Surroundings = {
    agenda,
    net,
    seed: options.seed,
    originMs: options.originMs,
    watch,
  };
  const hosts = new Map<string, Host>();
  return {
    add: (spec) => {
      invariant(!hosts.has(spec.name), `two hosts are called ${spec.name}`);
      const host = createHost(spec, surroundings);
      hosts.set(spec.name, host);
      return host;
    },
    host: (name) => {
      const host = hosts.get(name);
      invariant(host !== undefined, `no host is called ${name}`);
      return host;
    },
    hosts: () => [...hosts.keys()],
    link: net.link,
    observe: watch.add,
    now: agenda.now,
    at: agenda.at,
    runUntil: agenda.runUntil,
    traceHash: trace.digest,
    traceLength: trace.length,
  };
};
