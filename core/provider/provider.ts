/**
 * A Provider's accounts and mailboxes, and what is on its way to or from the store (specs/end_to_end.rst §3.2.1, §4;
 * wire-facts §6.3, §6.4). Nothing is acknowledged before it is durable: an acknowledgement, an account, a message
 * handed out each belong to the step in which the store answers.
 *
 * Functions take the state and give back the new one, the effects, and outcomes: what their owner has to do next.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import type { Commit, Effect, Log, Scan, StoreFailure } from "../effects.ts";
import { log } from "../effects.ts";
import type { Managed } from "../management/request.ts";
import type { Geometry } from "../sphinx/geometry.ts";
import type { Surb } from "../sphinx/surb.ts";
import type { Address } from "../system.ts";
import type { Command } from "../wire/commands.ts";
import type { ProviderConfig } from "./config.ts";
import { type AccountChange, accountSettled, takesMail } from "./accounts.ts";
import {
  decodeEntry,
  decodeEntryKey,
  emptyMailboxes,
  encodeEntry,
  entriesOf,
  entryKey,
  type MailboxEntry,
  type Mailboxes,
  mailboxTable,
  withEntry,
  withoutHead,
} from "./mailbox.ts";
import type { Registered } from "./registration.ts";
import { queueSizeHint } from "./retrieval.ts";
import { decodeAccount, userId, type Users } from "./users.ts";

/** An acknowledgement that is due once the message is durable. */
export interface Acknowledgement {
  readonly surb: Surb;
  readonly delayMs: number;
}

/** A client's request for its next message. */
export interface Retrieve {
  readonly session: Address;
  readonly name: Uint8Array;
  readonly sequence: number;
}

/** What waits for an answer of the store, by the id of the request. */
type Pending =
  | {
    readonly type: "Store";
    readonly user: string;
    readonly number: number;
    readonly acknowledgement: Acknowledgement | null;
  }
  | { readonly type: "Delete" }
  | AccountChange
  | { readonly type: "Fetch"; readonly retrieve: Retrieve; readonly number: number };

export interface ProviderState {
  readonly config: ProviderConfig;
  readonly users: Users;
  readonly mailboxes: Mailboxes;
  readonly pending: PersistentMap<number, Pending>;
  /** Packets among what is pending. */
  readonly storing: number;
  /** Changes of accounts among what is pending. */
  readonly changing: number;
  /** What the operator has set while it runs; null: nothing. Burst 0, or rate 0: no limit. */
  readonly rates: { readonly ratePerMinute: number | null; readonly burst: number | null };
}

export type ProviderDrop = "recipient-unknown" | "store-busy" | "store-failed" | "mailbox-full";

export type ProviderOutcome =
  /** A packet's contents are durable; the acknowledgement may leave. */
  | { readonly type: "Delivered"; readonly acknowledgement: Acknowledgement | null }
  | { readonly type: "Dropped"; readonly reason: ProviderDrop }
  | {
    readonly type: "Retrieved";
    readonly session: Address;
    readonly command: Command;
    readonly delivered: number | null;
  }
  /** The message cannot be read: the client's session has to end. */
  | { readonly type: "Unreadable"; readonly session: Address }
  | { readonly type: "Registered"; readonly registered: Registered }
  | { readonly type: "Managed"; readonly managed: Managed }
  /** Who is logged in under the name may have to go. */
  | { readonly type: "AccountChanged"; readonly user: string };

export interface ProviderStep {
  readonly state: ProviderState;
  readonly effects: ReadonlyArray<Effect>;
  readonly outcomes: ReadonlyArray<ProviderOutcome>;
}

/** Packets whose commit is on its way: 50 MiB. */
const storingMax = 1024;

export const newProvider = (config: ProviderConfig): ProviderState => ({
  config,
  users: PersistentMap(),
  mailboxes: emptyMailboxes,
  pending: PersistentMap(),
  storing: 0,
  changing: 0,
  rates: { ratePerMinute: null, burst: null },
});

const unchanged = (state: ProviderState, ...outcomes: ReadonlyArray<ProviderOutcome>): ProviderStep => ({
  state,
  effects: [],
  outcomes,
});

const waitFor = (state: ProviderState, effect: Commit | Scan, pending: Pending): ProviderStep => ({
  state: {
    ...state,
    pending: state.pending.set(effect.id, pending),
    storing: state.storing + (pending.type === "Store" ? 1 : 0),
  },
  effects: [effect],
  outcomes: [],
});

/* Packets */

/** Stores what came for an existing user. Outcome, now or later: Delivered or Dropped, exactly once. */
export const deliver = (
  state: ProviderState,
  id: number,
  name: Uint8Array,
  entry: MailboxEntry,
  acknowledgement: Acknowledgement | null,
): ProviderStep => {
  const user = userId(name);
  if (!takesMail(state, user)) return unchanged(state, { type: "Dropped", reason: "recipient-unknown" });
  if (state.storing >= storingMax) return unchanged(state, { type: "Dropped", reason: "store-busy" });
  if (entriesOf(state.mailboxes, user).size >= state.config.mailboxEntriesMax) {
    return unchanged(state, { type: "Dropped", reason: "mailbox-full" });
  }
  const number = state.mailboxes.nextNumber;
  const numbered = { ...state, mailboxes: { ...state.mailboxes, nextNumber: number + 1 } };
  const write = { table: mailboxTable, key: entryKey(name, number), value: encodeEntry(entry) };
  return waitFor(numbered, { type: "Commit", id, writes: [write] }, { type: "Store", user, number, acknowledgement });
};

