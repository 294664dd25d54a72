/**
 * A document as this node sees it: who may send to it and whom it sends to (specs/mixnet.rst §2.2, §4.1; wire-facts
 * §2.7). Layer n sends to layer n+1, the last one to the Providers, and they to the first.
 *
 * @module
 */
import { toHex } from "../bytes.ts";
import type { Descriptor } from "../pki/descriptor.ts";
import { providerLayer } from "../pki/descriptor.ts";
import type { Document } from "../pki/document.ts";
import { addressOf } from "../wire/remote_address.ts";

/** Descriptors by identity key in hex. */
export type Nodes = ReadonlyMap<string, Descriptor>;

export interface Neighbours {
  /** The node's own layer; `providerLayer` for a Provider. */
  readonly layer: number;
  readonly incoming: Nodes;
  readonly outgoing: Nodes;
  readonly all: Nodes;
  /** Where the nodes of `incoming` are said to be, as remote_address.ts writes it. */
  readonly incomingAddresses: ReadonlySet<string>;
}

const index = (nodes: ReadonlyArray<Descriptor>): Nodes =>
  new Map(nodes.map((node) => [toHex(node.identityKey), node]));

const addressesOf = (nodes: ReadonlyArray<Descriptor>): ReadonlySet<string> =>
  new Set(nodes.flatMap(({ addresses }) => ["tcp4", "tcp6"].flatMap((of) => addresses.get(of) ?? [])).map(addressOf));

const layerOf = ({ topology, providers }: Document, id: string, isProvider: boolean): number | null => {
  const contains = (nodes: ReadonlyArray<Descriptor>): boolean =>
    nodes.some(({ identityKey }) => toHex(identityKey) === id);
  if (isProvider) return contains(providers) ? providerLayer : null;
  const layer = topology.findIndex(contains);
  return layer < 0 ? null : layer;
};

/** The neighbours of the node with the identity key `id` (hex), or null where it is not listed in its role. */
export const neighboursIn = (document: Document, id: string, isProvider: boolean): Neighbours | null => {
  const { topology, providers } = document;
  const layer = layerOf(document, id, isProvider);
  if (layer === null) return null;
  const before = isProvider ? topology.at(-1) : layer === 0 ? providers : topology[layer - 1];
  const behind = isProvider ? topology[0] : topology[layer + 1] ?? providers;
  return {
    layer,
    incoming: index(before ?? []),
    outgoing: index(behind ?? []),
    all: index([...topology.flat(), ...providers]),
    incomingAddresses: addressesOf(before ?? []),
  };
};
