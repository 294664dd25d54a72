/**
 * Whether the disk has room for what lmdb is about to write. lmdb is not let near a full disk: where the system
 * refuses a write, its JavaScript binding (3.5) damages the process's memory, and the process ends some writes later.
 *
 * @module
 */
import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import type { StoreEffect } from "./store.ts";

/** A write copies the pages on the way to it, and may split them. */
const pathBytes = 16 * 1024;
/** Left free by what is new, so that what is there can be deleted. */
const reserveBytes = 256 * 1024;
/** Left free in any case: what lmdb writes with every transaction. */
const marginBytes = 64 * 1024;
/** What removing some entries of a dropped table may take. */
export const removalBytes = 1024 * 1024;

/** Free bytes of the file system that a file is on; without limit where it does not say. */
export const roomAt = (path: string): number => {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize;
  } catch {
    return Infinity;
  }
};

/** Bytes that must be free for an effect to be tried. */
const needOf = (effect: StoreEffect): number => {
  switch (effect.type) {
    case "Scan":
      return 0;
    case "DropTable":
      return 2 * pathBytes;
    case "TestAndSetReplay":
      return reserveBytes + pathBytes;
    case "Commit": {
      const isNew = effect.writes.some(({ value }) => value !== null);
      const bytes = effect.writes.reduce((sum, { value }) => sum + pathBytes + (value?.length ?? 0), 0);
      return bytes + (isNew ? reserveBytes : 0);
    }
  }
};

/** Whether all the effects can be tried together. Reading takes no room. */
export const hasRoom = (path: string, effects: ReadonlyArray<StoreEffect>): boolean => {
  const need = effects.reduce((sum, effect) => sum + needOf(effect), 0);
  return need === 0 || roomAt(path) >= need + marginBytes;
};
