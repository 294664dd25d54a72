/**
 * Path selection: the hops of a packet and of the reply to it, their delays, and the key of each hop in the epoch in
 * which the packet gets there (specs/end_to_end.rst §5.2, wire-facts §1.6).
 *
 * - From a client the forward path is [own Provider, a mix of each layer, destination]; from a node it begins in the
 *   layer after the node's own, for a Provider in the first. The way back has all layers before the receiving node's
 *   own.
 * - Mixes are chosen uniformly, not by capacity (D7). Delays are floor(Exp(mean 1/mu)) + 1 ms, clamped.
 * - The last hop of a forward packet has a delay exactly when the packet carries a SURB: it postpones the reply (D8).
 * - Where a key is missing, or all delays together reach two epochs (D9), everything is chosen anew, three times at
 *   most.
 *
 * One document serves for the whole way, as in the Go code: descriptors hold the keys of three epochs.
 *
 * @module
 */
import { equal } from "../bytes.ts";
import { E, type Either } from "../fp.ts";
import { type Wall, wall } from "../machine.ts";
import type { Descriptor } from "../pki/descriptor.ts";
import type { Document, LoopixParameters } from "../pki/document.ts";
import { epochAt, type EpochClock } from "../pki/epoch.ts";
import { exponentialMs, pick, type Random } from "../random.ts";
import type { PathHop } from "./build.ts";
import { delayMaxMs, type RoutingCommand } from "./commands.ts";

/** What paths are chosen in. */
export interface PathContext {
  readonly clock: EpochClock;
  readonly document: Document;
  /** When the packet leaves. */
  readonly at: Wall;
}

export interface PathRequest {
  /** A client behind the Provider `source`, or the mix or Provider `source` itself (a decoy). */
  readonly from: "client" | "node";
  /** Identity key of the sender's Provider, or of the node, 32 bytes. */
  readonly source: Uint8Array;
  /** Identity key of the Provider that the packet ends at, 32 bytes. */
  readonly destination: Uint8Array;
  /** Who it is for at the destination, 64 bytes. */
  readonly recipient: Uint8Array;
  /** Where a reply is wanted: the id of its SURB (16 bytes) and whom it is for at `source` (64 bytes). */
  readonly reply: { readonly surbId: Uint8Array; readonly recipient: Uint8Array } | null;
}

export interface Path {
  /** Never empty; the first hop is where to send the packet. */
  readonly forward: ReadonlyArray<PathHop>;
  /** The path of the SURB, where a reply is wanted. */
  readonly reply: ReadonlyArray<PathHop> | null;
  /** The sum of all delays there, in ms. */
  readonly forwardDelayMs: number;
  /** The sum of all delays there and back, in ms: when to expect the reply. Transmission comes on top. */
  readonly totalDelayMs: number;
}

/**
 * `source`, `destination`: not in the document, or not a Provider where it has to be one; `layer`: a layer without
 * mixes; `rate`: mu is not positive; `key`, `delay`: a key was missing, or the delays were too long, in the last of
 * three attempts.
 */
export type PathError = "source" | "destination" | "layer" | "rate" | "key" | "delay";

const attemptsMax = 3;
const delayEpochsMax = 2;

/**
 * A way in one direction before mixes are drawn: layers `fromLayer` (inclusive) to `toLayer` (exclusive) between fixed
 * ends.
 */
interface Leg {
  readonly first: ReadonlyArray<Descriptor>;
  readonly fromLayer: number;
  readonly toLayer: number;
  readonly last: Descriptor;
  readonly lastCommands: ReadonlyArray<RoutingCommand>;
  readonly delayAtLast: boolean;
}

interface ChosenLeg {
  readonly hops: ReadonlyArray<PathHop>;
  readonly delayMs: number;
}

const isNode = (identityKey: Uint8Array) => (descriptor: Descriptor): boolean =>
  equal(descriptor.identityKey, identityKey);

const findProvider = ({ providers }: Document, identityKey: Uint8Array): Descriptor | null =>
  providers.find(isNode(identityKey)) ?? null;

/** A node with the layer at which it stands; Providers stand before the first. */
const findNode = (
  document: Document,
  identityKey: Uint8Array,
): { readonly node: Descriptor; readonly layer: number | null } | null => {
  const provider = findProvider(document, identityKey);
  if (provider !== null) return { node: provider, layer: null };
  for (const [layer, mixes] of document.topology.entries()) {
    const node = mixes.find(isNode(identityKey));
    if (node !== undefined) return { node, layer };
  }
  return null;
};

