/**
 * The SURBs that a client has given away and the replies to them (drafts/client.rst §5.1.1, wire-facts §1.5, §6.4). A
 * reply is known by its SURB's id; the keys serve once and are then wiped. A SURB is given up when its reply is
 * overdue, at the latest when the mix keys on its way are gone.
 *
 * @module
 */
import { drop } from "../effects.ts";
import { E } from "../fp.ts";
import { emptyHeap, peek, pop, push } from "../heap.ts";
import { after, type Mono, mono } from "../machine.ts";
import type { Document } from "../pki/document.ts";
import { epochStart } from "../pki/epoch.ts";
import { decodeReply, type Reply } from "../sphinx/payload.ts";
import { openSurbReply } from "../sphinx/surb.ts";
import type { Composed } from "./compose.ts";
import { loopSurbsMax, surbsMax } from "./config.ts";
import { addTally, type ClientState, type SurbEntry, type Surbs, type Turn, update } from "./state.ts";

/** A document's descriptors hold the keys of its epoch and of the two after it. */
const keyEpochs = 3;

/** The heap of deadlines is made anew when it holds more than twice the SURBs and this many. */
const staleDeadlinesMin = 64;

/** What a reply, or its absence, means for the request that a SURB was made for. */
export type SurbOutcome = (
  turn: Turn,
  request: string,
  entry: SurbEntry,
  reply: Reply | "malformed" | "timeout",
) => void;

/** Whether there is room for one more SURB: loops have half of it, so that decoys never crowd requests out. */
export const hasRoom = ({ surbs }: ClientState, purpose: SurbEntry["purpose"]): boolean =>
  surbs.entries.size < (purpose.type === "Loop" ? loopSurbsMax : surbsMax);

const withDeadline = ({ entries, deadlines }: Surbs, id: string, entry: SurbEntry): Surbs => ({
  entries: entries.set(id, entry),
  deadlines: push(deadlines, entry.deadline, id),
});

const deadlineOf = (turn: Turn, sentAt: Mono, etaMs: number, keysDieAt: Mono): Mono =>
  mono(Math.min(after(sentAt, etaMs + turn.state.config.timing.replySlackMs), keysDieAt));

/** Remembers the SURB of a composed packet. */
export const addSurb = (
  turn: Turn,
  { surb, sent }: Composed,
  document: Document,
  purpose: SurbEntry["purpose"],
): void => {
  if (surb === null) return;
  const { now, wall } = turn.context;
  const keysDieAt = after(now, epochStart(turn.state.config.clock, document.epoch + keyEpochs) - wall);
  const deadline = deadlineOf(turn, now, sent.etaMs, keysDieAt);
  const entry: SurbEntry = { keys: surb.keys, purpose, sentAt: now, etaMs: sent.etaMs, deadline, keysDieAt };
  update(turn, { surbs: withDeadline(turn.state.surbs, surb.id, entry) });
};

/** The packet of a SURB was written out only now: its reply is due so much later. */
export const restartSurb = (turn: Turn, id: string): void => {
  const entry = turn.state.surbs.entries.get(id);
  if (entry === undefined) return;
  const sentAt = turn.context.now;
  const deadline = deadlineOf(turn, sentAt, entry.etaMs, entry.keysDieAt);
  update(turn, { surbs: withDeadline(turn.state.surbs, id, { ...entry, sentAt, deadline }) });
};

/** Forgets a SURB; its keys are to be wiped. */
export const removeSurb = (turn: Turn, id: string): void => {
  const { entries, deadlines } = turn.state.surbs;
  const entry = entries.get(id);
  if (entry === undefined) return;
  turn.consumed.push(entry.keys);
  update(turn, { surbs: { entries: entries.delete(id), deadlines } });
};

/**
 * A reply came in: `payload` is tag and ciphertext (51216 bytes), decrypted in place. False where the id is unknown.
 */
export const onReply = (turn: Turn, id: string, payload: Uint8Array, outcome: SurbOutcome): boolean => {
  const entry = turn.state.surbs.entries.get(id);
  if (entry === undefined) return false;
  const plaintext = openSurbReply(turn.kit, entry.keys, payload);
  removeSurb(turn, id);
  const decoded = plaintext === null ? null : decodeReply(turn.kit.geometry, plaintext);
  const reply = decoded === null || E.isLeft(decoded) ? "malformed" : decoded.right;
  if (reply === "malformed") turn.effects.push(drop("client-reply-malformed"));
  if (entry.purpose.type === "Request") outcome(turn, entry.purpose.request, entry, reply);
  else addTally(turn, reply === "malformed" ? "loopsLost" : "loopsReturned");
  return true;
};

/** Gives up the SURBs whose time has passed. */
export const expireSurbs = (turn: Turn, outcome: SurbOutcome): void => {
  for (let first = peek(turn.state.surbs.deadlines); first !== null && first.key <= turn.context.now;) {
    const { entries, deadlines } = turn.state.surbs;
    update(turn, { surbs: { entries, deadlines: pop(deadlines) } });
    const entry = entries.get(first.value);
    if (entry !== undefined && entry.deadline === first.key) expire(turn, first.value, entry, outcome);
    first = peek(turn.state.surbs.deadlines);
  }
  dropStaleDeadlines(turn);
};

const expire = (turn: Turn, id: string, entry: SurbEntry, outcome: SurbOutcome): void => {
  removeSurb(turn, id);
  if (entry.purpose.type === "Request") outcome(turn, entry.purpose.request, entry, "timeout");
  else addTally(turn, "loopsLost");
};

const dropStaleDeadlines = (turn: Turn): void => {
  const { entries, deadlines } = turn.state.surbs;
  if (deadlines.size <= 2 * entries.size + staleDeadlinesMin) return;
  const fresh: Surbs = { entries, deadlines: emptyHeap() };
  update(turn, { surbs: entries.reduce((surbs, entry, id) => withDeadline(surbs, id, entry), fresh) });
};

/** Perhaps stale, and then too early. */
export const nextSurbDeadline = ({ surbs }: ClientState): Mono | null => {
  const first = peek(surbs.deadlines);
  return first === null ? null : mono(first.key);
};
