/**
 * What a host's disk holds: the tables of core/effects.ts in memory. When a request happens is disk.ts's business.
 *
 * @module
 */
import {
  type Commit,
  type DropTable,
  replayTable,
  type Scan,
  type StoreEvent,
  type StoreWrite,
  type TestAndSetReplay,
} from "../../core/effects.ts";
import { absurd } from "../../core/machine.ts";
import { createTagSet, type TagSet } from "./tag_set.ts";

export type StoreEffect = Commit | Scan | DropTable | TestAndSetReplay;

export interface Store {
  /** Does it now. */
  readonly perform: (effect: StoreEffect) => StoreEvent;
  /** How many entries each table has. */
  readonly sizes: () => ReadonlyMap<string, number>;
}

/** The answer of a disk that has no space left. */
export const refusal = ({ type, id }: StoreEffect): StoreEvent =>
  type === "TestAndSetReplay"
    ? { type: "ReplayTested", id, outcome: "failed" }
    : { type: "CommitFailed", id, reason: "full" };

/** Entries by key, whose bytes are the codes of a text: it orders, compares and is looked up as they are. */
type Table = Map<string, Uint8Array>;

const textOf = (key: Uint8Array): string => String.fromCharCode(...key);
const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

export const createStore = (): Store => {
  const tables = new Map<string, Table>();
  /** Nobody reads a table of replay tags through (core/effects.ts). */
  const tagTables = new Map<string, TagSet>();
  const table = (name: string): Table => {
    const found = tables.get(name);
    if (found !== undefined) return found;
    const made: Table = new Map();
    tables.set(name, made);
    return made;
  };

  const apply = ({ table: name, key, value }: StoreWrite): void => {
    if (value === null) table(name).delete(textOf(key));
    else table(name).set(textOf(key), value.slice());
  };

  const scan = ({ id, table: name, after, limit }: Scan): StoreEvent => {
    const from = after === null ? null : textOf(after);
    const found = [...table(name).keys()].filter((key) => from === null || key > from).sort().slice(0, limit);
    const entries = found.map((key) => ({ key: bytesOf(key), value: table(name).get(key)!.slice() }));
    return { type: "Scanned", id, entries };
  };

  const testAndSet = ({ id, epoch, tag }: TestAndSetReplay): StoreEvent => {
    const name = replayTable(epoch);
    const tags = tagTables.get(name) ?? createTagSet();
    tagTables.set(name, tags);
    return { type: "ReplayTested", id, outcome: tags.add(tag) ? "fresh" : "replayed" };
  };

  return {
    perform: (effect) => {
      switch (effect.type) {
        case "Commit":
          effect.writes.forEach(apply);
          return { type: "Committed", id: effect.id };
        case "DropTable":
          tables.delete(effect.table);
          tagTables.delete(effect.table);
          return { type: "Committed", id: effect.id };
        case "Scan":
          return scan(effect);
        case "TestAndSetReplay":
          return testAndSet(effect);
        default:
          return absurd(effect);
      }
    },
    sizes: () =>
      new Map([
        ...[...tables].map(([name, { size }]) => [name, size] as const),
        ...[...tagTables].map(([name, { size }]) => [name, size()] as const),
      ]),
  };
};
