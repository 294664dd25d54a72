/**
 * An authority writes down what it is told and what it says before anybody learns of it: an upload is answered, a vote,
 * reveal or signature sent and a document given out once the store has it. So what was said is said again after a
 * crash, byte for byte, and never something else.
 *
 * What the store refuses is not said: uploads are answered as failed (authority_links.ts), what is our own is tried
 * again until it is too late for it (authority_kept.ts). Writes that are under way are bounded by connections and
 * phases, those that wait for another attempt by `retriesMax`.
 *
 * @module
 */
import { List } from "../collections/list.ts";
import { PersistentMap } from "../collections/map.ts";
import { PersistentSet } from "../collections/set.ts";
import { fromHex, toHex } from "../bytes.ts";
import type { Effect, StoreFailure } from "../effects.ts";
import { earliest, type Mono } from "../machine.ts";
import type { Address } from "../system.ts";
import type { Command } from "../wire/commands.ts";
import type { Hex } from "./authority_config.ts";
import { type AuthorityRecord, authorityTable, encodeRecord } from "./authority_records.ts";
import type { Restoring } from "./authority_restore.ts";
import { type AuthorityState, isKept, only, type Outcome } from "./authority_state.ts";

/** What happens once records are in the store. */
export type Follow =
  /** A connection's command is answered; with `failed` where the store did not take it. */
  | { readonly type: "answer"; readonly session: Address; readonly kept: Command; readonly failed: Command }
  /** Our own vote, reveal or signature is brought to all peers. */
  | {
    readonly type: "bring";
    readonly purpose: "vote" | "reveal" | "signature";
    readonly epoch: number;
    readonly command: Command;
  }
  | { readonly type: "nothing" };

export interface Keeping {
  readonly records: ReadonlyArray<AuthorityRecord>;
  /** Keys of records to forget. */
  readonly forgotten: ReadonlyArray<Hex>;
  /** Emitted once it is kept. */
  readonly told: ReadonlyArray<Effect>;
  readonly follow: Follow;
}

export interface Storage {
  /** What is still to be read back; null once everything has been. */
  readonly restoring: Restoring | null;
  readonly nextId: number;
  /** By the id of the Commit that is under way. */
  readonly pending: PersistentMap<number, Keeping>;
  /** Oldest first. */
  readonly retries: List<{ readonly keeping: Keeping; readonly until: Mono }>;
  /** Keys of what is in the store, by epoch: pruned with it, so that the store is as bounded as the state. */
  readonly keys: PersistentMap<number, PersistentSet<Hex>>;
  /** Why the last write failed; null where it did not. */
  readonly failing: StoreFailure | null;
  readonly failures: PersistentMap<StoreFailure, number>;
}

export const newStorage = (restoring: Restoring): Storage => ({
  restoring,
  nextId: 0,
  pending: PersistentMap(),
  retries: List(),
  keys: PersistentMap(),
  failing: null,
  failures: PersistentMap(),
});

/** Replaces parts of it. */
export const withStorage = (state: AuthorityState, parts: Partial<Storage>): AuthorityState => ({
  ...state,
  storage: { ...state.storage, ...parts },
});

const nothing: Follow = { type: "nothing" };

/** Notes that a key is in the store. */
export const withKey = (storage: Storage, epoch: number, key: Uint8Array): Storage => ({
  ...storage,
  keys: storage.keys.update(epoch, PersistentSet<Hex>(), (known) => known.add(toHex(key))),
});

/** Writes records down; `told` and `follow` when they are. */
export const keep = (
  state: AuthorityState,
  records: ReadonlyArray<AuthorityRecord>,
  told: ReadonlyArray<Effect> = [],
  follow: Follow = nothing,
): Outcome => commit(state, { records, forgotten: [], told, follow });

/** Hands a keeping to the store. What is said of our standing is what holds now. */
export const commit = (state: AuthorityState, before: Keeping): Outcome => {
  const { storage } = state;
  const records = before.records.map((record) => record.type === "standing" ? standingOf(state) : record);
  const keeping = { ...before, records };
  const id = storage.nextId;
  const writes = records.map(encodeRecord);
  const keyed = records.reduce<Storage>(
    (next, record, index) => record.type === "standing" ? next : withKey(next, record.epoch, writes[index]!.key),
    storage,
  );
  const deletes = keeping.forgotten.map((key) => ({ table: authorityTable, key: fromHex(key)!, value: null }));
  return only(
    { ...state, storage: { ...keyed, nextId: id + 1, pending: storage.pending.set(id, keeping) } },
    { type: "Commit", id, writes: [...writes, ...deletes] },
  );
};

export const standingOf = ({ lastVoted, lineage }: AuthorityState): AuthorityRecord => ({
  type: "standing",
  standing: { lastVoted, lineage },
});

/** Forgets the records of epochs that nobody may ask for any more. */
export const forgetOld = (state: AuthorityState, epoch: number): Outcome => {
  const { keys } = state.storage;
  const old = keys.filter((_, of) => !isKept(of, epoch));
  if (old.isEmpty()) return only(state);
  const forgotten = [...old.values()].flatMap((of) => [...of]);
  const next = withStorage(state, { keys: keys.deleteAll(old.keys()) });
  return commit(next, { records: [], forgotten, told: [], follow: nothing });
};

/** A record that is being written down, if there is one. */
export const recordUnderWay = <T extends AuthorityRecord["type"]>(
  { storage: { pending, retries } }: AuthorityState,
  type: T,
  epoch: number,
  identity: Hex | null,
): Extract<AuthorityRecord, { readonly type: T }> | null => {
  for (const { records } of [...pending.values(), ...retries.map(({ keeping }) => keeping)]) {
    for (const record of records) {
      if (record.type !== type || !("epoch" in record) || record.epoch !== epoch) continue;
      if (identity !== null && !("identity" in record && record.identity === identity)) continue;
      return record as Extract<AuthorityRecord, { readonly type: T }>;
    }
  }
  return null;
};

/** When what the store refused is tried again. */
export const storageWakeAt = ({ storage }: AuthorityState): Mono | null =>
  earliest(...storage.retries.map(({ until }) => until));
