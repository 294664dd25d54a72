/**
 * The crypto suite: one synchronous interface, with a portable provider (noble.ts), a native one
 * (adapters/crypto_native.ts) and a toy one for simulations (conformance/sim). Primitives as wire-facts §1.1, §2.1,
 * §2.2 and §3 list them.
 *
 * Every function is deterministic. A function that can meet hostile input answers null for it; a wrong length given by
 * our own code is a broken invariant and throws. Arguments are never changed unless the name ends in `InPlace`.
 *
 * @module
 */
import type { Random } from "../random.ts";

/** A KEM in the shape that the `f` and `ff` tokens of Noise hfs need (wire-facts §2.2: NewHope-Simple). */
export interface Kem {
  /** Length in bytes of the initiator's public value: 1824 for NewHope-Simple. */
  readonly publicLength: number;
  /** Length in bytes of the responder's public value: 2176 for NewHope-Simple. */
  readonly ciphertextLength: number;
  /** Reads 32 (seed) then 32 bytes (noise seed). */
  readonly generate: (random: Random) => { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array };
  /** Reads 32 (noise seed) then 32 bytes (key); null for a malformed public value. The shared secret has 32 bytes. */
  readonly encapsulate: (
    random: Random,
    publicKey: Uint8Array,
  ) => { readonly ciphertext: Uint8Array; readonly shared: Uint8Array } | null;
  readonly decapsulate: (privateKey: Uint8Array, ciphertext: Uint8Array) => Uint8Array | null;
}

export interface Suite {
  readonly name: string;

  readonly sha256: (message: Uint8Array) => Uint8Array;
  readonly sha512_256: (message: Uint8Array) => Uint8Array;
  readonly sha3_256: (message: Uint8Array) => Uint8Array;
  readonly blake2b512: (message: Uint8Array) => Uint8Array;
  /** 32 bytes. */
  readonly hmacSha256: (key: Uint8Array, message: Uint8Array) => Uint8Array;
  /** 64 bytes; block size 128. */
  readonly hmacBlake2b512: (key: Uint8Array, message: Uint8Array) => Uint8Array;
  /** HKDF-Expand (RFC 5869 §2.3) with SHA-256; the key, of 32 bytes or more, stands for the PRK. */
  readonly hkdfExpandSha256: (key: Uint8Array, info: Uint8Array, length: number) => Uint8Array;

  /** XORs the AES-128-CTR keystream into `data`: key 16, the IV 16 is the whole initial counter block. */
  readonly aes128CtrInPlace: (key: Uint8Array, iv: Uint8Array, data: Uint8Array) => void;
  /** AEZ v5, key 48, nonce 16, no associated data, tau 0, of any length. */
  readonly aezEncryptInPlace: (key: Uint8Array, nonce: Uint8Array, data: Uint8Array) => void;
  readonly aezDecryptInPlace: (key: Uint8Array, nonce: Uint8Array, data: Uint8Array) => void;
  /** ChaCha20-Poly1305 of RFC 8439: key 32, nonce 12; the result is 16 bytes longer. */
  readonly chachaPolySeal: (
    key: Uint8Array,
    nonce: Uint8Array,
    associated: Uint8Array,
    plaintext: Uint8Array,
  ) => Uint8Array;
  /** Null where the tag does not match. */
  readonly chachaPolyOpen: (
    key: Uint8Array,
    nonce: Uint8Array,
    associated: Uint8Array,
    ciphertext: Uint8Array,
  ) => Uint8Array | null;
  /** The same without associated data, of a plaintext in pieces; so is the result, whose pieces need not be as long. */
  readonly chachaPolySealPieces: (
    key: Uint8Array,
    nonce: Uint8Array,
    plaintext: ReadonlyArray<Uint8Array>,
  ) => ReadonlyArray<Uint8Array>;
  /** The same without associated data, of a ciphertext in pieces; the result has a buffer of its own. */
  readonly chachaPolyOpenPieces: (
    key: Uint8Array,
    nonce: Uint8Array,
    ciphertext: ReadonlyArray<Uint8Array>,
  ) => Uint8Array | null;
  /** `length` bytes of the ChaCha20 keystream of the original cipher: key 32, nonce 8, 64-bit counter from 0. */
  readonly chacha20Keystream: (key: Uint8Array, nonce: Uint8Array, length: number) => Uint8Array;

  /** X25519 of a 32-byte scalar (clamped on use) and a u-coordinate of 32 bytes; null where the result is all zeros. */
  readonly x25519: (scalar: Uint8Array, point: Uint8Array) => Uint8Array | null;
  /** The public key of a 32-byte scalar. */
  readonly x25519Public: (scalar: Uint8Array) => Uint8Array;

  readonly ed25519Public: (seed: Uint8Array) => Uint8Array;
  /** A 64-byte signature by a 64-byte private key (seed | public). */
  readonly ed25519Sign: (privateKey: Uint8Array, message: Uint8Array) => Uint8Array;
  readonly ed25519Verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;
  /** The X25519 form of an Ed25519 public key (the birational map); null for bytes that are no point. */
  readonly ed25519PublicToX25519: (publicKey: Uint8Array) => Uint8Array | null;
  /** The X25519 scalar of a 64-byte Ed25519 private key: SHA-512(seed)[0:32], clamped. */
  readonly ed25519PrivateToX25519: (privateKey: Uint8Array) => Uint8Array;

  readonly kem: Kem;

  /**
   * Drops what the provider cached for a secret key (platform key objects): a scalar, a seed, or a private key of 64
   * bytes. To be called for every secret that must not outlive its use.
   */
  readonly forget: (secret: Uint8Array) => void;
}
