/**
 * What one step of a node gathers. It lives for that step only: the concerns of the node each replace their part of the
 * state and add effects, in the order of their calls.
 *
 * @module
 */
import type { Suite } from "../crypto/suite.ts";
import { count, drop, type Effect, type StoreWrite } from "../effects.ts";
import type { Context, Step } from "../machine.ts";
import { epochAt, type EpochTime } from "../pki/epoch.ts";
import { type Draws, drawsOf } from "../random.ts";
import type { Geometry } from "../sphinx/geometry.ts";
import type { DropReason } from "./drop_reason.ts";
import { type NodeState, wakeAt } from "./state.ts";

/** What is bound when the machine is made. */
export interface Bound {
  readonly suite: Suite;
  readonly geometry: Geometry;
}

export interface Turn {
  readonly bound: Bound;
  readonly context: Context;
  readonly draw: Draws;
  /** Where this step lies in its epoch. */
  readonly time: EpochTime;
  state: NodeState;
  /** Whether `state` is a copy that nobody else has. */
  isCopied: boolean;
  readonly effects: Effect[];
  readonly consumed: Uint8Array[];
}

export const beginTurn = (bound: Bound, context: Context, state: NodeState): Turn => ({
  bound,
  context,
  draw: drawsOf(context),
  time: epochAt(state.config.clock, context.wall),
  state,
  isCopied: false,
  effects: [],
  consumed: [],
});

export const endTurn = ({ state, effects, consumed }: Turn): Step<NodeState, Effect> => ({
  state,
  effects,
  wakeAt: wakeAt(state),
  consumed,
});

export const emit = (turn: Turn, ...effects: ReadonlyArray<Effect>): void => {
  turn.effects.push(...effects);
};

/** Replaces parts of the state. A step does so several times: a copy for each was a tenth of what a packet costs. */
export const update = (turn: Turn, parts: Partial<NodeState>): void => {
  if (!turn.isCopied) turn.state = { ...turn.state };
  turn.isCopied = true;
  Object.assign(turn.state, parts);
};

/** A number that no request of this node has had. */
export const takeId = (turn: Turn): number => {
  const id = turn.state.nextId;
  update(turn, { nextId: id + 1 });
  return id;
};

/** Writes on which nothing waits: a failure is logged, and they are made again (publication.ts). */
export const keep = (turn: Turn, writes: ReadonlyArray<StoreWrite>): void =>
  emit(turn, { type: "Commit", id: takeId(turn), writes });

/* The tally: in = forwarded + delivered + dropped(reason), visible as counters and in the state. */

type Fate = "received" | "created" | "forwarded" | "delivered";

export const countPacket = (turn: Turn, fate: Fate): void => {
  const { tally } = turn.state;
  update(turn, { tally: { ...tally, [fate]: tally[fate] + 1 } });
  emit(turn, count(`packets-${fate}`));
};

/** `packet`: its bytes, where it was unwrapped and goes nowhere. */
export const dropPacket = (turn: Turn, reason: DropReason, packet?: Uint8Array): void => {
  const { tally } = turn.state;
  update(turn, { tally: { ...tally, dropped: tally.dropped.update(reason, 0, (n) => n + 1) } });
  emit(turn, drop(reason));
  if (packet !== undefined) emit(turn, { type: "Release", packet });
};
