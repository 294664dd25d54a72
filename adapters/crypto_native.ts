/**
 * The native provider of the crypto suite: node:crypto, on Node and on Deno, and the portable one for what it lacks
 * (NewHope-Simple's polynomials, the birational map) or does no faster (HKDF-Expand: on Deno ten small calls cost more
 * than @noble's one). For everything else the native call is faster, or as fast, at every length from 32 bytes up, on
 * both runtimes. AEZ, which node:crypto lacks too, is in WebAssembly (aez_wasm.ts).
 *
 * Keys are imported raw where the platform takes that (Node 26, which refuses a private JWK whose halves disagree),
 * else as JWK, which is fifteen times as fast as DER; there the public half of a private JWK is not read, so a dummy
 * stands there. Importing a private key costs as much as using it, so the objects of the last few are kept until
 * `forget`; so are those of public keys that signatures are verified under, and the point multiplied last: an unwrap
 * multiplies one point by two scalars.
 *
 * Results are plain `Uint8Array`s and never a `Buffer`, whose `slice` shares memory where the protocol code means a
 * copy.
 *
 * @module
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
  type PrivateKeyInput,
  type PublicKeyInput,
  sign,
  verify,
} from "node:crypto";
import { Buffer } from "node:buffer";
import { equal, isZero, lengthOf } from "../core/bytes.ts";
import { isCanonicalPoint } from "../core/crypto/ed25519.ts";
import { createNewHope } from "../core/crypto/newhope.ts";
import { nobleSuite } from "../core/crypto/noble.ts";
import type { Suite } from "../core/crypto/suite.ts";
import { invariant } from "../core/machine.ts";
import { createWasmAez, type WasmAez } from "./aez_wasm.ts";
import { createKeyCache } from "./key_cache.ts";

const curves = ["X25519", "Ed25519"] as const;
type Curve = (typeof curves)[number];

const tagLength = 16;
/** A node uses a handful of long-lived keys; more would only keep ephemeral ones in memory. */
const cachedKeysMax = 16;
/** Signatures are verified under the same keys again: those of authorities, and of spools' writers and readers. */
const cachedVerifiersMax = 256;

const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

/** The same without a copy, where the platform made the buffer for these bytes alone. */
const plainOf = (bytes: Uint8Array): Uint8Array =>
  bytes.buffer.byteLength === bytes.length ? new Uint8Array(bytes.buffer) : plain(bytes);

const base64url = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64url");

const hash = (algorithm: string) => (message: Uint8Array): Uint8Array =>
  plain(createHash(algorithm).update(message).digest());

const hmac = (algorithm: string) => (key: Uint8Array, message: Uint8Array): Uint8Array =>
  plain(createHmac(algorithm, key).update(message).digest());

const nullOnThrow = <A>(attempt: () => A): A | null => {
  try {
    return attempt();
  } catch {
    return null;
  }
};

/** What Node 26 takes, and older types of it do not know. */
const rawKey = (format: "raw-private" | "raw-public", curve: Curve, key: Uint8Array) =>
  ({ key, format, asymmetricKeyType: curve.toLowerCase() }) as unknown as PrivateKeyInput & PublicKeyInput;

const takesRawKeys = nullOnThrow(() => createPrivateKey(rawKey("raw-private", "X25519", new Uint8Array(32)))) !== null;

const dummyPublic = base64url(new Uint8Array(32));

const importPrivate = (crv: Curve, secret: Uint8Array): KeyObject =>
  takesRawKeys
    ? createPrivateKey(rawKey("raw-private", crv, secret))
    : createPrivateKey({ format: "jwk", key: { kty: "OKP", crv, d: base64url(secret), x: dummyPublic } });

const importPublic = (crv: Curve, point: Uint8Array): KeyObject =>
  takesRawKeys
    ? createPublicKey(rawKey("raw-public", crv, point))
    : createPublicKey({ format: "jwk", key: { kty: "OKP", crv, x: base64url(point) } });

/** The public half that the platform computed from a private key. */
const publicOf = (key: KeyObject): Uint8Array =>
  plain(Buffer.from(createPublicKey(key).export({ format: "jwk" }).x!, "base64url"));

const checkAeadLengths = (key: Uint8Array, nonce: Uint8Array): void =>
  invariant(key.length === 32 && nonce.length === 12, "ChaCha20-Poly1305 has a key of 32 bytes and a nonce of 12");

const noData = new Uint8Array(0);

const aeadOptions = { authTagLength: tagLength };

const chachaPolySeal: Suite["chachaPolySeal"] = (key, nonce, associated, plaintext) => {
  checkAeadLengths(key, nonce);
  const sealed = new Uint8Array(plaintext.length + tagLength);
  const cipher = createCipheriv("chacha20-poly1305", key, nonce, aeadOptions);
  cipher.setAAD(associated, { plaintextLength: plaintext.length });
  sealed.set(cipher.update(plaintext));
  cipher.final();
  sealed.set(cipher.getAuthTag(), plaintext.length);
  return sealed;
};

const chachaPolyOpen: Suite["chachaPolyOpen"] = (key, nonce, associated, ciphertext) => {
  checkAeadLengths(key, nonce);
  const end = ciphertext.length - tagLength;
  if (end < 0) return null;
  const decipher = createDecipheriv("chacha20-poly1305", key, nonce, aeadOptions);
  decipher.setAAD(associated, { plaintextLength: end });
  decipher.setAuthTag(ciphertext.subarray(end));
  const plaintext = decipher.update(ciphertext.subarray(0, end));
  return nullOnThrow(() => decipher.final()) === null ? null : plainOf(plaintext);
};

