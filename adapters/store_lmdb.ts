/**
 * A store in one file, by lmdb: what was answered outlives the process and the machine's power.
 *
 * What is asked for in one turn of the event loop is written in one transaction and made durable by one fdatasync;
 * answers follow. The transaction blocks the event loop: meanwhile the next turn's requests gather in the sockets.
 *
 * Tables are laid out by store_lmdb_tables.ts, replay tags have a filter before them (store_lmdb_replay.ts).
 *
 * @module
 */
import { existsSync } from "node:fs";
import process from "node:process";
import { open } from "lmdb";
import { concat } from "../core/bytes.ts";
import type { Commit, Scan, StoreEvent, StoreFailure } from "../core/effects.ts";
import { absurd } from "../core/machine.ts";
import { unavailableError } from "./exit.ts";
import { defaultReplayTagsMax, type Store, type StoreEffect } from "./store.ts";
import { damageOf } from "./store_lmdb_header.ts";
import { createReplayTables, type ReplayTables } from "./store_lmdb_replay.ts";
import { canBegin, openRoom, removalBytes, type Room, roomFor } from "./store_lmdb_room.ts";
import {
  copy,
  type Database,
  dropTable,
  nextKey,
  numberForWriting,
  numberIn,
  numberOf,
  removeSome,
  u32,
  versionKey,
} from "./store_lmdb_tables.ts";

const formatVersion = 1;
/** Effects in one transaction. */
const batchMax = 1024;

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

const failureOf = (error: unknown): StoreFailure => failures.get(Number((error as { code?: unknown }).code)) ?? "io";

const failed = (effect: StoreEffect, reason: StoreFailure): StoreEvent => {
  const { id } = effect;
  if (effect.type === "TestAndSetReplay") return { type: "ReplayTested", id, outcome: "failed" };
  return { type: effect.type === "Scan" ? "ScanFailed" : "CommitFailed", id, reason };
};

/* Effects, inside a transaction */

/** The numbers of tables that a transaction has looked up: its effects are about the same few. */
type Numbers = Map<string, number>;

const lookUp = (
  numbers: Numbers,
  database: Database,
  table: string,
  find: (database: Database, table: string) => number | null,
): number | null => {
  const number = numbers.get(table) ?? find(database, table);
  if (number !== null) numbers.set(table, number);
  return number;
};

const commit = (database: Database, numbers: Numbers, { id, writes }: Commit): StoreEvent => {
  for (const { table, key, value } of writes) {
    const number = lookUp(numbers, database, table, value === null ? numberOf : numberForWriting);
    if (number === null) continue;
    if (value !== null) database.putSync(concat(u32(number), key), value);
    else database.removeSync(concat(u32(number), key));
  }
  return { type: "Committed", id };
};

const scan = (database: Database, numbers: Numbers, { id, table, after, limit }: Scan): StoreEvent => {
  const number = lookUp(numbers, database, table, numberOf);
  if (number === null) return { type: "Scanned", id, entries: [] };
  // The first key above `after` is the one with a zero byte more.
  const start = after === null ? u32(number) : concat(u32(number), after, Uint8Array.of(0));
  const range = database.getRange({ start, end: u32(number + 1), limit });
  const entries = Array.from(range, ({ key, value }) => ({ key: copy(key.subarray(4)), value: copy(value) }));
  return { type: "Scanned", id, entries };
};

const apply = (
  database: Database,
  numbers: Numbers,
  replays: ReplayTables,
  effect: StoreEffect,
): StoreEvent => {
  switch (effect.type) {
    case "Commit":
      return commit(database, numbers, effect);
    case "Scan":
      return scan(database, numbers, effect);
    case "DropTable":
      dropTable(database, effect.table);
      numbers.delete(effect.table);
      replays.forget(effect.table);
      return { type: "Committed", id: effect.id };
    case "TestAndSetReplay":
      return replays.testAndSet(database, effect);
    default:
      return absurd(effect);
  }
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
    if (!existsSync(path) && canBegin(path) === "full") throw refuse(path, "the disk is full");
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

export interface LmdbStoreOptions {
  /** Replay tags that a key may have: the store refuses further ones, and its filters are made for as many. */
  readonly replayTagsMax: number;
}

/** Opens the file `path` or makes it. Throws a CommandError that names it where that cannot be done. */
export const openLmdbStore = (
  path: string,
  { replayTagsMax }: LmdbStoreOptions = { replayTagsMax: defaultReplayTagsMax },
): Store => {
  const database = openDatabase(path);
  let waiting: Waiting[] = [];
  let scheduled = false;
  let removing = true;
  let loading = false;
  let closed = false;
  const replays = createReplayTables(replayTagsMax);

  const transact = (effects: ReadonlyArray<StoreEffect>): ReadonlyArray<StoreEvent> =>
    replays.revert(() =>
      database.transactionSync(() => {
        const numbers: Numbers = new Map();
        return effects.map((effect) => apply(database, numbers, replays, effect));
      })
    );

  const alone = (effect: StoreEffect): StoreEvent => {
    const refusal = room.make(roomFor([effect]));
    if (refusal !== null) return failed(effect, refusal);
    try {
      return transact([effect])[0]!;
    } catch (error) {
      return failed(effect, failureOf(error));
    }
  };

  const together = (effects: ReadonlyArray<StoreEffect>): ReadonlyArray<StoreEvent> => {
    if (room.make(roomFor(effects)) !== null) return effects.map(alone);
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
    if (batch.some(({ effect }) => effect.type === "TestAndSetReplay")) loading = true;
    batch.forEach(({ answer }, at) => answer(events[at]!));
  };

  const removeDropped = (): void => {
    try {
      // Without room it goes on after the next drop or at the next start.
      removing = room.make(removalBytes) === null && database.transactionSync(() => removeSome(database));
    } catch {
      // It goes on after the next drop or at the next start.
      removing = false;
    }
  };

  const loadFilters = (): void => {
    try {
      loading = replays.loadSome(database);
    } catch {
      // Tags are looked up meanwhile; it goes on after the next one.
      loading = false;
    }
  };

  const turn = (): void => {
    scheduled = false;
    if (closed) return;
    if (waiting.length > 0) writeBatch();
    else if (removing) removeDropped();
    if (loading) loadFilters();
    schedule();
  };

  const schedule = (): void => {
    if (scheduled || (waiting.length === 0 && !removing && !loading)) return;
    scheduled = true;
    setImmediate(turn);
  };

  let room: Room;
  try {
    checkAlone(database, path);
    room = openRoom(path, database);
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
      room.close();
      await database.close();
    },
  };
};
