/**
 * The state of a replica's machine, and what one step of it gathers.
 *
 * @module
 */
import { List } from "../collections/list.ts";
import { PersistentMap } from "../collections/map.ts";
import { toHex } from "../bytes.ts";
import { count, type Effect } from "../effects.ts";
import { after, type Context, earliest, type Mono, type Step } from "../machine.ts";
import { epochAt } from "../pki/epoch.ts";
import { type Draws, drawsOf } from "../random.ts";
import { isFrozen, type ReplicaDescriptor, replicasOf } from "./durable.ts";
import { type KeepBound, type Kept, newKept, ownKey, ownSpool } from "./replica_keep.ts";
import type { Planned } from "./replica_sync.ts";
import { bodyLengthMax, type ReplicaConfig, type ReplicaHolds, type ReplicaReply } from "./replica_types.ts";
import { encodeReply, type Exchange, type Reply } from "./replica_wire.ts";
import type { VersionVector } from "./version_vector.ts";
import type { Write } from "./write.ts";

/** Something that may change what is kept, and what follows once that is durable. */
export type Change =
  | { readonly type: "Add"; readonly id: number; readonly write: Write; readonly body: Uint8Array | null }
  | { readonly type: "Asked"; readonly id: number; readonly from: string; readonly exchange: Exchange }
  | { readonly type: "Answered"; readonly peer: string; readonly exchange: Exchange }
  /** What is too old in the present epoch goes. */
  | { readonly type: "Late" };

export interface Settled {
  readonly change: Change;
  /** Of an Add. */
  readonly status: string;
  /** Did it bring anything new? */
  readonly isNews: boolean;
}

/** A message for which bodies are being read. */
export interface Gathering {
  readonly planned: ReadonlyArray<Planned>;
  /** Read so far, by content. */
  readonly bodies: PersistentMap<string, Uint8Array>;
  readonly toRead: List<string>;
  readonly then:
    | { readonly type: "Send"; readonly peer: string }
    | { readonly type: "ReplySync"; readonly id: number }
    | { readonly type: "ReplyRead"; readonly id: number; readonly head: Extract<Reply, { type: "items" }>["head"] };
}

export interface Peer {
  /** When to turn to it next. */
  readonly next: Mono;
  /** The request under way; null for none. */
  readonly pending: number | null;
  readonly failures: number;
  /** What it was last known to have. */
  readonly vector: VersionVector;
  /** Something came up while a request was under way. */
  readonly again: boolean;
}

export interface ReplicaState {
  readonly config: ReplicaConfig;
  readonly kept: Kept;
  /** The replicas to keep up to date, by spool key in hex: follows from what is kept. */
  readonly others: ReadonlyMap<string, ReplicaDescriptor>;
  readonly committing: { readonly id: number; readonly next: Kept; readonly settled: ReadonlyArray<Settled> } | null;
  readonly waiting: List<Change>;
  readonly gatherings: PersistentMap<number, Gathering>;
  readonly peers: PersistentMap<string, Peer>;
  readonly nextId: number;
  readonly restoring: { readonly table: number; readonly after: Uint8Array; readonly scan: number } | null;
  /** What the process could take more of, when it was said last. */
  readonly room: number;
  readonly startedEpoch: number;
  /** The last one in which it was looked what is over (replica_end.ts). */
  readonly seenEpoch: number;
  readonly isRetiring: boolean;
}

export interface ReplicaTurn {
  readonly bound: KeepBound;
  readonly context: Context;
  readonly draw: Draws;
  readonly epoch: number;
  state: ReplicaState;
  readonly effects: Effect[];
}

export const keepBoundOf = (suite: KeepBound["suite"], config: ReplicaConfig): KeepBound => ({
  suite,
  privateKey: config.privateKey,
  bodyLengthMax: bodyLengthMax(config.capacity),
  bytesMax: config.bytesMax,
  messageLifetimeEpochs: config.messageLifetimeEpochs,
});

export const newReplicaState = (bound: KeepBound, config: ReplicaConfig, { wall }: Context): ReplicaState => ({
  config,
  kept: newKept(bound, config.spool),
  others: new Map(),
  committing: null,
  waiting: List(),
  gatherings: PersistentMap(),
  peers: PersistentMap(),
  nextId: 1,
  restoring: null,
  room: 0,
  startedEpoch: epochAt(config.clock, wall).epoch,
  seenEpoch: epochAt(config.clock, wall).epoch - 1,
  isRetiring: false,
});

export const beginReplicaTurn = (bound: KeepBound, context: Context, state: ReplicaState): ReplicaTurn => ({
  bound,
  context,
  draw: drawsOf(context),
  epoch: epochAt(state.config.clock, context.wall).epoch,
  state,
  effects: [],
});

/** A peer's next turn, or the deadline of what is under way: both are its `next`; and when the next epoch begins. */
const wakeAt = ({ peers, restoring, isRetiring, config }: ReplicaState, { now, wall }: Context): Mono | null => {
  if (restoring !== null || isRetiring) return null;
  const nextEpoch = after(now, epochAt(config.clock, wall).remainingMs);
  return earliest(nextEpoch, ...[...peers.values()].map(({ next }) => next));
};

export const endReplicaTurn = ({ state, effects, context }: ReplicaTurn): Step<ReplicaState, Effect> => ({
  state,
  effects,
  wakeAt: wakeAt(state, context),
});

export const update = (turn: ReplicaTurn, parts: Partial<ReplicaState>): void => {
  turn.state = { ...turn.state, ...parts };
};

export const takeId = (turn: ReplicaTurn): number => {
  const id = turn.state.nextId;
  update(turn, { nextId: id + 1 });
  return id;
};

export const setPeer = (turn: ReplicaTurn, key: string, parts: Partial<Peer>): void => {
  const peer = turn.state.peers.get(key);
  if (peer !== undefined) update(turn, { peers: turn.state.peers.set(key, { ...peer, ...parts }) });
};

/** The replicas of the meta spool but for ourselves and the convicted. */
const othersIn = (bound: KeepBound, kept: Kept): ReadonlyMap<string, ReplicaDescriptor> => {
  const own = toHex(ownKey(bound));
  return new Map(
    replicasOf(ownSpool(bound, kept)).map((one) => [toHex(one.key), one] as const)
      .filter(([key]) => key !== own && !isFrozen(kept.durable, key)),
  );
};

/** Replaces what is kept. */
export const setKept = (turn: ReplicaTurn, kept: Kept): void => {
  const { bound, state } = turn;
  const isSame = ownSpool(bound, state.kept).meta === ownSpool(bound, kept).meta &&
    state.kept.durable.proofs === kept.durable.proofs;
  update(turn, { kept, others: isSame ? state.others : othersIn(bound, kept) });
  if (kept.heldBytes === state.kept.heldBytes) return;
  const event: ReplicaHolds = { type: "ReplicaHolds", spool: state.config.spool, bytes: kept.heldBytes };
  turn.effects.push({ type: "Notify", event });
};

/** Answers a request, once, and counts how it ended. */
export const reply = (turn: ReplicaTurn, id: number, message: Reply): void => {
  const event: ReplicaReply = { type: "ReplicaReply", id, bytes: encodeReply(message) };
  turn.effects.push(count(`dspool-${message.type}`, message.status), { type: "Notify", event });
};