/** What the cipher gives goes out as it is: a frame is neither put together nor taken apart. */
const chachaPolySealPieces: Suite["chachaPolySealPieces"] = (key, nonce, plaintext) => {
  checkAeadLengths(key, nonce);
  const cipher = createCipheriv("chacha20-poly1305", key, nonce, aeadOptions);
  const sealed = plaintext.map((piece) => plainOf(cipher.update(piece)));
  cipher.final();
  return [...sealed, plainOf(cipher.getAuthTag())];
};

/**
 * Where pieces of a ciphertext are put together, for one call of the cipher, whose result is in one piece; another
 * buffer for each would be a tenth of what a packet costs. Grows to the longest; a session bounds its commands.
 */
let gathered = new Uint8Array(64 * 1024);

const gather = (pieces: ReadonlyArray<Uint8Array>): Uint8Array => {
  if (pieces.length === 1) return pieces[0]!;
  const length = lengthOf(pieces);
  if (length > gathered.length) gathered = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    gathered.set(piece, at);
    at += piece.length;
  }
  return gathered.subarray(0, length);
};

const chachaPolyOpenPieces: Suite["chachaPolyOpenPieces"] = (key, nonce, ciphertext) =>
  chachaPolyOpen(key, nonce, noData, gather(ciphertext));

/** OpenSSL's ChaCha20 takes the whole initial counter and nonce: the 64-bit counter first. */
const chacha20Keystream: Suite["chacha20Keystream"] = (key, nonce, length) => {
  invariant(key.length === 32 && nonce.length === 8, "ChaCha20 has a key of 32 bytes and a nonce of 8");
  const counterAndNonce = new Uint8Array(16);
  counterAndNonce.set(nonce, 8);
  return plain(createCipheriv("chacha20", key, counterAndNonce).update(new Uint8Array(length)));
};

/** Node's SHAKE128, whose output has any length. */
const shake128 = (message: Uint8Array, length: number): Uint8Array =>
  plain(createHash("shake128", { outputLength: length }).update(message).digest());

const createVerifiers = () => createKeyCache(cachedVerifiersMax, ["Ed25519"], importPublic);

/** Null where no signature can be right. */
const verifierOf = (
  verifiers: ReturnType<typeof createVerifiers>,
  publicKey: Uint8Array,
  signature: Uint8Array,
): KeyObject | null =>
  publicKey.length === 32 && signature.length === 64 && isCanonicalPoint(publicKey)
    ? nullOnThrow(() => verifiers.get("Ed25519", publicKey))
    : null;

const threadVerifiers = createVerifiers();

/** `ed25519Verify` in one of the platform's threads. The bytes are not changed meanwhile. */
export const verifyInThread = (
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
  answer: (isValid: boolean) => void,
): void => {
  const key = verifierOf(threadVerifiers, publicKey, signature);
  if (key === null) return answer(false);
  verify(null, message, key, signature, (error, isValid) => answer(error === null && isValid));
};

/** A suite with its own cache of key objects; `aez` may be an instance of a module that another thread compiled. */
export const createNativeSuite = (aez: WasmAez = createWasmAez()): Suite => {
  const keys = createKeyCache(cachedKeysMax, curves, importPrivate);
  const verifiers = createVerifiers();
  const privateKey = (curve: Curve, secret: Uint8Array): KeyObject => {
    invariant(secret.length === 32, "a seed or scalar has 32 bytes");
    return keys.get(curve, secret);
  };
  let last: { readonly point: Uint8Array; readonly key: KeyObject } | null = null;
  const importPoint = (point: Uint8Array): KeyObject => {
    if (last === null || !equal(last.point, point)) last = { point: plain(point), key: importPublic("X25519", point) };
    return last.key;
  };
  return {
    ...nobleSuite,
    name: "native",

    sha256: hash("sha256"),
    sha512_256: hash("sha512-256"),
    sha3_256: hash("sha3-256"),
    blake2b512: hash("blake2b512"),
    hmacSha256: hmac("sha256"),
    hmacBlake2b512: hmac("blake2b512"),

    aes128CtrInPlace: (key, iv, data) => {
      invariant(key.length === 16 && iv.length === 16, "AES-128-CTR has a key and an IV of 16 bytes");
      data.set(createCipheriv("aes-128-ctr", key, iv).update(data));
    },
    aezEncryptInPlace: aez.encryptInPlace,
    aezDecryptInPlace: aez.decryptInPlace,
    chachaPolySeal,
    chachaPolyOpen,
    chachaPolySealPieces,
    chachaPolyOpenPieces,
    chacha20Keystream,
    kem: createNewHope({ sha3_256: hash("sha3-256"), shake128, chacha20Keystream }),

    x25519: (scalar, point) => {
      invariant(point.length === 32, "a u-coordinate has 32 bytes");
      const ours = privateKey("X25519", scalar);
      // Where the result is zero OpenSSL throws; another library may return it.
      const shared = nullOnThrow(() => plain(diffieHellman({ privateKey: ours, publicKey: importPoint(point) })));
      return shared === null || isZero(shared) ? null : shared;
    },
    x25519Public: (scalar) => publicOf(privateKey("X25519", scalar)),

    ed25519Public: (seed) => publicOf(privateKey("Ed25519", seed)),
    ed25519Sign: (seedAndPublic, message) => {
      invariant(seedAndPublic.length === 64, "an Ed25519 private key has 64 bytes");
      return plain(sign(null, message, privateKey("Ed25519", seedAndPublic.subarray(0, 32))));
    },
    ed25519Verify: (publicKey, message, signature) => {
      const key = verifierOf(verifiers, publicKey, signature);
      return key !== null && (nullOnThrow(() => verify(null, message, key, signature)) ?? false);
    },

    forget: (secret) => keys.forget(secret.subarray(0, 32)),
  };
};

export const nativeSuite: Suite = createNativeSuite();
