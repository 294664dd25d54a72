/**
 * AEZ v5 (Hoang, Krovetz, Rogaway: "AEZ v5: Authenticated Encryption by Enciphering", 2017), in the order of its
 * figures: Extract, E, Hash, PRF, AEZ-tiny, AEZ-core, Encrypt, Decrypt. General in the lengths of key, nonce, message,
 * associated data and tag; Sphinx uses it as a wide-block cipher: key 48, nonce 16, no associated data, tau 0
 * (wire-facts §1.1).
 *
 * Departs from the document: tau counts bytes. Timing: the AES rounds use tables (aes_round.ts), so this form is the
 * portable fallback and the twin that faster implementations are compared with; it is not constant time.
 *
 * @module
 */
import { blake2b } from "@noble/hashes/blake2.js";
import { concat, equalConstantTime, isZero, viewOf, xorInPlace } from "../bytes.ts";
import { aesRounds, type Block } from "./aes_round.ts";

const blockBytes = 16;
const extractedBytes = 3 * blockBytes;

type Direction = "encipher" | "decipher";

/** The extracted key: what E needs of I, J and L. */
interface Key {
  readonly i: Block;
  readonly j: Block;
  /** 0L to 7L. */
  readonly l: ReadonlyArray<Block>;
  /** The round keys of AES4 and AES10 behind the whitening. */
  readonly four: Int32Array;
  readonly ten: Int32Array;
}

const zeroBlock = (): Block => new Int32Array(4);

/** The block of at most 16 bytes, filled up with zeros. */
const blockOf = (bytes: Uint8Array): Block => {
  const padded = viewOf(concat(bytes, new Uint8Array(blockBytes - bytes.length)));
  return Int32Array.of(padded.getInt32(0), padded.getInt32(4), padded.getInt32(8), padded.getInt32(12));
};

const bytesOf = (block: Block): Uint8Array => {
  const bytes = new Uint8Array(blockBytes);
  const view = viewOf(bytes);
  block.forEach((word, index) => view.setInt32(4 * index, word));
  return bytes;
};

/** X10*: fewer than 16 bytes, a one bit, zeros. */
const padded = (bytes: Uint8Array): Block => blockOf(concat(bytes, Uint8Array.of(0x80)));

const xorInto = (target: Block, mask: Block): void => {
  for (let w = 0; w < 4; w++) target[w]! ^= mask[w]!;
};

const xorOf = (...blocks: ReadonlyArray<Block>): Block => {
  const sum = zeroBlock();
  for (const block of blocks) xorInto(sum, block);
  return sum;
};

/** Multiplication by x in GF(2^128) modulo x^128 + x^7 + x^2 + x + 1. */
const double = (a: Block): Block => {
  const [a0, a1, a2, a3] = [a[0]!, a[1]!, a[2]!, a[3]!];
  return Int32Array.of(
    (a0 << 1) | (a1 >>> 31),
    (a1 << 1) | (a2 >>> 31),
    (a2 << 1) | (a3 >>> 31),
    (a3 << 1) ^ ((a0 >> 31) & 0x87),
  );
};

/** The product of a block and a small number, whose binary digits are a polynomial. */
const times = (factor: number, block: Block): Block => {
  const product = zeroBlock();
  let power = block;
  for (let rest = factor; rest > 0; rest >>>= 1) {
    if ((rest & 1) === 1) xorInto(product, power);
    power = double(power);
  }
  return product;
};

/** Extract: I, J, L are the key itself where it has 48 bytes, else its BLAKE2b-384. */
const extract = (key: Uint8Array): Key => {
  const extracted = key.length === extractedBytes ? key : blake2b(key, { dkLen: extractedBytes });
  const [i, j, l] = [0, 16, 32].map((at) => blockOf(extracted.subarray(at, at + blockBytes))) as [Block, Block, Block];
  const join = (...blocks: ReadonlyArray<Block>) => Int32Array.from(blocks.flatMap((block) => [...block]));
  return {
    i,
    j,
    l: Array.from({ length: 8 }, (_, factor) => times(factor, l)),
    four: join(j, i, l, zeroBlock()),
    ten: join(i, j, l, i, j, l, i, j, l, i),
  };
};

