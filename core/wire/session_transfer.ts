/**
 * A session's data transfer (specs/wire-protocol.rst §2.2 and §3, wire-facts §2.4, §2.5): what the owner sends, what
 * the peer sends, and the end by Disconnect.
 *
 * @module
 */
import { E } from "../fp.ts";
import { tagLength } from "../noise/cipher_state.ts";
import { emptyByteQueue } from "./byte_queue.ts";
import { type Command, commandPieces, decodeCommand } from "./commands.ts";
import { createReceiver, openNext, passNext, sealFrame } from "./framing.ts";
import { dropLate, enqueue, flushed, underWayMax, type Waiting } from "./outbox.ts";
import type { SendDropped } from "./session.ts";
import { down, notSent, type PhaseOf, type Run, tellOwner, write } from "./session_state.ts";

/** Queues a command of the owner's, or drops it. */
export const send = (run: Run, item: Waiting): void => {
  if (run.phase.type === "down" || run.phase.type === "closing") return refuse(run, item, "session-down");
  // Nothing may follow a Disconnect, so that it is sent by closing alone.
  if (item.command.type === "Disconnect") return refuse(run, item, "session-command-invalid");
  discardLate(run);
  const atOnce = run.phase.type === "up" && run.outbox.underWay.length < underWayMax;
  if (!atOnce && run.outbox.waiting.size >= run.config.queueLength) return refuse(run, item, "session-queue-full");
  run.outbox = enqueue(run.outbox, item);
  pump(run);
};

const refuse = (run: Run, item: Waiting, reason: SendDropped): void => {
  notSent(run, item.id, item.command.type === "SendPacket", reason);
  release(run, item);
};

/** A packet was handed over with its command. */
const release = (run: Run, { command }: Waiting): void => {
  if (command.type === "SendPacket") run.effects.push({ type: "Release", packet: command.packet });
};

const discardLate = (run: Run): void => {
  const { outbox, late } = dropLate(run.outbox, run.context.now);
  run.outbox = outbox;
  for (const item of late) refuse(run, item, "session-send-late");
};

/** Writes what waits, as far as the kernel keeps up; a closing session ends when nothing is left. */
export const pump = (run: Run): void => {
  while ((run.phase.type === "up" || run.phase.type === "closing") && run.outbox.underWay.length < underWayMax) {
    discardLate(run);
    const item = run.outbox.waiting.first();
    if (item === undefined) break;
    run.outbox = { ...run.outbox, waiting: run.outbox.waiting.shift() };
    sendNow(run, item);
  }
  if (run.phase.type === "closing" && run.outbox.waiting.size === 0) finishClosing(run, run.phase);
};

const finishClosing = (run: Run, phase: PhaseOf<"closing">): void => {
  if (phase.disconnect) {
    run.phase = { ...phase, disconnect: false };
    sendNow(run, { command: { type: "Disconnect" }, id: null, notAfter: null });
  } else if (run.outbox.underWay.length === 0) down(run, "closed");
};

/** Encrypts and writes a command, or drops it; only once up. */
const sendNow = (run: Run, item: Waiting): void => {
  if (run.phase.type !== "up" && run.phase.type !== "closing") return;
  const encoded = commandPieces(run.bound.geometry, item.command);
  if (E.isLeft(encoded)) return refuse(run, item, "session-command-invalid");
  const sealed = sealFrame(run.bound.noise.suite, run.phase.send, encoded.right);
  if (E.isLeft(sealed)) {
    refuse(run, item, "session-down");
    return down(run, sealed.left);
  }
  const { pieces, cipher, consumed } = sealed.right;
  run.consumed.push(consumed);
  run.phase = { ...run.phase, send: cipher };
  write(run, pieces, item.id);
  release(run, item);
};

/** The kernel has taken some of what was written. */
export const onFlushed = (run: Run, length: number): void => {
  const { outbox, sent } = flushed(run.outbox, run.context.now, length);
  run.outbox = outbox;
  for (const id of sent) tellOwner(run, { type: "Sent", id, dropped: null });
  pump(run);
};

/** The owner wants the session to end. Only one that is up has something to say. */
export const onClose = (run: Run, polite: boolean): void => {
  if (run.phase.type === "down" || run.phase.type === "closing") return;
  if (run.phase.type !== "up") return down(run, "closed");
  run.consumed.push(run.phase.receiver.cipher.key);
  run.phase = { type: "closing", send: run.phase.send, disconnect: polite };
  run.inbox = emptyByteQueue;
  pump(run);
};

