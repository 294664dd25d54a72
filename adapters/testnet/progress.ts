/**
 * What a test network has reached, learned from the log lines of its processes: each step is shown once, when the last
 * process has taken it.
 *
 * @module
 */
import type { LogLine } from "./children.ts";
import type { Screen } from "./screen.ts";

export interface Expected {
  readonly authorities: ReadonlyArray<string>;
  readonly nodes: ReadonlyArray<string>;
  readonly providers: ReadonlyArray<string>;
  readonly layers: number;
  readonly mixesPerLayer: number;
}

export interface Consensus {
  readonly epoch: number;
  readonly signatures: number;
  readonly of: number;
}

export interface Progress {
  readonly onLine: (name: string, line: LogLine) => void;
  /** All processes listen. */
  readonly listening: Promise<void>;
  /** All authorities have the first consensus. */
  readonly agreed: Promise<void>;
  /** A recent consensus that all authorities have, or null. */
  readonly consensusOf: (epoch: number) => Consensus | null;
  /** The last step that was shown: for whoever gives up waiting. */
  readonly lastStep: () => string;
}

/** Links of nodes: each to all of the next layer, and Providers at both ends. */
const linksOf = ({ providers, layers, mixesPerLayer }: Expected): number =>
  2 * providers.length * mixesPerLayer + (layers - 1) * mixesPerLayer * mixesPerLayer;

/** How long what was seen of an epoch is remembered. */
const epochsKept = 3;

/** Of no interest to whoever watches a network in memory start. */
const quietReasons: ReadonlySet<string> = new Set(["configuration"]);

export const createProgress = (expected: Expected, screen: Screen): Progress => {
  const seen = new Map<string, Set<string>>();
  const consensuses = new Map<number, Consensus>();
  let lastStep = "the processes were started";
  let onListening: () => void = () => {};
  const listening = new Promise<void>((resolve) => (onListening = resolve));
  let onAgreed: () => void = () => {};
  const agreed = new Promise<void>((resolve) => (onAgreed = resolve));
  const { authorities, nodes } = expected;
  const links = linksOf(expected);
  let isQuiet = false;

  const step = (label: string, text: string): void => {
    lastStep = text;
    if (!isQuiet) screen.step(label, text);
  };

  /** Counts who has taken a step; true when that makes `count`, once. */
  const complete = (what: string, who: string, count: number): boolean => {
    const names = seen.get(what) ?? new Set();
    seen.set(what, names);
    if (names.has(who)) return false;
    names.add(who);
    return names.size === count;
  };

  const onConsensus = (name: string, { epoch, signatures, of, mixes, providers }: LogLine): void => {
    if (!complete(`consensus ${epoch}`, name, authorities.length)) return;
    const made: Consensus = { epoch: Number(epoch), signatures: Number(signatures), of: Number(of) };
    consensuses.set(made.epoch, made);
    consensuses.delete(made.epoch - epochsKept);
    const text = `epoch ${made.epoch}: ${made.signatures} of ${made.of} signatures on ${mixes} mixes ` +
      `in ${expected.layers} layers and ${providers} Providers`;
    step("consensus", text);
    onAgreed();
    for (const what of [...seen.keys()]) {
      if (/ [0-9]+$/.test(what) && Number(what.split(" ").at(-1)) < made.epoch - epochsKept) seen.delete(what);
    }
  };

  const onLine = (name: string, line: LogLine): void => {
    const { reason, level, message, epoch } = line;
    const isAuthority = authorities.includes(name);
    if (level !== "INFO" && level !== "NOTICE" && !quietReasons.has(reason)) screen.warn(`${name}: ${message}`);
    if (reason === "listening" && complete("listening", name, authorities.length + nodes.length)) {
      step("listening", `all ${authorities.length + nodes.length} processes`);
      onListening();
    }
    if (reason === "descriptor" && isAuthority) {
      const who = `${name} ${String(line["name"])}`;
      if (complete(`descriptor ${epoch}`, who, authorities.length * nodes.length)) {
        step("published", `epoch ${epoch}: each authority has the descriptors of all ${nodes.length} nodes`);
      }
    }
    if (reason === "vote" && complete(`vote ${epoch}`, name, authorities.length)) {
      step("votes", `epoch ${epoch}: ${authorities.length} authorities vote`);
    }
    if (reason === "reveal" && complete(`reveal ${epoch}`, name, authorities.length)) {
      step("reveals", `epoch ${epoch}: ${authorities.length} authorities reveal their share of the random value`);
    }
    if (reason === "consensus") onConsensus(name, line);
    if (
      reason === "connected" && line["direction"] === "out" &&
      complete("link", `${name} ${String(line["peer"])}`, links)
    ) {
      step("connected", `all ${links} links between neighbouring layers are up`);
      // From here on the epochs repeat themselves.
      isQuiet = true;
    }
  };

  return {
    onLine,
    listening,
    agreed,
    consensusOf: (epoch) => consensuses.get(epoch) ?? null,
    lastStep: () => lastStep,
  };
};
