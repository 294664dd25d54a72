/**
 * Durable authenticated spool, DAS (drafts/dspool.rst §8): the permissioned spools of several replicas, and copies of
 * them
 * at each. A write is the same message wherever it stands (its content id), valid if at least one replica took it while
 * its own roles allowed it. What the whole holds is the union over all replicas that are not convicted; it follows from
 * the set of entries alone, so that everybody who has the same entries sees the same, in whatever order they came.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { equal, toHex } from "../bytes.ts";
import { type CborValue, decodeCbor, encodeCbor } from "../codec/cbor.ts";
import type { Suite } from "../crypto/suite.ts";
import { E, type Either } from "../fp.ts";
import { epochsAheadMax, replicasMax } from "./domains.ts";
import { forkProof, lesserProof, type Proof, verifyProof } from "./equivocation.ts";
import {
  accept,
  entryAt,
  forkOf,
  headersOf,
  mergePermissioned,
  newPermissioned,
  type PermissionedSpool,
  type Place,
  setNames,
  type WriteRefusal,
} from "./permissioned.ts";
import { type Receipt, receiptOf } from "./receipts.ts";
import { hasRemoved, itemsOf, mergeSets, type SetOperation, type Sets } from "./set.ts";
import type { SignedEntry } from "./signed.ts";
import { contentId, decodeWrite, type SpoolIndex, type Write } from "./write.ts";

export interface Durable {
  /** The root key (§8.1): Ed25519, 32 bytes. It names the spool. */
  readonly spool: Uint8Array;
  /** Copies of the replicas' spools, by spool key in hex: at most `replicasMax`. */
  readonly copies: PersistentMap<string, PermissionedSpool>;
  /** Who is convicted, by spool key in hex. */
  readonly proofs: PersistentMap<string, Proof>;
}

export const newDurable = (spool: Uint8Array): Durable => ({
  spool,
  copies: PersistentMap(),
  proofs: PersistentMap(),
});

/* Replica descriptors (§8.1) */

export interface ReplicaDescriptor {
  /** The spool key. */
  readonly key: Uint8Array;
  /** Where it can be reached, one or more: `recipient@provider`, or the address of a direct link. */
  readonly addresses: ReadonlyArray<string>;
}

export const encodeDescriptor = ({ key, addresses }: ReplicaDescriptor): Uint8Array => encodeCbor([key, addresses]);

/** Null for what is no descriptor. */
export const decodeDescriptor = (bytes: Uint8Array): ReplicaDescriptor | null => {
  const decoded = decodeCbor(bytes);
  if (E.isLeft(decoded) || !Array.isArray(decoded.right) || decoded.right.length !== 2) return null;
  const [key, addresses] = decoded.right as ReadonlyArray<CborValue>;
  if (!(key instanceof Uint8Array) || key.length !== 32 || !Array.isArray(addresses)) return null;
  const texts = (addresses as ReadonlyArray<CborValue>).filter((one) => typeof one === "string");
  return texts.length === addresses.length && texts.length > 0 ? { key, addresses: texts } : null;
};

/** The sets of keys that say who may do what, and what writers encrypt to: for that they read the meta spool. */
export const roleNames = [
  "metaWriters",
  "metaReaders",
  "dataWriters",
  "dataReaders",
  "canonicalReaders",
  "dataEncryption",
] as const;
export type RoleName = (typeof roleNames)[number];
export type Roles = Partial<Readonly<Record<RoleName, ReadonlyArray<Uint8Array>>>>;

/** What the creator of a spool writes to the meta spool first (§8.1): the replicas, then the roles. */
export const creation = (replicas: ReadonlyArray<ReplicaDescriptor>, roles: Roles): ReadonlyArray<SetOperation> => {
  return [
    ...replicas.map((one): SetOperation => ({ type: "add", set: setNames.replicas, item: encodeDescriptor(one) })),
    ...roleNames.flatMap((name) =>
      (roles[name] ?? []).map((item): SetOperation => ({ type: "add", set: setNames[name], item }))
    ),
  ];
};

/* Copies and proofs */

/** A replica's spool as far as it is known; null for one more than there may be. */
export const copyOf = ({ spool, copies }: Durable, key: Uint8Array): PermissionedSpool | null =>
  copies.get(toHex(key)) ?? (copies.size < replicasMax ? newPermissioned(spool, key) : null);

export const withCopy = (durable: Durable, copy: PermissionedSpool): Durable => ({
  ...durable,
  copies: durable.copies.set(toHex(copy.key), copy),
});

