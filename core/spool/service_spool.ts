/**
 * A spool of the service: what of it is in memory (an index, no messages) and how it lies in the store.
 *
 *     spools           id 12 -> version 1 | wire version 1 | owner 32 | writer 32 (zeros: none) | next message 8 |
 *                      expiry epoch 8
 *     spool-index      id 12 | message id 8 -> version 1 | digest 16 | length 4 | epoch 8
 *     spool-messages   id 12 | message id 8 -> version 1 | message
 *
 * The next message's id is written with every message and never falls: an id is not given twice, whatever was deleted
 * or however the process ended.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { concat, fromHex, isZero, readUint64, toHex, uint32, uint64, viewOf } from "../bytes.ts";
import type { StoreWrite } from "../effects.ts";
import { invariant } from "../machine.ts";
import { spoolIdLength, type WireVersion } from "./service_types.ts";

export interface IndexEntry {
  /** `digestOf` the message. */
  readonly digest: string;
  readonly length: number;
  /** In which it was appended. */
  readonly epoch: number;
}

export interface Spool {
  readonly id: Uint8Array;
  /** It is only spoken to in the version in which it was created: the weaker one opens no door of the stronger. */
  readonly version: WireVersion;
  readonly owner: Uint8Array;
  /** Null in version 1, where anybody who knows the id may append. */
  readonly writer: Uint8Array | null;
  readonly nextMessage: number;
  /** The first epoch in which it is no longer kept. */
  readonly expiryEpoch: number;
  readonly messages: PersistentMap<number, IndexEntry>;
  readonly byDigest: PersistentMap<string, number>;
  /** No message has a lower id. */
  readonly oldest: number;
  readonly bytes: number;
}

export const spoolsTable = "spools";
export const spoolIndexTable = "spool-index";
export const spoolMessagesTable = "spool-messages";

const formatVersion = 1;
const firstMessage = 1;
const digestLength = 16;

/** The largest id of a version: memspool's are uint32. */
export const messageIdMax = (version: WireVersion): number => version === 1 ? 2 ** 32 - 1 : Number.MAX_SAFE_INTEGER - 1;

export const newSpool = (parts: Pick<Spool, "id" | "version" | "owner" | "writer" | "expiryEpoch">): Spool => ({
  ...parts,
  nextMessage: firstMessage,
  messages: PersistentMap(),
  byDigest: PersistentMap(),
  oldest: firstMessage,
  bytes: 0,
});

/** Names a message by its SHA-256: hex of the first 16 bytes. */
export const digestOf = (hash: Uint8Array): string => toHex(hash.subarray(0, digestLength));

/** With an entry of the index, whatever its id. */
export const withMessage = (spool: Spool, id: number, entry: IndexEntry): Spool => ({
  ...spool,
  nextMessage: Math.max(spool.nextMessage, id + 1),
  messages: spool.messages.set(id, entry),
  byDigest: spool.byDigest.set(entry.digest, id),
  bytes: spool.bytes + entry.length,
});

/** Without the message of an id. */
export const withoutMessage = (spool: Spool, id: number): Spool => {
  const entry = spool.messages.get(id);
  if (entry === undefined) return spool;
  const isNamed = spool.byDigest.get(entry.digest) === id;
  return {
    ...spool,
    messages: spool.messages.delete(id),
    byDigest: isNamed ? spool.byDigest.delete(entry.digest) : spool.byDigest,
    oldest: id === spool.oldest ? id + 1 : spool.oldest,
    bytes: spool.bytes - entry.length,
  };
};

/** The ids of messages that were appended before an epoch, oldest first, at most `limit`. */
export const messagesBefore = (spool: Spool, epoch: number, limit: number): ReadonlyArray<number> => {
  const ids: number[] = [];
  for (let id = spool.oldest; id < spool.nextMessage && ids.length < limit; id++) {
    const entry = spool.messages.get(id);
    if (entry !== undefined && entry.epoch >= epoch) break;
    ids.push(id);
  }
  return ids;
};

/* The store */

export const messageKey = (spool: Uint8Array, id: number): Uint8Array => concat(spool, uint64(id));

export const spoolWrite = (spool: Spool): StoreWrite => ({
  table: spoolsTable,
  key: spool.id,
  value: concat(
    Uint8Array.of(formatVersion, spool.version),
    spool.owner,
    spool.writer ?? new Uint8Array(32),
    uint64(spool.nextMessage),
    uint64(spool.expiryEpoch),
  ),
});

export const messageWrites = (
  spool: Spool,
  id: number,
  { digest, length, epoch }: IndexEntry,
  message: Uint8Array,
): ReadonlyArray<StoreWrite> => {
  const key = messageKey(spool.id, id);
  const digestBytes = fromHex(digest);
  invariant(digestBytes !== null, "a digest is hex");
  const index = concat(Uint8Array.of(formatVersion), digestBytes, uint32(length), uint64(epoch));
  return [
    { table: spoolIndexTable, key, value: index },
    { table: spoolMessagesTable, key, value: concat(Uint8Array.of(formatVersion), message) },
  ];
};

/** Deletes messages of a spool, index and contents. */
export const deletions = (spool: Spool, ids: Iterable<number>): ReadonlyArray<StoreWrite> =>
  [...ids].flatMap((id) => {
    const key = messageKey(spool.id, id);
    return [{ table: spoolIndexTable, key, value: null }, { table: spoolMessagesTable, key, value: null }];
  });

/** Deletes a spool and everything in it. */
export const purgeWrites = (spool: Spool): ReadonlyArray<StoreWrite> => [
  ...deletions(spool, spool.messages.keys()),
  { table: spoolsTable, key: spool.id, value: null },
];

/** Null for another version of the format. */
export const decodeSpool = (key: Uint8Array, value: Uint8Array): Spool | null => {
  if (key.length !== spoolIdLength || value.length !== 82 || value[0] !== formatVersion) return null;
  const version = value[1];
  const [nextMessage, expiryEpoch] = [readUint64(value, 66), readUint64(value, 74)];
  if ((version !== 1 && version !== 2) || nextMessage === null || expiryEpoch === null) return null;
  const writer = value.slice(34, 66);
  const keys = { id: key, version, owner: value.slice(2, 34), writer: isZero(writer) ? null : writer } as const;
  // Until the index is read, the oldest message is unknown: none below the next.
  return { ...newSpool({ ...keys, expiryEpoch }), nextMessage, oldest: nextMessage };
};

/** A row of the index put into the spool that it names; null for another version or no such spool. */
export const restoreIndexEntry = (spool: Spool, key: Uint8Array, value: Uint8Array): Spool | null => {
  const id = readUint64(key, spoolIdLength);
  const epoch = value.length === 29 && value[0] === formatVersion ? readUint64(value, 21) : null;
  if (id === null || epoch === null) return null;
  const entry = { digest: toHex(value.subarray(1, 17)), length: viewOf(value).getUint32(17), epoch };
  const restored = withMessage(spool, id, entry);
  return id < restored.oldest ? { ...restored, oldest: id } : restored;
};

/** The message of a row; null for another version. */
export const decodeMessage = (value: Uint8Array): Uint8Array | null =>
  value[0] === formatVersion ? value.subarray(1) : null;
