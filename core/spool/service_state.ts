/**
 * The state of the spool service, and what one step of it gathers.
 *
 * @module
 */
import { List } from "../collections/list.ts";
import { PersistentMap } from "../collections/map.ts";
import { toHex } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { count, type Effect } from "../effects.ts";
import { type Context, earliest, type Mono, type Step } from "../machine.ts";
import { epochAt } from "../pki/epoch.ts";
import type { Restoring } from "../restoring.ts";
import { encodeMemspoolResponse, type MemspoolRequest, memspoolStatus } from "./memspool.ts";
import type { Spool } from "./service_spool.ts";
import type { SpoolGeometry, SpoolResponse, SpoolServiceConfig, SpoolStatus, WireVersion } from "./service_types.ts";
import { encodeResponse2, response2Length, type SpoolRequest2 } from "./service_wire.ts";

/** Who asked, and what the answer has to repeat. */
export type Caller =
  & { readonly id: number }
  & (
    | { readonly version: 1; readonly request: MemspoolRequest }
    | { readonly version: 2; readonly request: SpoolRequest2 }
  );

/** Changes of one spool, made one after another. */
export type Operation =
  | { readonly type: "Create"; readonly caller: Caller; readonly owner: Uint8Array; readonly writer: Uint8Array | null }
  | { readonly type: "Append"; readonly caller: Caller; readonly digest: string }
  | { readonly type: "Purge"; readonly caller: Caller }
  /** The owner has been there: the spool is kept for another lifetime. */
  | { readonly type: "Renew" }
  /** Deletes messages whose time is over, or the spool whose time is over. */
  | { readonly type: "Expire" };

/** A request whose signature is being checked. */
export interface Check {
  readonly caller: Caller;
  /** SHA-256 of its message. */
  readonly hash: Uint8Array;
}

export interface Answer {
  readonly caller: Caller;
  readonly messageId: number;
}

/** What is on its way to the disk, and what is true once it is there. */
export interface Batch {
  /** Null where the spool is gone then. */
  readonly next: Spool | null;
  readonly before: Spool | null;
  readonly answers: ReadonlyArray<Answer>;
  /** What the batch adds to the totals (negative where it deletes), counted from its start. */
  readonly messages: number;
  readonly bytes: number;
}

/** At most one batch of a spool is under way, so that a failure leaves no gap in its ids. */
export interface Queue {
  readonly running: Batch;
  readonly waiting: List<Operation>;
}

export interface SpoolServiceState {
  readonly config: SpoolServiceConfig;
  /** The latest epoch seen: a clock that is set back brings nothing back. */
  readonly epoch: number;
  /** When to look for what has expired: at the next epoch, or soon where there was more than one step deletes. */
  readonly sweepAt: Mono;
  /** By the id in hex. */
  readonly spools: PersistentMap<string, Spool>;
  /** The id in hex by `ownerKey`: creating again gives the same spool. */
  readonly owners: PersistentMap<string, string>;
  /** Of all spools, with what is on its way. */
  readonly messages: number;
  readonly bytes: number;
  /** In this epoch. */
  readonly creates: number;
  /** By `ownerKey`. */
  readonly queues: PersistentMap<string, Queue>;
  /** The queue of a commit. */
  readonly commits: PersistentMap<number, string>;
  readonly reads: PersistentMap<number, Caller>;
  readonly checks: PersistentMap<number, Check>;
  /** Requests that are not answered yet. */
  readonly held: number;
  readonly nextId: number;
  readonly restoring: Restoring | null;
}

export interface ServiceBound {
  readonly suite: Suite;
  readonly geometry: SpoolGeometry;
}

export interface ServiceTurn {
  readonly bound: ServiceBound;
  readonly context: Context;
  state: SpoolServiceState;
  readonly effects: Effect[];
}

export const ownerKey = (version: WireVersion, owner: Uint8Array): string => `${version}/${toHex(owner)}`;
export const ownerKeyOf = ({ version, owner }: Spool): string => ownerKey(version, owner);

export const newServiceState = (context: Context, config: SpoolServiceConfig): SpoolServiceState => ({
  config,
  epoch: epochAt(config.clock, context.wall).epoch,
  sweepAt: context.now,
  spools: PersistentMap(),
  owners: PersistentMap(),
  messages: 0,
  bytes: 0,
  creates: 0,
  queues: PersistentMap(),
  commits: PersistentMap(),
  reads: PersistentMap(),
  checks: PersistentMap(),
  held: 0,
  nextId: 1,
  restoring: null,
});

export const endServiceTurn = ({ state, effects }: ServiceTurn): Step<SpoolServiceState, Effect> => ({
  state,
  effects,
  wakeAt: state.restoring === null ? earliest(state.sweepAt) : null,
});

export const update = (turn: ServiceTurn, parts: Partial<SpoolServiceState>): void => {
  turn.state = { ...turn.state, ...parts };
};

export const takeId = (turn: ServiceTurn): number => {
  const id = turn.state.nextId;
  update(turn, { nextId: id + 1 });
  return id;
};

/** What an answer has beside its status. */
export interface AnswerParts {
  readonly messageId?: number;
  readonly end?: number;
  readonly message?: Uint8Array;
  readonly spool?: Uint8Array;
}

const encodeAnswer = (caller: Caller, status: SpoolStatus, parts: AnswerParts): Uint8Array => {
  const spool = parts.spool ?? caller.request.spool;
  if (caller.version === 2) {
    const { messageId = 0, end = 0, message = new Uint8Array(0) } = parts;
    return encodeResponse2({ status, command: caller.request.command, spool, messageId, end, message });
  }
  // memspool repeats the id only of a message that it could not read.
  const messageId = caller.request.command === "retrieve" && status !== "ok" ? caller.request.messageId : 0;
  return encodeMemspoolResponse({
    message: parts.message ?? null,
    messageId,
    spool,
    status: memspoolStatus(status, caller.request),
  });
};

/** Answers a request, once, and counts how it ended. */
export const answer = (turn: ServiceTurn, caller: Caller, status: SpoolStatus, parts: AnswerParts = {}): void => {
  const payload = encodeAnswer(caller, status, parts);
  const length = caller.version === 2 ? response2Length(turn.bound.geometry) : payload.length;
  const response: SpoolResponse = { type: "SpoolResponse", id: caller.id, payload, length, status };
  turn.effects.push(count("spool-requests", status), { type: "Notify", event: response });
};

/** Answers a request that waited for the store. */
export const answerHeld = (turn: ServiceTurn, caller: Caller, status: SpoolStatus, parts: AnswerParts = {}): void => {
  update(turn, { held: turn.state.held - 1 });
  answer(turn, caller, status, parts);
};
