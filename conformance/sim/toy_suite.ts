/**
 * A crypto suite for simulations, which protects nothing: every secret can be computed from public values. What it
 * keeps is the structure and the failures of the real one, so that whole networks run through the same code in a
 * fraction of the time: lengths, a Diffie-Hellman that commutes and can be blinded, null for the zero point, tags that
 * do not match under another key, a wide-block cipher that garbles the whole payload, signatures that fail on another
 * message or key.
 *
 * Deterministic, by 32-bit and exact double arithmetic that every engine performs alike. Never bound outside
 * simulations: only conformance and cmd/sim.ts may import it, which its test checks.
 *
 * @module
 */
import { equalConstantTime, isZero, viewOf, xorInPlace } from "../../core/bytes.ts";
import type { Kem, Suite } from "../../core/crypto/suite.ts";
import { invariant } from "../../core/machine.ts";
import { allocate, join } from "./slab.ts";

const sized = (bytes: Uint8Array, length: number): Uint8Array => {
  invariant(bytes.length === length, `expected ${length} bytes, got ${bytes.length}`);
  return bytes;
};

/* Mixing: absorbs byte strings into four 32-bit lanes, and expands the lanes into any number of words. */

type Lanes = Int32Array;

/** Keeps the uses of the mixing apart. */
const domains = {
  sha256: 1,
  sha512_256: 2,
  sha3_256: 3,
  blake2b512: 4,
  hmacSha256: 5,
  hmacBlake2b512: 6,
  hkdf: 7,
  ctr: 8,
  aezFirst: 9,
  aezSecond: 10,
  aezThird: 11,
  chachaPolyKeystream: 12,
  chachaPolyTag: 13,
  chacha20: 14,
  ed25519Scalar: 15,
  ed25519Signature: 16,
  kemScalar: 17,
  kemShared: 18,
} as const;
type Domain = (typeof domains)[keyof typeof domains];

const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by));

// Byte strings up to this length have no buffer until it is asked for, which costs more than all that is done to them.
const viewlessMax = 64;

/* Words of four bytes, the least first. */

const readWord = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);

const writeWord = (bytes: Uint8Array, at: number, word: number): void => {
  bytes[at] = word;
  bytes[at + 1] = word >>> 8;
  bytes[at + 2] = word >>> 16;
  bytes[at + 3] = word >>> 24;
};

/** The bytes after the last whole word, as one. */
const tailOf = (bytes: Uint8Array, length: number): number => {
  let word = 0;
  for (let at = length & ~3; at < length; at++) word = (word << 8) | bytes[at]!;
  return word;
};

// The loops below keep their lanes in local variables: as closures or in arrays they take three times as long.

const absorbWord = (lane: number, word: number): number => Math.imul(rotate(lane ^ word, 15), 0x2545f491);

/**
 * Absorbs a part, its tail and its length. Each word goes into one lane, then the lanes into one another: all of it by
 * permutations, so that a difference does not vanish again.
 */
const absorb = (lanes: Lanes, bytes: Uint8Array, length = bytes.length): void => {
  const whole = length & ~3;
  const blocks = length & ~15;
  let a = lanes[0]!;
  let b = lanes[1]!;
  let c = lanes[2]!;
  let d = lanes[3]!;
  if (length > viewlessMax) {
    const view = viewOf(bytes);
    for (let at = 0; at < blocks; at += 16) {
      a = absorbWord(a, view.getInt32(at, true));
      b = absorbWord(b, view.getInt32(at + 4, true));
      c = absorbWord(c, view.getInt32(at + 8, true));
      d = absorbWord(d, view.getInt32(at + 12, true));
    }
  } else {
    for (let at = 0; at < blocks; at += 16) {
      a = absorbWord(a, readWord(bytes, at));
      b = absorbWord(b, readWord(bytes, at + 4));
      c = absorbWord(c, readWord(bytes, at + 8));
      d = absorbWord(d, readWord(bytes, at + 12));
    }
  }
  for (let at = blocks; at <= whole + 16; at += 4) {
    const word = at < whole ? readWord(bytes, at) : at === whole ? tailOf(bytes, length) : length;
    const mixed = (absorbWord(a, word) + d) | 0;
    a = b;
    b = c;
    c = d ^ rotate(a, 7);
    d = mixed;
  }
  lanes[0] = a;
  lanes[1] = b;
  lanes[2] = c;
  lanes[3] = d;
};

const warmUpSteps = 12;

/**
 * XORs a keystream into the first `length` bytes: the lanes are the state of a chaotic generator with a counter
 * (sfc32), of which each step gives its result and its state.
 */
