/**
 * The system's random numbers: a fresh seed for each step, and key generation.
 *
 * @module
 */
import type { Random } from "../core/random.ts";

/** Drawn at once, since a call to the system costs more than the numbers; what was given out is wiped. */
const drawn = new Uint8Array(4096);
let used = drawn.length;

/** Fills `bytes` with random numbers. */
export const fillRandom = (bytes: Uint8Array<ArrayBuffer>): void => {
  if (bytes.length > drawn.length) return void crypto.getRandomValues(bytes);
  if (used + bytes.length > drawn.length) {
    crypto.getRandomValues(drawn);
    used = 0;
  }
  const part = drawn.subarray(used, used + bytes.length);
  used += bytes.length;
  bytes.set(part);
  part.fill(0);
};

/** Draws of at most 65,536 bytes from the operating system. */
export const systemRandom: Random = {
  bytes: (length) => {
    const bytes = new Uint8Array(length);
    fillRandom(bytes);
    return bytes;
  },
};
