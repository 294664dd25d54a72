/**
 * Memory for byte strings of a packet's size, many of which share a buffer: engines take longer to get and give back a
 * buffer than the simulated network takes for all that it does with one.
 *
 * A buffer lives as long as one of its byte strings, so that these are for what passes through, not for what stays.
 *
 * @module
 */

const slabLength = 64 * 1024;
/** Shorter ones have no buffer. */
const sharedMin = 65;
const sharedMax = slabLength / 8;

let slab = new Uint8Array(slabLength);
let used = 0;

/** So many zero bytes. */
export const allocate = (length: number): Uint8Array => {
  if (length < sharedMin || length > sharedMax) return new Uint8Array(length);
  if (used + length > slabLength) [slab, used] = [new Uint8Array(slabLength), 0];
  const bytes = slab.subarray(used, used + length);
  // Views of words begin at words.
  used += (length + 7) & ~7;
  return bytes;
};

/** The parts as one byte string. */
export const join = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = allocate(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
};
