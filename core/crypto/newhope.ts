/**
 * NewHope-Simple (Alkim, Ducas, Pöppelmann, Schwabe: "NewHope without reconciliation", 2016), as the Noise hfs tokens
 * `f` and `ff` of the link protocol use it (wire-facts §2.2): n = 1024, q = 12289, k = 16, the reference version of
 * 20160815, with the public polynomial sampled by plain rejection and polynomials encoded in the NTT domain.
 *
 * Departs from the reference code: residues are kept in [0, q) with the remainder operator instead of Montgomery and
 * Barrett forms, which give the same polynomials; an encoding with a coefficient of q or more is refused. Not constant
 * time: the private polynomials are ephemeral, used for one handshake.
 *
 * @module
 */
import { chacha20orig } from "@noble/ciphers/chacha.js";
import { sha3_256, shake128 } from "@noble/hashes/sha3.js";
import { concat, viewOf } from "../bytes.ts";
import type { Random } from "../random.ts";
import type { Kem } from "./suite.ts";

const n = 1024;
const q = 12289;
const halfQ = (q - 1) / 2;
const seedLength = 32;
/** 14 bits a coefficient. */
const polynomialLength = (n * 14) / 8;
/** 3 bits a coefficient. */
const compressedLength = (n * 3) / 8;

export const newHopePublicLength = polynomialLength + seedLength;
export const newHopeCiphertextLength = polynomialLength + compressedLength;

/** Coefficients (or, in the NTT domain, values) in [0, q). */
type Polynomial = Uint16Array;

const polynomial = (coefficient: (index: number) => number): Polynomial =>
  Uint16Array.from({ length: n }, (_, i) => coefficient(i));

/** The powers 0 to n-1 of a residue. */
const powers = (base: number): Uint16Array => {
  const list = new Uint16Array(n).fill(1);
  for (let i = 1; i < n; i++) list[i] = (list[i - 1]! * base) % q;
  return list;
};

/** n = 2^10. */
const bits = 10;
const reversed = Uint16Array.from({ length: n }, (_, i) => {
  let reverse = 0;
  for (let bit = 0; bit < bits; bit++) reverse |= ((i >> bit) & 1) << (bits - 1 - bit);
  return reverse;
});

const inverse = (a: number): number => {
  let power = 1;
  for (let i = 0; i < q - 2; i++) power = (power * a) % q;
  return power;
};

/** 7 is a 2n-th root of unity, 49 an n-th one. */
const root = 7;
const omegas = powers(root * root);
const omegasInverse = powers(inverse(root * root));
const twist = powers(root);
const untwist = powers(inverse(root)).map((power) => (power * inverse(n)) % q);

/** The cyclic transform of a vector in bit-reversed order: values in natural order, by decimation in time. */
const cyclicTransform = (values: Polynomial, roots: Uint16Array): void => {
  for (let half = 1; half < n; half *= 2) {
    const stride = n / (2 * half);
    for (let start = 0; start < n; start += 2 * half) {
      for (let k = 0; k < half; k++) {
        const [low, high] = [values[start + k]!, (values[start + k + half]! * roots[k * stride]!) % q];
        values[start + k] = (low + high) % q;
        values[start + k + half] = (low + q - high) % q;
      }
    }
  }
};

/** To the NTT domain. As in the reference code, the coefficients are taken to be in bit-reversed order. */
const transform = (coefficients: Polynomial): Polynomial => {
  const values = coefficients.map((coefficient, i) => (coefficient * twist[reversed[i]!]!) % q);
  cyclicTransform(values, omegas);
  return values;
};

/** From the NTT domain, to coefficients in natural order. */
const transformBack = (values: Polynomial): Polynomial => {
  const coefficients = polynomial((i) => values[reversed[i]!]!);
  cyclicTransform(coefficients, omegasInverse);
  return coefficients.map((coefficient, i) => (coefficient * untwist[i]!) % q);
};

const add = (a: Polynomial, b: Polynomial): Polynomial => a.map((value, i) => (value + b[i]!) % q);
const multiply = (a: Polynomial, b: Polynomial): Polynomial => a.map((value, i) => (value * b[i]!) % q);

const popcount = Uint8Array.from(
  { length: 256 },
  (_, byte) => [...byte.toString(2)].filter((bit) => bit === "1").length,
);

/** Noise polynomial number `index` of a 32-byte seed: a centred binomial distribution with 16 bits a side. */
const noise = (seed: Uint8Array, index: number): Polynomial => {
  const nonce = new Uint8Array(8);
  nonce[0] = index;
  const keystream = chacha20orig(seed, nonce, new Uint8Array(4 * n));
  const ones = (at: number) => popcount[keystream[at]!]! + popcount[keystream[at + 1]!]!;
  return polynomial((i) => (ones(4 * i) + q - ones(4 * i + 2)) % q);
};

const shakeRate = 168;

