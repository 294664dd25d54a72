/**
 * The system's random numbers: a fresh seed for each step, and key generation.
 *
 * @module
 */
import type { Random } from "../core/random.ts";

/** Fills `bytes` with random numbers. */
export const fillRandom = (bytes: Uint8Array<ArrayBuffer>): void => {
  crypto.getRandomValues(bytes);
};

/** Draws of at most 65,536 bytes from the operating system. */
export const systemRandom: Random = {
  bytes: (length) => {
    const bytes = new Uint8Array(length);
    fillRandom(bytes);
    return bytes;
  },
};
