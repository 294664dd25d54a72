/**
 * The tables of a store in one file, inside its transactions. Layout, version 1: keys begin with the number of their
 * table, 4 bytes, big-endian; table 0 describes the others: `version` (4 bytes), `next` (the number of the next table),
 * `table/NAME` (a table's number), and `dropped/NUMBER` for tables whose entries are still to be removed. A dropped
 * table loses its name at once and its entries by and by.
 *
 * @module
 */
import type { RootDatabase } from "lmdb";
import { concat, utf8 } from "../core/bytes.ts";

export type Database = RootDatabase<Uint8Array, Uint8Array>;

/** Entries of a dropped table that are removed in one turn. */
const removedMax = 2048;

export const u32 = (number: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
};
export const numberIn = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);

/** lmdb reads into memory that it uses again. */
export const copy = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

const descriptionKey = (name: string): Uint8Array => concat(u32(0), utf8(name));
export const versionKey = descriptionKey("version");
export const nextKey = descriptionKey("next");
const tableKey = (table: string): Uint8Array => descriptionKey(`table/${table}`);
const droppedPrefix = descriptionKey("dropped/");
/** Above all keys that begin with `droppedPrefix`: "0" follows "/". */
const droppedEnd = descriptionKey("dropped0");
const droppedKey = (number: number): Uint8Array => concat(droppedPrefix, u32(number));

/** The number of a table; null where it has none. */
export const numberOf = (database: Database, table: string): number | null => {
  const bytes = database.get(tableKey(table));
  return bytes === undefined ? null : numberIn(bytes);
};

/** The same, and a table that has none is given one. */
export const numberForWriting = (database: Database, table: string): number => {
  const known = numberOf(database, table);
  if (known !== null) return known;
  const number = numberIn(database.get(nextKey)!);
  database.putSync(nextKey, u32(number + 1));
  database.putSync(tableKey(table), u32(number));
  return number;
};

export const dropTable = (database: Database, table: string): void => {
  const number = numberOf(database, table);
  if (number === null) return;
  database.removeSync(tableKey(table));
  database.putSync(droppedKey(number), new Uint8Array(0));
};

/** Removes some entries of a dropped table; false once there are no dropped tables. */
export const removeSome = (database: Database): boolean => {
  const [dropped] = Array.from(database.getKeys({ start: droppedPrefix, end: droppedEnd, limit: 1 }), copy);
  if (dropped === undefined) return false;
  const number = numberIn(dropped.subarray(droppedPrefix.length));
  const keys = Array.from(database.getKeys({ start: u32(number), end: u32(number + 1), limit: removedMax }), copy);
  for (const key of keys) database.removeSync(key);
  if (keys.length < removedMax) database.removeSync(droppedKey(number));
  return true;
};
