/**
 * The Noise SymmetricState (The Noise Protocol Framework §4.3, §5.2): the transcript's hash, the chaining key and, once
 * there is a key, the cipher of the handshake.
 *
 * @module
 */
import { concat, utf8, wipe } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { E } from "../fp.ts";
import { invariant } from "../machine.ts";
import { cipherKeyLength, type CipherState, createCipher, open, seal } from "./cipher_state.ts";

/** The names of wire-facts §2.1 and §9.1; upper case is hashed (wire-facts D10). */
export type NoiseSuiteName =
  | "25519_ChaChaPoly_SHA256"
  | "25519_ChaChaPoly_BLAKE2b"
  | "25519+NewHopeSimple_ChaChaPoly_BLAKE2b";

/** The crypto suite seen through one of Noise's names. */
export interface NoiseSuite {
  readonly name: NoiseSuiteName;
  readonly suite: Suite;
  /** 32 or 64. */
  readonly hashLength: number;
  readonly hash: (message: Uint8Array) => Uint8Array;
  readonly hmac: (key: Uint8Array, message: Uint8Array) => Uint8Array;
}

export const createNoiseSuite = (suite: Suite, name: NoiseSuiteName): NoiseSuite =>
  name === "25519_ChaChaPoly_SHA256"
    ? { name, suite, hashLength: 32, hash: suite.sha256, hmac: suite.hmacSha256 }
    : { name, suite, hashLength: 64, hash: suite.blake2b512, hmac: suite.hmacBlake2b512 };

export interface SymmetricState {
  /** Secret, of the hash's length. */
  readonly chainingKey: Uint8Array;
  /** Public, of the hash's length. */
  readonly hash: Uint8Array;
  readonly cipher: CipherState | null;
}

/** The state of a protocol by its full name, such as `Noise_X_25519_ChaChaPoly_SHA256`. */
export const startSymmetric = (noise: NoiseSuite, protocolName: string): SymmetricState => {
  const name = utf8(protocolName);
  const hash = name.length > noise.hashLength ? noise.hash(name) : new Uint8Array(noise.hashLength);
  if (name.length <= noise.hashLength) hash.set(name);
  return { chainingKey: hash.slice(), hash, cipher: null };
};

export const mixHash = (noise: NoiseSuite, state: SymmetricState, data: Uint8Array): SymmetricState => ({
  ...state,
  hash: noise.hash(concat(state.hash, data)),
});

/** The state after MixKey. The secrets of the old one are consumed: the caller reports them. */
export const mixKey = (noise: NoiseSuite, state: SymmetricState, material: Uint8Array): SymmetricState => {
  const [chainingKey, key] = deriveTwo(noise, state.chainingKey, material);
  return { chainingKey, hash: state.hash, cipher: cipherOf(key) };
};

export interface Mixed {
  readonly symmetric: SymmetricState;
  readonly bytes: Uint8Array;
}

/** In clear as long as there is no key. */
export const encryptAndHash = (noise: NoiseSuite, state: SymmetricState, plaintext: Uint8Array): Mixed => {
  if (state.cipher === null) return { symmetric: mixHash(noise, state, plaintext), bytes: plaintext };
  const sealed = seal(noise.suite, state.cipher, plaintext, state.hash);
  invariant(E.isRight(sealed), "a handshake uses few nonces");
  const { cipher, bytes } = sealed.right;
  return { symmetric: mixHash(noise, { ...state, cipher }, bytes), bytes };
};

/** Null where the tag does not match. */
export const decryptAndHash = (noise: NoiseSuite, state: SymmetricState, ciphertext: Uint8Array): Mixed | null => {
  if (state.cipher === null) return { symmetric: mixHash(noise, state, ciphertext), bytes: ciphertext };
  const opened = open(noise.suite, state.cipher, ciphertext, state.hash);
  if (E.isLeft(opened)) return null;
  const { cipher, bytes } = opened.right;
  return { symmetric: mixHash(noise, { ...state, cipher }, ciphertext), bytes };
};

/** The ciphers of the two directions: the initiator sends with the first. */
export const split = (noise: NoiseSuite, state: SymmetricState): readonly [CipherState, CipherState] => {
  const [first, second] = deriveTwo(noise, state.chainingKey, new Uint8Array(0));
  return [cipherOf(first), cipherOf(second)];
};

/** A cipher's key is the first 32 bytes of an output of HKDF, which is wiped. */
const cipherOf = (output: Uint8Array): CipherState => {
  const key = output.slice(0, cipherKeyLength);
  wipe(output);
  return createCipher(key);
};

/** The secrets that a state holds. */
export const symmetricSecrets = (state: SymmetricState): ReadonlyArray<Uint8Array> =>
  state.cipher === null ? [state.chainingKey] : [state.chainingKey, state.cipher.key];

/** HKDF of Noise with two outputs, each of the hash's length. */
const deriveTwo = (
  noise: NoiseSuite,
  chainingKey: Uint8Array,
  material: Uint8Array,
): readonly [Uint8Array, Uint8Array] => {
  const root = noise.hmac(chainingKey, material);
  const first = noise.hmac(root, Uint8Array.of(1));
  const second = noise.hmac(root, concat(first, Uint8Array.of(2)));
  wipe(root);
  return [first, second];
};
