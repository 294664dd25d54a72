/**
 * The egress FIFO (drafts/client.rst §5.1.1, drafts/decoy_traffic.rst §5): packets of the user wait here for lambdaP,
 * and are composed when it is their turn. What the session could not write out goes back to the front and is composed
 * anew, with new paths and delays; after too many tries its request fails. Nothing is lost without a word.
 *
 * @module
 */
import { count, tell } from "../effects.ts";
import { E, type Either } from "../fp.ts";
import type { Mono } from "../machine.ts";
import type { Document } from "../pki/document.ts";
import type { SendDropped, SessionRequest } from "../wire/session.ts";
import { sealBlock } from "./block.ts";
import { compose, type Composed, type ComposeFailure } from "./compose.ts";
import { sendAttemptsMax } from "./config.ts";
import type { FailureReason, QueryTarget } from "./events.ts";
import { failRequest, onPacketSent, rememberSurb } from "./requests.ts";
import { type ClientState, type EgressItem, type InFlight, type SurbEntry, type Turn, update } from "./state.ts";
import { addSurb, hasRoom, removeSurb, restartSurb } from "./surbs.ts";

/** Hands a composed packet to the session, which reports when it is written out. */
const handOver = (turn: Turn, composed: Composed, item: EgressItem | null): void => {
  const { link, sends, inFlight } = turn.state;
  if (link.type !== "Up") return;
  const flight: InFlight = { item, surb: composed.surb?.id ?? null, sent: composed.sent };
  update(turn, { sends: sends + 1, inFlight: inFlight.set(sends, flight) });
  const request: SessionRequest = { type: "Send", command: { type: "SendPacket", packet: composed.packet }, id: sends };
  turn.effects.push(tell(link.session, request));
};

/**
 * Composes and sends the first packet of the FIFO that can be. False where there is none: lambdaP then sends a decoy. A
 * packet that never can be sent fails its request; one that finds no path or no room for its SURB stays for the next
 * turn.
 */
export const sendFirst = (turn: Turn, label: string, document: Document): boolean => {
  for (let tries = 0;; tries++) {
    const item = turn.state.egress.first();
    if (item === undefined || !hasRoom(turn.state, purposeOf(item))) return false;
    const composed = composeItem(turn, `${label}/${tries}`, document, item);
    if (E.isRight(composed)) {
      update(turn, { egress: turn.state.egress.shift() });
      addSurb(turn, composed.right, document, purposeOf(item));
      rememberSurb(turn, item.request, composed.right.surb?.id ?? null);
      handOver(turn, composed.right, item);
      return true;
    }
    if (composed.left === "no-path" && item.tries + 1 < sendAttemptsMax) {
      update(turn, { egress: turn.state.egress.set(0, { ...item, tries: item.tries + 1 }) });
      return false;
    }
    failRequest(turn, item.request, composed.left);
  }
};

const purposeOf = ({ request }: EgressItem): SurbEntry["purpose"] => ({ type: "Request", request });

const composeItem = (
  turn: Turn,
  label: string,
  document: Document,
  { to, content }: EgressItem,
): Either<FailureReason, Composed> => {
  if (content.type === "Plain") {
    return compose(turn, { label, document, target: to, payload: content.payload, withSurb: true });
  }
  const { identityPrivate } = turn.state.config;
  if (identityPrivate === null) return E.left("bad-key");
  const { suite, geometry } = turn.kit;
  const sealed = sealBlock(
    suite,
    geometry,
    turn.draw(`${label}/block`),
    identityPrivate,
    content.recipientKey,
    content.block,
  );
  if (E.isLeft(sealed)) return E.left("bad-key");
  turn.consumed.push(...sealed.right.consumed);
  return compose(turn, { label, document, target: to, payload: sealed.right.ciphertext, withSurb: true });
};

/** Composes and sends a decoy: a packet of zeros to a service, with a SURB that brings it back or without. */
export const sendDecoy = (
  turn: Turn,
  label: string,
  document: Document,
  target: QueryTarget,
  withSurb: boolean,
): ComposeFailure | null => {
  const composed = compose(turn, { label, document, target, payload: new Uint8Array(0), withSurb });
  if (E.isLeft(composed)) return composed.left;
  addSurb(turn, composed.right, document, { type: "Loop" });
  handOver(turn, composed.right, null);
  return null;
};

/** The session's report on a packet. */
export const onSent = (turn: Turn, id: number, dropped: SendDropped | null): void => {
  const flight = turn.state.inFlight.get(id);
  if (flight === undefined) return;
  update(turn, { inFlight: turn.state.inFlight.delete(id) });
  if (dropped === null) return onWritten(turn, flight);
  if (flight.surb !== null) removeSurb(turn, flight.surb);
  if (flight.item === null) turn.effects.push(count("client-decoy-unsent", dropped));
  else requeue(turn, flight.item);
};

/** A reply proves that its packet was written out, should it overtake the session's report. */
export const confirmSent = (turn: Turn, surb: string): void => {
  for (const [id, flight] of turn.state.inFlight) if (flight.surb === surb) onSent(turn, id, null);
};

const onWritten = (turn: Turn, { item, surb, sent }: InFlight): void => {
  if (surb !== null) restartSurb(turn, surb);
  if (item !== null) onPacketSent(turn, item, sent);
};

const requeue = (turn: Turn, item: EgressItem): void => {
  const { requests, egress } = turn.state;
  if (!requests.has(item.request)) return;
  if (item.tries + 1 >= sendAttemptsMax) return failRequest(turn, item.request, "not-sent");
  update(turn, { egress: egress.unshift({ ...item, tries: item.tries + 1 }) });
};

/** The connection is gone: what it had not reported comes back, the oldest to the very front. */
export const recallInFlight = (turn: Turn): void => {
  for (const id of [...turn.state.inFlight.keys()].sort((a, b) => b - a)) onSent(turn, id, "session-down");
};

/** Fails the requests whose packets have waited too long. */
export const expireEgress = (turn: Turn): void => {
  for (let first = turn.state.egress.first(); first !== undefined && first.expiresAt <= turn.context.now;) {
    failRequest(turn, first.request, "not-sent");
    first = turn.state.egress.first();
  }
};

/** When the first packet of the FIFO, which is the oldest, has waited too long. */
export const nextEgressDeadline = ({ egress }: ClientState): Mono | null => egress.first()?.expiresAt ?? null;