/** E with j >= 0 and i from 0 to 7: AES4 of the block masked with jJ + 2^ceil(i/8) I + iL. */
const e4 = (key: Key, j: number, i: number, block: Block): Block => {
  const mask = xorOf(times(j, key.j), i === 0 ? key.i : double(key.i), key.l[i]!);
  aesRounds(key.four, mask, block, mask);
  return mask;
};

/** E with j = -1: AES10 of the block masked with iL. */
const e10 = (key: Key, i: number, block: Block): Block => {
  const result = zeroBlock();
  aesRounds(key.ten, key.l[i]!, block, result);
  return result;
};

/** The masks of E for i = 1, 2, 3 ... in one row jJ: jJ + 2^ceil(i/8) I + (i mod 8) L. */
const rowMasks = (key: Key, row: Block): (mask: Block) => void => {
  let [i, multiple] = [0, key.i];
  return (mask) => {
    if (i++ % 8 === 0) multiple = double(multiple);
    const l = key.l[i % 8]!;
    for (let w = 0; w < 4; w++) mask[w] = row[w]! ^ multiple[w]! ^ l[w]!;
  };
};

/**
 * The share of one string in Hash, in row j of E: i = 1, 2 ... for whole blocks, i = 0 for a partial or empty last one.
 */
const hashString = (key: Key, j: number, bytes: Uint8Array): Block => {
  const [sum, mask] = [zeroBlock(), zeroBlock()];
  const nextMask = rowMasks(key, times(j, key.j));
  const end = bytes.length - (bytes.length % blockBytes);
  for (let at = 0; at < end; at += blockBytes) {
    nextMask(mask);
    aesRounds(key.four, mask, blockOf(bytes.subarray(at, at + blockBytes)), mask);
    xorInto(sum, mask);
  }
  if (end < bytes.length || bytes.length === 0) xorInto(sum, e4(key, j, 0, padded(bytes.subarray(end))));
  return sum;
};

/** AEZ-hash of (tau in bits, nonce, associated data ...): rows 3, 4, 5 ... of E. */
const hash = (key: Key, tau: number, nonce: Uint8Array, associated: ReadonlyArray<Uint8Array>): Block =>
  xorOf(
    e4(key, 3, 1, Int32Array.of(0, 0, 0, 8 * tau)),
    hashString(key, 4, nonce),
    ...associated.map((text, index) => hashString(key, 5 + index, text)),
  );

/** AEZ-prf: `tau` bytes in counter mode. */
const prf = (key: Key, delta: Block, tau: number): Uint8Array => {
  const blocks = Array.from(
    { length: Math.ceil(tau / blockBytes) },
    (_, counter) => bytesOf(e10(key, 3, xorOf(delta, Int32Array.of(0, 0, 0, counter)))),
  );
  return concat(...blocks).subarray(0, tau);
};

/** The number of Feistel rounds of AEZ-tiny for 1 to 31 bytes. */
const tinyRounds = (length: number): number => length === 1 ? 24 : length === 2 ? 16 : length < blockBytes ? 10 : 8;

/** Half bytes and back: the halves of an odd number of bytes end in the middle of one. */
const nibblesOf = (bytes: Uint8Array): Uint8Array =>
  Uint8Array.from({ length: 2 * bytes.length }, (_, n) => (bytes[n >> 1]! >> (n % 2 === 0 ? 4 : 0)) & 15);
const packed = (nibbles: Uint8Array): Uint8Array =>
  Uint8Array.from({ length: nibbles.length >> 1 }, (_, n) => (nibbles[2 * n]! << 4) | nibbles[2 * n + 1]!);

/** One bit that makes AEZ-tiny an even or an odd permutation, for fewer than 16 bytes. */
const tinyCorrection = (key: Key, delta: Block, bytes: Uint8Array): number => {
  const block = blockOf(bytes);
  block[0]! |= 0x80000000;
  return (e4(key, 0, 3, xorOf(delta, block))[0]! >>> 24) & 0x80;
};

