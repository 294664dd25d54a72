/**
 * Ed25519 verification as the Go and OpenSSL implementations decide it: RFC 8032 §5.1.7 with the equation without the cofactor,
 * [S]B = R + [k]A compared as bytes, S < L required, and a public key decoded leniently (a y of p or more, a sign on x = 0).
 *
 * All nodes of a network must decide alike for every signature, also for those crafted with points of small order: a
 * certificate that only some authorities accept would split the vote. @noble's own `verify` multiplies by the cofactor.
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

/** Throws where `publicKey` is no point of the curve. */
export const verifyWithoutCofactor = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const [r, s] = [signature.subarray(0, 32), littleEndian(signature.subarray(32))];
  if (s >= order) return false;
  const a = Point.fromBytes(publicKey, true);
  const k = littleEndian(sha512(concat(r, publicKey, message))) % order;
  const expected = Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k));
  return equal(expected.toBytes(), r);
};
