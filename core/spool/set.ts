/**
 * Add-once-remove-once set collection, AOROSC (drafts/dspool.rst §5): an append-only signed spool whose messages add
 * items
 * to sets and remove them. Each set is a two-phase set: what was removed never comes back, and may be removed before it
 * was ever added.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { fromHex, toHex } from "../bytes.ts";
import { type CborValue, decodeCbor, encodeCbor } from "../codec/cbor.ts";
import type { Suite } from "../crypto/suite.ts";
import { E, type Either } from "../fp.ts";
import {
  appendOnlyHeaders,
  type AppendOnlySpool,
  appendTo,
  mergeAppendOnly,
  newAppendOnly,
  readFrom,
} from "./append_only.ts";
import { metaBodyLengthMax } from "./domains.ts";
import type { AppendRefusal, ChainName, SignedEntry } from "./signed.ts";

export interface SetOperation {
  readonly type: "add" | "remove";
  readonly set: Uint8Array;
  readonly item: Uint8Array;
}

/** Index of the entry that added or removed an item; -1 for what was there from the start. */
interface Membership {
  readonly added: number | null;
  readonly removed: number | null;
}

/** By set and item in hex. */
export type Sets = PersistentMap<string, PersistentMap<string, Membership>>;

export interface SetCollection {
  readonly log: AppendOnlySpool;
  readonly initial: Sets;
  readonly sets: Sets;
  /** The operation that a message of the log is; null for what is none. */
  readonly operationOf: (message: Uint8Array) => SetOperation | null;
}

export type SetRefusal =
  | AppendRefusal
  | "malformed"
  /** The item has been removed: it cannot be added again. */
  | "removed"
  /** It is there already, or removed already. */
  | "present";

const nowhere: Membership = { added: null, removed: null };

export const encodeOperation = ({ type, set, item }: SetOperation): Uint8Array => encodeCbor([type, set, item]);

/** Null for what is no operation of at most 1024 bytes. */
export const decodeOperation = (bytes: Uint8Array): SetOperation | null => {
  if (bytes.length > metaBodyLengthMax) return null;
  const decoded = decodeCbor(bytes);
  if (E.isLeft(decoded) || !Array.isArray(decoded.right) || decoded.right.length !== 3) return null;
  const [type, set, item] = decoded.right as ReadonlyArray<CborValue>;
  if (type !== "add" && type !== "remove") return null;
  return set instanceof Uint8Array && item instanceof Uint8Array ? { type, set, item } : null;
};

/** Sets that hold some items from the start. */
export const initialSets = (items: ReadonlyArray<Omit<SetOperation, "type">>): Sets =>
  items.reduce(
    (sets, { set, item }) => withMembership(sets, set, item, { added: -1, removed: null }),
    PersistentMap() as Sets,
  );

const membership = (sets: Sets, set: Uint8Array, item: Uint8Array): Membership =>
  sets.get(toHex(set))?.get(toHex(item)) ?? nowhere;

const withMembership = (sets: Sets, set: Uint8Array, item: Uint8Array, membership: Membership): Sets =>
  sets.set(toHex(set), (sets.get(toHex(set)) ?? PersistentMap()).set(toHex(item), membership));

/** Is the item in the set, at the time when the log had `length` entries? */
export const hasItem = (sets: Sets, set: Uint8Array, item: Uint8Array, length = Number.MAX_SAFE_INTEGER): boolean => {
  const { added, removed } = membership(sets, set, item);
  return added !== null && added < length && (removed === null || removed >= length);
};

/** The longest log, of `length` entries at most, that has the item in the set; null for none. */
export const longestWith = (sets: Sets, set: Uint8Array, item: Uint8Array, length: number): number | null => {
  const { added, removed } = membership(sets, set, item);
  const longest = Math.min(length, removed ?? length);
  return added !== null && added < longest ? longest : null;
};

/** Has anything been removed from a set? */
export const hasRemoved = (sets: Sets, set: Uint8Array): boolean =>
  sets.get(toHex(set))?.some(({ removed }) => removed !== null) ?? false;

