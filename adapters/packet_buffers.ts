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
  /** A buffer with the bytes of the pieces, which are copied. */
  readonly keep: (pieces: ReadonlyArray<Uint8Array>) => Uint8Array;
  /** Takes back what `keep` gave, or a part of it: nobody may read it any more. What it did not give is left alone. */
  readonly release: (bytes: Uint8Array) => void;
}

/** Buffers that wait to be used again, which is less than packets have been held at once. */
const freeMax = 1024;

/** For contents of one length; those of another have a buffer that is not used again. */
export const createPacketBuffers = (length: number): PacketBuffers => {
  const free: Uint8Array[] = [];
  const lent = new WeakSet<ArrayBufferLike>();
  return {
    keep: (pieces) => {
      const needed = lengthOf(pieces);
      const buffer = needed === length ? free.pop() : undefined;
      const kept = buffer ?? new Uint8Array(new SharedArrayBuffer(needed));
      let at = 0;
      for (const piece of pieces) {
        kept.set(piece, at);
        at += piece.length;
      }
      lent.add(kept.buffer);
      return kept;
    },
    release: ({ buffer }) => {
      if (!lent.delete(buffer) || buffer.byteLength !== length || free.length === freeMax) return;
      free.push(new Uint8Array(buffer));
    },
  };
};
