/**
 * What a signature or a hash of dspool is about: the first element of everything signed or hashed, so that nothing made
 * for one purpose serves for another (drafts/dspool.rst §2.1 leaves the encodings open). Everything signed is a CBOR
 * array in the one encoding of core/codec/cbor.ts; signatures are Ed25519, hashes SHA-256.
 *
 * @module
 */

export const domains = {
  /** A replica's signature on a position of its spool (§4): `signed.ts`. */
  entry: "dspool/v1/entry",
  /** A writer's signature on what it writes (§6): `write.ts`. */
  write: "dspool/v1/write",
  /** The identity of a write (§8): `write.ts`. */
  content: "dspool/v1/content",
  /** A reader's signature on what it wants to read (§6): `read.ts`. */
  read: "dspool/v1/read",
  /** A replica's statement how long its spool is: `equivocation.ts`. */
  head: "dspool/v1/head",
  /** Keys of an encrypted message (§7): `encrypted.ts`. */
  sealed: "dspool/v1/sealed",
  /** A root key's signature on a request for a replica (§8.1): `hosting_wire.ts`. */
  host: "dspool/v1/host",
  /** A root key's signature that its spool is to be deleted: `purge.ts`. */
  purge: "dspool/v1/purge",
  /** A replica's signature on a request to another (§8.2): `replica_wire.ts`. */
  sync: "dspool/v1/sync",
} as const;

/* Bounds. What a faulty writer or replica can make others keep is their product. */

/** Entries of one spool of one replica, for ever: forgetting frees messages, not positions. */
export const entriesMax = 65_536;
/** Writes of a kind by one author: its sequence numbers are below this. */
export const writesPerAuthorMax = 16_384;
/** Bytes of a message of a signed spool. */
export const messageLengthMax = 65_536;
/** Bytes of an operation on the meta spool, or of a tombstone. */
export const metaBodyLengthMax = 1024;
/** Replicas of one spool, past ones among them. */
export const replicasMax = 16;
/** Epochs that a clock may be ahead of ours. */
export const epochsAheadMax = 1;
