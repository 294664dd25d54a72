/**
 * NewHope-Simple (Alkim, Ducas, Pöppelmann, Schwabe: "NewHope without reconciliation", 2016), as the Noise hfs tokens
 * `f` and `ff` of the link protocol use it (wire-facts §2.2): n = 1024, q = 12289, k = 16, the reference version of
 * 20160815, with the public polynomial sampled by plain rejection and polynomials encoded in the NTT domain.
 *
 * Departs from the reference code: products are reduced by a floating-point quotient instead of Montgomery and
 * Barrett forms, which gives the same polynomials; an encoding with a coefficient of q or more is refused.
 *
 * No branch and no index depends on a secret: reductions are multiplications, shifts and masks, and the noise is
 * counted by adding bits. What the engine makes of it is not promised; the private polynomials are ephemeral, used for
 * one handshake.
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

const polynomial = (coefficient: (index: number) => number): Polynomial => {
  const coefficients = new Uint16Array(n);
  for (let i = 0; i < n; i++) coefficients[i] = coefficient(i);
  return coefficients;
};

/** a + q where a is negative, for a in [-q, q). */
const raise = (a: number): number => a + ((a >> 31) & q);

/**
 * The residue of an integer in [0, 2^31) without a division: the quotient by the rounded inverse is at most one too
 * large or too small.
 */
const reduce = (a: number): number => {
  const rest = a - ((a * (1 / q)) | 0) * q;
  return raise(raise(rest) - q);
};

/** The powers 0 to n-1 of a residue. */
const powers = (base: number): Uint16Array => {
  const list = new Uint16Array(n).fill(1);
  for (let i = 1; i < n; i++) list[i] = reduce(list[i - 1]! * base);
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
  for (let i = 0; i < q - 2; i++) power = reduce(power * a);
  return power;
};

/** 7 is a 2n-th root of unity, 49 an n-th one. */
const root = 7;
const omegas = powers(root * root);
const omegasInverse = powers(inverse(root * root));
const twist = powers(root);
const twistReversed = polynomial((i) => twist[reversed[i]!]!);
const inverseOfN = inverse(n);
const untwist = powers(inverse(root)).map((power) => reduce(power * inverseOfN));

/** The cyclic transform of a vector in bit-reversed order: values in natural order, by decimation in time. */
const cyclicTransform = (values: Polynomial, roots: Uint16Array): void => {
  for (let half = 1; half < n; half *= 2) {
    const stride = n / (2 * half);
    for (let k = 0; k < half; k++) {
      const factor = roots[k * stride]!;
      for (let at = k; at < n; at += 2 * half) {
        const low = values[at]!;
        const high = reduce(values[at + half]! * factor);
        values[at] = raise(low + high - q);
        values[at + half] = raise(low - high);
      }
    }
  }
};

/** To the NTT domain. As in the reference code, the coefficients are taken to be in bit-reversed order. */
const transform = (coefficients: Polynomial): Polynomial => {
  const values = new Uint16Array(n);
  for (let i = 0; i < n; i++) values[i] = reduce(coefficients[i]! * twistReversed[i]!);
  cyclicTransform(values, omegas);
  return values;
};

/** From the NTT domain, to coefficients in natural order. */
const transformBack = (values: Polynomial): Polynomial => {
  const coefficients = polynomial((i) => values[reversed[i]!]!);
  cyclicTransform(coefficients, omegasInverse);
  return polynomial((i) => reduce(coefficients[i]! * untwist[i]!));
};

const add = (a: Polynomial, b: Polynomial): Polynomial => {
  const sum = new Uint16Array(n);
  for (let i = 0; i < n; i++) sum[i] = raise(a[i]! + b[i]! - q);
  return sum;
};
const subtract = (a: Polynomial, b: Polynomial): Polynomial => polynomial((i) => raise(a[i]! - b[i]!));
const multiply = (a: Polynomial, b: Polynomial): Polynomial => {
  const product = new Uint16Array(n);
  for (let i = 0; i < n; i++) product[i] = reduce(a[i]! * b[i]!);
  return product;
};

/** The bits that are set in an integer of 16 bits. */
const popcount = (bits: number): number => {
  const pairs = bits - ((bits >> 1) & 0x5555);
  const fours = (pairs & 0x3333) + ((pairs >> 2) & 0x3333);
  const eights = (fours + (fours >> 4)) & 0x0f0f;
  return (eights + (eights >> 8)) & 0x1f;
};

/** What the scheme is made with. */
export interface NewHopePrimitives {
  readonly sha3_256: (message: Uint8Array) => Uint8Array;
  /** The first `length` bytes of the output. */
  readonly shake128: (message: Uint8Array, length: number) => Uint8Array;
  /** The original cipher's, with a nonce of 8 bytes. */
  readonly chacha20Keystream: (key: Uint8Array, nonce: Uint8Array, length: number) => Uint8Array;
}

const portable: NewHopePrimitives = {
  sha3_256: (message) => sha3_256(message),
  shake128: (message, length) => shake128(message, { dkLen: length }),
  chacha20Keystream: (key, nonce, length) => chacha20orig(key, nonce, new Uint8Array(length)),
};

