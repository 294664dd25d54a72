/**
 * Ed25519 verification (RFC 8032 §5.1.7) as the Go and OpenSSL implementations decide it: the equation without the
 * cofactor, [S]B = R + [k]A, with R compared as bytes, and S < L.
 *
 * All nodes of a network must decide alike for every signature, also for those crafted with points of small order: a
 * certificate that only some authorities accept would split the vote. @noble's own `verify` multiplies by the cofactor.
 * One departure: public keys in a non-canonical encoding are refused (§5.1.3). Go and OpenSSL take them, Deno does not;
 * only some two dozen strings are concerned, which no key generation yields.
 *
 * @module
 */
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { concat, equal } from "../bytes.ts";

const { Point } = ed25519;
const order = Point.Fn.ORDER;

const littleEndian = (bytes: Uint8Array): bigint => {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return value;
};

/** The y-coordinates of the two points whose x is 0, where a sign bit is not canonical: 1 and p - 1. */
const isPlusOrMinusOne = (y: bigint): boolean => y === 1n || y === Point.Fp.ORDER - 1n;

/** Is y below p, and without a sign where x is 0? (RFC 8032 §5.1.3; the string may still be no point.) */
export const isCanonicalPoint = (encoded: Uint8Array): boolean => {
  // Almost every key is told by its top byte, without arithmetic.
  const top = encoded[31]!;
  if (top !== 0x7f && top !== 0xff && top !== 0x80) return true;
  const sign = top >> 7;
  const y = littleEndian(encoded) - (BigInt(sign) << 255n);
  return y < Point.Fp.ORDER && !(sign === 1 && isPlusOrMinusOne(y));
};

/** Throws where `publicKey` is no point of the curve. */
export const verifyWithoutCofactor = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const [r, s] = [signature.subarray(0, 32), littleEndian(signature.subarray(32))];
  if (s >= order) return false;
  const a = Point.fromBytes(publicKey);
  const k = littleEndian(sha512(concat(r, publicKey, message))) % order;
  const expected = Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k));
  return equal(expected.toBytes(), r);
};
