/**
 * Framing of the data transfer phase (specs/wire-protocol.rst §2.2, wire-facts §2.5): for each command its ciphertext's
 * length encrypted (4+16 bytes), then the command encrypted, then a rekey of that direction's cipher, whose counter
 * goes on.
 *
 * @module
 */
import { lengthOf, readUint32, uint32 } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { E, type Either } from "../fp.ts";
import {
  type CipherState,
  openPieces,
  pass,
  rekey,
  seal,
  type SealedMessage,
  sealPieces,
  tagLength,
} from "../noise/cipher_state.ts";
import { type ByteQueue, takePieces } from "./byte_queue.ts";

/** Length in bytes of the encrypted length. */
export const frameHeaderLength = 4 + tagLength;

export interface SealedFrame {
  /** The frame's bytes, in order. */
  readonly pieces: ReadonlyArray<Uint8Array>;
  readonly cipher: CipherState;
  /** The key before the rekey. */
  readonly consumed: Uint8Array;
}

/** The frame of an encoded command, which comes in pieces. */
export const sealFrame = (
  suite: Suite,
  cipher: CipherState,
  command: ReadonlyArray<Uint8Array>,
): Either<"nonces-exhausted", SealedFrame> => {
  const header = seal(suite, cipher, uint32(lengthOf(command) + tagLength));
  if (E.isLeft(header)) return header;
  const body = sealPieces(suite, header.right.cipher, command);
  if (E.isLeft(body)) return body;
  const pieces = [header.right.bytes, ...body.right.pieces];
  return E.right({ pieces, cipher: rekey(suite, body.right.cipher), consumed: cipher.key });
};

/** Where the receiving side stands: `bodyLength` is known once a frame's header was opened. */
export interface Receiver {
  readonly cipher: CipherState;
  /** Length in bytes of the ciphertext that is to come, or null before a frame's header. */
  readonly bodyLength: number | null;
}

export const createReceiver = (cipher: CipherState): Receiver => ({ cipher, bodyLength: null });

/** `length`: the header claims less than a tag or more than the longest command. */
export type FrameFailure = "length" | "decrypt" | "nonces-exhausted";

export interface Opened {
  readonly receiver: Receiver;
  readonly rest: ByteQueue;
  /** Null after a header. */
  readonly command: Uint8Array | null;
  /** The key before the rekey; null after a header. */
  readonly consumed: Uint8Array | null;
}

/**
 * Opens the next header or body of a frame, or gives null where too little has come. The length in a header is checked
 * against `commandLengthMax` (bytes, without the tag) before anything waits for that many bytes.
 */
export const openNext = (
  suite: Suite,
  receiver: Receiver,
  queue: ByteQueue,
  commandLengthMax: number,
): Either<FrameFailure, Opened | null> => {
  const taken = takePieces(queue, receiver.bodyLength ?? frameHeaderLength);
  if (taken === null) return E.right(null);
  const opened = openPieces(suite, receiver.cipher, taken.pieces);
  if (E.isLeft(opened)) return opened;
  const { cipher, bytes } = opened.right;
  if (receiver.bodyLength !== null) {
    const next = createReceiver(rekey(suite, cipher));
    return E.right({ receiver: next, rest: taken.rest, command: bytes, consumed: cipher.key });
  }
  const bodyLength = readUint32(bytes, 0);
  if (bodyLength < tagLength || bodyLength > commandLengthMax + tagLength) return E.left("length");
  return E.right({ receiver: { cipher, bodyLength }, rest: taken.rest, command: null, consumed: null });
};

export interface Passed {
  readonly receiver: Receiver;
  readonly rest: ByteQueue;
  readonly sealed: SealedMessage;
}

/**
 * The body of a frame whose header has been opened, for somebody else to open, or null where too little has come. The
 * next frame can be read at once: no key depends on what messages hold.
 */
export const passNext = (
  suite: Suite,
  { cipher, bodyLength }: Receiver,
  queue: ByteQueue,
): Either<"nonces-exhausted", Passed | null> => {
  const taken = bodyLength === null ? null : takePieces(queue, bodyLength);
  if (taken === null) return E.right(null);
  const passed = pass(cipher);
  if (E.isLeft(passed)) return passed;
  const receiver = createReceiver(rekey(suite, passed.right));
  return E.right({ receiver, rest: taken.rest, sealed: { cipher, pieces: taken.pieces } });
};
