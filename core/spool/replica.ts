/**
 * The machine of one replica of a replicated spool (drafts/dspool.rst §8): takes writes and serves reads of clients,
 * and
 * keeps itself and the other replicas up to date (replica_peers.ts) through whatever carries its messages.
 *
 * What a receipt or a version vector says is durable before it leaves: changes are made in batches, one commit at a
 * time,
 * on a copy of what is kept that takes its place once the store has answered.
 *
 * @module
 */
import { List } from "../collections/list.ts";
import { PersistentMap } from "../collections/map.ts";
import { equal, toHex } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { count, type Effect, log, type StoreEvent, type StoreFailure } from "../effects.ts";
import { absurd, type Machine, type Tick } from "../machine.ts";
import { refuseToStart } from "../restoring.ts";
import { placesAfter, receiptsOf } from "./durable.ts";
import { signHead } from "./equivocation.ts";
import { entryAt, headersOf, lastSignatureOf, nameOfPart } from "./permissioned.ts";
import { askedOf, mayRead, type ReadRequest } from "./read.ts";
import {
  type Changes,
  deleteDoomed,
  isUnchanged,
  keepExchange,
  keepLate,
  keepWrite,
  type Kept,
  noChanges,
  ownKey,
  ownSpool,
} from "./replica_keep.ts";
import {
  exchangeWith,
  failed,
  firstCopy,
  type Gather,
  itemsBudget,
  peerOf,
  push,
  runPeers,
  sendSync,
  succeeded,
} from "./replica_peers.ts";
import { onPurged, refuseChange, refuseRead, refuseSync, retire, runEpoch, tellRetired } from "./replica_end.ts";
import {
  beginReplicaTurn,
  type Change,
  endReplicaTurn,
  type Gathering,
  keepBoundOf,
  newReplicaState,
  type ReplicaState,
  type ReplicaTurn,
  reply,
  setKept,
  setPeer,
  type Settled,
  takeId,
  update,
} from "./replica_state.ts";
import {
  afterRestoring,
  bodiesTable,
  bodyKey,
  decodeBody,
  isRowOf,
  keyBelow,
  restoredTables,
  restoreRow,
  writesOf,
} from "./replica_store.ts";
import { planItems, type Planned } from "./replica_sync.ts";
import type { PeerReplied, ReplicaConfig, ReplicaEvent, ReplicaRequest, ReplicaRestored } from "./replica_types.ts";
import { decodeReply, decodeRequest, itemLength, type SyncItem, type SyncRequest, verifySync } from "./replica_wire.ts";
import { contentId } from "./write.ts";

/** Changes that wait for the store, and messages whose bodies are being read: each holds one body at most. */
const waitingMax = 256;
const batchMax = 64;
const readItemsMax = 64;
/** What the reply to a read has beside its items: a head, and names. */
const readOverhead = 512;
const restorePage = 64;
const epochsApartMax = 1;

export type ReplicaMachine = Machine<ReplicaConfig, ReplicaState, ReplicaEvent, Effect>;

/** The machine; it first reads back what the store holds and answers `busy` until then. */
export const createReplica = (suite: Suite): ReplicaMachine => ({
  start: (context, config) => {
    const bound = keepBoundOf(suite, config);
    const turn = beginReplicaTurn(bound, context, newReplicaState(bound, config, context));
    restoreFrom(turn, 0, config.spool);
    return endReplicaTurn(turn);
  },
  step: (context, state, event) => {
    const turn = beginReplicaTurn(keepBoundOf(suite, state.config), context, state);
    handle(turn, event);
    if (turn.state.restoring === null && !turn.state.isRetiring) {
      runEpoch(turn, (one) => change(turn, one));
      runPeers(turn, gather);
    }
    return endReplicaTurn(turn);
  },
});

const handle = (turn: ReplicaTurn, event: ReplicaEvent | Tick): void => {
  if (turn.state.isRetiring) return onLast(turn, event);
  switch (event.type) {
    case "ReplicaRequest":
      return onRequest(turn, event);
    case "PeerReplied":
      return onPeerReplied(turn, event);
    case "ReplicaRetire":
      return retire(turn);
    case "Committed":
      return onCommitted(turn, event.id, null);
    case "CommitFailed":
      return onCommitted(turn, event.id, event.reason);
    case "Scanned":
    case "ScanFailed":
      return turn.state.restoring?.scan === event.id ? onRestored(turn, event) : onBody(turn, event);
    case "ReplayTested":
    case "Tick":
      return;
    default:
      return absurd(event);
  }
};

