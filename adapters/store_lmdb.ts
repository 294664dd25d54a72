/**
 * A store in one file, by lmdb: what was answered outlives the process and the machine's power.
 *
 * What is asked for in one turn of the event loop is written in one transaction and made durable by one fdatasync;
 * answers follow. The transaction blocks the event loop: meanwhile the next turn's requests gather in the sockets.
 *
 * Layout, version 1. Keys begin with the number of their table, 4 bytes, big-endian; table 0 describes the others:
 * `version` (4 bytes), `next` (the number of the next table), `table/NAME` (a table's number), and `dropped/NUMBER` for
 * tables whose entries are still to be removed. A dropped table loses its name at once and its entries by and by.
 *
 * @module
 */
import { existsSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { open, type RootDatabase } from "lmdb";
import { concat, utf8 } from "../core/bytes.ts";
import {
  type Commit,
  replayTable,
  type Scan,
  type StoreEvent,
  type StoreFailure,
  type TestAndSetReplay,
} from "../core/effects.ts";
import { absurd } from "../core/machine.ts";
import { unavailableError } from "./exit.ts";
import type { Store, StoreEffect } from "./store.ts";
import { damageOf } from "./store_lmdb_header.ts";

type Database = RootDatabase<Uint8Array, Uint8Array>;

const formatVersion = 1;
/** Effects in one transaction. */
const batchMax = 1024;
/** Entries of a dropped table that are removed in one turn. */
const removedMax = 2048;
/** Below this many free bytes lmdb's I/O error means that the disk is full: it reports short writes as such. */
const fullBelow = 256 * 1024;

const u32 = (number: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
};
const numberIn = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);

const descriptionKey = (name: string): Uint8Array => concat(u32(0), utf8(name));
const versionKey = descriptionKey("version");
const nextKey = descriptionKey("next");
const tableKey = (table: string): Uint8Array => descriptionKey(`table/${table}`);
const droppedPrefix = descriptionKey("dropped/");
/** Above all keys that begin with `droppedPrefix`: "0" follows "/". */
const droppedEnd = descriptionKey("dropped0");
const droppedKey = (number: number): Uint8Array => concat(droppedPrefix, u32(number));

/* Failures: numbers of the operating system and of lmdb.h. */

const failures: ReadonlyMap<number, StoreFailure> = new Map([
  [28, "full"], // ENOSPC
  [122, "full"], // EDQUOT
  [-30792, "full"], // MDB_MAP_FULL
  [1, "read-only"], // EPERM
  [13, "read-only"], // EACCES
  [30, "read-only"], // EROFS
  [-30793, "corrupt"], // MDB_INVALID
  [-30796, "corrupt"], // MDB_CORRUPTED
  [-30797, "corrupt"], // MDB_PAGE_NOTFOUND
]);

const ioError = 5;

const isDiskFull = (path: string): boolean => {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize < fullBelow;
  } catch {
    return false;
  }
};

const failureOf = (path: string, error: unknown): StoreFailure => {
  const code = Number((error as { code?: unknown }).code);
  if (code === ioError && isDiskFull(path)) return "full";
  return failures.get(code) ?? "io";
};

const failed = (effect: StoreEffect, reason: StoreFailure): StoreEvent => {
  const { id } = effect;
  if (effect.type === "TestAndSetReplay") return { type: "ReplayTested", id, outcome: "failed" };
  return { type: effect.type === "Scan" ? "ScanFailed" : "CommitFailed", id, reason };
};

/** lmdb reads into memory that it uses again. */
const copy = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes);

/* Tables, inside a transaction */

const numberOf = (database: Database, table: string): number | null => {
  const bytes = database.get(tableKey(table));
  return bytes === undefined ? null : numberIn(bytes);
};

const numberForWriting = (database: Database, table: string): number => {
  const known = numberOf(database, table);
  if (known !== null) return known;
  const number = numberIn(database.get(nextKey)!);
  database.putSync(nextKey, u32(number + 1));
  database.putSync(tableKey(table), u32(number));
  return number;
};

const commit = (database: Database, { id, writes }: Commit): StoreEvent => {
  for (const { table, key, value } of writes) {
    if (value !== null) database.putSync(concat(u32(numberForWriting(database, table)), key), value);
    else {
      const number = numberOf(database, table);
      if (number !== null) database.removeSync(concat(u32(number), key));
    }
  }
  return { type: "Committed", id };
};

const scan = (database: Database, { id, table, after, limit }: Scan): StoreEvent => {
  const number = numberOf(database, table);
  if (number === null) return { type: "Scanned", id, entries: [] };
  // The first key above `after` is the one with a zero byte more.
  const start = after === null ? u32(number) : concat(u32(number), after, Uint8Array.of(0));
  const range = database.getRange({ start, end: u32(number + 1), limit });
  const entries = Array.from(range, ({ key, value }) => ({ key: copy(key.subarray(4)), value: copy(value) }));
  return { type: "Scanned", id, entries };
};

const dropTable = (database: Database, table: string): void => {
  const number = numberOf(database, table);
  if (number === null) return;
  database.removeSync(tableKey(table));
  database.putSync(droppedKey(number), new Uint8Array(0));
};

