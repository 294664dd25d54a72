/**
 * The state of a non-voting directory authority, and what one step of it gathers.
 *
 * Everything in it is bounded: documents and descriptors by five epochs and the lists of who may join, what is being
 * written by the same, links by `linksMax`.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import type { OrderedMap } from "../collections/ordered_map.ts";
import type { Suite } from "../crypto/suite.ts";
import type { Effect } from "../effects.ts";
import { type Context, earliest, type Mono, type Step } from "../machine.ts";
import type { Address } from "../system.ts";
import type { Admission } from "../wire/admission.ts";
import type { Arrivals } from "../wire/arrivals.ts";
import type { Restoring } from "../restoring.ts";
import type { AuthorityConfig, Hex } from "./authority_config.ts";
import type { Coming, Listed } from "./authority_lists.ts";
import type { Published } from "./authority_state.ts";
import type { Descriptor } from "./descriptor.ts";
import { epochAt, type EpochTime } from "./epoch.ts";
import type { Link } from "./nonvoting_answer.ts";

/** As of a voting authority, but for peers and a link key: the link key is the identity key's X25519 form. */
export type NonvotingConfig = Pick<
  AuthorityConfig,
  | "identityPrivate"
  | "mixes"
  | "providers"
  | "parameters"
  | "layers"
  | "minNodesPerLayer"
  | "clock"
  | "certificateExpiration"
  | "limits"
>;

/** A descriptor on its way to the store, and the connections that wait for it. */
export interface Enrolling {
  readonly epoch: number;
  readonly identity: Hex;
  readonly descriptor: Descriptor;
  readonly links: ReadonlyArray<Address>;
}

/** A signed document that is not given out yet: the store has to have it first. */
export interface Signed extends Published {
  /** The request that is under way; null after a failure. */
  readonly id: number | null;
}

export interface NonvotingState {
  readonly config: NonvotingConfig;
  readonly identityKey: Uint8Array;
  /** X25519 form of the identity key, 32 bytes. */
  readonly linkPrivate: Uint8Array;
  readonly listed: Listed;
  /** Lists that are not in force yet. */
  readonly coming: Coming | null;
  /** What is still to be read back; null once connections are taken. */
  readonly restoring: Restoring | null;
  /** The epoch of a start without its document: that one, or the next, may still get one late. */
  readonly bootstrapEpoch: number | null;
  /** Of the documents; 0 until everything has been read back. */
  readonly genesisEpoch: number;
  /** By epoch; in the store, as the descriptors. */
  readonly documents: PersistentMap<number, Published>;
  /** By epoch and identity key. */
  readonly descriptors: PersistentMap<number, PersistentMap<Hex, Descriptor>>;
  /** By the request to the store. */
  readonly enrolling: PersistentMap<number, Enrolling>;
  readonly signed: Signed | null;
  /** The request by which old epochs are being forgotten. */
  readonly pruning: { readonly id: number; readonly before: number } | null;
  /** When the store is tried again after a failure. */
  readonly retryAt: Mono | null;
  /** When to look at the epoch again. */
  readonly scheduleAt: Mono;
  /** What was last seen of the time, so that what is missing is told once. */
  readonly seen: { readonly epoch: number; readonly isClosing: boolean } | null;
  /** Connections, oldest first. */
  readonly links: OrderedMap<Address, Link>;
  /** Those of strangers and clients. */
  readonly admission: Admission;
  readonly arrivals: Arrivals;
  /** Requests to the store so far. */
  readonly nextId: number;
}

export interface Turn {
  readonly suite: Suite;
  readonly self: Address;
  readonly context: Context;
  /** Where this step lies in its epoch. */
  readonly time: EpochTime;
  state: NonvotingState;
  readonly effects: Effect[];
}

export const beginTurn = (suite: Suite, self: Address, context: Context, state: NonvotingState): Turn => ({
  suite,
  self,
  context,
  time: epochAt(state.config.clock, context.wall),
  state,
  effects: [],
});

/** When the oldest connection without a command is closed. */
const linksWakeAt = ({ links }: NonvotingState): Mono | null => {
  for (const link of links.values()) if ("deadline" in link) return link.deadline;
  return null;
};

export const endTurn = ({ state, effects }: Turn): Step<NonvotingState, Effect> => ({
  state,
  effects,
  wakeAt: earliest(state.scheduleAt, state.retryAt, linksWakeAt(state)),
});

export const emit = (turn: Turn, ...effects: ReadonlyArray<Effect>): void => {
  turn.effects.push(...effects);
};

/** Replaces parts of the state. */
export const update = (turn: Turn, parts: Partial<NonvotingState>): void => {
  turn.state = { ...turn.state, ...parts };
};

/** A number that no request to the store has had. */
export const takeId = (turn: Turn): number => {
  const id = turn.state.nextId;
  update(turn, { nextId: id + 1 });
  return id;
};

export const descriptorsOf = ({ descriptors }: NonvotingState, epoch: number): PersistentMap<Hex, Descriptor> =>
  descriptors.get(epoch, PersistentMap<Hex, Descriptor>());
