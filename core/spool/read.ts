/**
 * Reading with a capability (drafts/dspool.rst §6.1, §8): a reader signs where it stands and which replica it asks, so
 * that
 * a replica that is removed later cannot use the signature at another. It also signs the epoch: a request serves in
 * that
 * epoch and its neighbours.
 *
 * @module
 */
import { encodeCbor } from "../codec/cbor.ts";
import type { Suite } from "../crypto/suite.ts";
import { domains } from "./domains.ts";
import { hasRole, type PermissionedSpool, setNames } from "./permissioned.ts";
import { type Part, signatureLength } from "./signed.ts";
import type { SpoolIndex } from "./write.ts";

export interface ReadRequest {
  readonly part: Part;
  /** What comes after it is read; null for everything. */
  readonly after: SpoolIndex | null;
  /** 1 or more. */
  readonly limit: number;
  /** Ed25519, 32 bytes. */
  readonly reader: Uint8Array;
  readonly epoch: number;
  /** The read_signature. */
  readonly signature: Uint8Array;
}

/** The signature of the position that a request names; zeros for none. */
export const askedOf = ({ after }: Pick<ReadRequest, "after">): Uint8Array =>
  after?.signature ?? new Uint8Array(signatureLength);

type Unsigned = Omit<ReadRequest, "signature">;

const signedBytes = (spool: Uint8Array, replica: Uint8Array, { part, after, limit, reader, epoch }: Unsigned) =>
  encodeCbor([
    domains.read,
    spool,
    replica,
    part,
    after === null ? null : [after.replica, after.index, after.signature],
    limit,
    reader,
    epoch,
  ]);

/** A request to one replica, by a 64-byte key. */
export const signRead = (
  suite: Suite,
  privateKey: Uint8Array,
  spool: Uint8Array,
  replica: Uint8Array,
  request: Omit<Unsigned, "reader">,
): ReadRequest => {
  const unsigned = { ...request, reader: privateKey.subarray(32) };
  return { ...unsigned, signature: suite.ed25519Sign(privateKey, signedBytes(spool, replica, unsigned)) };
};

/** May it be answered? By the present roles, at the replica whose spool this is. */
export const mayRead = (suite: Suite, spool: PermissionedSpool, request: ReadRequest): boolean => {
  const roles = request.part === "meta"
    ? [setNames.metaReaders, setNames.metaWriters]
    : [setNames.dataReaders, setNames.canonicalReaders];
  return roles.some((role) => hasRole(spool, role, request.reader)) &&
    suite.ed25519Verify(request.reader, signedBytes(spool.spool, spool.key, request), request.signature);
};
