/**
 * Memory for packets that workers share with this thread, and that is used again. A packet may wait for seconds, so
 * that a buffer of its own outlives the collections of the young: the engine, which counts such memory as its own,
 * would look for it in all there is after every few hundred packets, in five threads.
 *
 * A buffer that nobody gives back is collected with the last reference to it.
 *
 * @module
 */
import { lengthOf } from "../core/bytes.ts";

export interface PacketBuffers {
  /** A view of a buffer with the bytes of the pieces, which are copied. */
  readonly keep: (pieces: ReadonlyArray<Uint8Array>) => Uint8Array;
  /** Takes back what `keep` gave, or a part of it: nobody may read it any more. What it did not give is left alone. */
  readonly release: (bytes: Uint8Array) => void;
}

/** Buffers that wait to be used again, which is less than packets have been held at once. */
const freeMax = 1024;
const wordLength = 8;
const noBytes = new Uint8Array(0);

/**
 * Copies the pieces into memory, one after the other, and gives the view of them. Engines copy to and from shared
 * memory by words only where both sides lie alike, else by bytes, which takes eight times as long: the longest piece
 * does. There have to be 7 bytes more than the pieces have.
 */
export const place = (memory: Uint8Array, pieces: ReadonlyArray<Uint8Array>): Uint8Array => {
  let longest: Uint8Array = noBytes;
  let [length, before] = [0, 0];
  for (const piece of pieces) {
    if (piece.length > longest.length) [longest, before] = [piece, length];
    length += piece.length;
  }
  const start = (wordLength + ((longest.byteOffset - memory.byteOffset - before) % wordLength)) % wordLength;
  let at = start;
  for (const piece of pieces) {
    memory.set(piece, at);
    at += piece.length;
  }
  return memory.subarray(start, at);
};

/** For contents of up to `length` bytes; longer ones have a buffer that is not used again. */
export const createPacketBuffers = (length: number): PacketBuffers => {
  const size = length + wordLength;
  const free: Uint8Array[] = [];
  const lent = new WeakSet<ArrayBufferLike>();
  return {
    keep: (pieces) => {
      const needed = lengthOf(pieces);
      const pooled = needed <= length ? free.pop() : undefined;
      const buffer = pooled ?? new Uint8Array(new SharedArrayBuffer(Math.max(size, needed + wordLength)));
      lent.add(buffer.buffer);
      return place(buffer, pieces);
    },
    release: ({ buffer }) => {
      if (!lent.delete(buffer) || buffer.byteLength !== size || free.length === freeMax) return;
      free.push(new Uint8Array(buffer));
    },
  };
};
