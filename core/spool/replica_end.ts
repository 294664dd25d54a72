/**
 * How a replica comes to its end, and what in it does: once an epoch messages that are too old are deleted, and a spool
 * that nobody has written to for too long asks to be dropped whole (hosting_graves.ts does it). Both are counted from
 * the epochs that authors have signed, so that replicas which know of the same writes agree.
 *
 * @module
 */
import { List } from "../collections/list.ts";
import { PersistentMap } from "../collections/map.ts";
import { activeIn } from "./durable.ts";
import { type Change, type ReplicaState, type ReplicaTurn, reply, update } from "./replica_state.ts";
import type { ReplicaEnded, ReplicaRetired } from "./replica_types.ts";
import { verifyPurge } from "./purge.ts";

/**
 * One that was away for long hears of what was written meanwhile before it says that nothing was. Looks at the others
 * are far less than an epoch apart.
 */
const graceEpochs = 3;

/** What the requests that are under way are told when there is no spool any more. */
const gone = "unknown-spool";

/** The last epoch of a spool, as far as it is known here. */
const lastEpoch = ({ config, kept, startedEpoch }: ReplicaState): number => {
  const active = activeIn(kept.durable);
  // One that was never written to is about to be, or forgotten by who asked for it.
  if (active === 0) return startedEpoch + config.lifetimeEpochs;
  return Math.max(active + config.lifetimeEpochs, startedEpoch + graceEpochs);
};

/** What a new epoch brings, once each: a change to make, or the end. */
export const runEpoch = (turn: ReplicaTurn, change: (one: Change) => void): void => {
  const { epoch, state } = turn;
  if (epoch <= state.seenEpoch) return;
  update(turn, { seenEpoch: epoch });
  if (epoch > lastEpoch(turn.state)) askForEnd(turn, null);
  else change({ type: "Late" });
};

const askForEnd = (turn: ReplicaTurn, purge: Uint8Array | null): void => {
  const event: ReplicaEnded = { type: "ReplicaEnded", spool: turn.state.config.spool, purge };
  turn.effects.push({ type: "Notify", event });
};

/** Another replica says that the spool was purged. */
export const onPurged = (turn: ReplicaTurn, signature: Uint8Array | null): void => {
  const { spool } = turn.state.config;
  if (signature !== null && verifyPurge(turn.bound.suite, { spool, signature })) askForEnd(turn, signature);
};

export const refuseSync = (turn: ReplicaTurn, id: number, status: string): void =>
  reply(turn, id, { type: "synced", status, exchange: { vector: PersistentMap(), items: [], proof: null } });

export const refuseRead = (turn: ReplicaTurn, id: number, status: string): void =>
  reply(turn, id, { type: "items", status, items: [], head: null });

/** Answers whoever waits for a change that was not made. */
export const refuseChange = (turn: ReplicaTurn, one: Change, status: string): void => {
  if (one.type === "Add") reply(turn, one.id, { type: "added", status, receipts: [] });
  if (one.type === "Asked") refuseSync(turn, one.id, status);
};

/** Answers what is under way, and does nothing more. */
export const retire = (turn: ReplicaTurn): void => {
  const { waiting, committing, gatherings } = turn.state;
  for (const { change } of committing?.settled ?? []) refuseChange(turn, change, gone);
  for (const one of waiting) refuseChange(turn, one, gone);
  for (const { then } of gatherings.values()) {
    if (then.type === "ReplySync") refuseSync(turn, then.id, gone);
    if (then.type === "ReplyRead") refuseRead(turn, then.id, gone);
  }
  update(turn, {
    waiting: List(),
    gatherings: PersistentMap(),
    peers: PersistentMap(),
    restoring: null,
    isRetiring: true,
  });
  if (committing === null) tellRetired(turn);
};

/** The store has answered what it was asked last: from now on it is left alone. */
export const tellRetired = (turn: ReplicaTurn): void => {
  const event: ReplicaRetired = { type: "ReplicaRetired", spool: turn.state.config.spool };
  turn.effects.push({ type: "Notify", event });
};
