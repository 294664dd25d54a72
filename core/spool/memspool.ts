/**
 * Version 1 of the spool service: memspool's requests and responses (wire-facts §8.4, in the form of v0.0.6), and the
 * signatures that it has, which bind nothing but the key.
 *
 * Requests are read in any order of their keys, unknown ones ignored; both are written in memspool's order.
 *
 * @module
 */
import { type CborValue, decodeCbor, encodeCbor } from "../codec/cbor.ts";
import type { Suite } from "../crypto/suite.ts";
import { E } from "../fp.ts";
import { spoolIdLength, type SpoolStatus } from "./service_types.ts";

const commands = ["create", "purge", "append", "retrieve"] as const;
export type SpoolCommand = (typeof commands)[number];

export interface MemspoolRequest {
  readonly command: SpoolCommand;
  readonly message: Uint8Array;
  /** uint32, for retrieve. */
  readonly messageId: number;
  /** 32 bytes, or none for append. */
  readonly publicKey: Uint8Array;
  /** 64 bytes, or none for append. */
  readonly signature: Uint8Array;
  /** 12 bytes; zeros for create. */
  readonly spool: Uint8Array;
}

export interface MemspoolResponse {
  readonly message: Uint8Array | null;
  /** What was asked for where it could not be read, else 0. */
  readonly messageId: number;
  readonly spool: Uint8Array;
  /** `OK` or what went wrong. */
  readonly status: string;
}

export const noSpool = (): Uint8Array => new Uint8Array(spoolIdLength);
const noBytes = new Uint8Array(0);
/** memspool pads a response by so many zeros, whatever is in it. */
const paddingLength = 120;
const uint32Max = 2 ** 32 - 1;

/** A missing or null byte string is an empty one; null for what is none. */
const bytesOf = (value: CborValue | undefined): Uint8Array | null =>
  value === undefined || value === null ? noBytes : value instanceof Uint8Array ? value : null;

const numberOf = (value: CborValue | undefined, max: number): number | null => {
  if (value === undefined) return 0;
  return typeof value === "number" && value >= 0 && value <= max ? value : null;
};

const mapOf = (bytes: Uint8Array): ReadonlyMap<string, CborValue> | null => {
  const decoded = decodeCbor(bytes);
  return E.isRight(decoded) && decoded.right instanceof Map ? decoded.right as ReadonlyMap<string, CborValue> : null;
};

/** Null for what is no request. */
export const decodeMemspoolRequest = (bytes: Uint8Array): MemspoolRequest | null => {
  const map = mapOf(bytes);
  if (map === null) return null;
  const command = commands[numberOf(map.get("Command"), commands.length - 1) ?? -1];
  const message = bytesOf(map.get("Message"));
  const messageId = numberOf(map.get("MessageID"), uint32Max);
  const publicKey = bytesOf(map.get("PublicKey"));
  const signature = bytesOf(map.get("Signature"));
  const id = bytesOf(map.get("SpoolID"));
  if (command === undefined || message === null || messageId === null) return null;
  if (publicKey === null || signature === null || id === null) return null;
  const spool = id.length === 0 ? noSpool() : id;
  return spool.length === spoolIdLength ? { command, message, messageId, publicKey, signature, spool } : null;
};

/** Go's nil: what has no bytes; an empty message of a create is there all the same. */
const nullable = (bytes: Uint8Array): Uint8Array | null => bytes.length === 0 ? null : bytes;

export const encodeMemspoolRequest = (request: MemspoolRequest): Uint8Array =>
  encodeCbor(
    new Map<string, CborValue>([
      ["Command", commands.indexOf(request.command)],
      ["Message", request.command === "create" ? request.message : nullable(request.message)],
      ["MessageID", request.messageId],
      ["PublicKey", nullable(request.publicKey)],
      ["Signature", nullable(request.signature)],
      ["SpoolID", request.spool],
    ]),
  );

