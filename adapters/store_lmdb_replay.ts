/**
 * The replay tags of a store in one file: a table for each key's epoch, and before each table a filter in memory
 * (store_filter.ts). The table is exact and durable, the filter only spares it reads: of a table that an earlier life
 * of the process filled, every tag is looked up until the filter has been filled again, some tags a turn.
 *
 * Bounded: a key's table takes `tagsMax` tags, then refuses further ones. Filters are as many as keys whose tags are
 * kept: three.
 *
 * @module
 */
import { concat } from "../core/bytes.ts";
import { replayTable, type StoreEvent, type TestAndSetReplay } from "../core/effects.ts";
import { fillRandom } from "./entropy.ts";
import { createTagFilter, type TagFilter } from "./store_filter.ts";
import { copy, type Database, numberForWriting, numberOf, u32 } from "./store_lmdb_tables.ts";

/** Tags that are read into a filter in one turn: some milliseconds. */
const loadedMax = 1024;
/** Tags are at most as long as lmdb's keys may be: this is before all. */
const fromStart = new Uint8Array(0);

interface Tags {
  readonly filter: TagFilter;
  /** Tags in the table; while it is read, those up to `readTo`. */
  count: number;
  /** The last tag read into the filter; null when it has them all. */
  readTo: Uint8Array | null;
}

export interface ReplayTables {
  /** Inside a transaction. */
  readonly testAndSet: (database: Database, effect: TestAndSetReplay) => StoreEvent;
  /** Around a transaction: what was noted in one that fails did not happen. */
  readonly revert: <A>(transaction: () => A) => A;
  /** Forgets the filter of a table, in the transaction that drops it. */
  readonly forget: (table: string) => void;
  /** Reads some tags into a filter; false once all filters are full. */
  readonly loadSome: (database: Database) => boolean;
}

const isAbove = (a: Uint8Array, b: Uint8Array): boolean => {
  for (let at = 0; at < a.length && at < b.length; at++) if (a[at] !== b[at]) return a[at]! > b[at]!;
  return a.length > b.length;
};

export const createReplayTables = (tagsMax: number): ReplayTables => {
  const tables = new Map<string, Tags>();
  // Of this life of the process: filters are made anew by the next.
  const secret = new Uint8Array(32);
  fillRandom(secret);

  const tagsOf = (database: Database, table: string): Tags => {
    const known = tables.get(table);
    if (known !== undefined) return known;
    const readTo = numberOf(database, table) === null ? null : fromStart;
    const tags = { filter: createTagFilter(tagsMax, secret), count: 0, readTo };
    tables.set(table, tags);
    return tags;
  };

  const readSome = (database: Database, table: string, tags: Tags, readTo: Uint8Array): void => {
    const number = numberOf(database, table);
    if (number === null) return void tables.delete(table);
    const start = readTo === fromStart ? u32(number) : concat(u32(number), readTo, Uint8Array.of(0));
    const range = database.getKeys({ start, end: u32(number + 1), limit: loadedMax });
    const read = Array.from(range, (key) => copy(key.subarray(4)));
    for (const tag of read) tags.filter.testAndAdd(tag);
    tags.count += read.length;
    tags.readTo = read.length < loadedMax ? null : read.at(-1)!;
  };

  return {
    testAndSet: (database, { id, epoch, tag }) => {
      const table = replayTable(epoch);
      const tags = tagsOf(database, table);
      const key = concat(u32(numberForWriting(database, table)), tag);
      const isSeen = tags.filter.testAndAdd(tag) || tags.readTo !== null;
      if (isSeen && database.doesExist(key)) return { type: "ReplayTested", id, outcome: "replayed" };
      if (tags.count >= tagsMax) return { type: "ReplayTested", id, outcome: "full" };
      database.putSync(key, new Uint8Array(0));
      // A tag beyond those that have been read will be counted then.
      if (tags.readTo === null || !isAbove(tag, tags.readTo)) tags.count++;
      return { type: "ReplayTested", id, outcome: "fresh" };
    },
    revert: (transaction) => {
      const before = [...tables].map(([table, tags]) => [table, tags, tags.count] as const);
      try {
        return transaction();
      } catch (error) {
        // Not the filters: what they have seen too much costs a read.
        tables.clear();
        for (const [table, tags, count] of before) tables.set(table, Object.assign(tags, { count }));
        throw error;
      }
    },
    forget: (table) => void tables.delete(table),
    loadSome: (database) => {
      for (const [table, tags] of tables) {
        if (tags.readTo === null) continue;
        readSome(database, table, tags, tags.readTo);
        return true;
      }
      return false;
    },
  };
};