/** The legs of a request: forward, and back where a reply is wanted. */
const legsOf = (document: Document, request: PathRequest): Either<PathError, ReadonlyArray<Leg>> => {
  const source = findNode(document, request.source);
  if (source === null || (request.from === "client" && source.layer !== null)) return E.left("source");
  const destination = findProvider(document, request.destination);
  if (destination === null) return E.left("destination");
  const layers = document.topology.length;
  const forward: Leg = {
    first: request.from === "client" ? [source.node] : [],
    fromLayer: source.layer === null ? 0 : source.layer + 1,
    toLayer: layers,
    last: destination,
    lastCommands: [{ type: "Recipient", id: request.recipient }],
    delayAtLast: request.reply !== null,
  };
  if (request.reply === null) return E.right([forward]);
  const { recipient, surbId } = request.reply;
  const reply: Leg = {
    first: [],
    fromLayer: 0,
    toLayer: source.layer ?? layers,
    last: source.node,
    lastCommands: [{ type: "Recipient", id: recipient }, { type: "SurbReply", id: surbId }],
    delayAtLast: false,
  };
  return E.right([forward, reply]);
};

/** At least 1 ms; the clamp is the document's, or what a routing command can hold. */
const drawDelayMs = (random: Random, { mu, muMaxDelayMs }: LoopixParameters): number => {
  const maxMs = muMaxDelayMs > 0 ? Math.min(muMaxDelayMs, delayMaxMs) : delayMaxMs;
  return Math.min(exponentialMs(random, mu, maxMs) + 1, maxMs);
};

const drawNodes = (random: Random, { topology }: Document, leg: Leg): ReadonlyArray<Descriptor> => [
  ...leg.first,
  ...topology.slice(leg.fromLayer, leg.toLayer).map((mixes) => pick(random, mixes)),
  leg.last,
];

/**
 * Draws a leg that begins at `startsAt`; null where a node has published no key for the time when the packet arrives.
 */
const drawLeg = (random: Random, { clock, document }: PathContext, leg: Leg, startsAt: Wall): ChosenLeg | null => {
  const nodes = drawNodes(random, document, leg);
  const hops: PathHop[] = [];
  let delayMs = 0;
  for (const [index, node] of nodes.entries()) {
    const isLast = index === nodes.length - 1;
    const publicKey = node.mixKeys.get(epochAt(clock, wall(startsAt + delayMs)).epoch);
    if (publicKey === undefined) return null;
    const commands: RoutingCommand[] = [];
    if (!isLast || leg.delayAtLast) {
      const hopDelayMs = drawDelayMs(random, document.parameters);
      commands.push({ type: "NodeDelay", delayMs: hopDelayMs });
      delayMs += hopDelayMs;
    }
    if (isLast) commands.push(...leg.lastCommands);
    hops.push({ id: node.identityKey, publicKey, commands });
  }
  return { hops, delayMs };
};

/** One attempt: the forward leg, and the reply leg from where it ends. */
const drawPath = (random: Random, context: PathContext, legs: ReadonlyArray<Leg>): Either<PathError, Path> => {
  const chosen: ChosenLeg[] = [];
  let totalDelayMs = 0;
  for (const leg of legs) {
    const drawn = drawLeg(random, context, leg, wall(context.at + totalDelayMs));
    if (drawn === null) return E.left("key");
    totalDelayMs += drawn.delayMs;
    chosen.push(drawn);
  }
  if (totalDelayMs >= delayEpochsMax * context.clock.periodMs) return E.left("delay");
  const [forward, reply] = chosen;
  return E.right({
    forward: forward!.hops,
    reply: reply?.hops ?? null,
    forwardDelayMs: forward!.delayMs,
    totalDelayMs,
  });
};

/** Chooses the path of a packet and, where a reply is wanted, the one of its SURB. */
export const selectPath = (random: Random, context: PathContext, request: PathRequest): Either<PathError, Path> => {
  const { parameters, topology } = context.document;
  if (!(parameters.mu > 0 && Number.isFinite(parameters.mu))) return E.left("rate");
  const legs = legsOf(context.document, request);
  if (E.isLeft(legs)) return legs;
  if (topology.some((mixes) => mixes.length === 0)) return E.left("layer");
  let result: Either<PathError, Path> = E.left("key");
  for (let attempt = 0; attempt < attemptsMax && E.isLeft(result); attempt++) {
    result = drawPath(random, context, legs.right);
  }
  return result;
};