/** Reads the peer's next length or command. False: more has to come, or the session is down. */
export const readNext = (run: Run, phase: PhaseOf<"awaitingNoOp" | "up">): boolean => {
  const { bound, config } = run;
  if (phase.type === "up" && isSealed(run, phase)) return reportNext(run, phase);
  const opened = openNext(bound.noise.suite, phase.receiver, run.inbox, config.commandLengthMax);
  if (E.isLeft(opened)) {
    down(run, opened.left);
    return false;
  }
  if (opened.right === null) return false;
  const { receiver, rest, command, consumed } = opened.right;
  if (consumed !== null) run.consumed.push(consumed);
  run.inbox = rest;
  run.phase = { ...phase, receiver };
  if (command !== null) onCommandBytes(run, command);
  return run.phase.type === "up" || run.phase.type === "awaitingNoOp";
};

const isSealed = ({ config: { sealedLength } }: Run, { receiver }: PhaseOf<"up">): boolean =>
  sealedLength !== undefined && receiver.bodyLength === sealedLength + tagLength;

/** Reports the peer's next command without opening it. */
const reportNext = (run: Run, phase: PhaseOf<"up">): boolean => {
  const passed = passNext(run.bound.noise.suite, phase.receiver, run.inbox);
  if (E.isLeft(passed)) {
    down(run, passed.left);
    return false;
  }
  if (passed.right === null) return false;
  const { receiver, rest, sealed } = passed.right;
  run.inbox = rest;
  run.phase = { ...phase, receiver, heardAt: run.context.now, frameSince: null };
  tellOwner(run, { type: "Sealed", message: sealed });
  return true;
};

/** The owner has no use for a sealed command. */
export const onOpened = (run: Run, bytes: Uint8Array | null): void => {
  if (run.phase.type !== "up") return;
  if (bytes === null) return down(run, "decrypt");
  const { frameSince } = run.phase;
  onCommandBytes(run, bytes);
  // A later frame may have begun meanwhile.
  if (run.phase.type === "up") run.phase = { ...run.phase, frameSince };
};

/** All has been read that came: part of a frame that is left over has a deadline, which no further byte puts off. */
export const noteFrame = (run: Run): void => {
  if (run.phase.type !== "up") return;
  const isPart = run.inbox.length > 0 || run.phase.receiver.bodyLength !== null;
  const frameSince = isPart ? run.phase.frameSince ?? run.context.now : null;
  if (frameSince !== run.phase.frameSince) run.phase = { ...run.phase, frameSince };
};

const onCommandBytes = (run: Run, bytes: Uint8Array): void => {
  const decoded = decodeCommand(run.bound.geometry, bytes);
  if (E.isLeft(decoded)) {
    return down(run, decoded.left === "unknown" ? "unknown-command" : "malformed-command", decoded.left);
  }
  const command = decoded.right;
  if (run.phase.type === "awaitingNoOp") return onFirstCommand(run, run.phase, command);
  if (run.phase.type !== "up") return;
  run.phase = { ...run.phase, heardAt: run.context.now, frameSince: null };
  if (command.type === "NoOp") return;
  if (command.type === "Disconnect") return down(run, "peer-disconnected");
  if (!mayReceive(run, command)) return down(run, "unexpected-command", command.type);
  tellOwner(run, { type: "Command", command });
};

/** An initiator never takes packets, whatever it lists (specs/wire-protocol.rst §3.3). */
const mayReceive = ({ config }: Run, { type }: Command): boolean =>
  config.receives.includes(type) && !(config.role.type === "initiator" && type === "SendPacket");

const onFirstCommand = (run: Run, phase: PhaseOf<"awaitingNoOp">, command: Command): void => {
  if (command.type !== "NoOp") return down(run, "unexpected-command", command.type);
  const { send, receiver, handshakeHash, clockSkewMs } = phase;
  run.phase = { type: "up", send, receiver, heardAt: run.context.now, frameSince: null, paused: false };
  tellOwner(run, { type: "Up", clockSkewMs, handshakeHash });
  pump(run);
};

/** The responder lets the initiator in: the NoOp tells it so at once (wire-facts D11). */
export const initiatorAllowed = (run: Run, { transport }: PhaseOf<"checkingInitiator">): void => {
  const { send, receive, handshakeHash } = transport;
  const receiver = createReceiver(receive);
  run.phase = { type: "up", send, receiver, heardAt: run.context.now, frameSince: null, paused: false };
  sendNow(run, { command: { type: "NoOp" }, id: null, notAfter: null });
  tellOwner(run, { type: "Up", clockSkewMs: 0, handshakeHash });
  pump(run);
};
