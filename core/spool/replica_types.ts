/**
 * The contract of a replica's machine (replica.ts): one for each replicated spool that a process hosts. Who carries
 * bytes
 * between replicas and clients does not matter to it: a client session over the mix network, or a direct link.
 *
 * @module
 */
import type { StoreEvent } from "../effects.ts";
import type { EpochClock } from "../pki/epoch.ts";
import type { ReplicaDescriptor } from "./durable.ts";

export interface ReplicaConfig {
  /** The root key of the spool: Ed25519, 32 bytes. */
  readonly spool: Uint8Array;
  /** The spool key of this replica: Ed25519, 64 bytes. */
  readonly privateKey: Uint8Array;
  readonly clock: EpochClock;
  /** Bytes of the longest request and of the longest reply: 50638 over the mix network. */
  readonly capacity: number;
  /** Bodies of messages kept, in bytes. */
  readonly bytesMax: number;
  /** Epochs that a spool lives after the last one in which anybody wrote to it. */
  readonly lifetimeEpochs: number;
  /** Epochs for which a message is kept after the one in which it was written. */
  readonly messageLifetimeEpochs: number;
  /** Mean of the exponentially distributed time between looks at each other replica, in ms. */
  readonly pullMeanMs: number;
  /** First delay after a failure; it doubles with each further one up to 64 times. */
  readonly retryMs: number;
  /** A replica that has not answered by then has failed. */
  readonly deadlineMs: number;
}

/** What a request has beside the longest body: a version vector, an entry, a proof. */
export const syncOverhead = 2560;

/** The longest message of a spool whose requests have `capacity` bytes: 48078 over the mix network. */
export const bodyLengthMax = (capacity: number): number => capacity - syncOverhead;

/** A request of a client or of another replica (replica_wire.ts). Answered once by a ReplicaReply. */
export interface ReplicaRequest {
  readonly type: "ReplicaRequest";
  readonly id: number;
  readonly bytes: Uint8Array;
  /** Bytes of bodies that the process may take more of, in all its replicas. */
  readonly room: number;
}
/** What another replica answered to a PeerSend; null where it could not be reached or did not. */
export interface PeerReplied {
  readonly type: "PeerReplied";
  readonly id: number;
  readonly bytes: Uint8Array | null;
  /** See ReplicaRequest. */
  readonly room: number;
}

/** The spool is no longer kept here. Answer: ReplicaRetired, once the store is left alone; nothing follows it. */
export interface ReplicaRetire {
  readonly type: "ReplicaRetire";
}

export type ReplicaEvent = ReplicaRequest | PeerReplied | ReplicaRetire | StoreEvent;

/* Carried by Notify effects. */

export interface ReplicaReply {
  readonly type: "ReplicaReply";
  readonly id: number;
  readonly bytes: Uint8Array;
}
/** Once: what the store holds has been read back; until then requests are answered `busy`. */
export interface ReplicaRestored {
  readonly type: "ReplicaRestored";
  /** The root key of the spool. */
  readonly spool: Uint8Array;
}
/** Whenever it changes: bytes of the bodies that are kept. */
export interface ReplicaHolds {
  readonly type: "ReplicaHolds";
  /** The root key of the spool. */
  readonly spool: Uint8Array;
  readonly bytes: number;
}
/**
 * Asks for ReplicaRetire: nobody has written for too long, or another replica has shown the root key's signature that
 * the spool is to be deleted (purge.ts).
 */
export interface ReplicaEnded {
  readonly type: "ReplicaEnded";
  /** The root key of the spool. */
  readonly spool: Uint8Array;
  /** Null for one that nobody has written to. */
  readonly purge: Uint8Array | null;
}
export interface ReplicaRetired {
  readonly type: "ReplicaRetired";
  /** The root key of the spool. */
  readonly spool: Uint8Array;
}
/** To be carried to another replica. Answer: PeerReplied with the same id, once or never. */
export interface PeerSend {
  readonly type: "PeerSend";
  /** The root key of the spool. */
  readonly spool: Uint8Array;
  readonly id: number;
  readonly to: ReplicaDescriptor;
  readonly bytes: Uint8Array;
}
