/**
 * What an application may ask of a client and what the client tells it. A request is refused at once or accepted; every
 * accepted request ends in exactly one outcome.
 *
 * @module
 */
import type { Document } from "../pki/document.ts";

/** Where a query goes: to a service by its capability, or to a recipient (1 to 64 bytes of UTF-8) of a Provider. */
export type QueryTarget =
  /** Null for `provider` takes one at random among those that offer the service. */
  | { readonly type: "Service"; readonly capability: string; readonly provider: string | null }
  | { readonly type: "Recipient"; readonly recipient: string; readonly provider: string };

/** What an application asks. `id` is the application's, in use for one request at a time. */
export type ClientRequest =
  /**
   * A query with a SURB (specs/kaetzchen.rst §3.1). `lengthPrefix` frames the payload for plugins (wire-facts §8.3).
   */
  | {
    readonly type: "Query";
    readonly id: string;
    readonly target: QueryTarget;
    readonly payload: Uint8Array;
    readonly lengthPrefix: boolean;
  }
  /**
   * A message straight into a user's mailbox, in blocks encrypted to `recipientKey` (X25519, 32 bytes), each
   * acknowledged by a SURB-ACK of the mailbox's Provider (specs/end_to_end.rst §4). An interim: it shows the sender
   * where the user receives.
   */
  | {
    readonly type: "SendMessage";
    readonly id: string;
    readonly user: string;
    readonly provider: string;
    readonly recipientKey: Uint8Array;
    readonly payload: Uint8Array;
  }
  /** Gives a request up: outcome Failed `cancelled`, unless it has ended already. */
  | { readonly type: "Cancel"; readonly id: string }
  /** Answered by a Status notice. */
  | { readonly type: "Status"; readonly id: string }
  /** Fails what is under way, disconnects, and ends with Stopped. */
  | { readonly type: "Shutdown" };

/** Why a request was not accepted. */
export type RefusalReason =
  | "duplicate-id"
  | "too-many-requests"
  | "queue-full"
  | "too-long"
  | "bad-name"
  | "bad-key"
  | "no-identity-key"
  | "stopped";

/** Why an accepted request came to nothing. */
export type FailureReason =
  | "cancelled"
  | "shutdown"
  /** The document in force names no such Provider, or no Provider with such a service. */
  | "unknown-provider"
  | "unknown-service"
  /** Again and again no path through the network, or no key of a hop for the time of arrival. */
  | "no-path"
  /** The recipient's key is of low order. */
  | "bad-key"
  /** It waited longer than `queuedMaxMs`, or the connection broke too often before it was written out. */
  | "not-sent"
  /** The reply does not decrypt, or is not of the form that the request expects. */
  | "malformed-reply";

/** A packet as it was sent. Times in ms. */
export interface SentPacket {
  /** Names of the hops, from the own Provider on. */
  readonly path: ReadonlyArray<string>;
  /** One for each hop of the path, the last one for the reply's. */
  readonly delaysMs: ReadonlyArray<number>;
  readonly returnPath: ReadonlyArray<string>;
  readonly returnDelaysMs: ReadonlyArray<number>;
  /** All delays together: when the reply is due, without the time on the wires. */
  readonly etaMs: number;
}

/** What a client tells its application, as Notify effects. */
export type ClientNotice =
  | { readonly type: "ConnectionUp"; readonly provider: string; readonly clockSkewMs: number }
  | { readonly type: "ConnectionDown"; readonly reason: string; readonly retryMs: number | null }
  /** Own time minus the Provider's is more than 2 min off. */
  | { readonly type: "ClockSkew"; readonly clockSkewMs: number }
  | { readonly type: "NewDocument"; readonly document: Document }
  | { readonly type: "DocumentRefused"; readonly epoch: number; readonly reason: DocumentRefusal }
  | { readonly type: "Accepted"; readonly id: string }
  /** Not an outcome: the request never began. */
  | { readonly type: "Refused"; readonly id: string; readonly reason: RefusalReason }
  /** A packet of a request was written out; `packet` counts from 0 to `of - 1`. */
  | {
    readonly type: "Sent";
    readonly id: string;
    readonly packet: number;
    readonly of: number;
    readonly sent: SentPacket;
  }
  /** Outcome of a Query: 51198 bytes, zeros after the service's data. */
  | { readonly type: "Reply"; readonly id: string; readonly payload: Uint8Array; readonly rttMs: number }
  /** Outcome of a SendMessage: every block lies in the mailbox. `rttMs` is the last acknowledgement's. */
  | { readonly type: "Delivered"; readonly id: string; readonly blocks: number; readonly rttMs: number }
  /** Outcome: no reply until its time and the slack had passed. */
  | { readonly type: "Timeout"; readonly id: string; readonly afterMs: number }
  /** Outcome. */
  | { readonly type: "Failed"; readonly id: string; readonly reason: FailureReason }
  /** A message from a user. `from` is the sender's X25519 key, 32 bytes, authenticated; `messageId` has 16 bytes. */
  | {
    readonly type: "Message";
    readonly from: Uint8Array;
    readonly messageId: Uint8Array;
    readonly payload: Uint8Array;
  }
  /** A block differs from one that came before it under the same number: somebody's program is at fault, or worse. */
  | { readonly type: "MessageConflict"; readonly from: Uint8Array; readonly messageId: Uint8Array }
  | { readonly type: "Status"; readonly id: string; readonly status: ClientStatus }
  | { readonly type: "Stopped" };

/** Why a verified document is not used. */
export type DocumentRefusal =
  /** Some Provider lacks the `loop` service, which decoys go to: whoever sends it none could be told apart. */
  | "provider-without-loop"
  | "own-provider-missing"
  /** The own Provider's identity key is not the pinned one. */
  | "pin-mismatch"
  /** Paths through it are longer than packets can be. */
  | "too-many-layers"
  /** A second, different document with enough signatures for one epoch: neither is used (specs/pki.rst §8). */
  | "equivocation";

export interface ClientStatus {
  readonly connected: boolean;
  /** Epoch of the document in force, or null. */
  readonly epoch: number | null;
  readonly queuedPackets: number;
  readonly requests: number;
  readonly outstandingSurbs: number;
  readonly loopsSent: number;
  readonly loopsReturned: number;
  readonly loopsLost: number;
  readonly dropsSent: number;
}
