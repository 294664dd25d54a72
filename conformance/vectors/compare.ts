/**
 * Comparisons that say what differs without printing it whole, the replay of recorded random reads, and the two
 * shorthands of the vector files: `pattern(n, seed)` and long values.
 *
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { equal, toHex } from "../../core/bytes.ts";
import type { Random } from "../../core/random.ts";
import { count, type Decoded, type Decoder, hex, object, oneOf } from "./decode.ts";

/** What differs, one line each; empty when nothing does. */
export type Differences = ReadonlyArray<string>;

const excerptBytes = 16;

const excerpt = (bytes: Uint8Array, from: number): string => {
  const more = from + excerptBytes < bytes.length ? "…" : "";
  return toHex(bytes.subarray(from, from + excerptBytes)) + more;
};

/** Null stands for a refusal, on either side. */
export const compareBytes = (what: string, actual: Uint8Array | null, expected: Uint8Array | null): Differences => {
  if (actual === null || expected === null) {
    if (actual === expected) return [];
    return [actual === null ? `${what}: refused` : `${what}: accepted, should be refused`];
  }
  if (equal(actual, expected)) return [];
  let at = 0;
  while (at < actual.length && at < expected.length && actual[at] === expected[at]) at++;
  const where = `${what}: differs at byte ${at} of ${expected.length}`;
  const lengths = actual.length === expected.length ? "" : ` (got ${actual.length} bytes)`;
  return [`${where}${lengths}: got ${excerpt(actual, at)}, expected ${excerpt(expected, at)}`];
};

/** Numbers, strings, booleans and null; long strings by their first difference. */
export const compareValues = (what: string, actual: unknown, expected: unknown): Differences => {
  if (Object.is(actual, expected)) return [];
  if (typeof actual !== "string" || typeof expected !== "string") {
    return [`${what}: got ${String(actual)}, expected ${String(expected)}`];
  }
  let at = 0;
  while (at < actual.length && at < expected.length && actual[at] === expected[at]) at++;
  const from = Math.max(0, at - 20);
  return [
    `${what}: differs at character ${at}: got …${actual.slice(from, at + 40)}…, expected …${
      expected.slice(from, at + 40)
    }…`,
  ];
};

/** A list of the same length, compared item by item. */
export const compareLists = <A, B>(
  what: string,
  actual: ReadonlyArray<A>,
  expected: ReadonlyArray<B>,
  item: (what: string, actual: A, expected: B) => Differences,
): Differences => {
  if (actual.length !== expected.length) return [`${what}: got ${actual.length} items, expected ${expected.length}`];
  return expected.flatMap((value, index) => item(`${what}[${index}]`, actual[index]!, value));
};

/** What a vector says of a long value. */
export interface Digest {
  readonly len: number;
  readonly sha256: Uint8Array;
  readonly first64: Uint8Array;
  readonly last64: Uint8Array;
}

const digestFields = { len: count, sha256: hex(32), first64: hex(), last64: hex() };

export const digest: Decoder<Digest> = object(digestFields);

/** `{hex}` for a short value, `{len, sha256, first64, last64}` for a long one. */
export const long = oneOf(object({ hex: hex() }), digest);
export type Long = Decoded<typeof long>;

export const compareDigest = (what: string, actual: Uint8Array | null, expected: Digest): Differences => {
  if (actual === null) return [`${what}: refused`];
  return [
    ...compareValues(`${what}.len`, actual.length, expected.len),
    ...compareBytes(`${what}.first64`, actual.subarray(0, 64), expected.first64),
    ...compareBytes(`${what}.last64`, actual.subarray(Math.max(0, actual.length - 64)), expected.last64),
    ...compareBytes(`${what}.sha256`, sha256(actual), expected.sha256),
  ];
};

export const compareLong = (what: string, actual: Uint8Array | null, expected: Long): Differences =>
  "hex" in expected ? compareBytes(what, actual, expected.hex) : compareDigest(what, actual, expected);

/** Byte i is (7 i + 13 ⌊i/256⌋ + seed) mod 256: the payloads of the vector files. */
export const pattern = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) * 13 + seed) & 255);

export interface RecordedRandom extends Random {
  /** A difference where reads were left over: call it last. */
  readonly leftovers: () => Differences;
}

/** Replays recorded reads, one a call. A read of another length, or one too many, throws: the case fails. */
export const recordedRandom = (reads: ReadonlyArray<Uint8Array>, what = "reads"): RecordedRandom => {
  let next = 0;
  return {
    bytes: (length) => {
      const read = reads[next];
      if (read === undefined) {
        throw new Error(`${what}: read ${next} of ${length} bytes, but only ${reads.length} were recorded`);
      }
      if (read.length !== length) {
        throw new Error(`${what}: read ${next} asked for ${length} bytes, recorded are ${read.length}`);
      }
      next++;
      return read.slice();
    },
    leftovers: () =>
      next === reads.length ? [] : [`${what}: ${reads.length - next} of ${reads.length} recorded reads were not used`],
  };
};
