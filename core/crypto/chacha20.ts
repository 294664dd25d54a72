/**
 * The ChaCha20 keystream (RFC 8439 §2.3, §2.4), for the draws of a step: they are many and short, and the library's
 * cipher spends most of its time on preparing one.
 *
 * @module
 */
import { invariant } from "../machine.ts";

const blockLength = 64;
/** "expand 32-byte k". */
const constants = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;

/** The columns and then the diagonals, of which each round mixes four words. */
const quarters = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;
const doubleRounds = 10;

/** The state of one block at a time: what it begins with, and what it is mixed to. */
const initial = new Int32Array(16);
const words = new Int32Array(16);

const wordAt = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);

const quarterRound = (a: number, b: number, c: number, d: number): void => {
  let [p, q, r, s] = [words[a]!, words[b]!, words[c]!, words[d]!];
  p = (p + q) | 0;
  s ^= p;
  s = (s << 16) | (s >>> 16);
  r = (r + s) | 0;
  q ^= r;
  q = (q << 12) | (q >>> 20);
  p = (p + q) | 0;
  s ^= p;
  s = (s << 8) | (s >>> 24);
  r = (r + s) | 0;
  q ^= r;
  q = (q << 7) | (q >>> 25);
  words[a] = p;
  words[b] = q;
  words[c] = r;
  words[d] = s;
};

/** The first `length` bytes of the keystream of a key (32 bytes) and a nonce (12 bytes), from block 0 on. */
export const chacha20Keystream = (key: Uint8Array, nonce: Uint8Array, length: number): Uint8Array => {
  invariant(key.length === 32 && nonce.length === 12, "a key has 32 bytes and a nonce 12");
  const keystream = new Uint8Array(length);
  initial.set(constants);
  for (let i = 0; i < 8; i++) initial[4 + i] = wordAt(key, 4 * i);
  for (let i = 0; i < 3; i++) initial[13 + i] = wordAt(nonce, 4 * i);
  for (let from = 0; from < length; from += blockLength) {
    initial[12] = from / blockLength;
    words.set(initial);
    for (let round = 0; round < doubleRounds; round++) {
      for (let i = 0; i < quarters.length; i++) {
        const quarter = quarters[i]!;
        quarterRound(quarter[0], quarter[1], quarter[2], quarter[3]);
      }
    }
    const end = Math.min(length, from + blockLength);
    for (let at = from; at < end; at++) {
      const word = (at - from) >> 2;
      keystream[at] = (words[word]! + initial[word]!) >>> (8 * (at & 3));
    }
  }
  // What is left would tell the key.
  initial.fill(0);
  words.fill(0);
  return keystream;
};
