/**
 * A session's handshake (specs/wire-protocol.rst §2.1, wire-facts §2.1 to §2.4), step by step on either side. The owner
 * is asked about the peer as soon as the peer has proved its key: the initiator's owner before our own identity goes
 * out.
 *
 * @module
 */
import { E, type Either } from "../fp.ts";
import { after, invariant } from "../machine.ts";
import {
  type HandshakeFailure,
  type HandshakeState,
  readMessage,
  startHandshake,
  type Transport,
  type Turn,
  writeMessage,
} from "../noise/handshake.ts";
import { patternXXhfs } from "../noise/pattern.ts";
import { decodeAuthenticate, encodeAuthenticate, handshakeLengths, prologue, unixTimeOf } from "./authenticate.ts";
import { firstByte, take } from "./byte_queue.ts";
import { createReceiver } from "./framing.ts";
import { down, type PhaseOf, type Run, tellOwner, write } from "./session_state.ts";

const noPayload = new Uint8Array(0);

const start = (run: Run): HandshakeState =>
  startHandshake(run.bound.noise, {
    pattern: patternXXhfs,
    role: run.config.role.type,
    prologue,
    staticPrivate: run.config.staticPrivate,
    remoteStatic: null,
  });

/** The initiator is connected: prologue and first message. */
export const writeMessage1 = (run: Run, remote: string): void => {
  const turn = turnOf(run, writeMessage(run.bound.noise, start(run), run.bound.random(run.context), noPayload));
  if (turn === null) return;
  write(run, [prologue, turn.bytes], null);
  const deadline = after(run.context.now, run.config.deadlines.handshakeMs);
  run.phase = { type: "awaitingMessage2", remote, handshake: handshakeOf(turn), deadline };
};

/**
 * The responder reads the prologue and the first message, and answers. False: more has to come, or the session is down.
 */
export const readMessage1 = (run: Run, phase: PhaseOf<"awaitingMessage1">): boolean => {
  const version = firstByte(run.inbox);
  if (version !== null && version !== prologue[0]) return ended(run, "bad-prologue");
  const bytes = takeFromInbox(run, prologue.length + handshakeLengths(run.bound.noise)[0]);
  if (bytes === null) return false;
  const { noise, random } = run.bound;
  const read = turnOf(run, readMessage(noise, start(run), bytes.subarray(prologue.length)));
  if (read === null) return false;
  const unixTime = unixTimeOf(run.context.wall);
  const payload = encodeAuthenticate({ additionalData: run.config.additionalData, unixTime });
  const written = turnOf(run, writeMessage(noise, handshakeOf(read), random(run.context), payload));
  if (written === null) return false;
  write(run, [written.bytes], null);
  run.phase = { ...phase, type: "awaitingMessage3", handshake: handshakeOf(written) };
  return true;
};

/** The initiator reads the second message and asks its owner about the responder. */
export const readMessage2 = (run: Run, { remote, handshake, deadline }: PhaseOf<"awaitingMessage2">): boolean => {
  const bytes = takeFromInbox(run, handshakeLengths(run.bound.noise)[1]);
  if (bytes === null) return false;
  const read = turnOf(run, readMessage(run.bound.noise, handshake, bytes));
  if (read === null) return false;
  const { additionalData, unixTime } = decodeAuthenticate(read.bytes);
  const next = handshakeOf(read);
  run.phase = {
    type: "checkingResponder",
    handshake: next,
    clockSkewMs: run.context.wall - unixTime * 1000,
    deadline,
  };
  authorize(run, additionalData, next.remoteStatic, remote);
  return true;
};

/** The responder reads the third message and asks its owner about the initiator. */
export const readMessage3 = (run: Run, { remote, handshake, deadline }: PhaseOf<"awaitingMessage3">): boolean => {
  const bytes = takeFromInbox(run, handshakeLengths(run.bound.noise)[2]);
  if (bytes === null) return false;
  const read = turnOf(run, readMessage(run.bound.noise, handshake, bytes));
  if (read === null) return false;
  const transport = transportOf(read);
  run.phase = { type: "checkingInitiator", transport, deadline };
  authorize(run, decodeAuthenticate(read.bytes).additionalData, transport.remoteStatic, remote);
  return true;
};

const authorize = (run: Run, additionalData: Uint8Array, key: Uint8Array | null, remote: string): void => {
  invariant(key !== null, "both static keys have been exchanged");
  tellOwner(run, { type: "Authorize", additionalData, key, remote });
};

/** The responder may stay: the third message tells it who we are, and its NoOp is awaited. */
export const responderAllowed = (run: Run, phase: PhaseOf<"checkingResponder">): void => {
  const payload = encodeAuthenticate({ additionalData: run.config.additionalData, unixTime: 0 });
  const random = run.bound.random(run.context);
  const written = turnOf(run, writeMessage(run.bound.noise, phase.handshake, random, payload));
  if (written === null) return;
  write(run, [written.bytes], null);
  const { send, receive, handshakeHash } = transportOf(written);
  const { clockSkewMs, deadline } = phase;
  const receiver = createReceiver(receive);
  run.phase = { type: "awaitingNoOp", send, receiver, handshakeHash, clockSkewMs, deadline };
};

const takeFromInbox = (run: Run, length: number): Uint8Array | null => {
  const taken = take(run.inbox, length);
  if (taken === null) return null;
  run.inbox = taken.rest;
  return taken.bytes;
};

/** The turn, its consumed secrets noted; null where the session went down. */
const turnOf = (run: Run, turn: Either<HandshakeFailure, Turn>): Turn | null => {
  if (E.isLeft(turn)) {
    down(run, `noise-${turn.left}`);
    return null;
  }
  run.consumed.push(...turn.right.consumed);
  return turn.right;
};

const ended = (run: Run, reason: "bad-prologue"): false => {
  down(run, reason);
  return false;
};

const handshakeOf = ({ next }: Turn): HandshakeState => {
  invariant(next.type === "handshake", "XXhfs has three messages");
  return next.state;
};

const transportOf = ({ next }: Turn): Transport => {
  invariant(next.type === "transport", "XXhfs ends with its third message");
  return next.transport;
};