const maskByLanes = (data: Uint8Array, lanes: Lanes, length = data.length): void => {
  const view = length > viewlessMax ? viewOf(data) : null;
  let a = lanes[0]!;
  let b = lanes[1]!;
  let c = lanes[2]!;
  let d = lanes[3]!;
  for (let at = -16 * warmUpSteps; at < length; at += 16) {
    const word = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (rotate(c, 21) + word) | 0;
    if (at < 0) continue;
    if (at + 16 > length) maskEnd(data, at, length, [word, a, b, c]);
    else if (view !== null) {
      view.setInt32(at, view.getInt32(at, true) ^ word, true);
      view.setInt32(at + 4, view.getInt32(at + 4, true) ^ a, true);
      view.setInt32(at + 8, view.getInt32(at + 8, true) ^ b, true);
      view.setInt32(at + 12, view.getInt32(at + 12, true) ^ c, true);
    } else {
      writeWord(data, at, readWord(data, at) ^ word);
      writeWord(data, at + 4, readWord(data, at + 4) ^ a);
      writeWord(data, at + 8, readWord(data, at + 8) ^ b);
      writeWord(data, at + 12, readWord(data, at + 12) ^ c);
    }
  }
};

const maskEnd = (data: Uint8Array, from: number, until: number, words: ReadonlyArray<number>): void => {
  for (let at = from; at < until; at++) data[at]! ^= words[(at - from) >> 2]! >>> (8 * (at & 3));
};

/** Used by one mixing at a time. */
const lanes = new Int32Array(4);

const beginLanes = (domain: Domain, ...parts: ReadonlyArray<Uint8Array>): void => {
  lanes[0] = domain;
  lanes[1] = 0x243f6a88;
  lanes[2] = 0x13198a2e;
  lanes[3] = 0x3707344;
  for (const part of parts) absorb(lanes, part);
};

/** XORs the expansion of the parts into `data`. */
const maskInPlace = (data: Uint8Array, domain: Domain, ...parts: ReadonlyArray<Uint8Array>): void => {
  beginLanes(domain, ...parts);
  maskByLanes(data, lanes);
};

const digest = (domain: Domain, length: number, ...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const bytes = allocate(length);
  maskInPlace(bytes, domain, ...parts);
  return bytes;
};

/* The group: eight residues modulo a prime, added; a scalar multiplies each. Products stay below 2^53. */

const prime = 2 ** 26 - 5;
const words = 8;
const groupLength = 4 * words;

const multiply = (a: number, b: number): number => {
  const product = a * b;
  return product - Math.floor(product / prime) * prime;
};

/** No scalar has a component of zero, as no clamped X25519 scalar is a multiple of the group's order. */
const scalarWord = (scalar: Uint8Array, at: number): number => 1 + ((readWord(scalar, at) >>> 0) % (prime - 1));

const multiplyPoint = (scalar: Uint8Array, point: Uint8Array): Uint8Array => {
  sized(scalar, groupLength);
  sized(point, groupLength);
  const result = new Uint8Array(groupLength);
  for (let at = 0; at < groupLength; at += 4) {
    const term = (readWord(point, at) >>> 0) % prime;
    writeWord(result, at, multiply(scalarWord(scalar, at), term));
  }
  return result;
};

const generator = Uint8Array.from({ length: groupLength }, (_, i) => (i % 4 === 0 ? 9 + i : 0));

const x25519 = (scalar: Uint8Array, point: Uint8Array): Uint8Array | null => {
  const result = multiplyPoint(scalar, point);
  return isZero(result) ? null : result;
};

const x25519Public = (scalar: Uint8Array): Uint8Array => multiplyPoint(scalar, generator);

/* The payload cipher: an unbalanced Feistel network of three rounds. Each side depends on all of the other. */

const split = (data: Uint8Array): readonly [left: Uint8Array, right: Uint8Array] => {
  const at = Math.min(16, data.length >> 1);
  return [data.subarray(0, at), data.subarray(at)];
};

const aez = (order: readonly [Domain, Domain]) => (key: Uint8Array, nonce: Uint8Array, data: Uint8Array): void => {
  sized(key, 48);
  sized(nonce, 16);
  const [left, right] = split(data);
  maskInPlace(right, order[0], key, nonce, left);
  maskInPlace(left, domains.aezSecond, key, nonce, right);
  maskInPlace(right, order[1], key, nonce, left);
};

/* Authenticated encryption */

const tagLength = 16;

/** The tag of the first `length` bytes of a ciphertext. */
const tagOf = (
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  ciphertext: Uint8Array,
  length: number,
): Uint8Array => {
  beginLanes(domains.chachaPolyTag, key, nonce, associated);
  absorb(lanes, ciphertext, length);
  const tag = new Uint8Array(tagLength);
  maskByLanes(tag, lanes);
  return tag;
};

const noData = new Uint8Array(0);
const noTag = new Uint8Array(tagLength);

