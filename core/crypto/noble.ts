/**
 * The portable provider of the crypto suite: @noble, and our own AEZ and NewHope-Simple. Runs wherever JavaScript does.
 *
 * Timing: JavaScript promises no constant time. @noble's curves aim at it as far as bigint allows; AES and AEZ here use
 * tables (see aes_round.ts). A node that others can time uses the native provider.
 *
 * @module
 */
import { ctr } from "@noble/ciphers/aes.js";
import { chacha20orig, chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { blake2b } from "@noble/hashes/blake2.js";
import { expand } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256, sha512_256 } from "@noble/hashes/sha2.js";
import { sha3_256 } from "@noble/hashes/sha3.js";
import { invariant } from "../machine.ts";
import { aezDecryptInPlace, aezEncryptInPlace } from "./aez.ts";
import { verifyWithoutCofactor } from "./ed25519.ts";
import { newHopeSimple } from "./newhope.ts";
import { joinPieces } from "./pieces.ts";
import type { Suite } from "./suite.ts";

/** Null where the function refuses its input by throwing, as @noble does. */
const nullOnThrow = <A>(attempt: () => A): A | null => {
  try {
    return attempt();
  } catch {
    return null;
  }
};

/** 32 bytes: a seed, scalar, point or key. */
const checkLength32 = (bytes: Uint8Array): void => invariant(bytes.length === 32, "32 bytes");

const tagLength = 16;

const checkAeadLengths = (key: Uint8Array, nonce: Uint8Array): void =>
  invariant(key.length === 32 && nonce.length === 12, "ChaCha20-Poly1305 has a key of 32 bytes and a nonce of 12");

const chachaPolySeal: Suite["chachaPolySeal"] = (key, nonce, associated, plaintext) => {
  checkAeadLengths(key, nonce);
  return chacha20poly1305(key, nonce, associated).encrypt(plaintext);
};

const chachaPolyOpen: Suite["chachaPolyOpen"] = (key, nonce, associated, ciphertext) => {
  checkAeadLengths(key, nonce);
  if (ciphertext.length < tagLength) return null;
  return nullOnThrow(() => chacha20poly1305(key, nonce, associated).decrypt(ciphertext));
};

export const nobleSuite: Suite = {
  name: "noble",

  sha256: (message) => sha256(message),
  sha512_256: (message) => sha512_256(message),
  sha3_256: (message) => sha3_256(message),
  blake2b512: (message) => blake2b(message),
  hmacSha256: (key, message) => hmac(sha256, key, message),
  hmacBlake2b512: (key, message) => hmac(blake2b, key, message),
  hkdfExpandSha256: (key, info, length) => expand(sha256, key, info, length),

  aes128CtrInPlace: (key, iv, data) => {
    invariant(key.length === 16 && iv.length === 16, "AES-128-CTR has a key and an IV of 16 bytes");
    data.set(ctr(key, iv).encrypt(data));
  },
  aezEncryptInPlace,
  aezDecryptInPlace,
  chachaPolySeal,
  chachaPolyOpen,
  ...joinPieces(chachaPolySeal, chachaPolyOpen),
  chacha20Keystream: (key, nonce, length) => {
    invariant(key.length === 32 && nonce.length === 8, "ChaCha20 has a key of 32 bytes and a nonce of 8");
    return chacha20orig(key, nonce, new Uint8Array(length));
  },

  x25519: (scalar, point) => {
    checkLength32(scalar);
    checkLength32(point);
    return nullOnThrow(() => x25519.scalarMult(scalar, point));
  },
  x25519Public: (scalar) => {
    checkLength32(scalar);
    return x25519.scalarMultBase(scalar);
  },

  ed25519Public: (seed) => {
    checkLength32(seed);
    return ed25519.getPublicKey(seed);
  },
  ed25519Sign: (privateKey, message) => {
    invariant(privateKey.length === 64, "an Ed25519 private key has 64 bytes");
    return ed25519.sign(message, privateKey.subarray(0, 32));
  },
  ed25519Verify: (publicKey, message, signature) =>
    nullOnThrow(() => verifyWithoutCofactor(publicKey, message, signature)) ?? false,
  ed25519PublicToX25519: (publicKey) => nullOnThrow(() => ed25519.utils.toMontgomery(publicKey)),
  ed25519PrivateToX25519: (privateKey) => {
    invariant(privateKey.length === 64, "an Ed25519 private key has 64 bytes");
    return ed25519.utils.toMontgomerySecret(privateKey.subarray(0, 32));
  },

  kem: newHopeSimple,

  forget: () => {},
};
