/**
 * The simulator's own randomness: integers only, so that every engine draws alike (sfc32, seeded by 32 bytes).
 *
 * The machines under test draw from core/random.ts; this one decides what the world does to them: latencies, chunks,
 * faults.
 *
 * @module
 */
import { deriveSeed } from "../../core/random.ts";
import { viewOf } from "../../core/bytes.ts";

export interface Prng {
  /** A uniform integer in [0, bound), to within 2^-11 of uniform for bounds up to 2^21. */
  readonly below: (bound: number) => number;
  /** True once in `outOf` times. */
  readonly once: (outOf: number) => boolean;
}

/** The stream of a label under a seed: a new label does not shift the others. */
export const createPrng = (seed: Uint8Array, label: string): Prng => {
  const view = viewOf(deriveSeed(seed, label));
  let [a, b, c, counter] = [view.getUint32(0), view.getUint32(4), view.getUint32(8), 1];
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum | 0;
    return sum >>> 0;
  };
  // The first outputs still show the seed's structure.
  for (let i = 0; i < 12; i++) next();
  const below = (bound: number): number => Math.floor((next() * bound) / 2 ** 32);
  return { below, once: (outOf) => below(outOf) === 0 };
};