/** What comes to one that is about to end. */
const onLast = (turn: ReplicaTurn, event: ReplicaEvent | Tick): void => {
  const isAnswer = event.type === "Committed" || event.type === "CommitFailed";
  if (isAnswer && event.id === turn.state.committing?.id) tellRetired(turn);
};

/* Requests */

const onRequest = (turn: ReplicaTurn, { id, bytes, room }: ReplicaRequest): void => {
  update(turn, { room });
  const request = bytes.length <= turn.state.config.capacity ? decodeRequest(bytes) : null;
  const isOurs = request !== null && equal(request.spool, turn.state.config.spool);
  if (request === null || !isOurs) {
    return reply(turn, id, { type: "refused", status: request === null ? "malformed" : "unknown-spool" });
  }
  const { waiting, gatherings, restoring } = turn.state;
  const isBusy = restoring !== null || waiting.size + gatherings.size >= waitingMax;
  switch (request.type) {
    case "add":
      if (isBusy) return reply(turn, id, { type: "added", status: "busy", receipts: [] });
      return change(turn, { type: "Add", id, write: request.write, body: request.body });
    case "read":
      if (isBusy) return refuseRead(turn, id, "busy");
      return onRead(turn, id, request.read);
    case "sync": {
      const refusal = isBusy ? "busy" : syncRefusal(turn, request);
      if (refusal !== null) return refuseSync(turn, id, refusal);
      return change(turn, { type: "Asked", id, from: toHex(request.from), exchange: request.exchange });
    }
  }
};

const isPresent = (turn: ReplicaTurn, epoch: number): boolean => Math.abs(epoch - turn.epoch) <= epochsApartMax;

const syncRefusal = (turn: ReplicaTurn, request: SyncRequest): string | null => {
  if (!equal(request.to, ownKey(turn.bound)) || !turn.state.others.has(toHex(request.from))) return "not-permitted";
  if (!isPresent(turn, request.epoch)) return "wrong-epoch";
  return verifySync(turn.bound.suite, request) ? null : "wrong-signature";
};

const onRead = (turn: ReplicaTurn, id: number, read: ReadRequest): void => {
  const { kept, config } = turn.state;
  const own = ownSpool(turn.bound, kept);
  if (!isPresent(turn, read.epoch)) return refuseRead(turn, id, "wrong-epoch");
  if (!mayRead(turn.bound.suite, own, read)) return refuseRead(turn, id, "not-permitted");
  const planned = planRead(turn, kept, read, config.capacity - readOverhead);
  const length = headersOf(own, read.part).size;
  const head = signHead(turn.bound.suite, turn.bound.privateKey, nameOfPart(own, read.part), {
    length,
    last: lastSignatureOf(own, read.part),
    epoch: turn.epoch,
    asked: askedOf(read),
  });
  gather(turn, takeId(turn), planned, { type: "ReplyRead", id, head });
};

const planRead = (turn: ReplicaTurn, kept: Kept, read: ReadRequest, budget: number): ReadonlyArray<Planned> => {
  const own = ownSpool(turn.bound, kept);
  const planned: Planned[] = [];
  let left = budget;
  for (
    const place of placesAfter(kept.durable, own, read.part, read.after).slice(0, Math.min(read.limit, readItemsMax))
  ) {
    const found = entryAt(own, place);
    if (found === null) break;
    const content = contentId(turn.bound.suite, kept.durable.spool, found.write);
    const item: SyncItem = { replica: own.key, entry: found.entry, body: null };
    left -= itemLength(item) + (kept.held.get(content) ?? 0);
    if (left < 0) break;
    planned.push({ item, content: kept.held.has(content) ? content : null });
  }
  return planned;
};

/* Changes */

const change = (turn: ReplicaTurn, one: Change): void => {
  update(turn, { waiting: turn.state.waiting.push(one) });
  if (turn.state.committing === null) commitNext(turn);
};

