/**
 * One connection of the management socket (wire-facts §10) as pure functions: bytes in, replies and requests out. A
 * line is answered before the next one is read, and while an answer is awaited the connection is not read, so that what
 * is kept of it is bounded: a line and one chunk of the driver's.
 *
 * Departures from Go: a line is bounded (there it is gathered until memory ends), and SHUTDOWN is answered before the
 * process ends (there the connection just closes).
 *
 * @module
 */
import { concat, fromUtf8 } from "../bytes.ts";
import { greeting, reply, replyTo } from "./reply.ts";
import type { ManageAnswer, ManageRequest } from "./request.ts";
import { type Asked, readLine, type Role } from "./verbs.ts";

/** Bytes of a line, without its end: a verb, a name and a key need 400. */
export const lineLengthMax = 1024;

export interface Conversation {
  readonly role: Role;
  /** Received and not yet read. */
  readonly pending: Uint8Array;
  /** The peer sends no more; what it asked for is still answered. */
  readonly ended: boolean;
  /** The text of a positive answer where it is not the code's own; undefined: nothing is awaited. */
  readonly awaiting: string | null | undefined;
  readonly closed: boolean;
}

export type ConversationEffect =
  | { readonly type: "Write"; readonly text: string }
  /** To be answered with `answered`. */
  | { readonly type: "Ask"; readonly request: ManageRequest }
  /** To be answered with `shown`. */
  | { readonly type: "AskStatus" }
  /** Ends the process; asked for again, it changes nothing. */
  | { readonly type: "Shutdown" }
  /** Closes the connection after what was written. */
  | { readonly type: "Close" };

export interface ConversationStep {
  readonly state: Conversation;
  readonly effects: ReadonlyArray<ConversationEffect>;
}

const write = (text: string): ConversationEffect => ({ type: "Write", text });
const close: ConversationEffect = { type: "Close" };

/** A peer has connected. */
export const begin = (role: Role, identifier: string): ConversationStep => ({
  state: { role, pending: new Uint8Array(0), ended: false, awaiting: undefined, closed: false },
  effects: [write(greeting(identifier))],
});

/** Bytes came; after the end they count for nothing. */
export const received = (state: Conversation, bytes: Uint8Array): ConversationStep =>
  state.closed ? { state, effects: [] } : readOn({ ...state, pending: concat(state.pending, bytes) });

/** The peer sends no more: a last line need not have an end. */
export const inputEnded = (state: Conversation): ConversationStep =>
  state.closed ? { state, effects: [] } : readOn({ ...state, ended: true });

/** What was asked for last is answered. */
export const answered = (state: Conversation, answer: ManageAnswer): ConversationStep => {
  const echo = state.awaiting ?? null;
  const text = answer.type === "Done" && echo !== null ? reply(250, echo) : replyTo(answer);
  return goOn(state, text);
};

/** The status that was asked for last: any value of JSON; undefined where there is none. */
export const shown = (state: Conversation, status: unknown): ConversationStep =>
  goOn(state, status === undefined ? reply(554) : reply(250, JSON.stringify(status)));

const goOn = (state: Conversation, text: string): ConversationStep => {
  if (state.closed || state.awaiting === undefined) return { state, effects: [] };
  const step = readOn({ ...state, awaiting: undefined });
  return { state: step.state, effects: [write(text), ...step.effects] };
};

const newline = 0x0a;

/** Reads lines until one has to be waited for. */
const readOn = (from: Conversation): ConversationStep => {
  const effects: ConversationEffect[] = [];
  let state = from;
  while (!state.closed && state.awaiting === undefined) {
    const end = state.pending.indexOf(newline);
    if ((end === -1 ? state.pending.length : end) > lineLengthMax) return refuseLine(state, effects);
    if (end === -1 && !(state.ended && state.pending.length > 0)) break;
    const line = state.pending.subarray(0, end === -1 ? state.pending.length : end);
    const rest = { ...state, pending: end === -1 ? new Uint8Array(0) : state.pending.subarray(end + 1) };
    const text = fromUtf8(line);
    state = handle(rest, text === null ? { type: "Refused", code: 500 } : readLine(state.role, text), effects);
  }
  if (state.closed || !state.ended || state.awaiting !== undefined) return { state, effects };
  return { state: closedOf(state), effects: [...effects, close] };
};

const closedOf = (state: Conversation): Conversation => ({ ...state, pending: new Uint8Array(0), closed: true });

const refuseLine = (
  state: Conversation,
  effects: ReadonlyArray<ConversationEffect>,
): ConversationStep => ({ state: closedOf(state), effects: [...effects, write(reply(500)), close] });

const handle = (state: Conversation, asked: Asked, effects: ConversationEffect[]): Conversation => {
  switch (asked.type) {
    case "Refused":
      effects.push(write(reply(asked.code)));
      return state;
    case "Quit":
      effects.push(write(reply(250)), close);
      return closedOf(state);
    case "Shutdown":
      effects.push(write(reply(250)), { type: "Shutdown" }, close);
      return closedOf(state);
    case "Status":
      effects.push({ type: "AskStatus" });
      return { ...state, awaiting: null };
    case "Manage":
      effects.push({ type: "Ask", request: asked.request });
      return { ...state, awaiting: asked.echo };
  }
};
