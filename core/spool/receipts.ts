/**
 * Receipts (drafts/dspool.rst §6.1, §8): a replica's signed statement that a write stands at a position of its spool.
 * It is
 * the replica's own chain entry: index, signature and the signature before, so that the same bytes that promise a
 * writer
 * that its message is kept convict a replica which later shows another entry there (equivocation.ts).
 *
 * @module
 */
import { equal } from "../bytes.ts";
import type { CborValue } from "../codec/cbor.ts";
import type { Suite } from "../crypto/suite.ts";
import { entryAt, type PermissionedSpool } from "./permissioned.ts";
import { type Part, type SignedHeader, verifyHeader } from "./signed.ts";
import { contentId, encodeWrite, partOf, type Write } from "./write.ts";

export interface Receipt {
  /** The spool key. */
  readonly replica: Uint8Array;
  readonly part: Part;
  /** Binds the spool, the position, the epoch and, by the digest of the encoded write, the write. */
  readonly header: SignedHeader;
}

/** The receipt of a write that stands in a replica's spool, else null. */
export const receiptOf = (suite: Suite, spool: PermissionedSpool, write: Write): Receipt | null => {
  const place = spool.contents.get(contentId(suite, spool.spool, write));
  const found = place === undefined ? null : entryAt(spool, place);
  return found === null || place === undefined
    ? null
    : { replica: spool.key, part: place.part, header: found.entry.header };
};

/** Does the replica say with this that it holds the write? Needs nothing of the spool but its name. */
export const verifyReceipt = (suite: Suite, spool: Uint8Array, write: Write, receipt: Receipt): boolean => {
  const { replica: key, part, header } = receipt;
  return part === partOf(write) && equal(header.digest, suite.sha256(encodeWrite(write))) &&
    verifyHeader(suite, { spool, key, part }, header);
};

/* Headers as CBOR, wherever they travel. */

export const headerValue = ({ index, previous, digest, epoch, meta, signature }: SignedHeader): CborValue => [
  index,
  previous,
  digest,
  epoch,
  meta,
  signature,
];

const isCount = (value: CborValue | undefined): value is number => typeof value === "number" && value >= 0;
const isBytes = (value: CborValue | undefined, length: number): value is Uint8Array =>
  value instanceof Uint8Array && value.length === length;

/** Null for what is no header. */
export const headerOf = (value: CborValue | undefined): SignedHeader | null => {
  if (!Array.isArray(value) || value.length !== 6) return null;
  const [index, previous, digest, epoch, meta, signature] = value as ReadonlyArray<CborValue>;
  if (!isCount(index) || !isBytes(previous, 64) || !isBytes(digest, 32)) return null;
  if (!isCount(epoch) || !isCount(meta) || !isBytes(signature, 64)) return null;
  return { index, previous, digest, epoch, meta, signature };
};

export const partFrom = (value: CborValue | undefined): Part | null =>
  value === "data" || value === "meta" ? value : null;

export const receiptValue = ({ replica, part, header }: Receipt): CborValue => [replica, part, headerValue(header)];

/** Null for what is no receipt. */
export const receiptFrom = (value: CborValue | undefined): Receipt | null => {
  if (!Array.isArray(value) || value.length !== 3) return null;
  const [replica, name, rawHeader] = value as ReadonlyArray<CborValue>;
  const [part, header] = [partFrom(name), headerOf(rawHeader)];
  return isBytes(replica, 32) && part !== null && header !== null ? { replica, part, header } : null;
};
