/**
 * A store in memory: what it holds ends with the process. It answers at once.
 *
 * @module
 */
import { concat } from "../core/bytes.ts";
import {
  type Commit,
  replayTable,
  type Scan,
  type StoreEvent,
  type StoreWrite,
  type TestAndSetReplay,
} from "../core/effects.ts";
import { absurd } from "../core/machine.ts";
import type { Store, StoreEffect } from "./store.ts";

export interface MemoryStoreOptions {
  /** Keys and values together, with `entryOverhead` for each entry. Beyond it a commit fails with `full`. */
  readonly bytesMax: number;
  /** Replay tags that a key may have; without it as many as there is room for. */
  readonly replayTagsMax?: number;
}

/** What an entry costs beside its bytes, roughly. */
const entryOverhead = 128;

interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Keys as text of one character a byte: text is compared by code units, so that its order is the bytewise one. */
const textOf = (key: Uint8Array): string => {
  let text = "";
  for (const byte of key) text += String.fromCharCode(byte);
  return text;
};

const costOf = ({ key, value }: Entry): number => key.length + value.length + entryOverhead;

interface Table {
  readonly entries: Map<string, Entry>;
  /** The keys in order, and perhaps some that are deleted; null when a key has come since they were sorted. */
  sorted: string[] | null;
}

/** The place of the first item above `text`. */
const firstAbove = (sorted: ReadonlyArray<string>, text: string): number => {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= text) low = middle + 1;
    else high = middle;
  }
  return low;
};

export const createMemoryStore = ({ bytesMax, replayTagsMax = Infinity }: MemoryStoreOptions): Store => {
  const tables = new Map<string, Table>();
  let bytes = 0;

  const tableOf = (name: string): Table => {
    const table = tables.get(name) ?? { entries: new Map(), sorted: null };
    tables.set(name, table);
    return table;
  };

  const write = ({ table: name, key, value }: StoreWrite): void => {
    const table = tableOf(name);
    const text = textOf(key);
    const old = table.entries.get(text);
    if (old !== undefined) bytes -= costOf(old);
    if (value === null) {
      table.entries.delete(text);
      return;
    }
    const entry = { key, value };
    bytes += costOf(entry);
    table.entries.set(text, entry);
    if (old === undefined) table.sorted = null;
  };

  const commit = ({ id, writes }: Commit): StoreEvent => {
    const added = writes.reduce((sum, { key, value }) => (value === null ? sum : sum + costOf({ key, value })), 0);
    // Counts what is replaced as well: deletions always pass, so that a full store can be emptied.
    if (added > 0 && bytes + added > bytesMax) return { type: "CommitFailed", id, reason: "full" };
    for (const one of writes) write(one);
    return { type: "Committed", id };
  };

  const scan = ({ id, table: name, after, limit }: Scan): StoreEvent => {
    const entries: Entry[] = [];
    const table = tables.get(name);
    if (table === undefined) return { type: "Scanned", id, entries };
    table.sorted ??= [...table.entries.keys()].sort();
    const from = after === null ? 0 : firstAbove(table.sorted, textOf(after));
    for (let at = from; at < table.sorted.length && entries.length < limit; at++) {
      const entry = table.entries.get(table.sorted[at]!);
      // Copies, since what is in the store is the store's.
      if (entry !== undefined) entries.push({ key: entry.key.slice(), value: entry.value.slice() });
    }
    return { type: "Scanned", id, entries };
  };

  const dropTable = (name: string): void => {
    const table = tables.get(name);
    if (table === undefined) return;
    for (const entry of table.entries.values()) bytes -= costOf(entry);
    tables.delete(name);
  };

  const testAndSetReplay = ({ id, epoch, tag }: TestAndSetReplay): StoreEvent => {
    const name = replayTable(epoch);
    const { entries } = tableOf(name);
    if (entries.has(textOf(tag))) return { type: "ReplayTested", id, outcome: "replayed" };
    if (entries.size >= replayTagsMax) return { type: "ReplayTested", id, outcome: "full" };
    const written = commit({
      type: "Commit",
      id,
      writes: [{ table: name, key: concat(tag), value: new Uint8Array(0) }],
    });
    return { type: "ReplayTested", id, outcome: written.type === "Committed" ? "fresh" : "full" };
  };

  const perform = (effect: StoreEffect): StoreEvent => {
    switch (effect.type) {
      case "Commit":
        return commit(effect);
      case "Scan":
        return scan(effect);
      case "DropTable":
        dropTable(effect.table);
        return { type: "Committed", id: effect.id };
      case "TestAndSetReplay":
        return testAndSetReplay(effect);
      default:
        return absurd(effect);
    }
  };

  return { perform: (effect, answer) => answer(perform(effect)), close: () => Promise.resolve() };
};