/** The public polynomial of a seed, in the NTT domain: 16-bit integers below 5q from SHAKE128. */
const publicPolynomial = (seed: Uint8Array): Polynomial => {
  const shake = shake128.create({}).update(seed);
  const values = new Uint16Array(n);
  let filled = 0;
  while (filled < n) {
    const block = viewOf(shake.xof(shakeRate));
    for (let at = 0; at < shakeRate && filled < n; at += 2) {
      const value = block.getUint16(at, true);
      if (value < 5 * q) values[filled++] = value % q;
    }
  }
  return values;
};

/** Packs numbers of `width` bits, lowest bits first. */
const pack = (values: Uint16Array, width: number): Uint8Array => {
  const packed = new Uint8Array((values.length * width) / 8);
  let [held, heldBits, at] = [0, 0, 0];
  for (const value of values) {
    held |= value << heldBits;
    for (heldBits += width; heldBits >= 8; heldBits -= 8) {
      packed[at++] = held & 255;
      held >>>= 8;
    }
  }
  return packed;
};

const unpack = (packed: Uint8Array, width: number): Uint16Array => {
  const values = new Uint16Array((packed.length * 8) / width);
  let [held, heldBits, at] = [0, 0, 0];
  for (const byte of packed) {
    held |= byte << heldBits;
    for (heldBits += 8; heldBits >= width; heldBits -= width) {
      values[at++] = held & ((1 << width) - 1);
      held >>>= width;
    }
  }
  return values;
};

const encode = (values: Polynomial): Uint8Array => pack(values, 14);

/** Null where a value is not reduced. */
const decode = (bytes: Uint8Array): Polynomial | null => {
  const values = unpack(bytes, 14);
  return values.every((value) => value < q) ? values : null;
};

/** 3 bits a coefficient: the nearest eighth of q. */
const compress = (coefficients: Polynomial): Uint8Array =>
  pack(coefficients.map((coefficient) => Math.floor((coefficient * 8 + halfQ) / q) & 7), 3);

const decompress = (bytes: Uint8Array): Polynomial => unpack(bytes, 3).map((eighths) => (eighths * q + 4) >> 3);

const messageBits = 256;

/** Every bit of 32 bytes stands in four coefficients: as 0 or as half of q. */
const encodeMessage = (message: Uint8Array): Polynomial =>
  polynomial((i) => ((message[(i % messageBits) >> 3]! >> (i % 8)) & 1) * halfQ);

/** A bit is 1 where its four coefficients together lie nearer to q/2 than to 0. */
const decodeMessage = (coefficients: Polynomial): Uint8Array => {
  const message = new Uint8Array(messageBits / 8);
  for (let bit = 0; bit < messageBits; bit++) {
    let distance = 0;
    for (let i = bit; i < n; i += messageBits) distance += Math.abs(coefficients[i]! - halfQ);
    if (distance < q) message[bit >> 3]! |= 1 << (bit & 7);
  }
  return message;
};

const generate = (random: Random): { publicKey: Uint8Array; privateKey: Uint8Array } => {
  const seed = sha3_256(random.bytes(seedLength));
  const noiseSeed = random.bytes(seedLength);
  const secret = transform(noise(noiseSeed, 0));
  const error = transform(noise(noiseSeed, 1));
  const shared = add(multiply(publicPolynomial(seed), secret), error);
  return { publicKey: concat(encode(shared), seed), privateKey: encode(secret) };
};

const encapsulate = (random: Random, publicKey: Uint8Array): { ciphertext: Uint8Array; shared: Uint8Array } | null => {
  const initiator = publicKey.length === newHopePublicLength ? decode(publicKey.subarray(0, polynomialLength)) : null;
  if (initiator === null) return null;
  const noiseSeed = random.bytes(seedLength);
  const message = sha3_256(random.bytes(seedLength));
  const secret = transform(noise(noiseSeed, 0));
  const error = transform(noise(noiseSeed, 1));
  const responder = add(multiply(publicPolynomial(publicKey.subarray(polynomialLength)), secret), error);
  const product = transformBack(multiply(initiator, secret));
  const masked = add(add(product, noise(noiseSeed, 2)), encodeMessage(message));
  return { ciphertext: concat(encode(responder), compress(masked)), shared: sha3_256(message) };
};

const decapsulate = (privateKey: Uint8Array, ciphertext: Uint8Array): Uint8Array | null => {
  if (ciphertext.length !== newHopeCiphertextLength) return null;
  const responder = decode(ciphertext.subarray(0, polynomialLength));
  const secret = decode(privateKey);
  if (responder === null || secret === null) return null;
  const masked = decompress(ciphertext.subarray(polynomialLength));
  const product = transformBack(multiply(responder, secret));
  return sha3_256(decodeMessage(masked.map((value, i) => (value + q - product[i]!) % q)));
};

/** The private key is the initiator's secret polynomial in the NTT domain, encoded: 1792 bytes. */
export const newHopeSimple: Kem = {
  publicLength: newHopePublicLength,
  ciphertextLength: newHopeCiphertextLength,
  generate,
  encapsulate,
  decapsulate,
};