/* Retrieval */

/** Deletes what has arrived and answers with the head. Outcome, now or later: Retrieved or Unreadable. */
export const retrieve = (
  state: ProviderState,
  ids: { readonly deletion: number; readonly scan: number },
  request: Retrieve,
  arrived: number | null,
): ProviderStep => {
  const deleted = arrived === null ? unchanged(state) : remove(state, ids.deletion, request.name, arrived);
  const served = serveHead(deleted.state, ids.scan, request);
  return { state: served.state, effects: [...deleted.effects, ...served.effects], outcomes: served.outcomes };
};

const remove = (state: ProviderState, id: number, name: Uint8Array, number: number): ProviderStep => {
  const without = { ...state, mailboxes: withoutHead(state.mailboxes, userId(name), number) };
  const write = { table: mailboxTable, key: entryKey(name, number), value: null };
  return waitFor(without, { type: "Commit", id, writes: [write] }, { type: "Delete" });
};

const serveHead = (state: ProviderState, id: number, request: Retrieve): ProviderStep => {
  const { session, name, sequence } = request;
  const number = entriesOf(state.mailboxes, userId(name)).first();
  if (number === undefined) {
    return unchanged(state, {
      type: "Retrieved",
      session,
      command: { type: "MessageEmpty", sequence },
      delivered: null,
    });
  }
  const scan: Scan = { type: "Scan", id, table: mailboxTable, after: entryKey(name, number - 1), limit: 1 };
  return waitFor(state, scan, { type: "Fetch", retrieve: request, number });
};

/** The store's answer to the scan of a retrieval; `entries` null where it failed. Unknown ids change nothing. */
export const scanned = (
  state: ProviderState,
  geometry: Geometry,
  id: number,
  entries: ReadonlyArray<{ readonly key: Uint8Array; readonly value: Uint8Array }> | null,
): ProviderStep => {
  const pending = state.pending.get(id);
  if (pending?.type !== "Fetch") return unchanged(state);
  const done = { ...state, pending: state.pending.delete(id) };
  const { retrieve: { session, sequence, name }, number } = pending;
  const found = entries?.[0];
  const isOurs = found !== undefined && decodeEntryKey(found.key)?.user === userId(name) &&
    decodeEntryKey(found.key)?.number === number;
  const entry = isOurs ? decodeEntry(geometry, found.value) : null;
  if (entry === null) {
    const effects = [log("ERROR", "mailbox-unreadable", "the store does not give back a message that it took")];
    return { state: done, effects, outcomes: [{ type: "Unreadable", session }] };
  }
  const hint = queueSizeHint(entriesOf(state.mailboxes, userId(name)).size - 1);
  return unchanged(done, {
    type: "Retrieved",
    session,
    command: messageCommand(entry, sequence, hint),
    delivered: number,
  });
};

const messageCommand = (entry: MailboxEntry, sequence: number, hint: number): Command =>
  entry.type === "Message"
    ? { type: "Message", queueSizeHint: hint, sequence, payload: entry.payload }
    : { type: "MessageAck", queueSizeHint: hint, sequence, surbId: entry.surbId, payload: entry.payload };

/* Answers of the store */

/** The store's answer to a commit; `failure` null where it is durable. Unknown ids change nothing. */
export const committed = (state: ProviderState, id: number, failure: StoreFailure | null): ProviderStep => {
  const pending = state.pending.get(id);
  if (pending === undefined || pending.type === "Fetch") return unchanged(state);
  const done = { ...state, pending: state.pending.delete(id) };
  const effects = failure === null ? [] : [storeFailed(pending.type, failure)];
  switch (pending.type) {
    case "Store": {
      const rest = { ...done, storing: state.storing - 1 };
      if (failure !== null) return { state: rest, effects, outcomes: [{ type: "Dropped", reason: "store-failed" }] };
      const stored = { ...rest, mailboxes: withEntry(rest.mailboxes, pending.user, pending.number) };
      return unchanged(stored, { type: "Delivered", acknowledgement: pending.acknowledgement });
    }
    case "Delete":
      // What could not be deleted comes again after the next start: messages arrive at least once.
      return { state: done, effects, outcomes: [] };
    case "Account": {
      const settled = accountSettled(done, pending, failure === null);
      return { ...settled, effects: [...effects, ...settled.effects] };
    }
  }
};

const storeFailed = (what: Pending["type"], failure: StoreFailure): Log =>
  log("ERROR", "store-failed", `the store did not take a ${what.toLowerCase()}: ${failure}`, { what, failure });

/* After a start */

/** An account as it came from the store; null for one that this version cannot read. */
export const restoreUser = (state: ProviderState, key: Uint8Array, value: Uint8Array): ProviderState | null => {
  const account = decodeAccount(value);
  return account === null ? null : { ...state, users: state.users.set(userId(key), account) };
};

/**
 * An entry of a mailbox as it came from the store, in the store's order; null for one that this version cannot read.
 */
export const restoreEntry = (
  state: ProviderState,
  geometry: Geometry,
  key: Uint8Array,
  value: Uint8Array,
): ProviderState | null => {
  const place = decodeEntryKey(key);
  if (place === null || decodeEntry(geometry, value) === null) return null;
  return { ...state, mailboxes: withEntry(state.mailboxes, place.user, place.number) };
};
