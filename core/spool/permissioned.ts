/**
 * Permissioned signed discrete spool, PSDS (drafts/dspool.rst §6): a data spool (signed.ts) and a meta spool (set.ts)
 * under
 * one spool key, as the replica keeps it that holds the key, and as others keep their copy of it.
 *
 * The meta spool says who may do what. Each entry of the data spool names how long the meta spool was when it was
 * signed,
 * so that everybody judges a write by the same roles as the replica did: what a revoked key had written before its
 * revocation in this chain stays, what comes after is refused. A chain with an entry that its own roles do not allow is
 * the work of a faulty replica, and is read only up to there.
 *
 * @module
 */
import { List } from "../collections/list.ts";
import { PersistentMap } from "../collections/map.ts";
import { utf8 } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { E, type Either } from "../fp.ts";
import { appendOnlyFork, appendOnlyHeaders, readFrom } from "./append_only.ts";
import {
  appendOperation,
  collectionLength,
  decodeOperation,
  hasItem,
  initialSets,
  longestWith,
  mergeCollections,
  newSetCollection,
  type SetCollection,
  type SetRefusal,
  tryOperation,
} from "./set.ts";
import {
  appendSigned,
  type ChainName,
  type Fork,
  lastSignature,
  mergeSigned,
  newSigned,
  type Part,
  readSigned,
  type SignedEntry,
  type SignedHeader,
  type SignedSpool,
  signNext,
} from "./signed.ts";
import {
  contentId,
  decodeTombstone,
  decodeWrite,
  encodeWrite,
  partOf,
  slotOf,
  type SpoolIndex,
  verifyWrite,
  type Write,
  type WriteKind,
} from "./write.ts";

/** Names of the sets of the meta spool (§6, §7, §8.1). Items of roles are Ed25519 keys. */
export const setNames = {
  metaWriters: utf8("meta writer"),
  metaReaders: utf8("meta reader"),
  dataWriters: utf8("data writer"),
  dataReaders: utf8("data reader"),
  canonicalReaders: utf8("canonical data reader"),
  /** Holds "yes" from the start; once that is removed nothing is ever forgotten. */
  truncatable: utf8("truncatable"),
  /** X25519 keys (encrypted.ts). */
  dataEncryption: utf8("data encryption"),
  /** Replica descriptors (durable.ts). */
  replicas: utf8("replica"),
} as const;

export const yes: Uint8Array = utf8("yes");

/** Where in the chain a write is, and in which epoch its author says that it was made. */
export interface Place {
  readonly part: Part;
  readonly index: number;
  readonly epoch: number;
}

export interface PermissionedSpool {
  /** The root key of the whole. */
  readonly spool: Uint8Array;
  /** The spool key of the replica. */
  readonly key: Uint8Array;
  readonly meta: SetCollection;
  readonly data: SignedSpool;
  /** The longest meta spool that an entry of the data spool goes by. */
  readonly reach: number;
  /** By slot: each is used once. */
  readonly slots: PersistentMap<string, Place>;
  /** By content id. */
  readonly contents: PersistentMap<string, Place>;
  /** Positions that tombstones name. */
  readonly tombstones: List<SpoolIndex>;
  /** Contents that tombstones name. */
  readonly removed: PersistentMap<string, true>;
  /** The last epoch in which anybody wrote; 0 for none. */
  readonly active: number;
}

export type WriteRefusal =
  | SetRefusal
  | "wrong-write-signature"
  /** The author has not, or no longer, the role. */
  | "not-permitted"
  /** "yes" has been removed from the truncatable set. */
  | "not-truncatable"
  /** The author has used the sequence number for something else. */
  | "slot-taken"
  /** The entry goes by a meta spool that is longer than the one known. */
  | "meta-missing"
  | "meta-backwards";

const nameOf = (spool: Uint8Array, key: Uint8Array, part: Part): ChainName => ({ spool, key, part });

const operationOfWrite: SetCollection["operationOf"] = (message) => {
  const body = decodeWrite(message)?.body ?? null;
  return body === null ? null : decodeOperation(body);
};

/** What `indexed` keeps of entries, before there are any. */
const withoutEntries: Pick<
  PermissionedSpool,
  "reach" | "slots" | "contents" | "tombstones" | "removed" | "active"
> = {
  reach: 0,
  slots: PersistentMap(),
  contents: PersistentMap(),
  tombstones: List(),
  removed: PersistentMap(),
  active: 0,
};

