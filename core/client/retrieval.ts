/**
 * Retrieval from the mailbox (specs/end_to_end.rst §3.2.1, wire-facts §6.4): one request at a time, sequence numbers
 * from 0 in each connection, one more for each message or reply received.
 *
 * The client polls by a schedule of its own, which neither contents nor queue_size_hint change, so that its Provider
 * and whoever watches the link learn nothing from it. Unless it is configured, the interval is 1 / (2 (lambdaP +
 * lambdaL)): twice as often as replies can arrive on average, so that the mailbox empties; between 100 ms and 60 s.
 * (Go's product of rates in place of the interval truncates to 0 and polls without pause.)
 *
 * A Provider delivers what was not acknowledged again after a reconnection: what was seen lately is dropped.
 *
 * @module
 */
import { PersistentSet } from "../collections/set.ts";
import { toHex } from "../bytes.ts";
import { drop, tell } from "../effects.ts";
import { after, type Mono } from "../machine.ts";
import type { LoopixParameters } from "../pki/document.ts";
import type { Command } from "../wire/commands.ts";
import type { SessionRequest } from "../wire/session.ts";
import { confirmSent } from "./egress.ts";
import { onBlock } from "./inbox.ts";
import { onSurbOutcome } from "./requests.ts";
import { type ClientState, type Retrieval, type Turn, update } from "./state.ts";
import { onReply } from "./surbs.ts";

/** The Provider's answers to a retrieval. */
export type Retrieved = Extract<Command, { readonly type: "Message" | "MessageAck" | "MessageEmpty" }>;

const pollMinMs = 100;
const pollMaxMs = 60_000;
/** Ids and digests to know duplicates by. A Provider repeats one message a reconnection. */
const seenMax = 512;

export const emptyRetrieval: Retrieval = { sequence: 0, pollAt: null, answerBy: null, seen: PersistentSet() };

/** The interval between retrievals in ms. */
export const pollIntervalMs = ({ lambdaP, lambdaL }: LoopixParameters): number =>
  Math.round(Math.min(pollMaxMs, Math.max(pollMinMs, 1 / (2 * (lambdaP + lambdaL)))));

const intervalOf = ({ config, documents }: ClientState): number =>
  config.timing.pollMs ?? (documents.inForce === null ? pollMaxMs : pollIntervalMs(documents.inForce.parameters));

const setRetrieval = (turn: Turn, change: Partial<Retrieval>): void =>
  update(turn, { retrieval: { ...turn.state.retrieval, ...change } });

/** A new connection: sequence numbers begin anew, and the first retrieval is due. */
export const startRetrieval = (turn: Turn): void =>
  setRetrieval(turn, { sequence: 0, pollAt: turn.context.now, answerBy: null });

export const stopRetrieval = (turn: Turn): void => setRetrieval(turn, { pollAt: null, answerBy: null });

/** Retrieves where it is time, but not while a request is outstanding. */
export const poll = (turn: Turn): void => {
  const { link, retrieval, config } = turn.state;
  const { now } = turn.context;
  if (link.type !== "Up" || retrieval.pollAt === null) return;
  const latest = after(now, intervalOf(turn.state));
  if (retrieval.pollAt > now) {
    // A document has come, or another one, since the next retrieval was planned.
    if (retrieval.pollAt > latest) setRetrieval(turn, { pollAt: latest });
    return;
  }
  const next = after(retrieval.pollAt, intervalOf(turn.state));
  setRetrieval(turn, { pollAt: next > now ? next : latest });
  if (retrieval.answerBy !== null) return;
  setRetrieval(turn, { answerBy: after(now, config.timing.answerMs) });
  const request: SessionRequest = { type: "Send", command: { type: "RetrieveMessage", sequence: retrieval.sequence } };
  turn.effects.push(tell(link.session, request));
};

/** Why the Provider's answer ends the connection. */
export type RetrievalFault = "unasked-message" | "bad-sequence";

/** The Provider's answer. Its payload is handed over. */
export const onRetrieved = (turn: Turn, command: Retrieved): RetrievalFault | null => {
  const { sequence, answerBy } = turn.state.retrieval;
  if (answerBy === null) return "unasked-message";
  if (command.sequence !== sequence) return "bad-sequence";
  setRetrieval(turn, { answerBy: null, sequence: command.type === "MessageEmpty" ? sequence : sequence + 1 });
  if (command.type === "Message") onMessage(turn, command.payload);
  if (command.type === "MessageAck") onAck(turn, toHex(command.surbId), command.payload);
  return null;
};

/** True the first time, within memory. */
const isNew = (turn: Turn, mark: string): boolean => {
  const { seen } = turn.state.retrieval;
  if (seen.has(mark)) return false;
  const marked = seen.add(mark);
  setRetrieval(turn, { seen: marked.size > seenMax ? marked.delete(marked.first()!) : marked });
  return true;
};

const onMessage = (turn: Turn, payload: Uint8Array): void => {
  if (isNew(turn, `message ${toHex(turn.kit.suite.sha256(payload))}`)) onBlock(turn, payload);
  else turn.effects.push(drop("client-message-duplicate"));
};

const onAck = (turn: Turn, surbId: string, payload: Uint8Array): void => {
  const fresh = isNew(turn, `reply ${surbId}`);
  confirmSent(turn, surbId);
  if (onReply(turn, surbId, payload, onSurbOutcome)) return;
  turn.effects.push(drop(fresh ? "client-surb-unknown" : "client-surb-duplicate"));
};

/** When the next retrieval, or the answer to the last one, is due. */
export const isAnswerOverdue = ({ retrieval }: ClientState, now: Mono): boolean =>
  retrieval.answerBy !== null && retrieval.answerBy <= now;
