/** The operator's choice of a store, from the file to what is left of keys and replay tags when the process ends. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readConfig } from "../../../adapters/config/load.ts";
import { serverFile } from "../../../adapters/config/server.ts";
import { openStore } from "../../../adapters/open_store.ts";
import type { Store } from "../../../adapters/store.ts";
import type { StoreEvent } from "../../../core/effects.ts";
import { perform } from "./store_fixture.ts";

const authority = "5ae6631dbe501932c6c0543f3acf694116d589bb44f517d8e6d5b71ffb9b6d10";

/** What `[Samtpfote] Store` says in a file; null where it says nothing. */
const kindOf = (store: string | null): "lmdb" | "memory" => {
  const line = store === null ? "" : `[Samtpfote]\nStore = "${store}"\n`;
  const toml = `[Server]\nIdentifier = "mix1"\nAddresses = ["127.0.0.1:3219"]\nDataDir = "/d"\n${line}` +
    `[PKI.Nonvoting]\nAddress = "192.0.2.1:62472"\nPublicKey = "${authority}"\n`;
  return readConfig(serverFile, "mix.toml", toml).Samtpfote.Store;
};

/** Stores a key and sees a replay tag, in two lives of a process: what the second finds, and what is in DataDir. */
const lives = async (kind: "lmdb" | "memory"): Promise<unknown> => {
  const dataDir = mkdtempSync(join(tmpdir(), "samtpfote-"));
  const open = (): Promise<Store> => openStore({ kind, dataDir, memoryBytesMax: 10_000, ownThread: false });
  const see = (store: Store): Promise<StoreEvent> =>
    perform(store, { type: "TestAndSetReplay", id: 2, epoch: 1, tag: new Uint8Array(32).fill(3) });
  try {
    const first = await open();
    const key = { table: "mix-keys", key: Uint8Array.of(1), value: Uint8Array.of(2) };
    await perform(first, { type: "Commit", id: 1, writes: [key] });
    await see(first);
    await first.close();
    const second = await open();
    const keys = await perform(second, { type: "Scan", id: 3, table: "mix-keys", after: null, limit: 9 });
    const tested = await see(second);
    await second.close();
    return {
      keys: keys.type === "Scanned" ? keys.entries.length : keys.type,
      tag: tested.type === "ReplayTested" ? tested.outcome : tested.type,
      isOnDisk: readdirSync(dataDir).includes("state.lmdb"),
    };
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
};

test("[REPLAY-3-01] the operator chooses: keys and replay tags on disk, where nothing is said, or in memory only", async () => {
  assert.deepEqual([kindOf(null), kindOf("lmdb"), kindOf("memory")], ["lmdb", "lmdb", "memory"]);
  assert.deepEqual(await lives("lmdb"), { keys: 1, tag: "replayed", isOnDisk: true });
  assert.deepEqual(await lives("memory"), { keys: 0, tag: "fresh", isOnDisk: false });
});
