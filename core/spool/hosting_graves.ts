/**
 * The end of a replica, since the root key has signed that its spool is deleted (purge.ts) or since nobody has written
 * to it for too long (replica_end.ts): it is hosted no longer, its machine stops, its rows are deleted page by page.
 *
 * First of all its row in `dspool-hosted` goes, so that nothing brings it back; rows which a crash leaves behind belong
 * to no hosted spool, and are looked for at the next start. Of a purge the signature is kept, for as long as a replica
 * elsewhere may live that has not heard of it: who asks for the spool is shown it, and deletes its own.
 *
 *     dspool-graves    spool 32 -> version 1 | epoch 8 | signature of the root key 64
 *
 * @module
 */
import { concat, fromHex, toHex, uint64, viewOf } from "../bytes.ts";
import { count, log, type StoreEvent, type StoreFailure, type StoreWrite, tell } from "../effects.ts";
import {
  answerFramed,
  type Grave,
  hold,
  type HostingTurn,
  replicaAddress,
  type Sweep,
  takeId,
  update,
} from "./hosting_state.ts";
import { type Purge, type PurgeStatus, verifyPurge } from "./purge.ts";
import { bodiesTable, isRowOf, restoredTables } from "./replica_store.ts";
import type { ReplicaEnded, ReplicaRetire } from "./replica_types.ts";
import { encodeReply } from "./replica_wire.ts";

export const hostedTable = "dspool-hosted";
export const gravesTable = "dspool-graves";
const version = 1;
const heldTable = "dspool-held";
/** Rows deleted at once: deleting takes room, too, and on a full disk has little (adapters/store_lmdb_room.ts). */
const pages = { usual: 32, full: 6 } as const;
/** Requests that wait for the end of one spool. */
const requestsMax = 64;

type Scanned = Extract<StoreEvent, { type: "Scanned" | "ScanFailed" }>;

const answerPurged = (
  turn: HostingTurn,
  id: number,
  status: PurgeStatus,
  signature: Uint8Array | null = null,
): void => {
  turn.effects.push(count("dspool-purged", status));
  answerFramed(turn, id, encodeReply({ type: "purged", status, signature }));
};

/** Shows who asks for a spool that it was purged. */
export const showGrave = (turn: HostingTurn, id: number, signature: Uint8Array): void =>
  answerPurged(turn, id, "purged", signature);

const withGrave = (turn: HostingTurn, grave: Grave): void =>
  update(turn, { graves: turn.state.graves.set(toHex(grave.spool), grave) });

/** A request to delete a spool: answered once nothing of it is left. */
export const onPurge = (turn: HostingTurn, id: number, purge: Purge): void => {
  const { graves, ending, hosted, restoring, orphans } = turn.state;
  const key = toHex(purge.spool);
  if (restoring !== null) return answerPurged(turn, id, "busy");
  const grave = graves.get(key);
  const commit = ending.findKey(({ spool }) => toHex(spool) === key);
  if (grave === undefined && !hosted.has(key)) {
    return answerPurged(turn, id, orphans === null ? "unknown-spool" : "busy");
  }
  if (!verifyPurge(turn.suite, purge)) return answerPurged(turn, id, "wrong-signature");
  if (grave !== undefined) return joinGrave(turn, id, { ...grave, signature: purge.signature.slice() });
  if (commit === undefined) return bury(turn, purge.spool.slice(), purge.signature.slice(), [id]);
  const one = ending.get(commit)!;
  if (one.requests.length >= requestsMax) return answerPurged(turn, id, "busy");
  const joined = { ...one, signature: purge.signature.slice(), requests: [...one.requests, id] };
  update(turn, { ending: ending.set(commit, joined) });
};

const joinGrave = (turn: HostingTurn, id: number, grave: Grave): void => {
  if (grave.isClean) return answerPurged(turn, id, "ok");
  if (grave.requests.length >= requestsMax) return answerPurged(turn, id, "busy");
  withGrave(turn, { ...grave, requests: [...grave.requests, id] });
  const key = toHex(grave.spool);
  const isRetiring = turn.state.retiring.has(key);
  // One that the store has failed begins again.
  if (!isRetiring && !turn.state.sweeps.some(({ spool }) => spool === key)) sweep(turn, { spool: key, table: 0 });
};

