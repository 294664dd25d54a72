/**
 * Which mix stands in which layer (specs/pki.rst §3.4, wire-facts §5.5): drawn from the shared random value, so that
 * all authorities draw alike, and changed as little as possible from one epoch to the next.
 *
 * One departure: Go lists the nodes that are yet to be placed in the order of its maps, that is at random; here they
 * are sorted by identity key. The outcome is the same where at most one node is to be placed.
 *
 * @module
 */
import { compare, toHex, viewOf } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import type { Descriptor } from "./descriptor.ts";

/** What a layer is made of: anything with an identity key. */
export type Node = Pick<Descriptor, "identityKey">;
export type Topology<A extends Node = Descriptor> = ReadonlyArray<ReadonlyArray<A>>;

/** Go's `math/rand` permutations over a ChaCha20 keystream: key 32 bytes (the shared random value), nonce zero. */
export interface TopologyRandom {
  /** A uniform integer of 63 bits. */
  readonly int63: () => bigint;
  /** A permutation of 0 to n-1. */
  readonly permutation: (n: number) => ReadonlyArray<number>;
}

export const topologyRandom = (suite: Suite, key: Uint8Array): TopologyRandom => {
  let keystream = new Uint8Array(0);
  let at = 0;
  const int63 = (): bigint => {
    if (at === keystream.length) {
      keystream = Uint8Array.from(suite.chacha20Keystream(key, new Uint8Array(8), Math.max(1024, 2 * at)));
    }
    at += 8;
    return viewOf(keystream).getBigUint64(at - 8, true) & 0x7fff_ffff_ffff_ffffn;
  };
  const int31 = (): number => Number(int63() >> 32n);
  const below = (n: number): number => {
    if ((n & (n - 1)) === 0) return int31() & (n - 1);
    const limit = 2 ** 31 - 1 - (2 ** 31 % n);
    let value = int31();
    while (value > limit) value = int31();
    return value % n;
  };
  const permutation = (n: number): ReadonlyArray<number> => {
    const shuffled: number[] = [];
    for (let i = 0; i < n; i++) {
      const j = below(i + 1);
      shuffled[i] = shuffled[j] ?? i;
      shuffled[j] = i;
    }
    return shuffled;
  };
  return { int63, permutation };
};

export const sortByIdentity = <A extends Node>(nodes: ReadonlyArray<A>): A[] =>
  [...nodes].sort((a, b) => compare(a.identityKey, b.identityKey));

/**
 * The layers of a network. Where the previous topology has as many layers, its nodes stay where they are up to an
 * equal share of each layer; otherwise all are placed anew.
 */
export const generateTopology = <A extends Node>(
  suite: Suite,
  nodes: ReadonlyArray<A>,
  layers: number,
  value: Uint8Array,
  previous: Topology<Node> | null,
): Topology<A> => {
  const random = topologyRandom(suite, value);
  const sorted = sortByIdentity(nodes);
  return previous?.length === layers ? adapt(random, sorted, previous) : dealAll(random, sorted, layers);
};

const dealAll = <A extends Node>(random: TopologyRandom, nodes: ReadonlyArray<A>, layers: number): Topology<A> => {
  const topology: A[][] = Array.from({ length: layers }, () => []);
  random.permutation(nodes.length).forEach((index, turn) => topology[turn % layers]!.push(nodes[index]!));
  return topology;
};

const adapt = <A extends Node>(
  random: TopologyRandom,
  nodes: ReadonlyArray<A>,
  previous: Topology<Node>,
): Topology<A> => {
  const share = Math.floor(nodes.length / previous.length);
  const unplaced = new Map(nodes.map((node) => [toHex(node.identityKey), node]));
  const topology = previous.map((layer) => keep(random, layer, unplaced, share));
  const rest = [...unplaced.values()];
  const order = random.permutation(rest.length).map((index) => rest[index]!);
  for (const layer of topology) {
    while (layer.length < share) layer.push(order.shift()!);
  }
  order.forEach((node, turn) => topology[turn % topology.length]!.push(node));
  return topology;
};

/** Up to `share` nodes of a previous layer, in random order; they are taken from `unplaced`. */
const keep = <A extends Node>(
  random: TopologyRandom,
  layer: ReadonlyArray<Node>,
  unplaced: Map<string, A>,
  share: number,
): A[] => {
  const kept: A[] = [];
  for (const index of random.permutation(layer.length)) {
    if (kept.length >= share) break;
    const identity = toHex(layer[index]!.identityKey);
    const node = unplaced.get(identity);
    if (node === undefined) continue;
    unplaced.delete(identity);
    kept.push(node);
  }
  return kept;
};
