/**
 * Stores under test.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StoreEvent } from "../../../core/effects.ts";
import type { Store, StoreEffect } from "../../../adapters/store.ts";

export const perform = (store: Store, effect: StoreEffect): Promise<StoreEvent> =>
  new Promise((resolve) => store.perform(effect, resolve));

/** The name of a file that is not there yet, in a folder that is there meanwhile. */
export const withFile = async (use: (file: string) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "samtpfote-"));
  try {
    await use(join(folder, "state.lmdb"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};