/**
 * Has a replica other than that of `copy` taken the write of an entry? Yes, too, where that cannot be known: nothing
 * more is taken from who is convicted, or named no longer, so that what it took would hold honest replicas up for ever.
 */
const isTakenElsewhere = (suite: Suite, durable: Durable, copy: PermissionedSpool, entry: SignedEntry): boolean => {
  // Most entries go by roles at least as new as the one before, and need no other.
  if (entry.header.meta >= copy.reach) return false;
  const write = decodeWrite(entry.message);
  if (write === null) return false;
  const content = contentId(suite, durable.spool, write);
  const isElsewhere = durable.copies.some((other) => !equal(other.key, copy.key) && other.contents.has(content));
  return isElsewhere || durable.proofs.size > 0 || hasRemoved(copy.meta.sets, setNames.replicas);
};

/** No honest replica takes a write of an epoch so far ahead: a spool's life and a message's are counted from it. */
const isAhead = ({ header, message }: SignedEntry): boolean =>
  (decodeWrite(message)?.epoch ?? 0) > header.epoch + epochsAheadMax;

/** Takes the next entry of a replica's spool, checked in full. `isStored`: it was taken before, with others at hand. */
export const acceptEntry = (
  suite: Suite,
  durable: Durable,
  key: Uint8Array,
  entry: SignedEntry,
  isStored = false,
): Either<WriteRefusal | "too-many-replicas" | "future-epoch", Durable> => {
  const copy = copyOf(durable, key);
  if (copy === null) return E.left("too-many-replicas");
  if (!isStored && isAhead(entry)) return E.left("future-epoch");
  const isKnown = isStored || isTakenElsewhere(suite, durable, copy, entry);
  return E.map((next: PermissionedSpool) => withCopy(durable, next))(accept(suite, copy, entry, isKnown));
};

/** Keeps a proof if it is one; the same state where it is not or says nothing new. */
export const addProof = (suite: Suite, durable: Durable, proof: Proof): Durable => {
  const key = toHex(proof.replica);
  if (durable.proofs.has(key) || durable.proofs.size >= replicasMax) return durable;
  if (!verifyProof(suite, durable.spool, proof)) return durable;
  return { ...durable, proofs: durable.proofs.set(key, proof) };
};

/** The proof against a replica: one that was given, or the fork that its copy shows. */
export const proofAgainst = ({ proofs, copies }: Durable, key: string): Proof | null => {
  const copy = copies.get(key);
  const found = copy === undefined ? null : forkOf(copy);
  const shown = copy === undefined || found === null ? null : forkProof(copy.key, found.part, ...found.fork);
  return proofs.get(key) ?? shown;
};

/** Convicted: nothing of it counts. */
export const isFrozen = (durable: Durable, key: string): boolean => proofAgainst(durable, key) !== null;

/** The join of two states of one spool. A fork that it shows freezes the replica, too. */
export const mergeDurable = (suite: Suite, a: Durable, b: Durable): Durable => ({
  spool: a.spool,
  copies: a.copies.mergeWith((one, other) => mergePermissioned(suite, one, other), b.copies),
  proofs: a.proofs.mergeWith(lesserProof, b.proofs),
});

const honest = (
  durable: Durable,
): ReadonlyArray<PermissionedSpool> => [...durable.copies.filter((_, key) => !isFrozen(durable, key)).values()];

/* What the whole holds */

/** The sets of the meta spool, over all replicas: what any has removed is gone everywhere. */
export const setsOf = (durable: Durable): Sets =>
  honest(durable).reduce((sets, { meta }) => mergeSets(sets, meta.sets), PersistentMap() as Sets);

/** The replicas there should be, as one replica's meta spool has them: of too many the first ones in bytewise order. */
export const replicasOf = ({ meta }: PermissionedSpool): ReadonlyArray<ReplicaDescriptor> =>
  itemsOf(meta.sets, setNames.replicas).slice(0, replicasMax).map(decodeDescriptor).filter((one) => one !== null);

/** Does a tombstone refer to an entry that the named replica has signed? Then all before it is forgotten. */
const reach = (durable: Durable, { replica, index, signature }: SpoolIndex): number => {
  const copy = durable.copies.get(toHex(replica));
  const header = copy === undefined ? undefined : headersOf(copy, "data").get(index);
  return header !== undefined && equal(header.signature, signature) ? index : 0;
};

