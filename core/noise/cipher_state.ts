/**
 * The Noise CipherState with ChaCha20-Poly1305 (The Noise Protocol Framework §5.1, §11.3 and §12.3).
 *
 * A value: each operation gives the next state. Rekeying does not reset the counter (wire-facts §2.5).
 *
 * @module
 */
import { wipe } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { E, type Either } from "../fp.ts";

export interface CipherState {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** The next message's nonce. */
  readonly nonce: number;
}

/** A message that is not opened yet, with what opens it. The key is of no other use: whoever opens it wipes it. */
export interface SealedMessage {
  readonly cipher: CipherState;
  /** The ciphertext with its tag, in order. */
  readonly pieces: ReadonlyArray<Uint8Array>;
}

export interface Processed {
  readonly cipher: CipherState;
  readonly bytes: Uint8Array;
}

/** The first nonce that is refused: the reserved 2^64-1 lies beyond, and nobody counts so far. */
export const nonceLimit = Number.MAX_SAFE_INTEGER;

/** Length of the tag after every ciphertext. */
export const tagLength = 16;
export const cipherKeyLength = 32;

const nonceLength = 12;

const noData = new Uint8Array(0);

export const createCipher = (key: Uint8Array): CipherState => ({ key, nonce: 0 });

/** Encrypts; the result is 16 bytes longer than `plaintext`. */
export const seal = (
  suite: Suite,
  cipher: CipherState,
  plaintext: Uint8Array,
  associated: Uint8Array = noData,
): Either<"nonces-exhausted", Processed> => {
  if (cipher.nonce >= nonceLimit) return E.left("nonces-exhausted");
  const bytes = suite.chachaPolySeal(cipher.key, nonceBytes(cipher.nonce), associated, plaintext);
  return E.right({ cipher: { key: cipher.key, nonce: cipher.nonce + 1 }, bytes });
};

/** Decrypts a ciphertext of any length; a failure leaves nothing but the old state. */
export const open = (
  suite: Suite,
  cipher: CipherState,
  ciphertext: Uint8Array,
  associated: Uint8Array = noData,
): Either<"nonces-exhausted" | "decrypt", Processed> => {
  if (cipher.nonce >= nonceLimit) return E.left("nonces-exhausted");
  if (ciphertext.length < tagLength) return E.left("decrypt");
  const bytes = suite.chachaPolyOpen(cipher.key, nonceBytes(cipher.nonce), associated, ciphertext);
  return bytes === null ? E.left("decrypt") : E.right({ cipher: { key: cipher.key, nonce: cipher.nonce + 1 }, bytes });
};

export interface ProcessedPieces {
  readonly cipher: CipherState;
  readonly pieces: ReadonlyArray<Uint8Array>;
}

/** Encrypts a long message, whose pieces are not joined; the results' lengths are another matter. */
export const sealPieces = (
  suite: Suite,
  cipher: CipherState,
  plaintext: ReadonlyArray<Uint8Array>,
): Either<"nonces-exhausted", ProcessedPieces> => {
  if (cipher.nonce >= nonceLimit) return E.left("nonces-exhausted");
  const pieces = suite.chachaPolySealPieces(cipher.key, nonceBytes(cipher.nonce), plaintext);
  return E.right({ cipher: { key: cipher.key, nonce: cipher.nonce + 1 }, pieces });
};

/** Decrypts a long message that came in pieces. */
export const openPieces = (
  suite: Suite,
  cipher: CipherState,
  ciphertext: ReadonlyArray<Uint8Array>,
): Either<"nonces-exhausted" | "decrypt", Processed> => {
  if (cipher.nonce >= nonceLimit) return E.left("nonces-exhausted");
  const bytes = suite.chachaPolyOpenPieces(cipher.key, nonceBytes(cipher.nonce), ciphertext);
  return bytes === null ? E.left("decrypt") : E.right({ cipher: { key: cipher.key, nonce: cipher.nonce + 1 }, bytes });
};

/** The state after a message that is opened elsewhere. */
export const pass = (cipher: CipherState): Either<"nonces-exhausted", CipherState> =>
  cipher.nonce >= nonceLimit ? E.left("nonces-exhausted") : E.right({ key: cipher.key, nonce: cipher.nonce + 1 });

/** 2^64-1, the counter of a rekey, as ChaCha20 takes it. */
const rekeyNonce = new Uint8Array(8).fill(0xff);
/** ChaCha20-Poly1305 authenticates with the keystream's first block and encrypts from the second on (RFC 8439 §2.8). */
const firstBlockLength = 64;

/**
 * The state under the next key: the ciphertext of 32 zero bytes, of whose tag nobody has a use. The old key is
 * consumed: the caller reports it.
 */
export const rekey = (suite: Suite, cipher: CipherState): CipherState => {
  const keystream = suite.chacha20Keystream(cipher.key, rekeyNonce, firstBlockLength + cipherKeyLength);
  const key = keystream.slice(firstBlockLength);
  wipe(keystream);
  return { key, nonce: cipher.nonce };
};

/** 4 zero bytes and the counter, little-endian. */
const nonceBytes = (counter: number): Uint8Array => {
  const nonce = new Uint8Array(nonceLength);
  for (let at = 4, rest = counter; rest > 0; at++, rest = Math.floor(rest / 256)) nonce[at] = rest % 256;
  return nonce;
};
