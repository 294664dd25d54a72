/**
 * How requests to replicated spools and their answers lie in packets, and the request for a new replica (dspool §8.1,
 * step 2: the creator asks a node for a permissioned spool with the root key as its meta writer; the node holds the
 * spool key).
 *
 *     request   user payload = length 4 | CBOR array | zeros: no request of the spool service begins like an array
 *     answer    length 4 | CBOR array | zeros up to the longest: all have one size
 *
 *     ["host", spool 32, epoch, signature of the root key 64]  ->  ["hosted", status, spool key 32 or null]
 *
 * @module
 */
import { concat, uint32, viewOf } from "../bytes.ts";
import { type CborValue, decodeCbor, encodeCbor } from "../codec/cbor.ts";
import type { Suite } from "../crypto/suite.ts";
import { E } from "../fp.ts";
import { domains } from "./domains.ts";

const prefixLength = 4;

/** The request that a user payload frames; null where the length is wrong. */
export const unframed = (payload: Uint8Array): Uint8Array | null => {
  const length = payload.length < prefixLength ? Infinity : viewOf(payload).getUint32(0);
  return length > payload.length - prefixLength ? null : payload.subarray(prefixLength, prefixLength + length);
};

/** `bytes` in a frame: zeros may follow it. */
export const framed = (bytes: Uint8Array): Uint8Array => concat(uint32(bytes.length), bytes);

/** Is it for a replicated spool: a CBOR array of up to 23 elements? memspool's are maps, version 2 begins with 2. */
export const isArray = (request: Uint8Array): boolean => ((request[0] ?? 0) & 0xe0) === 0x80;

export interface HostRequest {
  /** The root key. */
  readonly spool: Uint8Array;
  readonly epoch: number;
  readonly signature: Uint8Array;
}

const hostBytes = ({ spool, epoch }: Omit<HostRequest, "signature">): Uint8Array =>
  encodeCbor([domains.host, spool, epoch]);

/** Asks for a replica of a spool, by its 64-byte root key. */
export const signHost = (suite: Suite, rootKey: Uint8Array, epoch: number): HostRequest => {
  const spool = rootKey.subarray(32);
  return { spool, epoch, signature: suite.ed25519Sign(rootKey, hostBytes({ spool, epoch })) };
};

export const verifyHost = (suite: Suite, request: HostRequest): boolean =>
  suite.ed25519Verify(request.spool, hostBytes(request), request.signature);

export const encodeHost = ({ spool, epoch, signature }: HostRequest): Uint8Array =>
  encodeCbor(["host", spool, epoch, signature]);

const isBytes = (value: CborValue | undefined, length: number): value is Uint8Array =>
  value instanceof Uint8Array && value.length === length;

const arrayOf = (bytes: Uint8Array): ReadonlyArray<CborValue> => {
  const decoded = decodeCbor(bytes);
  return E.isRight(decoded) && Array.isArray(decoded.right) ? decoded.right as ReadonlyArray<CborValue> : [];
};

/** Null for what is no request for a replica. */
export const decodeHost = (bytes: Uint8Array): HostRequest | null => {
  const [name, spool, epoch, signature, ...rest] = arrayOf(bytes);
  if (name !== "host" || rest.length > 0 || !isBytes(spool, 32) || !isBytes(signature, 64)) return null;
  return typeof epoch === "number" && epoch >= 0 ? { spool, epoch, signature } : null;
};

export type HostStatus =
  | "ok"
  | "malformed"
  | "wrong-signature"
  | "wrong-epoch"
  /** As many as the operator hosts, or takes in an epoch. */
  | "full"
  | "busy"
  /** The root key has signed that the spool is deleted. */
  | "purged"
  | "disk-full"
  | "store-failed";

/** `key`: the new replica's spool key. */
export const encodeHosted = (status: HostStatus, key: Uint8Array | null): Uint8Array =>
  encodeCbor(["hosted", status, key]);

/** Null for what is no answer to a request for a replica. */
export const decodeHosted = (
  bytes: Uint8Array,
): { readonly status: string; readonly key: Uint8Array | null } | null => {
  const [name, status, key, ...rest] = arrayOf(bytes);
  if (name !== "hosted" || typeof status !== "string" || rest.length > 0) return null;
  return key === null || isBytes(key, 32) ? { status, key } : null;
};