/** A new one: the root key may write to the meta spool (§6: the initial writer; §8.1). */
export const newPermissioned = (spool: Uint8Array, key: Uint8Array): PermissionedSpool => {
  const initial = initialSets([{ set: setNames.metaWriters, item: spool }, { set: setNames.truncatable, item: yes }]);
  return {
    spool,
    key,
    meta: newSetCollection(nameOf(spool, key, "meta"), initial, operationOfWrite),
    data: newSigned(nameOf(spool, key, "data")),
    ...withoutEntries,
  };
};

export const metaHeaders = ({ meta }: PermissionedSpool): List<SignedHeader> => appendOnlyHeaders(meta.log);
export const headersOf = (spool: PermissionedSpool, part: Part): List<SignedHeader> =>
  part === "meta" ? metaHeaders(spool) : spool.data.headers;

export const nameOfPart = ({ spool, key }: PermissionedSpool, part: Part): ChainName => nameOf(spool, key, part);

/** Evidence that the replica signed twice, where merging has found it. */
export const forkOf = ({ meta, data }: PermissionedSpool): { readonly part: Part; readonly fork: Fork } | null => {
  const fork = appendOnlyFork(meta.log);
  if (fork !== null) return { part: "meta", fork };
  return data.fork === null ? null : { part: "data", fork: data.fork };
};

/** Entries with their messages: encoded writes. */
export const entriesFrom = (
  spool: PermissionedSpool,
  part: Part,
  index: number,
  limit: number,
): ReadonlyArray<SignedEntry> =>
  part === "meta"
    ? readFrom(spool.meta.log, index, limit)
    : E.getOrElse((): ReadonlyArray<SignedEntry> => [])(readSigned(spool.data, index, limit));

/** Has a key a role, when the meta spool had `length` entries (now, unless said otherwise)? */
export const hasRole = ({ meta }: PermissionedSpool, role: Uint8Array, key: Uint8Array, length?: number): boolean =>
  hasItem(meta.sets, role, key, length);

/** May this be written, by the roles of a meta spool of `length` entries? */
const permissionRefusal = (spool: PermissionedSpool, write: Write, length: number): WriteRefusal | null => {
  switch (write.kind) {
    case "message":
      return hasRole(spool, setNames.dataWriters, write.author, length) ? null : "not-permitted";
    case "tombstone":
      if (write.body === null || decodeTombstone(write.body) === null) return "malformed";
      if (!hasRole(spool, setNames.canonicalReaders, write.author, length)) return "not-permitted";
      return hasRole(spool, setNames.truncatable, yes, length) ? null : "not-truncatable";
    case "meta":
      if (write.body === null || decodeOperation(write.body) === null) return "malformed";
      return hasRole(spool, setNames.metaWriters, write.author, length) ? null : "not-permitted";
  }
};

/** Why a write cannot come next in this chain, by its present roles. The signature is not looked at. */
export const writeRefusal = (
  spool: PermissionedSpool,
  write: Write,
  length = collectionLength(spool.meta),
): WriteRefusal | null => {
  const refusal = permissionRefusal(spool, write, length);
  if (refusal !== null) return refusal;
  if (spool.slots.has(slotOf(write))) return "slot-taken";
  const operation = write.kind === "meta" && write.body !== null ? decodeOperation(write.body) : null;
  return operation === null ? null : tryOperation(spool.meta, operation);
};

/** With what follows from a new entry. */
const indexed = (suite: Suite, spool: PermissionedSpool, write: Write, header: SignedHeader): PermissionedSpool => {
  const place = { part: partOf(write), index: header.index, epoch: write.epoch };
  const tombstone = write.kind === "tombstone" && write.body !== null ? decodeTombstone(write.body) : null;
  return {
    ...spool,
    reach: Math.max(spool.reach, header.meta),
    slots: spool.slots.set(slotOf(write), place),
    contents: spool.contents.set(contentId(suite, spool.spool, write), place),
    tombstones: tombstone?.type === "before" ? spool.tombstones.push(tombstone.position) : spool.tombstones,
    removed: tombstone?.type === "message" ? spool.removed.set(tombstone.content, true) : spool.removed,
    active: Math.max(spool.active, write.epoch),
  };
};

const metaRefusal = (spool: PermissionedSpool, header: SignedHeader, isKnown: boolean): WriteRefusal | null => {
  if (header.meta > collectionLength(spool.meta)) return "meta-missing";
  return header.meta < spool.reach && !isKnown ? "meta-backwards" : null;
};

/**
 * Takes the next entry of a chain, after checking all of it: the replica's signature, the author's and the roles.
 * `isKnown`: another replica took the write, so that it may go by earlier roles than the entry before.
 */
