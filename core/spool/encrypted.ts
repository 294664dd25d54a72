/**
 * Encrypted permissioned signed discrete spool, EPSDS (drafts/dspool.rst §7): to its replicas a permissioned spool like
 * any other; its writers encrypt to every key in the set "data encryption" of the meta spool.
 *
 * The draft leaves the scheme open: one ephemeral X25519 key a message; for each encryption key the content key under
 * ChaCha20-Poly1305 with a key derived from the shared secret; the message under the content key, with all of that as
 * associated data. Which of the wraps is whose does not show: a reader tries them. Only keys that a meta writer has put
 * into the set are used: a replica cannot have itself written to.
 *
 *     ephemeral 32 | wraps 1 | 48 for each | ciphertext, 16 longer than the message
 *
 * @module
 */
import { concat, utf8 } from "../bytes.ts";
import { encodeCbor } from "../codec/cbor.ts";
import type { Suite } from "../crypto/suite.ts";
import { E, type Either } from "../fp.ts";
import type { Random } from "../random.ts";
import { domains } from "./domains.ts";
import { type PermissionedSpool, setNames } from "./permissioned.ts";
import { get } from "./set.ts";

export const encryptionKeysMax = 16;
const keyLength = 32;
const wrapLength = keyLength + 16;
const tagLength = 16;
// Keys are used once.
const nonce = (): Uint8Array => new Uint8Array(12);

/** What an encrypted message is longer than the message, for a number of keys. */
export const sealedOverhead = (keys: number): number => keyLength + 1 + keys * wrapLength + tagLength;

/** The keys that writers encrypt to, as the meta spool of this copy has them. */
export const encryptionKeys = ({ meta }: PermissionedSpool): ReadonlyArray<Uint8Array> =>
  get(meta, setNames.dataEncryption);

const wrapKey = (
  suite: Suite,
  spool: Uint8Array,
  ephemeral: Uint8Array,
  recipient: Uint8Array,
  shared: Uint8Array,
): Uint8Array => {
  const key = suite.hmacSha256(utf8(domains.sealed), shared);
  return suite.hkdfExpandSha256(key, encodeCbor([domains.sealed, spool, ephemeral, recipient]), keyLength);
};

/**
 * Encrypts a message for a spool to all of some keys: draws 32 bytes for the ephemeral key and 32 for the content key.
 * Left: `no-keys`, `too-many-keys`, or `point` where a key is of low order.
 */
export const seal = (
  suite: Suite,
  random: Random,
  spool: Uint8Array,
  keys: ReadonlyArray<Uint8Array>,
  message: Uint8Array,
): Either<"no-keys" | "too-many-keys" | "point", Uint8Array> => {
  if (keys.length === 0) return E.left("no-keys");
  if (keys.length > encryptionKeysMax) return E.left("too-many-keys");
  const scalar = random.bytes(keyLength);
  const contentKey = random.bytes(keyLength);
  const ephemeral = suite.x25519Public(scalar);
  const wraps: Uint8Array[] = [];
  for (const recipient of keys) {
    const shared = recipient.length === keyLength ? suite.x25519(scalar, recipient) : null;
    if (shared === null) return E.left("point");
    const key = wrapKey(suite, spool, ephemeral, recipient, shared);
    wraps.push(suite.chachaPolySeal(key, nonce(), ephemeral, contentKey));
  }
  const head = concat(ephemeral, Uint8Array.of(keys.length), ...wraps);
  return E.right(concat(head, suite.chachaPolySeal(contentKey, nonce(), associated(spool, head), message)));
};

const associated = (spool: Uint8Array, head: Uint8Array): Uint8Array => encodeCbor([domains.sealed, spool, head]);

/** Decrypts with one of the keys' X25519 scalars; null where none of the wraps is for it or anything was altered. */
export const open = (
  suite: Suite,
  spool: Uint8Array,
  privateKey: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | null => {
  const wraps = sealed[keyLength] ?? 0;
  const end = keyLength + 1 + wraps * wrapLength;
  if (wraps > encryptionKeysMax || sealed.length < end + tagLength) return null;
  const ephemeral = sealed.slice(0, keyLength);
  const shared = suite.x25519(privateKey, ephemeral);
  if (shared === null) return null;
  const key = wrapKey(suite, spool, ephemeral, suite.x25519Public(privateKey), shared);
  for (let at = keyLength + 1; at < end; at += wrapLength) {
    const contentKey = suite.chachaPolyOpen(key, nonce(), ephemeral, sealed.subarray(at, at + wrapLength));
    if (contentKey === null) continue;
    const head = sealed.slice(0, end);
    return suite.chachaPolyOpen(contentKey, nonce(), associated(spool, head), sealed.subarray(end));
  }
  return null;
};
