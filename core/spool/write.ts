/**
 * What an author writes (drafts/dspool.rst §6: a message with its write_signature): a message for the data spool, an
 * operation on the meta spool, or a tombstone, which goes into the data spool (§8.2).
 *
 * The signature binds the spool, the kind, the author's sequence number, the epoch and the SHA-256 of the body. A
 * number
 * is used once a kind and author, and is below `writesPerAuthorMax`: that bounds what an author can make replicas keep,
 * in whatever order its writes arrive. Bodies of messages travel beside the write; the other kinds hold theirs.
 *
 * @module
 */
import { equal, fromHex, toHex } from "../bytes.ts";
import { type CborValue, decodeCbor, encodeCbor } from "../codec/cbor.ts";
import type { Suite } from "../crypto/suite.ts";
import { E } from "../fp.ts";
import { domains, metaBodyLengthMax, writesPerAuthorMax } from "./domains.ts";
import type { Part } from "./signed.ts";

const kinds = ["message", "tombstone", "meta"] as const;
export type WriteKind = (typeof kinds)[number];

export interface Write {
  readonly kind: WriteKind;
  /** Ed25519, 32 bytes. */
  readonly author: Uint8Array;
  readonly sequence: number;
  readonly epoch: number;
  /** SHA-256 of the body. */
  readonly digest: Uint8Array;
  /** The write_signature, 64 bytes. */
  readonly signature: Uint8Array;
  /** Null for a message. */
  readonly body: Uint8Array | null;
}

export const partOf = ({ kind }: Write): Part => kind === "meta" ? "meta" : "data";

const signedBytes = (spool: Uint8Array, write: Omit<Write, "signature" | "body">): Uint8Array => {
  const { kind, author, sequence, epoch, digest } = write;
  return encodeCbor([domains.write, spool, kind, author, sequence, epoch, digest]);
};

/** A write of `body` by a 64-byte Ed25519 key. */
export const signWrite = (
  suite: Suite,
  privateKey: Uint8Array,
  spool: Uint8Array,
  { kind, sequence, epoch }: Pick<Write, "kind" | "sequence" | "epoch">,
  body: Uint8Array,
): Write => {
  const unsigned = { kind, author: privateKey.subarray(32), sequence, epoch, digest: suite.sha256(body) };
  const signature = suite.ed25519Sign(privateKey, signedBytes(spool, unsigned));
  return { ...unsigned, signature, body: kind === "message" ? null : body };
};

/** Is it signed by its author for this spool, over the body that it holds? */
export const verifyWrite = (suite: Suite, spool: Uint8Array, write: Write): boolean =>
  (write.body === null || equal(suite.sha256(write.body), write.digest)) &&
  suite.ed25519Verify(write.author, signedBytes(spool, write), write.signature);

/** The identity of a write in the whole replicated spool, in hex: the same whichever replicas took it (§8). */
export const contentId = (suite: Suite, spool: Uint8Array, write: Write): string => {
  const { kind, author, sequence, epoch, digest, signature } = write;
  return toHex(suite.sha256(encodeCbor([domains.content, spool, kind, author, sequence, epoch, digest, signature])));
};

/** What may be used once in a chain. */
export const slotOf = ({ kind, author, sequence }: Pick<Write, "kind" | "author" | "sequence">): string =>
  `${kind}/${toHex(author)}/${sequence}`;

export const encodeWrite = ({ kind, author, sequence, epoch, digest, signature, body }: Write): Uint8Array =>
  encodeCbor([kind, author, sequence, epoch, digest, signature, body]);

const isBytes = (value: CborValue | undefined, length: number): value is Uint8Array =>
  value instanceof Uint8Array && value.length === length;

const isCount = (value: CborValue | undefined): value is number => typeof value === "number" && value >= 0;

/** A body stands where one belongs, and is not too long. */
const isBodyOf = (kind: WriteKind, body: CborValue | undefined): body is Uint8Array | null =>
  kind === "message" ? body === null : body instanceof Uint8Array && body.length <= metaBodyLengthMax;

/** Null for what is no write; only the one encoding is read. */
export const decodeWrite = (bytes: Uint8Array): Write | null => {
  const decoded = decodeCbor(bytes);
  if (E.isLeft(decoded) || !Array.isArray(decoded.right) || decoded.right.length !== 7) return null;
  const [name, author, sequence, epoch, digest, signature, body] = decoded.right as ReadonlyArray<CborValue>;
  const kind = kinds.find((one) => one === name);
  if (kind === undefined || !isBytes(author, 32) || !isCount(sequence) || !isCount(epoch)) return null;
  if (sequence >= writesPerAuthorMax || !isBytes(digest, 32) || !isBytes(signature, 64)) return null;
  return isBodyOf(kind, body) ? { kind, author, sequence, epoch, digest, signature, body } : null;
};

/** Where a reader stands, or what a tombstone refers to: a position in the spool of one replica (§6, §8). */
export interface SpoolIndex {
  /** Its spool key. */
  readonly replica: Uint8Array;
  readonly index: number;
  /** The spool_signature there. */
  readonly signature: Uint8Array;
}

/**
 * What a tombstone forgets: everything older than a position of one replica's data spool (§6.1), or one message, by its
 * content id wherever it stands. The draft has the first only, which always leaves the message at the position.
 */
export type Tombstone =
  | { readonly type: "before"; readonly position: SpoolIndex }
  | { readonly type: "message"; readonly content: string };

/** The body of a tombstone: forget everything older than this. */
export const encodeTombstone = ({ replica, index, signature }: SpoolIndex): Uint8Array =>
  encodeCbor([replica, index, signature]);

/** The body of a tombstone: forget one message, even before it comes. Its content id is 64 hexadecimal digits. */
export const encodeRemoval = (content: string): Uint8Array => encodeCbor([fromHex(content)!]);

/** Null for what is the body of no tombstone. */
export const decodeTombstone = (bytes: Uint8Array): Tombstone | null => {
  const decoded = decodeCbor(bytes);
  if (E.isLeft(decoded) || !Array.isArray(decoded.right)) return null;
  const [first, index, signature, ...rest] = decoded.right as ReadonlyArray<CborValue>;
  if (!isBytes(first, 32) || rest.length > 0) return null;
  if (decoded.right.length === 1) return { type: "message", content: toHex(first) };
  if (!isCount(index) || !isBytes(signature, 64)) return null;
  return { type: "before", position: { replica: first, index, signature } };
};
