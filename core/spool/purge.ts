/**
 * Deleting a replicated spool for good. The draft has no operation for it (drafts/dspool.rst §6, §8 forget messages
 * only). Here the holder of the root key signs that the spool is to be deleted. The root key is the spool's name, so
 * that the signature is checked without anything of the spool: a replica that has deleted everything still tells the
 * others why, and none of them can be deceived. It says no epoch, as it cannot be taken back.
 *
 *     ["purge", spool 32, signature of the root key 64]  ->  ["purged", status, signature 64 or null]
 *
 * Whatever else is asked of a spool that was purged has that answer too, with the status `purged` (hosting_graves.ts).
 *
 * @module
 */
import { type CborValue, decodeCbor, encodeCbor } from "../codec/cbor.ts";
import type { Suite } from "../crypto/suite.ts";
import { E } from "../fp.ts";
import { domains } from "./domains.ts";

export interface Purge {
  /** The root key. */
  readonly spool: Uint8Array;
  readonly signature: Uint8Array;
}

export type PurgeStatus =
  | "ok"
  | "wrong-signature"
  /** There is no such spool here. */
  | "unknown-spool"
  | "busy"
  | "disk-full"
  | "store-failed"
  /** The answer to another request. */
  | "purged";

const purgeBytes = (spool: Uint8Array): Uint8Array => encodeCbor([domains.purge, spool]);

/** By the 64-byte root key. */
export const signPurge = (suite: Suite, rootKey: Uint8Array): Purge => {
  const spool = rootKey.subarray(32);
  return { spool, signature: suite.ed25519Sign(rootKey, purgeBytes(spool)) };
};

export const verifyPurge = (suite: Suite, { spool, signature }: Purge): boolean =>
  suite.ed25519Verify(spool, purgeBytes(spool), signature);

const isBytes = (value: CborValue | undefined, length: number): value is Uint8Array =>
  value instanceof Uint8Array && value.length === length;

export const encodePurge = ({ spool, signature }: Purge): Uint8Array => encodeCbor(["purge", spool, signature]);

/** Null for what does not ask for that. */
export const decodePurge = (bytes: Uint8Array): Purge | null => {
  const decoded = decodeCbor(bytes);
  if (E.isLeft(decoded) || !Array.isArray(decoded.right) || decoded.right.length !== 3) return null;
  const [type, spool, signature] = decoded.right as ReadonlyArray<CborValue>;
  return type === "purge" && isBytes(spool, 32) && isBytes(signature, 64) ? { spool, signature } : null;
};
