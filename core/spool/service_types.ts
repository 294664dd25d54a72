/**
 * What the spool service is told and what it answers: the contract between the machine (service.ts) and the process
 * around it, a plugin of a Provider (wire-facts §8.2 to §8.4).
 *
 * The driver gives each plugin request that came as a `SpoolRequest`, performs Verify, Commit and Scan, and sends the
 * payload of the one `SpoolResponse` that comes back for each id by a Notify effect.
 *
 * @module
 */
import type { StoreEvent, Verified } from "../effects.ts";
import type { EpochClock } from "../pki/epoch.ts";
import type { Geometry } from "../sphinx/geometry.ts";

/** A request of a client. */
export interface SpoolRequest {
  readonly type: "SpoolRequest";
  /** Names the request until it is answered. */
  readonly id: number;
  /** The user payload of a packet: length 4 | request | zeros (wire-facts §8.3). The bytes are the machine's. */
  readonly payload: Uint8Array;
}

/** The answer to a request. */
export interface SpoolResponse {
  readonly type: "SpoolResponse";
  readonly id: number;
  /** The plugin's reply payload: these bytes and zeros behind them up to `length`, `replyLengthMax` at most. */
  readonly payload: Uint8Array;
  readonly length: number;
  /** For the operator's counters and log; the client finds it in the payload. */
  readonly status: SpoolStatus;
}

/** By a Notify effect, once: what the store holds has been read back; until then requests are answered `busy`. */
export interface ServiceRestored {
  readonly type: "ServiceRestored";
}

export type SpoolServiceEvent = SpoolRequest | StoreEvent | Verified;

/** Version 1 is memspool's (memspool.ts), version 2 ours (service_wire.ts). */
export type WireVersion = 1 | 2;

/** How a request ends. Each has a code of its own in version 2 and a text of its own in version 1. */
export type SpoolStatus =
  | "ok"
  /** No request of either version. */
  | "malformed"
  /** The operator does not accept version 1. */
  | "version-refused"
  | "unknown-spool"
  | "wrong-signature"
  /** Version 2: the epoch that was signed is not the present one or a neighbour. */
  | "wrong-epoch"
  /** There is no message of that id: not yet, or no longer. */
  | "not-found"
  /** The spool has all the messages or bytes that one may have. */
  | "spool-full"
  /** All spools together have all that the operator allows, or too many were created in this epoch. */
  | "service-full"
  /** The disk is full. */
  | "disk-full"
  /** The store failed otherwise: nothing was changed. */
  | "store-failed"
  /** More requests wait for the disk than are held: come again. */
  | "busy";

/** What an operator decides. Every number is a bound; memory holds about 650 bytes a message, and 500 a spool. */
export interface SpoolServiceConfig {
  readonly clock: EpochClock;
  /** Are requests of version 1 served, whose signatures anybody who saw one can repeat? */
  readonly acceptsVersion1: boolean;
  readonly spoolsMax: number;
  readonly messagesPerSpoolMax: number;
  readonly bytesPerSpoolMax: number;
  /** Of all spools together. */
  readonly messagesMax: number;
  readonly bytesMax: number;
  /** Creation is unauthenticated: so many spools an epoch. */
  readonly createsPerEpochMax: number;
  /** A spool ends so many epochs after its owner last read from it. */
  readonly spoolLifetimeEpochs: number;
  readonly messageLifetimeEpochs: number;
}

/** For the epochs of 20 minutes of 2020: four weeks for a spool, two for a message. */
export const defaultSpoolLimits: Omit<SpoolServiceConfig, "clock"> = {
  acceptsVersion1: true,
  spoolsMax: 50_000,
  messagesPerSpoolMax: 4096,
  bytesPerSpoolMax: 64 * 1024 * 1024,
  messagesMax: 500_000,
  bytesMax: 16 * 1024 * 1024 * 1024,
  createsPerEpochMax: 2000,
  spoolLifetimeEpochs: 2016,
  messageLifetimeEpochs: 1008,
};

export const spoolIdLength = 12;
/** The bytes of the largest memspool request (a create) without its message: QueryOverhead. */
export const queryOverhead = 171;
const lengthPrefix = 4;
const replyHeaderLength = 2;

/** The lengths that follow from the geometry of packets. */
export interface SpoolGeometry {
  /** 50642: length 4 | request | zeros. */
  readonly userPayloadLength: number;
  /** 50638. */
  readonly requestLengthMax: number;
  /** 50467: of a message in either version. */
  readonly messageLengthMax: number;
  /** 51198: what a plugin may answer. */
  readonly replyLengthMax: number;
}

export const spoolGeometry = ({ userPayloadLength, forwardPayloadLength }: Geometry): SpoolGeometry => ({
  userPayloadLength,
  requestLengthMax: userPayloadLength - lengthPrefix,
  messageLengthMax: userPayloadLength - lengthPrefix - queryOverhead,
  replyLengthMax: forwardPayloadLength - replyHeaderLength,
});