export const encodeMemspoolResponse = (response: MemspoolResponse): Uint8Array =>
  encodeCbor(
    new Map<string, CborValue>([
      ["Message", response.message],
      ["MessageID", response.messageId],
      ["Padding", new Uint8Array(paddingLength)],
      ["SpoolID", response.spool],
      ["Status", response.status],
    ]),
  );

/** Null for what is no response. `bytes` end with the response: the reply's zeros are cut off by the caller. */
export const decodeMemspoolResponse = (bytes: Uint8Array): MemspoolResponse | null => {
  const map = mapOf(bytes);
  if (map === null) return null;
  const message = bytesOf(map.get("Message"));
  const messageId = numberOf(map.get("MessageID"), uint32Max);
  const spool = bytesOf(map.get("SpoolID"));
  const status = map.get("Status");
  if (message === null || messageId === null || spool === null || typeof status !== "string") return null;
  return { message: nullable(message), messageId, spool, status };
};

/** The one signature of a spool's life: over its own public key. Whoever has seen it can repeat it. */
export const signMemspool = (suite: Suite, privateKey: Uint8Array): Uint8Array =>
  suite.ed25519Sign(privateKey, privateKey.subarray(32));

const unknownSpool: Readonly<Record<SpoolCommand, string>> = {
  create: "spool not found",
  purge: "spool ID not found in spools map",
  append: "AppendToSpool: spool not found",
  retrieve: "ReadFromSpool: spool not found",
};

/** The text of a status: memspool's where it has one. */
export const memspoolStatus = (status: SpoolStatus, request: MemspoolRequest): string => {
  switch (status) {
    case "ok":
      return "OK";
    case "unknown-spool":
      return unknownSpool[request.command];
    case "wrong-signature":
      return request.command === "create" ? "Spool creation failed, invalid signature" : "invalid signature";
    case "not-found":
      return `message ID ${request.messageId} not found`;
    default:
      return status;
  }
};

/** Where a spool is written to and read from: what clients hand to one another and keep (spool descriptors). */
export interface MemspoolWriteDescriptor {
  readonly id: Uint8Array;
  readonly provider: string;
  readonly receiver: string;
}
export interface MemspoolReadDescriptor extends MemspoolWriteDescriptor {
  /** Ed25519, 64 bytes. */
  readonly privateKey: Uint8Array;
  /** The next message to be read. */
  readonly readOffset: number;
}

export const encodeWriteDescriptor = ({ id, provider, receiver }: MemspoolWriteDescriptor): Uint8Array =>
  encodeCbor(new Map<string, CborValue>([["ID", id], ["Provider", provider], ["Receiver", receiver]]));

export const encodeReadDescriptor = (descriptor: MemspoolReadDescriptor): Uint8Array =>
  encodeCbor(
    new Map<string, CborValue>([
      ["ID", descriptor.id],
      ["PrivateKey", descriptor.privateKey],
      ["Provider", descriptor.provider],
      ["ReadOffset", descriptor.readOffset],
      ["Receiver", descriptor.receiver],
    ]),
  );

/** Null for what is no descriptor. */
export const decodeWriteDescriptor = (bytes: Uint8Array): MemspoolWriteDescriptor | null => {
  const map = mapOf(bytes);
  const [id, provider, receiver] = [map?.get("ID"), map?.get("Provider"), map?.get("Receiver")];
  if (!(id instanceof Uint8Array) || id.length !== spoolIdLength) return null;
  return typeof provider === "string" && typeof receiver === "string" ? { id, provider, receiver } : null;
};

/** Null for what is no descriptor. */
export const decodeReadDescriptor = (bytes: Uint8Array): MemspoolReadDescriptor | null => {
  const writer = decodeWriteDescriptor(bytes);
  const [privateKey, readOffset] = [mapOf(bytes)?.get("PrivateKey"), mapOf(bytes)?.get("ReadOffset")];
  if (writer === null || !(privateKey instanceof Uint8Array) || privateKey.length !== 64) return null;
  return typeof readOffset === "number" && readOffset >= 0 ? { ...writer, privateKey, readOffset } : null;
};
