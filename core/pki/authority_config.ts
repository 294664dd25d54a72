/**
 * What a voting directory authority is configured with, and who is who by it (wire-facts §2.7, §5.6, §11.2).
 *
 * @module
 */
import { compare, toHex } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import type { LinkLimits } from "./authority_admission.ts";
import { listedNodes } from "./authority_lists.ts";
import { majority } from "./cert.ts";
import { type Descriptor, providerLayer } from "./descriptor.ts";
import type { AuthorityPeer } from "./directory.ts";
import type { EpochClock } from "./epoch.ts";
import type { LoopixParameters } from "./parameters.ts";

export interface AuthorityConfig {
  /** Ed25519, 64 bytes: signs votes, reveals and documents. */
  readonly identityPrivate: Uint8Array;
  /** X25519, 32 bytes: our key of every link. */
  readonly linkPrivate: Uint8Array;
  /** For people. */
  readonly identifier: string;
  /** The other authorities. */
  readonly peers: ReadonlyArray<AuthorityPeer>;
  /** Identity keys of the mixes that may join, 32 bytes each. */
  readonly mixes: ReadonlyArray<Uint8Array>;
  /** The Providers that may join: each under its one name. */
  readonly providers: ReadonlyArray<{ readonly name: string; readonly identityKey: Uint8Array }>;
  readonly parameters: LoopixParameters;
  /** 1 to 3. */
  readonly layers: number;
  readonly minNodesPerLayer: number;
  readonly clock: EpochClock;
  /**
   * `go`: three periods and ten minutes after tabulation, as Go authorities vote; `epoch`: the end of the epoch three
   * later.
   */
  readonly certificateExpiration: "go" | "epoch";
  readonly limits: LinkLimits;
}

/** Bytes as a key of a Map. */
export type Hex = string;

/** Who is who: derived once from the configuration. */
export interface Membership {
  readonly self: { readonly identityKey: Uint8Array; readonly hex: Hex };
  /** The other authorities by identity key. */
  readonly peers: ReadonlyMap<Hex, AuthorityPeer>;
  /** Identity keys of all authorities with ourselves, ascending. */
  readonly authorities: ReadonlyArray<Uint8Array>;
  /** How many of them must agree. */
  readonly threshold: number;
  readonly mixes: ReadonlySet<Hex>;
  /** Name by identity key. */
  readonly providers: ReadonlyMap<Hex, string>;
}

export const membershipOf = (suite: Suite, config: AuthorityConfig): Membership => {
  const identityKey = suite.ed25519Public(config.identityPrivate.slice(0, 32));
  const self = { identityKey, hex: toHex(identityKey) };
  const peers = new Map(config.peers.map((peer) => [toHex(peer.identityKey), peer] as const));
  peers.delete(self.hex);
  const authorities = [identityKey, ...[...peers.values()].map((peer) => peer.identityKey)].sort(compare);
  return {
    self,
    peers,
    authorities,
    threshold: majority(authorities.length),
    ...listedNodes(config),
  };
};

/** How logs name an authority: by address and the first bytes of its key. */
export const peerName = (members: Membership, peer: Hex): string => {
  const address = members.peers.get(peer)?.addresses[0];
  return address === undefined ? peer.slice(0, 16) : `${address} (${peer.slice(0, 16)})`;
};

/** May this node join, in the role and under the name that its descriptor claims? */
export const isListed = (
  members: Pick<Membership, "mixes" | "providers">,
  { identityKey, layer, name }: Descriptor,
): boolean => {
  const identity = toHex(identityKey);
  return layer === providerLayer ? members.providers.get(identity) === name : members.mixes.has(identity);
};
