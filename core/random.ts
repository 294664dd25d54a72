/**
 * Randomness as a capability. `draws(seed)` expands the 32-byte seed of a step into independent streams, one a label,
 * so that a new draw does not shift the others; with reference vectors a `Random` replays the recorded reads.
 *
 * Distributions are decided here, in integer ms, by arithmetic that every engine rounds alike (no Math.log).
 *
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { concat, readUint32, utf8, writeUint32 } from "./bytes.ts";
import { chacha20Keystream } from "./crypto/chacha20.ts";
import { type Context, invariant } from "./machine.ts";

/** A source of uniformly random bytes. */
export interface Random {
  readonly bytes: (length: number) => Uint8Array;
}

/** The independent stream of a label. The same label gives the same stream again: use a label once a step. */
export type Draws = (label: string) => Random;

/** A block of ChaCha20: most draws are of 4 or 8 bytes, and one block serves for several. */
const blockLength = 64;

/**
 * A stream of random bytes from a 32-byte key, by the ChaCha20 keystreams under the nonces 0, 1, 2: each serves for as
 * many reads in a row as fit its first block, or for a longer one. What has been read is no longer there.
 */
export const stream = (key: Uint8Array): Random => streamOf(() => key);

/** The key is asked for with the first read. */
const streamOf = (keyOf: () => Uint8Array): Random => {
  let key: Uint8Array | null = null;
  let block: Uint8Array = new Uint8Array(0);
  let [at, nonces] = [0, 0];
  return {
    bytes: (length) => {
      if (length > block.length - at) {
        const nonce = new Uint8Array(12);
        writeUint32(nonce, 8, nonces++);
        block = chacha20Keystream(key ??= keyOf(), nonce, Math.max(length, blockLength));
        at = 0;
      }
      const read = block.slice(at, at + length);
      block.fill(0, at, at + length);
      at += length;
      return read;
    },
  };
};

/** Streams of the seed of one step. */
export const draws = (seed: Uint8Array): Draws => (label) => streamOf(() => deriveSeed(seed, label));

/** The same of a step that may draw nothing: its seed is derived when it is asked for (system.ts), which costs. */
export const drawsOf = (context: Context): Draws => (label) => streamOf(() => deriveSeed(context.seed, label));

/**
 * 32 bytes for a label under a seed: SHA-256(seed | label). `seed` is 32 bytes, so the two cannot run into one another.
 */
export const deriveSeed = (seed: Uint8Array, label: string): Uint8Array => {
  invariant(seed.length === 32, "a seed has 32 bytes");
  return sha256(concat(seed, utf8(label)));
};

/** A uniform integer in [0, bound), by rejection. `bound` is 1 to 2^32. */
export const uniformInteger = (random: Random, bound: number): number => {
  invariant(Number.isInteger(bound) && bound >= 1 && bound <= 2 ** 32, "bound is 1 to 2^32");
  const limit = 2 ** 32 - (2 ** 32 % bound);
  for (;;) {
    const value = readUint32(random.bytes(4), 0);
    if (value < limit) return value % bound;
  }
};

/** One of the items, uniformly. */
export const pick = <A>(random: Random, items: ReadonlyArray<A>): A => {
  invariant(items.length > 0, "pick from at least one item");
  return items[uniformInteger(random, items.length)]!;
};

/** A uniform permutation of the items (Fisher-Yates). */
export const shuffle = <A>(random: Random, items: ReadonlyArray<A>): A[] => {
  const shuffled = [...items];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = uniformInteger(random, i + 1);
    [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
  }
  return shuffled;
};

/** A uniform multiple of 2^-53 in (0, 1]. */
export const uniformUnit = (random: Random): number => {
  const bytes = random.bytes(8);
  const bits = readUint32(bytes, 0) * 2 ** 21 + (readUint32(bytes, 4) >>> 11);
  return (bits + 1) / 2 ** 53;
};

/**
 * The natural logarithm of a number in (0, 1], by +, -, *, / alone: x = m 2^-k with m in (1/2, 1], ln m by the series
 * of 2 artanh((m-1)/(m+1)). The argument is at most 1/3, so 24 terms are below one unit in the last place.
 */
const naturalLogarithm = (x: number): number => {
  let [m, k] = [x, 0];
  while (m <= 0.5) {
    m *= 2;
    k++;
  }
  const t = (m - 1) / (m + 1);
  const square = t * t;
  let [sum, power] = [0, t];
  for (let n = 1; n < 48; n += 2) {
    sum += power / n;
    power *= square;
  }
  return 2 * sum - k * Math.LN2;
};

/**
 * A sample of the exponential distribution in whole ms, rounded down, as the Go code samples (wire-facts §1.6, §7).
 * `rate` is per ms and positive; the sample is clamped (not drawn again) at `maxMs` when that is above 0.
 */
export const exponentialMs = (random: Random, rate: number, maxMs: number): number => {
  invariant(rate > 0 && Number.isFinite(rate), "a rate is positive");
  const sample = Math.floor((0 - naturalLogarithm(uniformUnit(random))) / rate);
  const limit = maxMs > 0 ? maxMs : Number.MAX_SAFE_INTEGER;
  return Math.min(sample, limit);
};
