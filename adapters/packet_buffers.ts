/**
 * Memory for packets that workers share with this thread, and that is used again. A packet may wait for seconds, so
 * that a buffer of its own outlives the collections of the young: the engine, which counts such memory as its own,
 * would look for it in all there is after every few hundred packets, in five threads.
 *
 * A buffer that nobody gives back is collected with the last reference to it.
 *
 * @module
 */

export interface PacketBuffers {
  /** A buffer of the packet's length with its bytes, which are copied. */
  readonly keep: (packet: Uint8Array) => Uint8Array;
  /** Takes back what `keep` gave, which no one may read any more; what it did not give is left alone. */
  readonly release: (bytes: Uint8Array) => void;
}

/** Buffers that wait to be used again, which is less than packets have been held at once. */
const freeMax = 1024;

/** For packets of one length; one of another length has a buffer that is not used again. */
export const createPacketBuffers = (length: number): PacketBuffers => {
  const free: Uint8Array[] = [];
  const lent = new WeakSet<ArrayBufferLike>();
  return {
    keep: (packet) => {
      const buffer = packet.length === length ? free.pop() : undefined;
      const kept = buffer ?? new Uint8Array(new SharedArrayBuffer(packet.length));
      kept.set(packet);
      lent.add(kept.buffer);
      return kept;
    },
    release: ({ buffer }) => {
      if (!lent.delete(buffer) || buffer.byteLength !== length || free.length === freeMax) return;
      free.push(new Uint8Array(buffer));
    },
  };
};
