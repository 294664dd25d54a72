/**
 * Received bytes in order, as a persistent queue of chunks: nothing is copied until a whole message can be taken, and
 * then only where it spans chunks.
 *
 * Small chunks are joined, so that a peer who sends one byte at a time costs neither a chunk a byte nor quadratic
 * copying: any two neighbours together are longer than `joinedMax`.
 *
 * @module
 */

/** Newest first. */
type Chunks = { readonly bytes: Uint8Array; readonly older: Chunks } | null;

export interface ByteQueue {
  readonly length: number;
  readonly chunks: Chunks;
}

export const emptyByteQueue: ByteQueue = { length: 0, chunks: null };

const joinedMax = 4096;

/** The queue with bytes at its end. They are not copied, unless short, and belong to the queue from now on. */
export const append = (queue: ByteQueue, bytes: Uint8Array): ByteQueue => {
  if (bytes.length === 0) return queue;
  const length = queue.length + bytes.length;
  const newest = queue.chunks;
  if (newest === null || newest.bytes.length + bytes.length > joinedMax) {
    return { length, chunks: { bytes, older: newest } };
  }
  return {
    length,
    chunks: { bytes: join([newest.bytes, bytes], newest.bytes.length + bytes.length), older: newest.older },
  };
};

export interface Taken {
  /** Views of what was received, in order. */
  readonly pieces: ReadonlyArray<Uint8Array>;
  readonly rest: ByteQueue;
}

/** The first `length` bytes, in the pieces that they lie in, and the queue without them; null where there are fewer. */
export const takePieces = (queue: ByteQueue, length: number): Taken | null => {
  if (queue.length < length) return null;
  const parts: Uint8Array[] = [];
  for (let at = queue.chunks; at !== null; at = at.older) parts.push(at.bytes);
  parts.reverse();
  let [covering, end] = [0, 0];
  while (end < length) end += parts[covering++]!.length;
  const pieces = parts.slice(0, covering);
  const last = pieces.pop();
  const cut = last?.subarray(last.length - (end - length));
  if (last !== undefined) pieces.push(last.subarray(0, last.length - (end - length)));
  let chunks: Chunks = cut === undefined || cut.length === 0 ? null : { bytes: cut, older: null };
  for (const part of parts.slice(covering)) chunks = { bytes: part, older: chunks };
  return { pieces, rest: { length: queue.length - length, chunks } };
};

/** The same as one string of bytes: a view, where they lie in one chunk. */
export const take = (
  queue: ByteQueue,
  length: number,
): { readonly bytes: Uint8Array; readonly rest: ByteQueue } | null => {
  const taken = takePieces(queue, length);
  return taken === null ? null : { bytes: join(taken.pieces, length), rest: taken.rest };
};

/** The first byte, or null. */
export const firstByte = (queue: ByteQueue): number | null => take(queue, 1)?.bytes[0] ?? null;

/** The first `length` bytes of the parts; copied only where there is more than one. */
const join = (parts: ReadonlyArray<Uint8Array>, length: number): Uint8Array => {
  if (parts.length === 1) return parts[0]!.subarray(0, length);
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    const fits = part.subarray(0, length - at);
    joined.set(fits, at);
    at += fits.length;
  }
  return joined;
};