/** AEZ-tiny: a Feistel network on 1 to 31 bytes. */
const tiny = (key: Key, delta: Block, direction: Direction, message: Uint8Array): Uint8Array => {
  const length = message.length;
  const [rounds, column] = [tinyRounds(length), length < blockBytes ? 7 : 6];
  const input = message.slice();
  if (direction === "decipher" && length < blockBytes) input[0]! ^= tinyCorrection(key, delta, input);
  const nibbles = nibblesOf(input);
  let [left, right] = [nibbles.slice(0, length), nibbles.slice(length)];
  for (let n = 0; n < rounds; n++) {
    const half = new Uint8Array(2 * blockBytes);
    half.set(right);
    half[length] = 8;
    const block = xorOf(blockOf(packed(half)), delta);
    block[3]! ^= direction === "encipher" ? n : rounds - 1 - n;
    const mask = nibblesOf(bytesOf(e4(key, 0, column, block)));
    [left, right] = [right, left.map((nibble, index) => nibble ^ mask[index]!)];
  }
  const output = packed(Uint8Array.of(...right, ...left));
  if (direction === "encipher" && length < blockBytes) output[0]! ^= tinyCorrection(key, delta, output);
  return output;
};

/** A pair of blocks taken out of `words`, changed, and put back. */
const eachPair = (words: Int32Array, change: (left: Block, right: Block) => void): void => {
  const [left, right] = [zeroBlock(), zeroBlock()];
  for (let at = 0; at < words.length; at += 8) {
    for (let w = 0; w < 4; w++) {
      left[w] = words[at + w]!;
      right[w] = words[at + 4 + w]!;
    }
    change(left, right);
    for (let w = 0; w < 4; w++) {
      words[at + w] = left[w]!;
      words[at + 4 + w] = right[w]!;
    }
  }
};

/** The first pass over the pairs; the result is their share of X. */
const firstPass = (key: Key, words: Int32Array): Block => {
  const [x, mask, image] = [zeroBlock(), zeroBlock(), zeroBlock()];
  const nextMask = rowMasks(key, key.j);
  eachPair(words, (left, right) => {
    nextMask(mask);
    aesRounds(key.four, mask, right, image);
    xorInto(left, image);
    aesRounds(key.four, key.i, left, image);
    xorInto(right, image);
    xorInto(x, right);
  });
  return x;
};

/** The second pass over the pairs, from S; the result is their share of Y. */
const secondPass = (key: Key, words: Int32Array, s: Block): Block => {
  const [y, mask, image] = [zeroBlock(), zeroBlock(), zeroBlock()];
  const [nextMask, nextMaskOfS] = [rowMasks(key, key.j), rowMasks(key, double(key.j))];
  eachPair(words, (left, right) => {
    nextMaskOfS(mask);
    aesRounds(key.four, mask, s, image);
    xorInto(left, image);
    xorInto(right, image);
    xorInto(y, left);
    aesRounds(key.four, key.i, right, image);
    xorInto(left, image);
    nextMask(mask);
    aesRounds(key.four, mask, left, image);
    xorInto(right, image);
    for (let w = 0; w < 4; w++) {
      const word = left[w]!;
      left[w] = right[w]!;
      right[w] = word;
    }
  });
  return y;
};

/** The share of the fragment (M_u, M_v: 0 to 31 bytes before the last 32) in X or Y. */
const hashFragment = (key: Key, fragment: Uint8Array): Block => {
  if (fragment.length === 0) return zeroBlock();
  if (fragment.length < blockBytes) return e4(key, 0, 4, padded(fragment));
  const [u, v] = [fragment.subarray(0, blockBytes), fragment.subarray(blockBytes)];
  return xorOf(e4(key, 0, 4, blockOf(u)), e4(key, 0, 5, padded(v)));
};

/** XORs the keystream of S into the fragment. */
const maskFragmentInPlace = (key: Key, s: Block, fragment: Uint8Array): void => {
  xorInPlace(fragment, concat(bytesOf(e10(key, 4, s)), bytesOf(e10(key, 5, s))));
};

const wordsOf = (bytes: Uint8Array): Int32Array => {
  const [words, view] = [new Int32Array(bytes.length / 4), viewOf(bytes)];
  for (let w = 0; w < words.length; w++) words[w] = view.getInt32(4 * w);
  return words;
};

