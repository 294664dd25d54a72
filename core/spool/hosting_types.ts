/**
 * The contract of a spool plugin's whole process (system.ts): what its driver tells the machine at `spoolsAddress`, and
 * what that says. The driver gives each plugin request as a `SpoolsRequest` and sends what the one `SpoolsAnswer` says;
 * it carries `LinkSend` where replicas have direct links; everything else are effects like any other system's.
 *
 * @module
 */
import type { StoreEvent } from "../effects.ts";
import type { EpochClock } from "../pki/epoch.ts";
import type { Address } from "../system.ts";
import type {
  PeerSend,
  ReplicaEnded,
  ReplicaHolds,
  ReplicaReply,
  ReplicaRestored,
  ReplicaRetired,
} from "./replica_types.ts";
import type { ServiceRestored, SpoolResponse } from "./service_types.ts";

/** Where requests go to. */
export const spoolsAddress: Address = "spools";

export interface HostingConfig {
  readonly clock: EpochClock;
  /**
   * Replicas of replicated spools, and those of which it is remembered that they were purged. The positions of one are
   * in memory: about 1 kB each, at most 65,536 a replica.
   */
  readonly hostedMax: number;
  /** Hosting is asked for by anybody: so many new ones an epoch. */
  readonly hostsPerEpochMax: number;
  /** Bodies of messages of one replica. */
  readonly bytesPerReplicaMax: number;
  /** Of all replicas together; those that take something at the same moment may each be a commit ahead of it. */
  readonly bytesMax: number;
  /** Epochs that a spool lives after somebody last wrote to it, and that it is remembered that it was purged. */
  readonly lifetimeEpochs: number;
  /** Epochs for which a message is kept. */
  readonly messageLifetimeEpochs: number;
  /** See ReplicaConfig. */
  readonly pullMeanMs: number;
  readonly retryMs: number;
  readonly deadlineMs: number;
  /** Are direct links used where a replica's descriptor has the address of one? */
  readonly usesLinks: boolean;
  /** Has the process a client (carrier.ts) that carries what goes to `recipient@provider`? */
  readonly hasClient: boolean;
}

/**
 * Lives are as of other spools (defaultSpoolLimits). A mean of a minute between looks; a deadline beyond that of a
 * client's request (its wait for lambdaP, the round trip and its slack), so that an answer on its way is not given up.
 */
export const defaultHosting: Omit<HostingConfig, "clock" | "hasClient"> = {
  hostedMax: 256,
  hostsPerEpochMax: 32,
  bytesPerReplicaMax: 256 * 1024 * 1024,
  bytesMax: 16 * 1024 * 1024 * 1024,
  lifetimeEpochs: 2016,
  messageLifetimeEpochs: 1008,
  pullMeanMs: 60_000,
  retryMs: 15_000,
  deadlineMs: 900_000,
  usesLinks: true,
};

/** A request of a client or of another replica. */
export interface SpoolsRequest {
  readonly type: "SpoolsRequest";
  /** Names the request until it is answered. */
  readonly id: number;
  /** The user payload of a packet: length 4 | request | zeros (wire facts §8.3). The bytes are the machine's. */
  readonly payload: Uint8Array;
}

/** By a Notify effect: the answer to a request. */
export interface SpoolsAnswer {
  readonly type: "SpoolsAnswer";
  readonly id: number;
  /** The plugin's reply payload: these bytes and zeros behind them up to `length`. */
  readonly payload: Uint8Array;
  readonly length: number;
}

/**
 * By a Notify effect, once: the service and all replicas that were hosted before have been read back. Until then
 * requests are answered `busy`.
 */
export interface SpoolsReady {
  readonly type: "SpoolsReady";
}

/** By a Notify effect: to be carried to another replica over a direct link. Answer: LinkReplied, once or never. */
export interface LinkSend {
  readonly type: "LinkSend";
  readonly id: number;
  /** As in its descriptor. */
  readonly address: string;
  /** A request as in a user payload's frame, without the frame. */
  readonly bytes: Uint8Array;
}
/** The payload of the other side's SpoolsAnswer; null where there is none. */
export interface LinkReplied {
  readonly type: "LinkReplied";
  readonly id: number;
  readonly payload: Uint8Array | null;
}

/** Told to the client (carrier.ts): to be carried over the mix network. Answer: Carried, once. */
export interface Carry {
  readonly type: "Carry";
  readonly id: number;
  readonly recipient: string;
  readonly provider: string;
  readonly bytes: Uint8Array;
}
export interface Carried {
  readonly type: "Carried";
  readonly id: number;
  readonly payload: Uint8Array | null;
}

export type HostingEvent =
  | SpoolsRequest
  | LinkReplied
  | Carried
  | SpoolResponse
  | ServiceRestored
  | ReplicaReply
  | ReplicaRestored
  | ReplicaHolds
  | ReplicaEnded
  | ReplicaRetired
  | PeerSend
  | StoreEvent;