const testAndSetReplay = (database: Database, { id, epoch, tag }: TestAndSetReplay): StoreEvent => {
  const key = concat(u32(numberForWriting(database, replayTable(epoch))), tag);
  if (database.doesExist(key)) return { type: "ReplayTested", id, outcome: "replayed" };
  database.putSync(key, new Uint8Array(0));
  return { type: "ReplayTested", id, outcome: "fresh" };
};

const apply = (database: Database, effect: StoreEffect): StoreEvent => {
  switch (effect.type) {
    case "Commit":
      return commit(database, effect);
    case "Scan":
      return scan(database, effect);
    case "DropTable":
      dropTable(database, effect.table);
      return { type: "Committed", id: effect.id };
    case "TestAndSetReplay":
      return testAndSetReplay(database, effect);
    default:
      return absurd(effect);
  }
};

/** Removes some entries of a dropped table; false once there are no dropped tables. */
const removeSome = (database: Database): boolean => {
  const [dropped] = Array.from(database.getKeys({ start: droppedPrefix, end: droppedEnd, limit: 1 }), copy);
  if (dropped === undefined) return false;
  const number = numberIn(dropped.subarray(droppedPrefix.length));
  const keys = Array.from(database.getKeys({ start: u32(number), end: u32(number + 1), limit: removedMax }), copy);
  for (const key of keys) database.removeSync(key);
  if (keys.length < removedMax) database.removeSync(droppedKey(number));
  return true;
};

/* Opening */

const refuse = (path: string, why: string): Error => unavailableError(`cannot open the store ${path}: ${why}`);

const checkVersion = (database: Database, path: string): void => {
  const bytes = database.get(versionKey);
  if (bytes === undefined) {
    database.putSync(versionKey, u32(formatVersion));
    database.putSync(nextKey, u32(1));
    return;
  }
  const version = bytes.length === 4 ? numberIn(bytes) : 0;
  if (version > formatVersion) {
    throw refuse(path, `its format is version ${version}, this program knows ${formatVersion}: a newer one wrote it`);
  }
  if (version < 1) throw refuse(path, "its version is unreadable: it is damaged");
};

/** Processes that have the file open are in lmdb's table of readers; it drops those that have ended. */
const checkAlone = (database: Database, path: string): void => {
  database.get(versionKey);
  database.readerCheck();
  const processes = [...database.readerList().matchAll(/^\s*(\d+)\s/gm)].map((match) => Number(match[1]));
  const other = processes.find((id) => id !== process.pid);
  if (other !== undefined) throw refuse(path, `the process ${other} has it open`);
};

const openDatabase = (path: string): Database => {
  try {
    const damage = existsSync(path) ? damageOf(path) : null;
    if (damage !== null) throw refuse(path, damage);
    return open<Uint8Array, Uint8Array>({
      path,
      noSubdir: true,
      encoding: "binary",
      keyEncoding: "binary",
      // Else a commit would be answered before it is durable.
      overlappingSync: false,
    });
  } catch (error) {
    throw (error as { code?: unknown }).code === 69 ? error : refuse(path, (error as Error).message);
  }
};

interface Waiting {
  readonly effect: StoreEffect;
  readonly answer: (event: StoreEvent) => void;
}

/** Opens the file `path` or makes it. Throws a CommandError that names it where that cannot be done. */
export const openLmdbStore = (path: string): Store => {
  const database = openDatabase(path);
  let waiting: Waiting[] = [];
  let scheduled = false;
  let removing = true;
  let closed = false;

  const transact = (effects: ReadonlyArray<StoreEffect>): ReadonlyArray<StoreEvent> =>
    database.transactionSync(() => effects.map((effect) => apply(database, effect)));

  const alone = (effect: StoreEffect): StoreEvent => {
    try {
      return transact([effect])[0]!;
    } catch (error) {
      return failed(effect, failureOf(path, error));
    }
  };

  const together = (effects: ReadonlyArray<StoreEffect>): ReadonlyArray<StoreEvent> => {
    try {
      return transact(effects);
    } catch {
      // What one effect could not do must not fail the others: reading goes on where writing does not.
      return effects.map(alone);
    }
  };

  const writeBatch = (): void => {
    const batch = waiting.slice(0, batchMax);
    waiting = waiting.slice(batchMax);
    const events = together(batch.map(({ effect }) => effect));
    if (batch.some(({ effect }) => effect.type === "DropTable")) removing = true;
    batch.forEach(({ answer }, at) => answer(events[at]!));
  };

  const removeDropped = (): void => {
    try {
      removing = database.transactionSync(() => removeSome(database));
    } catch {
      // It goes on after the next drop or at the next start.
      removing = false;
    }
  };

  const turn = (): void => {
    scheduled = false;
    if (closed) return;
    if (waiting.length > 0) writeBatch();
    else if (removing) removeDropped();
    schedule();
  };

  const schedule = (): void => {
    if (scheduled || (waiting.length === 0 && !removing)) return;
    scheduled = true;
    setImmediate(turn);
  };

  try {
    checkAlone(database, path);
    database.transactionSync(() => checkVersion(database, path));
  } catch (error) {
    void database.close();
    throw (error as { code?: unknown }).code === 69 ? error : refuse(path, (error as Error).message);
  }
  schedule();

  return {
    perform: (effect, answer) => {
      waiting.push({ effect, answer });
      schedule();
    },
    close: async () => {
      while (waiting.length > 0) writeBatch();
      closed = true;
      await database.close();
    },
  };
};