const writeWords = (bytes: Uint8Array, words: Int32Array): void => {
  const view = viewOf(bytes);
  for (let w = 0; w < words.length; w++) view.setInt32(4 * w, words[w]!);
};

/**
 * AEZ-core on 32 bytes and more: pairs, fragment, last two blocks x and y; its inverse differs in two constants of E.
 */
const coreInPlace = (key: Key, delta: Block, direction: Direction, data: Uint8Array): void => {
  const [first, second] = direction === "encipher" ? [1, 2] : [2, 1];
  const fragmentAt = data.length - 32 - (data.length % 32);
  const [pairs, fragment] = [data.subarray(0, fragmentAt), data.subarray(fragmentAt, data.length - 32)];
  const [lastX, lastY] = [data.subarray(data.length - 32, data.length - 16), data.subarray(data.length - 16)];
  const words = wordsOf(pairs);

  const x = xorOf(firstPass(key, words), hashFragment(key, fragment));
  const [mx, my] = [blockOf(lastX), blockOf(lastY)];
  const sx = xorOf(mx, delta, x, e4(key, 0, first, my));
  const sy = xorOf(my, e10(key, first, sx));
  const s = xorOf(sx, sy);

  const sharePairs = secondPass(key, words, s);
  maskFragmentInPlace(key, s, fragment);
  const y = xorOf(sharePairs, hashFragment(key, fragment));
  const cy = xorOf(sx, e10(key, second, sy));
  const cx = xorOf(sy, delta, y, e4(key, 0, second, cy));
  writeWords(pairs, words);
  writeWords(lastX, cx);
  writeWords(lastY, cy);
};

/** Encipher or Decipher: a length-preserving permutation of strings of any length, tweaked by delta. */
const permuteInPlace = (key: Key, delta: Block, direction: Direction, data: Uint8Array): void => {
  if (data.length === 0) return;
  if (data.length < 32) data.set(tiny(key, delta, direction, data));
  else coreInPlace(key, delta, direction, data);
};

/**
 * Encrypt: `tau` bytes longer than the plaintext. Key, nonce, plaintext and each string of associated data have any
 * length; no associated data at all differs from one empty string.
 */
export const aezEncrypt = (
  key: Uint8Array,
  nonce: Uint8Array,
  associated: ReadonlyArray<Uint8Array>,
  tau: number,
  plaintext: Uint8Array,
): Uint8Array => {
  const extracted = extract(key);
  const delta = hash(extracted, tau, nonce, associated);
  if (plaintext.length === 0) return prf(extracted, delta, tau);
  const data = concat(plaintext, new Uint8Array(tau));
  permuteInPlace(extracted, delta, "encipher", data);
  return data;
};

/**
 * Decrypt: `tau` bytes shorter than the ciphertext; null where the `tau` bytes of redundancy are not as they should be.
 */
export const aezDecrypt = (
  key: Uint8Array,
  nonce: Uint8Array,
  associated: ReadonlyArray<Uint8Array>,
  tau: number,
  ciphertext: Uint8Array,
): Uint8Array | null => {
  if (ciphertext.length < tau) return null;
  const extracted = extract(key);
  const delta = hash(extracted, tau, nonce, associated);
  if (ciphertext.length === tau) {
    return equalConstantTime(prf(extracted, delta, tau), ciphertext) ? new Uint8Array(0) : null;
  }
  const data = ciphertext.slice();
  permuteInPlace(extracted, delta, "decipher", data);
  const end = data.length - tau;
  return isZero(data.subarray(end)) ? data.subarray(0, end) : null;
};

/** Encrypt without associated data and with tau 0, in place. */
export const aezEncryptInPlace = (key: Uint8Array, nonce: Uint8Array, data: Uint8Array): void => {
  const extracted = extract(key);
  permuteInPlace(extracted, hash(extracted, 0, nonce, []), "encipher", data);
};

/** The inverse of `aezEncryptInPlace`. */
export const aezDecryptInPlace = (key: Uint8Array, nonce: Uint8Array, data: Uint8Array): void => {
  const extracted = extract(key);
  permuteInPlace(extracted, hash(extracted, 0, nonce, []), "decipher", data);
};
