/**
 * Tables that several kinds of configuration files share (wire-facts §11), and what is ours, [Samtpfote].
 *
 * @module
 */
import { createEpochClock, type EpochClock, katzenpostClock } from "../../core/pki/epoch.ts";
import type { AuthorityPeer } from "../../core/pki/directory.ts";
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