const made = (turn: ReplicaTurn, kept: Kept, one: Change, changes: Changes): { kept: Kept; status: string } => {
  const { epoch, state } = turn;
  const bytesMax = Math.min(turn.bound.bytesMax, state.kept.heldBytes + state.room);
  const bound = { ...turn.bound, bytesMax };
  if (one.type === "Add") return keepWrite(bound, kept, one, epoch, changes);
  const next = one.type === "Late"
    ? keepLate(bound, kept, epoch)
    : keepExchange(bound, kept, one.exchange, epoch, changes);
  return { kept: next, status: "ok" };
};

const make = (turn: ReplicaTurn, kept: Kept, one: Change, changes: Changes): { kept: Kept; settled: Settled } => {
  const before = kept.durable;
  const { kept: next, status } = made(turn, kept, one, changes);
  const isNews = next.durable !== before;
  return { kept: next, settled: { change: one, status, isNews } };
};

/** Makes the next changes that wait, and deletes; changes that come to nothing are settled at once. */
const commitNext = (turn: ReplicaTurn, deletes = true): void => {
  const batch = turn.state.waiting.take(batchMax);
  if (batch.isEmpty() && (!deletes || turn.state.kept.doomed.isEmpty())) return;
  update(turn, { waiting: turn.state.waiting.skip(batch.size) });
  const changes = noChanges();
  const settled: Settled[] = [];
  let next = turn.state.kept;
  for (const one of batch) {
    const made = make(turn, next, one, changes);
    next = made.kept;
    settled.push(made.settled);
  }
  next = deleteDoomed(next, changes);
  for (const reason of changes.refused) turn.effects.push(count("dspool-refused", reason));
  if (isUnchanged(changes)) {
    setKept(turn, next);
    for (const one of settled) settle(turn, one);
    return commitNext(turn);
  }
  const id = takeId(turn);
  update(turn, { committing: { id, next, settled } });
  turn.effects.push({ type: "Commit", id, writes: writesOf(turn.state.config.spool, changes) });
};

const onCommitted = (turn: ReplicaTurn, id: number, failure: StoreFailure | null): void => {
  const { committing, kept } = turn.state;
  if (committing?.id !== id) return;
  update(turn, { committing: null });
  if (failure === null) {
    setKept(turn, committing.next);
    tellConvictions(turn, kept, committing.next);
  } else turn.effects.push(log("WARNING", "dspool-store", "the store did not take a change of a spool", { failure }));
  for (const one of committing.settled) {
    if (failure === null) settle(turn, one);
    else undo(turn, one.change, failure === "full" ? "disk-full" : "store-failed");
  }
  commitNext(turn, failure === null);
};

const tellConvictions = (turn: ReplicaTurn, before: Kept, now: Kept): void => {
  for (const key of now.durable.proofs.keys()) {
    if (before.durable.proofs.has(key)) continue;
    const message = "a replica has signed two things that cannot both be true: it is no longer followed";
    turn.effects.push(count("dspool-convicted"), log("WARNING", "dspool-convicted", message, { replica: key }));
  }
};

/** What follows from a change that is durable. */
const settle = (turn: ReplicaTurn, { change: one, status, isNews }: Settled): void => {
  const { durable } = turn.state.kept;
  if (isNews) push(turn);
  switch (one.type) {
    case "Add": {
      const receipts = status === "ok" ? receiptsOf(turn.bound.suite, durable, one.write) : [];
      return reply(turn, one.id, { type: "added", status, receipts });
    }
    case "Asked": {
      setPeer(turn, one.from, { vector: one.exchange.vector });
      const { bound, state: { kept } } = turn;
      const planned = planItems(bound, kept, one.from, one.exchange.vector, itemsBudget(turn), firstCopy(turn));
      return gather(turn, takeId(turn), planned, { type: "ReplySync", id: one.id });
    }
    case "Answered":
      return succeeded(turn, one.peer, one.exchange.vector, isNews);
    case "Late":
      return;
  }
};

const undo = (turn: ReplicaTurn, one: Change, status: string): void => {
  refuseChange(turn, one, status);
  if (one.type === "Answered") failed(turn, one.peer);
};

