/**
 * What a host's disk holds: the tables of core/effects.ts in memory. When a request happens is disk.ts's business.
 *
 * @module
 */
import { compare, toHex } from "../../core/bytes.ts";
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

interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export const createStore = (): Store => {
  const tables = new Map<string, Map<string, Entry>>();
  const table = (name: string): Map<string, Entry> => {
    const found = tables.get(name) ?? new Map<string, Entry>();
    tables.set(name, found);
    return found;
  };

  const apply = ({ table: name, key, value }: StoreWrite): void => {
    if (value === null) table(name).delete(toHex(key));
    else table(name).set(toHex(key), { key: key.slice(), value: value.slice() });
  };

  const scan = ({ id, table: name, after, limit }: Scan): StoreEvent => {
    const found = [...table(name).values()].filter(({ key }) => after === null || compare(key, after) > 0);
    found.sort((a, b) => compare(a.key, b.key));
    const entries = found.slice(0, limit).map(({ key, value }) => ({ key: key.slice(), value: value.slice() }));
    return { type: "Scanned", id, entries };
  };

  const testAndSet = ({ id, epoch, tag }: TestAndSetReplay): StoreEvent => {
    const known = table(replayTable(epoch)).has(toHex(tag));
    apply({ table: replayTable(epoch), key: tag, value: new Uint8Array(0) });
    return { type: "ReplayTested", id, outcome: known ? "replayed" : "fresh" };
  };

  return {
    perform: (effect) => {
      switch (effect.type) {
        case "Commit":
          effect.writes.forEach(apply);
          return { type: "Committed", id: effect.id };
        case "DropTable":
          tables.delete(effect.table);
          return { type: "Committed", id: effect.id };
        case "Scan":
          return scan(effect);
        case "TestAndSetReplay":
          return testAndSet(effect);
        default:
          return absurd(effect);
      }
    },
    sizes: () => new Map([...tables].map(([name, { size }]) => [name, size])),
  };
};