/** A replica asks for its end. */
export const onEnded = (turn: HostingTurn, { spool, purge }: ReplicaEnded): void => {
  const { hosted, ending } = turn.state;
  const isUnderWay = ending.some((one) => toHex(one.spool) === toHex(spool));
  if (hosted.has(toHex(spool)) && !isUnderWay) bury(turn, spool, purge, []);
};

const bury = (
  turn: HostingTurn,
  spool: Uint8Array,
  signature: Uint8Array | null,
  requests: ReadonlyArray<number>,
): void => {
  const commit = takeId(turn);
  const ending = turn.state.ending.set(commit, { spool, signature, epoch: turn.state.epoch, requests });
  update(turn, { ending });
  turn.effects.push({ type: "Commit", id: commit, writes: [{ table: hostedTable, key: spool, value: null }] });
};

/** The replica is hosted no longer, also after a restart. Is the commit one of these? */
export const onBuried = (turn: HostingTurn, commit: number, failure: StoreFailure | null): boolean => {
  const one = turn.state.ending.get(commit);
  if (one === undefined) return false;
  update(turn, { ending: turn.state.ending.delete(commit) });
  const key = toHex(one.spool);
  if (failure !== null) {
    failGrave(turn, one.requests, failure);
    return true;
  }
  const { hosted, retiring } = turn.state;
  update(turn, { hosted: hosted.delete(key), retiring: new Set([...retiring, key]) });
  withGrave(turn, { ...one, isClean: false });
  turn.effects.push(
    count("dspool-ended", one.signature === null ? "expired" : "purged"),
    tell(replicaAddress(one.spool), { type: "ReplicaRetire" } satisfies ReplicaRetire),
  );
  return true;
};

const failGrave = (turn: HostingTurn, requests: ReadonlyArray<number>, failure: StoreFailure): void => {
  turn.effects.push(log("WARNING", "dspool-store", "the store did not delete a spool", { failure }));
  for (const id of requests) answerPurged(turn, id, failure === "full" ? "disk-full" : "store-failed");
};

/** The replica leaves the store alone. */
export const onRetired = (turn: HostingTurn, spool: Uint8Array): void => {
  const key = toHex(spool);
  hold(turn, key, 0);
  update(turn, { retiring: new Set([...turn.state.retiring].filter((one) => one !== key)) });
  turn.effects.push({ type: "Stop", at: replicaAddress(spool) });
  sweep(turn, { spool: key, table: 0 });
};

/* Deleting what is left */

const sweep = (turn: HostingTurn, { spool, table, page = pages.usual }: Partial<Sweep> & Omit<Sweep, "page">): void => {
  const name = restoredTables[table];
  if (name === undefined) return finish(turn, spool);
  const id = takeId(turn);
  update(turn, { sweeps: turn.state.sweeps.set(id, { spool, table, page }) });
  turn.effects.push({ type: "Scan", id, table: name, after: fromHex(spool), limit: page });
};

/** Bodies have the keys of `dspool-held`: they are deleted without being read. */
const deletionsOf = (table: string, key: Uint8Array): ReadonlyArray<StoreWrite> =>
  (table === heldTable ? [heldTable, bodiesTable] : [table]).map((name) => ({ table: name, key, value: null }));

/** Is what was scanned a page of a spool that is being deleted? */
export const onSweepScanned = (turn: HostingTurn, event: Scanned): boolean => {
  const one = turn.state.sweeps.get(event.id);
  if (one === undefined) return false;
  update(turn, { sweeps: turn.state.sweeps.delete(event.id) });
  if (event.type === "ScanFailed") {
    abandon(turn, one.spool, event.reason);
    return true;
  }
  const name = restoredTables[one.table]!;
  const writes = event.entries.filter(({ key }) => isRowOf(fromHex(one.spool)!, key))
    .flatMap(({ key }) => deletionsOf(name, key));
  if (writes.length === 0) sweep(turn, { ...one, table: one.table + 1 });
  else commitSweep(turn, one, writes);
  return true;
};

const commitSweep = (turn: HostingTurn, one: Sweep, writes: ReadonlyArray<StoreWrite>): void => {
  const id = takeId(turn);
  update(turn, { sweeps: turn.state.sweeps.set(id, one) });
  turn.effects.push({ type: "Commit", id, writes });
};

