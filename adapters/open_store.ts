/**
 * The store that a daemon's file asks for: lmdb in `state.lmdb` of its DataDir, or the memory of this process.
 *
 * @module
 */
import { join } from "node:path";
import { defaultReplayTagsMax, type Store } from "./store.ts";
import { createMemoryStore } from "./store_memory.ts";
import { openThreadStore } from "./store_thread.ts";

export interface StoreChoice {
  /** `[Samtpfote] Store`. */
  readonly kind: "lmdb" | "memory";
  readonly dataDir: string;
  /** What it may hold in memory, in bytes. */
  readonly memoryBytesMax: number;
  /** Replay tags of one key, for daemons that unwrap packets. */
  readonly replayTagsMax?: number;
  /** For programs that write with every packet or request: the disk would stop their event loop. */
  readonly ownThread: boolean;
}

/** Rejects with a CommandError that names the file where it cannot be opened. */
export const openStore = async (choice: StoreChoice): Promise<Store> => {
  const { kind, dataDir, memoryBytesMax, replayTagsMax = defaultReplayTagsMax, ownThread } = choice;
  if (kind === "memory") return createMemoryStore({ bytesMax: memoryBytesMax, replayTagsMax });
  // Loaded only where it is used: it is native code, for which Deno wants permission.
  const path = join(dataDir, "state.lmdb");
  if (ownThread) return openThreadStore({ path, replayTagsMax });
  const { openLmdbStore } = await import("./store_lmdb.ts");
  return openLmdbStore(path, { replayTagsMax });
};
