/**
 * Version 2 of the spool service, ours: requests and responses of one size each, and signatures that bind command,
 * spool, message and epoch, so that none serves for anything else or later.
 *
 *     request   version 1 = 2 | command 1 | spool 12 | message id 8 | epoch 8 | public key 32 | signature 64 |
 *               length 4 | message | zeros up to the longest request
 *     response  version 1 = 2 | status 1 | command 1 | spool 12 | message id 8 | end 8 | length 4 | message | zeros up
 * to
 *               the longest message
 *
 * A retransmission of an append has a message wrapped afresh, hence another digest and signature: nothing in it repeats
 * but the spool's id and the epoch.
 *
 * @module
 */
import { concat, isZero, readUint64, uint32, uint64, viewOf } from "../bytes.ts";
import { encodeCbor } from "../codec/cbor.ts";
import type { Suite } from "../crypto/suite.ts";
import { invariant } from "../machine.ts";
import type { SpoolCommand } from "./memspool.ts";
import { type SpoolGeometry, spoolIdLength, type SpoolStatus } from "./service_types.ts";

export const spoolVersion2 = 2;
const commands: ReadonlyArray<SpoolCommand> = ["create", "purge", "append", "retrieve"];

/** The code of a status is its place. */
const statuses: ReadonlyArray<SpoolStatus> = [
  "ok",
  "malformed",
  "version-refused",
  "unknown-spool",
  "wrong-signature",
  "wrong-epoch",
  "not-found",
  "spool-full",
  "service-full",
  "disk-full",
  "store-failed",
  "busy",
];

export interface SpoolRequest2 {
  readonly command: SpoolCommand;
  /** 12 bytes; zeros for create. */
  readonly spool: Uint8Array;
  /** For retrieve, else 0. */
  readonly messageId: number;
  /** The epoch in which it was signed: served in it and in its neighbours. */
  readonly epoch: number;
  /** Ed25519: the owner's for create, purge and retrieve, the writer's for append. */
  readonly publicKey: Uint8Array;
  /** Of what `signedBytes` gives. */
  readonly signature: Uint8Array;
  /** append: the message; create: the writer's public key, 32 bytes; else empty. */
  readonly message: Uint8Array;
}

export interface SpoolResponse2 {
  readonly status: SpoolStatus;
  readonly command: SpoolCommand;
  readonly spool: Uint8Array;
  /** append: the id that the message has; retrieve: the id that was asked for; else 0. */
  readonly messageId: number;
  /** retrieve: the id that the next message will have; else 0. */
  readonly end: number;
  readonly message: Uint8Array;
}

const keyLength = 32;
const signatureLength = 64;
const spoolAt = 2;
const messageIdAt = spoolAt + spoolIdLength;
const epochAt = messageIdAt + 8;
const keyAt = epochAt + 8;
const signatureAt = keyAt + keyLength;
const lengthAt = signatureAt + signatureLength;
const requestHeaderLength = lengthAt + 4;
const responseHeaderLength = 3 + spoolIdLength + 8 + 8 + 4;

/** Every response of version 2 has this length. */
export const response2Length = ({ messageLengthMax }: SpoolGeometry): number => responseHeaderLength + messageLengthMax;

type Signed = Pick<SpoolRequest2, "command" | "spool" | "messageId" | "epoch" | "message">;

/** What a signature is of; `hash` is SHA-256 of the message. */
export const signedBytes = (
  { command, spool, messageId, epoch }: Omit<Signed, "message">,
  hash: Uint8Array,
): Uint8Array => encodeCbor(["spool/v2/request", command, spool, messageId, hash, epoch]);

/** The request with its signature by a 64-byte Ed25519 key. */
export const signRequest2 = (suite: Suite, privateKey: Uint8Array, request: Signed): SpoolRequest2 => ({
  ...request,
  publicKey: privateKey.subarray(keyLength),
  signature: suite.ed25519Sign(privateKey, signedBytes(request, suite.sha256(request.message))),
});

/** The parts and zeros, of a length in all. */
export const padded = (length: number, ...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const bytes = new Uint8Array(length);
  bytes.set(concat(...parts));
  return bytes;
};

/** `requestLengthMax` bytes. The message has at most `messageLengthMax`. */
export const encodeRequest2 = (geometry: SpoolGeometry, request: SpoolRequest2): Uint8Array => {
  invariant(request.message.length <= geometry.messageLengthMax, "a message fits a request");
  return padded(
    geometry.requestLengthMax,
    Uint8Array.of(spoolVersion2, commands.indexOf(request.command)),
    request.spool,
    uint64(request.messageId),
    uint64(request.epoch),
    request.publicKey,
    request.signature,
    uint32(request.message.length),
    request.message,
  );
};

/** Null for what is no request of exactly `requestLengthMax` bytes. */
export const decodeRequest2 = (geometry: SpoolGeometry, bytes: Uint8Array): SpoolRequest2 | null => {
  if (bytes.length !== geometry.requestLengthMax || bytes[0] !== spoolVersion2) return null;
  const command = commands[bytes[1]!];
  const messageId = readUint64(bytes, messageIdAt);
  const epoch = readUint64(bytes, epochAt);
  const length = viewOf(bytes).getUint32(lengthAt);
  if (command === undefined || messageId === null || epoch === null || length > geometry.messageLengthMax) return null;
  const end = requestHeaderLength + length;
  if (!isZero(bytes.subarray(end))) return null;
  return {
    command,
    spool: bytes.slice(spoolAt, messageIdAt),
    messageId,
    epoch,
    publicKey: bytes.slice(keyAt, signatureAt),
    signature: bytes.slice(signatureAt, lengthAt),
    message: bytes.slice(requestHeaderLength, end),
  };
};

/** As far as its message: zeros up to `response2Length` follow. */
export const encodeResponse2 = (response: SpoolResponse2): Uint8Array =>
  concat(
    Uint8Array.of(spoolVersion2, statuses.indexOf(response.status), commands.indexOf(response.command)),
    response.spool,
    uint64(response.messageId),
    uint64(response.end),
    uint32(response.message.length),
    response.message,
  );

/** Null for what is no response. What follows its length (the padding of a reply) is left out. */
export const decodeResponse2 = (geometry: SpoolGeometry, bytes: Uint8Array): SpoolResponse2 | null => {
  if (bytes.length < response2Length(geometry) || bytes[0] !== spoolVersion2) return null;
  const [status, command] = [statuses[bytes[1]!], commands[bytes[2]!]];
  const messageId = readUint64(bytes, 3 + spoolIdLength);
  const end = readUint64(bytes, 3 + spoolIdLength + 8);
  const length = viewOf(bytes).getUint32(responseHeaderLength - 4);
  if (status === undefined || command === undefined || messageId === null || end === null) return null;
  if (length > geometry.messageLengthMax) return null;
  const message = bytes.slice(responseHeaderLength, responseHeaderLength + length);
  return { status, command, spool: bytes.slice(3, 3 + spoolIdLength), messageId, end, message };
};