/** Noise polynomial number `index` of a 32-byte seed: a centred binomial distribution with 16 bits a side. */
const noise = ({ chacha20Keystream }: NewHopePrimitives, seed: Uint8Array, index: number): Polynomial => {
  const nonce = new Uint8Array(8);
  nonce[0] = index;
  const keystream = chacha20Keystream(seed, nonce, 4 * n);
  const coefficients = new Uint16Array(n);
  for (let i = 0; i < n; i++) {
    const at = 4 * i;
    const plus = popcount(keystream[at]! | (keystream[at + 1]! << 8));
    const minus = popcount(keystream[at + 2]! | (keystream[at + 3]! << 8));
    coefficients[i] = raise(plus - minus);
  }
  return coefficients;
};

/** So many bytes of SHAKE128, 16 blocks, hold enough of what is looked for in all but one of 10^100 cases. */
const candidatesLength = 16 * 168;

/** The public polynomial of a seed, in the NTT domain: 16-bit integers below 5q from SHAKE128. */
const publicPolynomial = (
  primitives: NewHopePrimitives,
  seed: Uint8Array,
  length: number = candidatesLength,
): Polynomial => {
  const candidates = viewOf(primitives.shake128(seed, length));
  const values = new Uint16Array(n);
  let filled = 0;
  for (let at = 0; at < length && filled < n; at += 2) {
    const value = candidates.getUint16(at, true);
    if (value < 5 * q) values[filled++] = reduce(value);
  }
  return filled < n ? publicPolynomial(primitives, seed, 2 * length) : values;
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
  // The sign bit is set where one of them is not.
  let beyond = 0;
  for (let i = 0; i < n; i++) beyond |= q - 1 - values[i]!;
  return beyond < 0 ? null : values;
};

/** 3 bits a coefficient: the nearest eighth of q. */
const compress = (coefficients: Polynomial): Uint8Array =>
  pack(polynomial((i) => eighths(coefficients[i]! * 8 + halfQ) & 7), 3);

/** The whole quotient by q of an integer in [0, 2^31): the rounded one, corrected by the remainder's sign. */
const eighths = (a: number): number => {
  const quotient = (a * (1 / q)) | 0;
  const rest = a - quotient * q;
  return quotient + (rest >> 31) + 1 + ((rest - q) >> 31);
};

const decompress = (bytes: Uint8Array): Polynomial => {
  const compressed = unpack(bytes, 3);
  return polynomial((i) => (compressed[i]! * q + 4) >> 3);
};

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
    message[bit >> 3]! |= ((distance - q) >>> 31) << (bit & 7);
  }
  return message;
};

const generate = (primitives: NewHopePrimitives, random: Random): KemKeys => {
  const seed = primitives.sha3_256(random.bytes(seedLength));
  const noiseSeed = random.bytes(seedLength);
  const secret = transform(noise(primitives, noiseSeed, 0));
  const error = transform(noise(primitives, noiseSeed, 1));
  const shared = add(multiply(publicPolynomial(primitives, seed), secret), error);
  return { publicKey: concat(encode(shared), seed), privateKey: encode(secret) };
};

const encapsulate = (primitives: NewHopePrimitives, random: Random, publicKey: Uint8Array): Encapsulated | null => {
  const initiator = publicKey.length === newHopePublicLength ? decode(publicKey.subarray(0, polynomialLength)) : null;
  if (initiator === null) return null;
  const noiseSeed = random.bytes(seedLength);
  const message = primitives.sha3_256(random.bytes(seedLength));
  const secret = transform(noise(primitives, noiseSeed, 0));
  const error = transform(noise(primitives, noiseSeed, 1));
  const generator = publicPolynomial(primitives, publicKey.subarray(polynomialLength));
  const responder = add(multiply(generator, secret), error);
  const product = transformBack(multiply(initiator, secret));
  const masked = add(add(product, noise(primitives, noiseSeed, 2)), encodeMessage(message));
  return { ciphertext: concat(encode(responder), compress(masked)), shared: primitives.sha3_256(message) };
};

const decapsulate = (
  { sha3_256 }: NewHopePrimitives,
  privateKey: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array | null => {
  if (ciphertext.length !== newHopeCiphertextLength) return null;
  const responder = decode(ciphertext.subarray(0, polynomialLength));
  const secret = decode(privateKey);
  if (responder === null || secret === null) return null;
  const masked = decompress(ciphertext.subarray(polynomialLength));
  const product = transformBack(multiply(responder, secret));
  return sha3_256(decodeMessage(subtract(masked, product)));
};

type KemKeys = ReturnType<Kem["generate"]>;
type Encapsulated = NonNullable<ReturnType<Kem["encapsulate"]>>;

/** The private key is the initiator's secret polynomial in the NTT domain, encoded: 1792 bytes. */
export const createNewHope = (primitives: NewHopePrimitives): Kem => ({
  publicLength: newHopePublicLength,
  ciphertextLength: newHopeCiphertextLength,
  generate: (random) => generate(primitives, random),
  encapsulate: (random, publicKey) => encapsulate(primitives, random, publicKey),
  decapsulate: (privateKey, ciphertext) => decapsulate(primitives, privateKey, ciphertext),
});

export const newHopeSimple: Kem = createNewHope(portable);
