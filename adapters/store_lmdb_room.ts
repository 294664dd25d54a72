/**
 * Room for what lmdb is about to write. lmdb must not be refused a write: its JavaScript binding (3.5) then damages the
 * process's memory, and the process ends some writes later.
 *
 * So the file is made longer beforehand, by writes of our own, and lmdb writes where there is room already. Whatever
 * refuses those (a full disk, a quota, a bound on the size of files, a disk that fails) is an error like any other.
 *
 * File systems that never write over what is there (btrfs, ZFS, bcachefs) need free space all the same: on these the
 * system is asked for it as well. Where it does not say, as in a sandbox, our own writes decide alone.
 *
 * @module
 */
import { closeSync, fstatSync, ftruncateSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import type { StoreFailure } from "../core/effects.ts";
import type { StoreEffect } from "./store.ts";
import type { Database } from "./store_lmdb_tables.ts";

/** A write copies the pages on the way to it, and may split them. */
const pathBytes = 16 * 1024;
/** Left free by what is new, so that what is there can be deleted. */
const reserveBytes = 256 * 1024;
/** Left free in any case: what lmdb writes with every transaction. */
const marginBytes = 64 * 1024;
/** What removing some entries of a dropped table may take. */
export const removalBytes = 1024 * 1024;
/** The file grows by so much at once, where it can. */
const growthBytes = 128 * 1024;
const zeros = new Uint8Array(64 * 1024);

/** What an effect may write. */
const bytesOf = (effect: StoreEffect): number => {
  switch (effect.type) {
    case "Scan":
      return 0;
    case "DropTable":
      return 2 * pathBytes;
    case "TestAndSetReplay":
      return pathBytes;
    case "Commit":
      return effect.writes.reduce((sum, { value }) => sum + pathBytes + (value?.length ?? 0), 0);
  }
};

const isNew = (effect: StoreEffect): boolean =>
  effect.type === "TestAndSetReplay" ||
  (effect.type === "Commit" && effect.writes.some(({ value }) => value !== null));

/** Bytes that there must be room for before the effects are tried together. Reading takes none. */
export const roomFor = (effects: ReadonlyArray<StoreEffect>): number => {
  const bytes = effects.reduce((sum, effect) => sum + bytesOf(effect), 0);
  return bytes === 0 ? 0 : bytes + marginBytes + (effects.some(isNew) ? reserveBytes : 0);
};

/** Why a system call failed; what refuses to let a file grow is a bound of some kind unless it says otherwise. */
const failureOf = (error: unknown): StoreFailure => {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EIO") return "io";
  return code === "EROFS" || code === "EACCES" || code === "EPERM" ? "read-only" : "full";
};

/** Of statfs: btrfs, ZFS, bcachefs. */
const copying: ReadonlySet<number> = new Set([0x9123683e, 0x2fc12fc1, 0xca451a4e]);

/** Free bytes of a file system that writes to new places; without limit for others, and where it cannot be asked. */
const freeForCopies = (path: string): number => {
  try {
    const { type, bavail, bsize } = statfsSync(path);
    return copying.has(type) ? bavail * bsize : Infinity;
  } catch {
    return Infinity;
  }
};

/** Appends zeros, never over what lmdb has written since; all of them or none. */
const grow = (file: number, to: number): void => {
  const from = fstatSync(file).size;
  try {
    for (let end = from; end < to;) end += writeSync(file, zeros, 0, Math.min(zeros.length, to - end), end);
  } catch (error) {
    ftruncateSync(file, from);
    throw error;
  }
};

export interface Room {
  /** Makes sure that so many bytes can be written behind what lmdb uses; null, or why they cannot. */
  readonly make: (bytes: number) => StoreFailure | null;
  readonly close: () => void;
}

/** Of a file that lmdb has open. */
export const openRoom = (path: string, database: Database): Room => {
  const file = openSync(path, "r+");
  /** At least so long it is. */
  let end = 0;

  const growTo = (to: number): StoreFailure | null => {
    try {
      grow(file, to);
      return null;
    } catch (error) {
      return failureOf(error);
    } finally {
      end = fstatSync(file).size;
    }
  };

  return {
    make: (bytes) => {
      if (bytes === 0) return null;
      if (freeForCopies(path) < bytes) return "full";
      const { lastPageNumber, pageSize } = database.getStats() as { lastPageNumber: number; pageSize: number };
      const needed = (lastPageNumber + 1) * pageSize + bytes;
      if (end >= needed) return null;
      return growTo(needed + growthBytes) === null ? null : growTo(needed);
    },
    close: () => closeSync(file),
  };
};

/** Whether a file that is not there yet could take its first bytes: lmdb writes them as it makes it. */
export const canBegin = (path: string): StoreFailure | null => {
  let file: number | null = null;
  try {
    file = openSync(path, "wx");
    grow(file, growthBytes);
    return null;
  } catch (error) {
    return failureOf(error);
  } finally {
    if (file !== null) {
      closeSync(file);
      rmSync(path);
    }
  }
};