const onPeerReplied = (turn: ReplicaTurn, { id, bytes, room }: PeerReplied): void => {
  update(turn, { room });
  const peer = peerOf(turn, id);
  if (peer === undefined) return;
  const answer = bytes === null || bytes.length > turn.state.config.capacity ? null : decodeReply(bytes);
  if (answer?.type === "purged") onPurged(turn, answer.signature);
  if (answer?.type !== "synced" || answer.status !== "ok" || turn.state.waiting.size >= waitingMax) {
    return failed(turn, peer);
  }
  change(turn, { type: "Answered", peer, exchange: answer.exchange });
};

/* Bodies */

const gather: Gather = (turn, id, planned, then) => {
  const toRead = List(new Set(planned.flatMap(({ content }) => content ?? [])));
  readNext(turn, id, { planned, bodies: PersistentMap(), toRead, then });
};

const readNext = (turn: ReplicaTurn, id: number, gathering: Gathering): void => {
  const content = gathering.toRead.first();
  if (content === undefined) return finish(turn, id, gathering);
  update(turn, { gatherings: turn.state.gatherings.set(id, gathering) });
  const above = keyBelow(bodyKey(turn.state.config.spool, content));
  turn.effects.push({ type: "Scan", id, table: bodiesTable, after: above, limit: 1 });
};

const onBody = (turn: ReplicaTurn, event: Extract<StoreEvent, { type: "Scanned" | "ScanFailed" }>): void => {
  const gathering = turn.state.gatherings.get(event.id);
  const content = gathering?.toRead.first();
  if (gathering === undefined || content === undefined) return;
  update(turn, { gatherings: turn.state.gatherings.delete(event.id) });
  const row = event.type === "Scanned" ? event.entries[0] : undefined;
  const isIt = row !== undefined && equal(row.key, bodyKey(turn.state.config.spool, content));
  const body = isIt ? decodeBody(row.value) : null;
  const bodies = body === null ? gathering.bodies : gathering.bodies.set(content, body);
  readNext(turn, event.id, { ...gathering, bodies, toRead: gathering.toRead.shift() });
};

const finish = (turn: ReplicaTurn, id: number, { planned, bodies, then }: Gathering): void => {
  const items = planned.map(({ item, content }): SyncItem =>
    content === null ? item : { ...item, body: bodies.get(content) ?? null }
  );
  switch (then.type) {
    case "Send":
      return sendSync(turn, id, items, then.peer);
    case "ReplySync":
      return reply(turn, then.id, { type: "synced", status: "ok", exchange: exchangeWith(turn, items) });
    case "ReplyRead":
      return reply(turn, then.id, { type: "items", status: "ok", items, head: then.head });
  }
};

/* Restoring */

const restoreFrom = (turn: ReplicaTurn, table: number, after: Uint8Array): void => {
  const id = takeId(turn);
  update(turn, { restoring: { table, after, scan: id } });
  turn.effects.push({ type: "Scan", id, table: restoredTables[table]!, after, limit: restorePage });
};

const onRestored = (turn: ReplicaTurn, event: Extract<StoreEvent, { type: "Scanned" | "ScanFailed" }>): void => {
  const { restoring, config } = turn.state;
  if (restoring === null) return;
  if (event.type === "ScanFailed") return refuseStart(turn, `the store cannot be read: ${event.reason}`);
  const rows = event.entries.filter(({ key }) => isRowOf(config.spool, key));
  let kept: Kept | null = turn.state.kept;
  for (const { key, value } of rows) {
    kept = restoreRow(turn.bound, kept, restoredTables[restoring.table]!, key, value);
    if (kept === null) return refuseStart(turn, `${restoredTables[restoring.table]} was written by another version`);
  }
  setKept(turn, kept);
  const last = rows.at(-1);
  if (last !== undefined && rows.length === restorePage) return restoreFrom(turn, restoring.table, last.key);
  if (restoring.table + 1 < restoredTables.length) return restoreFrom(turn, restoring.table + 1, config.spool);
  setKept(turn, afterRestoring(turn.bound, kept));
  update(turn, { restoring: null });
  const restored: ReplicaRestored = { type: "ReplicaRestored", spool: config.spool };
  turn.effects.push({ type: "Notify", event: restored });
};

const refuseStart = (turn: ReplicaTurn, message: string): void => {
  turn.effects.push(refuseToStart(message));
};
