/**
 * A replica's exchanges with the others: at once after anything new, else at exponentially distributed intervals;
 * after a
 * failure again with doubling delays. One request to each is under way at most.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { fromHex } from "../bytes.ts";
import { count } from "../effects.ts";
import { after } from "../machine.ts";
import { exponentialMs, uniformInteger } from "../random.ts";
import { replicasMax } from "./domains.ts";
import { ownKey } from "./replica_keep.ts";
import { type Gathering, type Peer, type ReplicaTurn, setPeer, takeId, update } from "./replica_state.ts";
import { planItems, type Planned, proofToSend } from "./replica_sync.ts";
import type { PeerSend } from "./replica_types.ts";
import { encodeRequest, type Exchange, signSync, type SyncItem } from "./replica_wire.ts";
import { vectorOf, type VersionVector } from "./version_vector.ts";

const failuresMax = 6;
const signatureLength = 64;
/** CBOR heads of the lists, and a little. */
const slack = 32;

/** Reads the bodies for some items, then sends what they are for (replica.ts). */
export type Gather = (
  turn: ReplicaTurn,
  id: number,
  planned: ReadonlyArray<Planned>,
  then: Gathering["then"],
) => void;

/** Follows the replicas of the meta spool, and turns to each whose time has come. */
export const runPeers = (turn: ReplicaTurn, gather: Gather): void => {
  const { others } = turn.state;
  for (const key of others.keys()) if (!turn.state.peers.has(key)) addPeer(turn, key);
  for (const key of turn.state.peers.keys()) {
    if (!others.has(key)) update(turn, { peers: turn.state.peers.delete(key) });
  }
  for (const [key, peer] of turn.state.peers) {
    if (peer.next > turn.context.now) continue;
    if (peer.pending !== null) failed(turn, key);
    else startSync(turn, key, peer, gather);
  }
};

const addPeer = (turn: ReplicaTurn, key: string): void => {
  const vector: VersionVector = PersistentMap();
  const peer: Peer = { next: turn.context.now, pending: null, failures: 0, vector, again: false };
  update(turn, { peers: turn.state.peers.set(key, peer) });
};

/** All we have, with a proof, and room for items. */
export const exchangeWith = (turn: ReplicaTurn, items: ReadonlyArray<SyncItem>): Exchange => ({
  vector: vectorOf(turn.state.kept.durable.copies),
  items,
  proof: proofToSend(turn.state.kept, turn.state.nextId),
});

const signed = (turn: ReplicaTurn, to: string, exchange: Exchange): Uint8Array => {
  const { suite, privateKey } = turn.bound;
  const { spool } = turn.state.config;
  const request = { spool, from: ownKey(turn.bound), to: fromHex(to)!, epoch: turn.epoch, exchange };
  return encodeRequest(signSync(suite, privateKey, request));
};

/** Bytes that the items of a sync, or of its reply, may have. */
export const itemsBudget = (turn: ReplicaTurn): number => {
  const empty = { ...exchangeWith(turn, []), items: [] };
  const spool = turn.state.config.spool;
  const bare = { type: "sync", spool, from: spool, to: spool, epoch: turn.epoch, exchange: empty } as const;
  const length = encodeRequest({ ...bare, signature: new Uint8Array(signatureLength) }).length;
  return turn.state.config.capacity - length - slack;
};

/**
 * Which copy a message begins with: mostly ours, now and then any, since what one replica holds may be taken only after
 * what another does, for which there may be no room behind it.
 */
export const firstCopy = (turn: ReplicaTurn): number => {
  const drawn = uniformInteger(turn.draw(`first-copy/${turn.state.nextId}`), 4 * replicasMax);
  return drawn < replicasMax ? drawn : 0;
};

const startSync = (turn: ReplicaTurn, key: string, { vector }: Peer, gather: Gather): void => {
  const id = takeId(turn);
  setPeer(turn, key, { pending: id, next: after(turn.context.now, turn.state.config.deadlineMs), again: false });
  const planned = planItems(turn.bound, turn.state.kept, key, vector, itemsBudget(turn), firstCopy(turn));
  gather(turn, id, planned, { type: "Send", peer: key });
};

/** The bodies are here: the request leaves, if it is still wanted. */
export const sendSync = (turn: ReplicaTurn, id: number, items: ReadonlyArray<SyncItem>, key: string): void => {
  const to = turn.state.others.get(key);
  if (to === undefined || turn.state.peers.get(key)?.pending !== id) return;
  const event: PeerSend = {
    type: "PeerSend",
    spool: turn.state.config.spool,
    id,
    to,
    bytes: signed(turn, key, exchangeWith(turn, items)),
  };
  turn.effects.push({ type: "Notify", event });
};

/** Again after a while that doubles with each failure, and is drawn so that replicas do not meet in step. */
export const failed = (turn: ReplicaTurn, key: string): void => {
  const failures = Math.min(failuresMax, (turn.state.peers.get(key)?.failures ?? 0) + 1);
  const delayMs = turn.state.config.retryMs * (1 << (failures - 1));
  const jitterMs = uniformInteger(turn.draw(`retry/${key}`), Math.max(1, Math.floor(delayMs / 2)));
  turn.effects.push(count("dspool-syncs", "failed"));
  setPeer(turn, key, { pending: null, failures, next: after(turn.context.now, delayMs + jitterMs) });
};

/** An exchange with a peer is done: on at once where it got on and may get further, else after an interval. */
export const succeeded = (turn: ReplicaTurn, key: string, vector: VersionVector, isNews: boolean): void => {
  const peer = turn.state.peers.get(key);
  if (peer === undefined) return;
  const gotOn = isNews || !sameLengths(peer.vector, vector);
  const pauseMs = exponentialMs(turn.draw(`pull/${key}`), 1 / turn.state.config.pullMeanMs, 0);
  const next = gotOn || peer.again ? turn.context.now : after(turn.context.now, pauseMs);
  turn.effects.push(count("dspool-syncs", "ok"));
  setPeer(turn, key, { pending: null, failures: 0, vector, next });
};

const sameLengths = (a: VersionVector, b: VersionVector): boolean =>
  a.size === b.size &&
  b.every(({ meta, data }, key) => a.get(key)?.meta.length === meta.length && a.get(key)?.data.length === data.length);

/** Something new is here: the others are told at once, but for those that do not answer. */
export const push = (turn: ReplicaTurn): void => {
  for (const [key, { pending, failures }] of turn.state.peers) {
    if (pending !== null) setPeer(turn, key, { again: true });
    else if (failures === 0) setPeer(turn, key, { next: turn.context.now });
  }
};

/** The peer whose request an id is. */
export const peerOf = (turn: ReplicaTurn, id: number): string | undefined =>
  turn.state.peers.findKey(({ pending }) => pending === id);
