/**
 * End-to-end blocks: a message is cut into blocks of one size, each in a Noise X message of its own
 * (specs/end_to_end.rst §4, wire-facts §9.1).
 *
 * The suite is the code's, with SHA-256, not the document's with BLAKE2b (wire-facts D30), and the fields of a
 * ciphertext are in Noise's order. Stricter than Go: padding is zero in an empty block too, and every block but the
 * last is full.
 *
 * @module
 */
import { concat, isZero, uint32, viewOf } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { E, type Either } from "../fp.ts";
import { invariant } from "../machine.ts";
import type { HandshakeFailure } from "../noise/handshake.ts";
import { type OneWayMessage, openOneWay, sealOneWay } from "../noise/one_way.ts";
import { patternX } from "../noise/pattern.ts";
import { createNoiseSuite, type NoiseSuite } from "../noise/symmetric.ts";
import type { Random } from "../random.ts";
import type { Geometry } from "../sphinx/geometry.ts";

export const messageIdLength = 16;
export const blocksMax = 0xffff;

/** Message id, total, id and length in front of a block's payload. */
const blockHeaderLength = messageIdLength + 2 + 2 + 4;
/** e 32, s 32 and its tag 16, the payload's tag 16. */
const noiseOverhead = 32 + 32 + 16 + 16;

/** A fragment of a message. */
export interface Block {
  /**
   * 16 bytes, the same in all blocks of a message; never reused while blocks of another message may be on their way.
   */
  readonly messageId: Uint8Array;
  /** 1 to 65535. */
  readonly total: number;
  /** From 0, below `total`. */
  readonly id: number;
  /** Full in every block but the last; empty only in the one block of an empty message. */
  readonly payload: Uint8Array;
}

/** Most bytes of a message that one block carries: 50522 in the network. */
export const blockPayloadLength = (geometry: Geometry): number => blockLength(geometry) - blockHeaderLength;

/** Length of a block before encryption: 50546 in the network. Its ciphertext fills the user payload of a packet. */
const blockLength = (geometry: Geometry): number => geometry.userPayloadLength - noiseOverhead;

/** Cuts a message into blocks. Left: it needs more than 65535. */
export const fragmentMessage = (
  geometry: Geometry,
  messageId: Uint8Array,
  message: Uint8Array,
): Either<"message-long", ReadonlyArray<Block>> => {
  invariant(messageId.length === messageIdLength, "a message id has 16 bytes");
  const size = blockPayloadLength(geometry);
  const total = Math.max(1, Math.ceil(message.length / size));
  if (total > blocksMax) return E.left("message-long");
  const ids = Array.from({ length: total }, (_, id) => id);
  return E.right(ids.map((id) => ({ messageId, total, id, payload: message.subarray(id * size, (id + 1) * size) })));
};

/** The plaintext of a block that `fragmentMessage` made. */
const encodeBlock = (geometry: Geometry, { messageId, total, id, payload }: Block): Uint8Array => {
  const padding = blockPayloadLength(geometry) - payload.length;
  invariant(isWellFormed(geometry, total, id, payload.length), "a block is well formed");
  const numbers = Uint8Array.of(total >> 8, total & 0xff, id >> 8, id & 0xff);
  return concat(messageId, numbers, uint32(payload.length), payload, new Uint8Array(padding));
};

/** `block-fields`: the numbers do not fit one another. `block-padding`: it is not zero. */
export type BlockFailure = "block-length" | "block-fields" | "block-padding";

const decodeBlock = (geometry: Geometry, bytes: Uint8Array): Either<BlockFailure, Block> => {
  if (bytes.length !== blockLength(geometry)) return E.left("block-length");
  const view = viewOf(bytes);
  const total = view.getUint16(messageIdLength);
  const id = view.getUint16(messageIdLength + 2);
  const length = view.getUint32(messageIdLength + 4);
  if (!isWellFormed(geometry, total, id, length)) return E.left("block-fields");
  const end = blockHeaderLength + length;
  if (!isZero(bytes.subarray(end))) return E.left("block-padding");
  // Copied, since a short payload must not keep a whole block in memory.
  return E.right({
    messageId: bytes.slice(0, messageIdLength),
    total,
    id,
    payload: bytes.slice(blockHeaderLength, end),
  });
};

const isWellFormed = (geometry: Geometry, total: number, id: number, length: number): boolean => {
  const full = blockPayloadLength(geometry);
  if (total > blocksMax || id >= total || length > full) return false;
  return id < total - 1 ? length === full : length > 0 || total === 1;
};

const noiseOf = (suite: Suite): NoiseSuite => createNoiseSuite(suite, "25519_ChaChaPoly_SHA256");

export interface SealedBlock {
  /** As long as the geometry's user payload: 50642 bytes in the network. */
  readonly ciphertext: Uint8Array;
  readonly consumed: ReadonlyArray<Uint8Array>;
}

/**
 * Encrypts a block for `recipientPublic` (X25519, 32 bytes) under a fresh ephemeral key (32 bytes drawn), as it is done
 * again for every retransmission. Left: `point`, where the recipient's key is of low order.
 */
export const sealBlock = (
  suite: Suite,
  geometry: Geometry,
  random: Random,
  senderPrivate: Uint8Array,
  recipientPublic: Uint8Array,
  block: Block,
): Either<HandshakeFailure, SealedBlock> => {
  const plaintext = encodeBlock(geometry, block);
  const sealed = sealOneWay(noiseOf(suite), patternX, random, senderPrivate, recipientPublic, plaintext);
  return E.map(({ message, consumed }: OneWayMessage) => ({ ciphertext: message, consumed }))(sealed);
};

export interface OpenedBlock {
  /** X25519, 32 bytes: who wrote the block. Whether we know them is the caller's question. */
  readonly sender: Uint8Array;
  readonly block: Block;
  readonly consumed: ReadonlyArray<Uint8Array>;
}

/** Authenticates, decrypts and parses a block for the owner of `recipientPrivate` (32 bytes). */
export const openBlock = (
  suite: Suite,
  geometry: Geometry,
  recipientPrivate: Uint8Array,
  ciphertext: Uint8Array,
): Either<HandshakeFailure | BlockFailure, OpenedBlock> => {
  if (ciphertext.length !== geometry.userPayloadLength) return E.left("block-length");
  const opened = openOneWay(noiseOf(suite), patternX, recipientPrivate, null, ciphertext);
  if (E.isLeft(opened)) return opened;
  const { payload, sender, consumed } = opened.right;
  return E.map((block: Block) => ({ sender, block, consumed }))(decodeBlock(geometry, payload));
};
