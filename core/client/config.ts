/**
 * What a client is told when it starts: the account, the authorities, and the durations that the specifications leave
 * open (wire-facts §2.7, §6.4, §11.3, §12).
 *
 * @module
 */
import type { AuthorityPeer } from "../pki/directory.ts";
import type { EpochClock } from "../pki/epoch.ts";
import type { ReassemblyLimits } from "./reassembly.ts";

/** Durations in ms that do not scale with the epoch. */
export interface ClientTiming {
  /** Added to the wait before each further attempt to connect, … */
  readonly reconnectStepMs: number;
  /** … up to this; back to 0 once the Provider has answered a command. */
  readonly reconnectMaxMs: number;
  readonly dialMs: number;
  readonly handshakeMs: number;
  /** How long the Provider may take to answer a retrieval or a request for a document. */
  readonly answerMs: number;
  /** A reply counts as lost this long after its time of arrival according to the delays of its packets. */
  readonly replySlackMs: number;
  /** How long a request may wait before all its packets are sent. */
  readonly queuedMaxMs: number;
  /** Between retrievals; null follows from the document: twice as often as replies can arrive (retrieval.ts). */
  readonly pollMs: number | null;
}

/** minclient's and client's values; `queuedMaxMs` is ours. */
export const defaultTiming: ClientTiming = {
  reconnectStepMs: 15_000,
  reconnectMaxMs: 120_000,
  dialMs: 60_000,
  handshakeMs: 60_000,
  answerMs: 60_000,
  replySlackMs: 88_000,
  queuedMaxMs: 600_000,
  pollMs: null,
};

export interface ClientConfig {
  /** As registered with the Provider: 1 to 64 bytes of UTF-8. */
  readonly user: string;
  /** The Provider's name in the documents. */
  readonly provider: string;
  /** X25519, 32 bytes: authenticates the user to the Provider. */
  readonly linkPrivate: Uint8Array;
  /** X25519, 32 bytes: encrypts and decrypts the blocks of messages between users; null: services only. */
  readonly identityPrivate: Uint8Array | null;
  readonly authorities: ReadonlyArray<AuthorityPeer>;
  readonly clock: EpochClock;
  /** Ed25519, 32 bytes: what the Provider's identity key has to be; null takes the documents' word. */
  readonly providerKeyPin: Uint8Array | null;
  /** Transports of the Provider's descriptor in order of preference. */
  readonly transports: ReadonlyArray<string>;
  /**
   * False sends neither loops nor drops (`[Debug] DisableDecoyTraffic`): packets of the user still leave at lambdaP.
   */
  readonly decoys: boolean;
  readonly timing: ClientTiming;
}

export const defaultTransports: ReadonlyArray<string> = ["tcp", "tcp4", "tcp6"];

/** Packets of the user that may wait for lambdaP: as many as in the Go client. One more refuses the request. */
export const egressLengthMax = 40;
/** Requests between acceptance and outcome. */
export const requestsMax = 256;
/** SURBs whose reply may still come. One more is not made: a request waits for its turn, a decoy goes without one. */
export const surbsMax = 4096;
/** How far loops may fill that. */
export const loopSurbsMax = surbsMax / 2;
/** How often a packet is composed anew after a connection broke before it was written out. */
export const sendAttemptsMax = 5;
/** Own clock against the Provider's, in ms, beyond which the user is warned. */
export const clockSkewMaxMs = 120_000;
/** Incomplete messages of other users: as long as two of the longest that one user can send at once, for an hour. */
export const reassemblyLimits: ReassemblyLimits = { messagesMax: 64, bytesMax: 4 * 1024 * 1024, lifetimeMs: 3_600_000 };