/**
 * How far each replica's data spool is forgotten, by spool key in hex: tombstones that honest replicas took, of any
 * part of
 * the whole (§8.2). The entries that these positions cover are forgotten wherever else they stand, now or later.
 */
export const forgottenBelow = (durable: Durable): PersistentMap<string, number> =>
  honest(durable).flatMap(({ tombstones }) => [...tombstones]).reduce((floors, tombstone) => {
    const key = toHex(tombstone.replica);
    return floors.set(key, Math.max(floors.get(key) ?? 0, reach(durable, tombstone)));
  }, PersistentMap<string, number>());

/** Does a tombstone forget a content? Partial application keeps the floors, once they are needed. */
export const forgetting = (durable: Durable): (content: string) => boolean => {
  const removed = honest(durable).map((copy) => copy.removed).filter((one) => !one.isEmpty());
  let floors: ReadonlyArray<[string, number]> | null = null;
  const isBelow = (content: string): boolean =>
    (floors ??= [...forgottenBelow(durable).entries()]).some(([key, below]) => {
      const place = durable.copies.get(key)?.contents.get(content);
      return place?.part === "data" && place.index < below;
    });
  const isAnywhere = (content: string): boolean => durable.copies.some(({ contents }) => contents.has(content));
  return (content) =>
    removed.some((one) => one.has(content)) || ((floors !== null || isAnywhere(content)) && isBelow(content));
};

/** The last epoch in which anybody wrote, as far as it is known: what a spool's life is counted from. */
export const activeIn = ({ copies }: Durable): number => copies.reduce((last, { active }) => Math.max(last, active), 0);

/** In which epoch a content was written, as its author says; null for one that is not known. */
export const epochOf = ({ copies }: Durable, content: string): number | null => {
  for (const { contents } of copies.values()) {
    const place = contents.get(content);
    if (place !== undefined) return place.epoch;
  }
  return null;
};

/** Everything that honest replicas took, once each, by content id; forgotten messages are left out. */
export const contentsOf = (durable: Durable): ReadonlyMap<string, Write> => {
  const isForgotten = forgetting(durable);
  const found = new Map<string, Write>();
  for (const copy of honest(durable)) {
    for (const [id, place] of copy.contents) {
      const write = found.has(id) ? null : entryAt(copy, place)?.write ?? null;
      if (write !== null && !(write.kind === "message" && isForgotten(id))) found.set(id, write);
    }
  }
  return found;
};

/** The receipts of all replicas that are known to hold a write and are not convicted (§8: add). */
export const receiptsOf = (suite: Suite, durable: Durable, write: Write): ReadonlyArray<Receipt> =>
  honest(durable).flatMap((copy) => receiptOf(suite, copy, write) ?? []);

/** Writes that no honest replica is known to hold any more: to be appended again, anywhere. */
export const lostOf = (suite: Suite, durable: Durable, writes: ReadonlyArray<Write>): ReadonlyArray<Write> =>
  writes.filter((write) =>
    honest(durable).every(({ contents }) => !contents.has(contentId(suite, durable.spool, write)))
  );

/**
 * {data,meta}_read (§8): places in one replica's spool after a position of the same or another replica's. Of another's:
 * all that is not in the local copy of its spool up to there, or of the whole copy where the position is not known
 * (§8.2).
 */
export const placesAfter = (
  durable: Durable,
  own: PermissionedSpool,
  part: Place["part"],
  after: SpoolIndex | null,
): ReadonlyArray<Pick<Place, "part" | "index">> => {
  const length = headersOf(own, part).size;
  const places = (from: number): ReadonlyArray<Pick<Place, "part" | "index">> =>
    Array.from({ length: Math.max(0, length - from) }, (_, at) => ({ part, index: from + at }));
  if (after === null) return places(0);
  const other = durable.copies.get(toHex(after.replica));
  const header = other === undefined ? undefined : headersOf(other, part).get(after.index);
  const isKnown = header !== undefined && equal(header.signature, after.signature);
  if (equal(after.replica, own.key)) return isKnown ? places(after.index + 1) : places(0);
  if (other === undefined) return places(0);
  const end = isKnown ? after.index : Number.MAX_SAFE_INTEGER;
  const seen = other.contents.filter((place) => place.part === part && place.index <= end);
  const seenHere = new Set(own.contents.filter((_, id) => seen.has(id)).map(({ index }) => index).values());
  return places(0).filter(({ index }) => !seenHere.has(index));
};