export const accept = (
  suite: Suite,
  spool: PermissionedSpool,
  entry: SignedEntry,
  isKnown = false,
): Either<WriteRefusal, PermissionedSpool> => {
  const write = decodeWrite(entry.message);
  if (write === null) return E.left("malformed");
  const isMeta = partOf(write) === "meta";
  const refusal = (isMeta ? null : metaRefusal(spool, entry.header, isKnown)) ??
    writeRefusal(spool, write, isMeta ? undefined : entry.header.meta);
  if (refusal !== null) return E.left(refusal);
  if (!verifyWrite(suite, spool.spool, write)) return E.left("wrong-write-signature");
  const extended = isMeta
    ? E.map((meta: SetCollection): PermissionedSpool => ({ ...spool, meta }))(
      appendOperation(suite, spool.meta, entry),
    )
    : E.map((data: SignedSpool): PermissionedSpool => ({ ...spool, data }))(appendSigned(suite, spool.data, entry));
  return E.map((next: PermissionedSpool) => indexed(suite, next, write, entry.header))(extended);
};

/** The longest meta spool whose roles allow a write of the data part; of all its length where none does. */
const permittedLength = ({ meta }: PermissionedSpool, { kind, author }: Write): number => {
  const length = collectionLength(meta);
  const longest = (set: Uint8Array, item: Uint8Array): number => longestWith(meta.sets, set, item, length) ?? length;
  if (kind === "message") return longest(setNames.dataWriters, author);
  return Math.min(longest(setNames.canonicalReaders, author), longest(setNames.truncatable, yes));
};

/**
 * {data,meta}_append (§6.1), by the replica that holds the 64-byte spool key. A write that is there already changes
 * nothing: its place is its receipt, as the first time. The body of a message is the caller's to keep.
 */
export const appendWrite = (
  suite: Suite,
  privateKey: Uint8Array,
  spool: PermissionedSpool,
  write: Write,
  epoch: number,
  isKnown = false,
): Either<WriteRefusal, PermissionedSpool> => {
  if (spool.contents.has(contentId(suite, spool.spool, write))) return E.right(spool);
  const message = encodeWrite(write);
  const log = partOf(write) === "meta" ? spool.meta.log.log : spool.data;
  const now = isKnown ? permittedLength(spool, write) : collectionLength(spool.meta);
  const length = partOf(write) === "meta" ? 0 : now;
  return accept(suite, spool, { header: signNext(suite, privateKey, log, message, epoch, length), message }, isKnown);
};

/** The number after the highest that an author has used for a kind of write, as far as this copy knows. */
export const nextSequence = ({ slots }: PermissionedSpool, kind: WriteKind, author: Uint8Array): number => {
  const prefix = slotOf({ kind, author, sequence: 0 }).slice(0, -1);
  const used = [...slots.keys()].filter((slot) => slot.startsWith(prefix)).map((slot) =>
    Number(slot.slice(prefix.length))
  );
  return used.reduce((next, sequence) => Math.max(next, sequence + 1), 0);
};

/** The signature that the next entry of a part refers to. */
export const lastSignatureOf = (spool: PermissionedSpool, part: Part): Uint8Array =>
  lastSignature(part === "meta" ? spool.meta.log.log : spool.data);

/** The entry at a place, and the write in it. */
export const entryAt = (
  spool: PermissionedSpool,
  { part, index }: Pick<Place, "part" | "index">,
): { readonly entry: SignedEntry; readonly write: Write } | null => {
  const entry = entriesFrom(spool, part, index, 1)[0];
  const write = entry === undefined ? null : decodeWrite(entry.message);
  return entry === undefined || write === null ? null : { entry, write };
};

/** What follows from the entries; of a data spool only as far as the meta spool reaches. */
const reindexed = (suite: Suite, spool: PermissionedSpool): PermissionedSpool => {
  const reach = collectionLength(spool.meta);
  const entries = [...entriesFrom(spool, "meta", 0, 0), ...entriesFrom(spool, "data", 0, 0)];
  return entries.filter(({ header }) => header.meta <= reach).reduce(
    (next, { header, message }) => {
      const write = decodeWrite(message);
      return write === null ? next : indexed(suite, next, write, header);
    },
    { ...spool, ...withoutEntries },
  );
};

/** The join of two copies of one replica's spool, each of which was accepted entry by entry. */
export const mergePermissioned = (suite: Suite, a: PermissionedSpool, b: PermissionedSpool): PermissionedSpool => {
  if (a === b) return a;
  return reindexed(suite, { ...a, meta: mergeCollections(a.meta, b.meta), data: mergeSigned(a.data, b.data) });
};