const sealPieces = (
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  plaintext: ReadonlyArray<Uint8Array>,
): Uint8Array => {
  const sealed = join([...plaintext, noTag]);
  const length = sealed.length - tagLength;
  beginLanes(domains.chachaPolyKeystream, sized(key, 32), sized(nonce, 12));
  maskByLanes(sealed, lanes, length);
  sealed.set(tagOf(key, nonce, associated, sealed, length), length);
  return sealed;
};

const open = (key: Uint8Array, nonce: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Uint8Array | null => {
  if (sealed.length < tagLength) return null;
  const at = sealed.length - tagLength;
  // In a buffer of its own: a packet may be held for long.
  const ciphertext = sealed.slice(0, at);
  const tag = tagOf(sized(key, 32), sized(nonce, 12), associated, ciphertext, at);
  if (!equalConstantTime(tag, sealed.subarray(at))) return null;
  maskInPlace(ciphertext, domains.chachaPolyKeystream, key, nonce);
  return ciphertext;
};

/* Signatures: anyone could compute them from the public key; nobody in a simulation does. */

// Without the mask an identity key would pass for a link key.
const edwardsMask = new Uint8Array(groupLength).fill(0x5a);

const masked = (key: Uint8Array): Uint8Array => {
  const result = sized(key, groupLength).slice();
  xorInPlace(result, edwardsMask);
  return result;
};

const ed25519Scalar = (seed: Uint8Array): Uint8Array => digest(domains.ed25519Scalar, 32, sized(seed, 32));
const ed25519Public = (seed: Uint8Array): Uint8Array => masked(x25519Public(ed25519Scalar(seed)));

const sign = (publicKey: Uint8Array, message: Uint8Array): Uint8Array =>
  digest(domains.ed25519Signature, 64, publicKey, message);

const ed25519PublicToX25519 = (publicKey: Uint8Array): Uint8Array | null => {
  const point = masked(publicKey);
  return isZero(point) ? null : point;
};

/* The KEM: the group again. */

const drawScalar = (random: Parameters<Kem["generate"]>[0]): Uint8Array =>
  digest(domains.kemScalar, 32, random.bytes(32), random.bytes(32));

const sharedOf = (secret: Uint8Array | null): Uint8Array | null =>
  secret === null ? null : digest(domains.kemShared, 32, secret);

const kem: Kem = {
  publicLength: groupLength,
  ciphertextLength: groupLength,
  generate: (random) => {
    const privateKey = drawScalar(random);
    return { publicKey: x25519Public(privateKey), privateKey };
  },
  encapsulate: (random, publicKey) => {
    const scalar = drawScalar(random);
    const shared = sharedOf(x25519(scalar, publicKey));
    return shared === null ? null : { ciphertext: x25519Public(scalar), shared };
  },
  decapsulate: (privateKey, ciphertext) => sharedOf(x25519(privateKey, ciphertext)),
};

export const toySuite: Suite = {
  name: "toy",
  sha256: (message) => digest(domains.sha256, 32, message),
  sha512_256: (message) => digest(domains.sha512_256, 32, message),
  sha3_256: (message) => digest(domains.sha3_256, 32, message),
  blake2b512: (message) => digest(domains.blake2b512, 64, message),
  hmacSha256: (key, message) => digest(domains.hmacSha256, 32, key, message),
  hmacBlake2b512: (key, message) => digest(domains.hmacBlake2b512, 64, key, message),
  hkdfExpandSha256: (key, info, length) => digest(domains.hkdf, length, key, info),
  aes128CtrInPlace: (key, iv, data) => maskInPlace(data, domains.ctr, sized(key, 16), sized(iv, 16)),
  aezEncryptInPlace: aez([domains.aezFirst, domains.aezThird]),
  aezDecryptInPlace: aez([domains.aezThird, domains.aezFirst]),
  chachaPolySeal: (key, nonce, associated, plaintext) => sealPieces(key, nonce, associated, [plaintext]),
  chachaPolyOpen: open,
  chachaPolySealPieces: (key, nonce, plaintext) => [sealPieces(key, nonce, noData, plaintext)],
  chachaPolyOpenPieces: (key, nonce, ciphertext) =>
    open(key, nonce, noData, ciphertext.length === 1 ? ciphertext[0]! : join(ciphertext)),
  chacha20Keystream: (key, nonce, length) => digest(domains.chacha20, length, sized(key, 32), sized(nonce, 8)),
  x25519,
  x25519Public,
  ed25519Public,
  ed25519Sign: (privateKey, message) => sign(ed25519Public(sized(privateKey, 64).subarray(0, 32)), message),
  ed25519Verify: (publicKey, message, signature) => equalConstantTime(sign(publicKey, message), signature),
  ed25519PublicToX25519,
  ed25519PrivateToX25519: (privateKey) => ed25519Scalar(sized(privateKey, 64).subarray(0, 32)),
  kem,
  forget: () => undefined,
};
