/**
 * Tables that several kinds of configuration files share (wire-facts §11), and what is ours, [Samtpfote].
 *
 * @module
 */
import { createEpochClock, type EpochClock, katzenpostClock } from "../../core/pki/epoch.ts";
import { nobleSuite } from "../../core/crypto/noble.ts";
import { type AuthorityPeer, nonvotingPeer } from "../../core/pki/directory.ts";
import {
  choice,
  type Codec,
  duration,
  flag,
  hostPort,
  instant,
  linkPublicKey,
  list,
  logLevel,
  optional,
  publicKey,
  required,
  table,
  type TableOf,
  text,
} from "./codec.ts";
import type { Problem } from "./problems.ts";

export const logging = table({
  Disable: optional(flag, false, "Whether nothing is logged."),
  File: optional(text, "", "Log file, relative to DataDir; standard output where empty."),
  Level: optional(logLevel, "NOTICE", "DEBUG, INFO, NOTICE, WARNING or ERROR."),
});

export type Logging = TableOf<typeof logging["keys"]>;

/** An authority as others configure it. */
export const authorityPeer = table({
  IdentityPublicKey: required(publicKey, "Ed25519 key in base64 or hex."),
  LinkPublicKey: required(linkPublicKey, "X25519 key in base64."),
  Addresses: required(list(hostPort), "Where it listens: host:port, tried in turn."),
});

export const peerOf = (peer: TableOf<typeof authorityPeer["keys"]>): AuthorityPeer => ({
  identityKey: peer.IdentityPublicKey,
  linkKey: peer.LinkPublicKey,
  addresses: peer.Addresses,
});

/** A non-voting authority as others configure it. */
export const nonvotingAuthority = table({
  Address: required(hostPort, "Where it listens: host:port."),
  PublicKey: required(publicKey, "Its Ed25519 identity key in base64 or hex."),
});

type NonvotingAuthority = TableOf<typeof nonvotingAuthority["keys"]>;

const nonvotingPeerOf = ({ Address, PublicKey }: NonvotingAuthority): AuthorityPeer | null =>
  nonvotingPeer(nobleSuite, PublicKey, Address);

/** Whom a node or client asks: one non-voting authority, or those that vote. */
export interface AuthoritiesTables {
  readonly nonvoting: NonvotingAuthority | null;
  readonly voting: { readonly Peers: ReadonlyArray<TableOf<typeof authorityPeer["keys"]>> } | null;
}

/** What is wrong with a file's authorities; `paths` are those of the two tables. */
export const checkAuthorities = (
  { nonvoting, voting }: AuthoritiesTables,
  paths: { readonly nonvoting: ReadonlyArray<string>; readonly voting: ReadonlyArray<string> },
): Problem[] => {
  const [one, several] = [paths.nonvoting.join("."), paths.voting.join(".")];
  if (nonvoting !== null) {
    if (voting !== null) {
      return [{ path: paths.nonvoting, message: `either [${one}] or [[${several}.Peers]], not both` }];
    }
    if (nonvotingPeerOf(nonvoting) !== null) return [];
    return [{ path: [...paths.nonvoting, "PublicKey"], message: "is no Ed25519 public key" }];
  }
  if (voting === null || voting.Peers.length === 0) {
    return [{ path: paths.voting, message: `[[${several}.Peers]] is missing: the authorities; or [${one}] for one` }];
  }
  return voting.Peers.flatMap(({ Addresses }, index) =>
    Addresses.length > 0
      ? []
      : [{ path: [...paths.voting, "Peers", index, "Addresses"], message: "expected at least one address" }]
  );
};

/** The authorities of a file that was checked. */
export const authoritiesOf = ({ nonvoting, voting }: AuthoritiesTables): ReadonlyArray<AuthorityPeer> =>
  nonvoting === null ? voting!.Peers.map(peerOf) : [nonvotingPeerOf(nonvoting)!];

/** The keys of [Samtpfote] that every file has. The clock's are the whole network's. */
export const samtpfoteKeys = {
  EpochPeriod: optional(duration("1s", "24h"), katzenpostClock.periodMs, `Length of an epoch; default "20m".`),
  EpochOrigin: optional(instant, katzenpostClock.originMs, `Start of epoch 0; default "2017-06-01T00:00:00Z".`),
  Crypto: optional(
    choice("native", "noble"),
    "native",
    "Provider of the cryptographic primitives: the platform's, or portable.",
  ),
  LogFormat: optional(choice("text", "json"), "text", "Lines as the Go programs write them, or JSON lines."),
};

/** For nodes and clients. */
export const reconnectStep: Codec<number> = duration("100ms", "2m");

export const clockOf = (
  { EpochPeriod, EpochOrigin }: { readonly EpochPeriod: number; readonly EpochOrigin: number },
): EpochClock => createEpochClock(EpochPeriod, EpochOrigin);