/** Was a page deleted, or a signature kept, with this commit? */
export const onSweepCommitted = (turn: HostingTurn, commit: number, failure: StoreFailure | null): boolean => {
  const one = turn.state.sweeps.get(commit);
  if (one === undefined) return false;
  update(turn, { sweeps: turn.state.sweeps.delete(commit) });
  if (one.table >= restoredTables.length) settle(turn, one.spool, failure);
  else if (failure === null) sweep(turn, one);
  else if (failure === "full" && one.page > pages.full) sweep(turn, { ...one, page: pages.full });
  else abandon(turn, one.spool, failure);
  return true;
};

/** It is gone on when somebody asks for it again, and at the next start. */
const abandon = (turn: HostingTurn, key: string, failure: StoreFailure): void => {
  const grave = turn.state.graves.get(key);
  if (grave === undefined) return;
  failGrave(turn, grave.requests, failure);
  withGrave(turn, { ...grave, requests: [] });
};

/** Nothing is left: of a purge its signature is kept. */
const finish = (turn: HostingTurn, key: string): void => {
  const { graves } = turn.state;
  const grave = graves.get(key);
  if (grave === undefined) return;
  const { spool, epoch, signature } = grave;
  if (signature === null) return update(turn, { graves: graves.delete(key) });
  const value = concat(Uint8Array.of(version), uint64(epoch), signature);
  const kept = { spool: key, table: restoredTables.length, page: pages.usual };
  commitSweep(turn, kept, [{ table: gravesTable, key: spool, value }]);
};

/** The spool is gone, whether or not there was room for the signature: others hear of the purge elsewhere, too. */
const settle = (turn: HostingTurn, key: string, failure: StoreFailure | null): void => {
  const grave = turn.state.graves.get(key);
  if (grave === undefined) return;
  if (failure !== null) {
    turn.effects.push(log("WARNING", "dspool-store", "that a spool was purged is known until a restart", { failure }));
  }
  for (const id of grave.requests) answerPurged(turn, id, "ok");
  withGrave(turn, { ...grave, requests: [], isClean: true });
};

/* Over time, and at the start */

/** What is too old to be asked for is forgotten. */
export const dropGraves = (turn: HostingTurn): void => {
  const { graves, epoch, config } = turn.state;
  const old = graves.filter((one) => one.isClean && one.epoch + config.lifetimeEpochs < epoch);
  if (old.isEmpty()) return;
  update(turn, { graves: graves.deleteAll(old.keys()) });
  const writes = [...old.values()].map(({ spool }): StoreWrite => ({ table: gravesTable, key: spool, value: null }));
  turn.effects.push({ type: "Commit", id: takeId(turn), writes });
};

/** A row read back; false for another version. */
export const restoreGrave = (turn: HostingTurn, key: Uint8Array, value: Uint8Array): boolean => {
  if (value[0] !== version) return false;
  const epoch = Number(viewOf(value).getBigUint64(1));
  withGrave(turn, { spool: key.slice(), signature: value.slice(9), epoch, requests: [], isClean: true });
  return true;
};

/** Looks for the rows of spools that are not hosted, from the first key above one on. */
export const lookForOrphans = (turn: HostingTurn, table = 0, after: Uint8Array | null = null): void => {
  const name = restoredTables[table];
  if (name === undefined) return update(turn, { orphans: null });
  const id = takeId(turn);
  update(turn, { orphans: { id, table } });
  turn.effects.push({ type: "Scan", id, table: name, after, limit: 1 });
};

/** Behind all keys that begin with a spool. */
const pastSpool = (spool: Uint8Array): Uint8Array => concat(spool, new Uint8Array(64).fill(0xff));

export const onOrphanScanned = (turn: HostingTurn, event: Scanned): boolean => {
  const { orphans, hosted, graves, epoch } = turn.state;
  if (orphans?.id !== event.id) return false;
  const found = event.type === "Scanned" ? event.entries[0] : undefined;
  if (found === undefined) {
    lookForOrphans(turn, orphans.table + 1);
    return true;
  }
  const spool = found.key.slice(0, 32);
  const key = toHex(spool);
  if (!hosted.has(key) && !turn.state.sweeps.some((one) => one.spool === key)) {
    if (!graves.has(key)) withGrave(turn, { spool, signature: null, epoch, requests: [], isClean: false });
    sweep(turn, { spool: key, table: 0 });
  }
  lookForOrphans(turn, orphans.table, pastSpool(spool));
  return true;
};