/** The items of a set, in bytewise order. */
export const itemsOf = (sets: Sets, set: Uint8Array): ReadonlyArray<Uint8Array> =>
  [...(sets.get(toHex(set)) ?? PersistentMap<string, Membership>()).entries()]
    .filter(([, { added, removed }]) => added !== null && removed === null)
    .map(([item]) => item).sort().map((item) => fromHex(item)!);

/** The items of a set, each with the index at which this log has added it; -1 for what was there from the start. */
export const placedItems = (
  sets: Sets,
  set: Uint8Array,
): ReadonlyArray<{ readonly item: Uint8Array; readonly index: number }> =>
  [...(sets.get(toHex(set)) ?? PersistentMap<string, Membership>()).entries()].flatMap(([item, { added, removed }]) =>
    added !== null && removed === null ? [{ item: fromHex(item)!, index: added }] : []
  );

/** What has been removed from a set, and never comes back. */
export const removedFrom = (sets: Sets, set: Uint8Array): ReadonlyArray<Uint8Array> =>
  [...(sets.get(toHex(set)) ?? PersistentMap<string, Membership>()).entries()]
    .filter(([, { removed }]) => removed !== null).map(([item]) => fromHex(item)!);

const applyOperation = (
  sets: Sets,
  { type, set, item }: SetOperation,
  index: number,
): Either<"removed" | "present", Sets> => {
  const { added, removed } = membership(sets, set, item);
  if (removed !== null) return E.left(type === "add" ? "removed" : "present");
  if (type === "add" && added !== null) return E.left("present");
  const next = type === "add" ? { added: index, removed } : { added, removed: index };
  return E.right(withMembership(sets, set, item, next));
};

export const newSetCollection = (
  name: ChainName,
  initial: Sets = PersistentMap(),
  operationOf: SetCollection["operationOf"] = decodeOperation,
): SetCollection => ({ log: newAppendOnly(name), initial, sets: initial, operationOf });

export const collectionLength = ({ log }: SetCollection): number => appendOnlyHeaders(log).size;

/** What an operation would come to, before anybody signs it. */
export const tryOperation = (collection: SetCollection, operation: SetOperation): "removed" | "present" | null => {
  const applied = applyOperation(collection.sets, operation, 0);
  return E.isLeft(applied) ? applied.left : null;
};

/** Appends an entry that adds or removes. */
export const appendOperation = (
  suite: Suite,
  collection: SetCollection,
  entry: SignedEntry,
): Either<SetRefusal, SetCollection> => {
  const operation = collection.operationOf(entry.message);
  if (operation === null) return E.left("malformed");
  const sets = applyOperation(collection.sets, operation, entry.header.index);
  if (E.isLeft(sets)) return sets;
  return E.map((log: AppendOnlySpool): SetCollection => ({ ...collection, log, sets: sets.right }))(
    appendTo(suite, collection.log, entry),
  );
};

/** The members of a set. */
export const get = ({ sets }: SetCollection, set: Uint8Array): ReadonlyArray<Uint8Array> => itemsOf(sets, set);

const replay = ({ initial, operationOf }: SetCollection, log: AppendOnlySpool): Sets =>
  readFrom(log, 0, 0).reduce((sets, { header, message }) => {
    const operation = operationOf(message);
    const applied = operation === null ? E.left("malformed" as const) : applyOperation(sets, operation, header.index);
    return E.isRight(applied) ? applied.right : sets;
  }, initial);

/** The join of two copies of one collection. */
export const mergeCollections = (a: SetCollection, b: SetCollection): SetCollection => {
  const log = mergeAppendOnly(a.log, b.log);
  const size = appendOnlyHeaders(log).size;
  const known = [a, b].find((one) => one.log.log.fork === log.log.fork && collectionLength(one) === size);
  return { ...a, log, sets: known?.sets ?? replay(a, log) };
};

/**
 * The join of the sets of several collections (other logs, other indexes): an item is in where any has added it and
 * none
 * removed it. Indexes mean nothing in the result.
 */
export const mergeSets = (a: Sets, b: Sets): Sets =>
  a.mergeWith(
    (mine, others) =>
      mine.mergeWith((one, other) => ({
        added: least(one.added, other.added),
        removed: least(one.removed, other.removed),
      }), others),
    b,
  );

const least = (a: number | null, b: number | null): number | null => a === null ? b : b === null ? a : Math.min(a, b);
