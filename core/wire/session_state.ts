/**
 * The phases of a session, each a variant that carries its data, with the deadlines and the secrets that a state names;
 * and the `Run`, what one step gathers.
 *
 * @module
 */
import { lengthOf } from "../bytes.ts";
import { count, drop, type Effect, tell } from "../effects.ts";
import { absurd, after, type Context, earliest, type Mono } from "../machine.ts";
import type { CipherState } from "../noise/cipher_state.ts";
import { handshakeSecrets, type HandshakeState, type Transport } from "../noise/handshake.ts";
import type { NoiseSuite } from "../noise/symmetric.ts";
import type { Random } from "../random.ts";
import type { Geometry } from "../sphinx/geometry.ts";
import { type ByteQueue, emptyByteQueue } from "./byte_queue.ts";
import type { Receiver } from "./framing.ts";
import { emptyOutbox, type Outbox, wrote } from "./outbox.ts";
import type { DownReason, SendDropped, SessionConfig, SessionReport } from "./session.ts";

export type Phase =
  | { readonly type: "dialing"; readonly deadline: Mono }
  /* The handshake; `deadline` is that of the whole */
  | { readonly type: "awaitingMessage1"; readonly remote: string; readonly deadline: Mono }
  | {
    readonly type: "awaitingMessage2";
    readonly remote: string;
    readonly handshake: HandshakeState;
    readonly deadline: Mono;
  }
  | {
    readonly type: "awaitingMessage3";
    readonly remote: string;
    readonly handshake: HandshakeState;
    readonly deadline: Mono;
  }
  /** The owner was asked about the responder; our third message waits for the answer. */
  | {
    readonly type: "checkingResponder";
    readonly handshake: HandshakeState;
    readonly clockSkewMs: number;
    readonly deadline: Mono;
  }
  /** The owner was asked about the initiator. */
  | { readonly type: "checkingInitiator"; readonly transport: Transport; readonly deadline: Mono }
  /** The initiator waits for the responder's NoOp: the proof that it was let in (wire-facts D11). */
  | {
    readonly type: "awaitingNoOp";
    readonly send: CipherState;
    readonly receiver: Receiver;
    readonly handshakeHash: Uint8Array;
    readonly clockSkewMs: number;
    readonly deadline: Mono;
  }
  /** `heardAt`: when the peer's last command came; `frameSince`: when the frame began that has not come whole yet. */
  | {
    readonly type: "up";
    readonly send: CipherState;
    readonly receiver: Receiver;
    readonly heardAt: Mono;
    readonly frameSince: Mono | null;
    readonly paused: boolean;
  }
  /** Sends what waits; nothing is read any more. */
  | { readonly type: "closing"; readonly send: CipherState; readonly disconnect: boolean }
  | { readonly type: "down" };

export type PhaseOf<Type extends Phase["type"]> = Extract<Phase, { readonly type: Type }>;

export interface SessionState {
  readonly config: SessionConfig;
  readonly phase: Phase;
  readonly inbox: ByteQueue;
  readonly outbox: Outbox;
}

/** What a session machine is bound to. */
export interface Bound {
  readonly noise: NoiseSuite;
  readonly geometry: Geometry;
  /** The randomness of one step's handshake message. */
  readonly random: (context: Context) => Random;
}

/** What one step gathers; it lives for that step only. */
export interface Run {
  readonly bound: Bound;
  readonly context: Context;
  readonly config: SessionConfig;
  phase: Phase;
  inbox: ByteQueue;
  outbox: Outbox;
  readonly effects: Effect[];
  readonly consumed: Uint8Array[];
}

type Timeout = Extract<
  DownReason,
  "write-timeout" | "dial-timeout" | "handshake-timeout" | "idle-timeout" | "frame-timeout"
>;

/** When a state's own deadlines fall due, by the reason with which each ends the session; null where it is not set. */
export const deadlinesOf = ({ config, phase, outbox }: SessionState): Readonly<Record<Timeout, Mono | null>> => {
  const { idleMs, writeMs } = config.deadlines;
  const heard = phase.type === "up" && !phase.paused ? phase : null;
  return {
    "write-timeout": outbox.stalledSince === null ? null : after(outbox.stalledSince, writeMs),
    "dial-timeout": phase.type === "dialing" ? phase.deadline : null,
    "handshake-timeout": handshakeDeadline(phase),
    "idle-timeout": heard === null || idleMs === null ? null : after(heard.heardAt, idleMs),
    "frame-timeout": heard === null || heard.frameSince === null ? null : after(heard.frameSince, writeMs),
  };
};

const handshakeDeadline = (phase: Phase): Mono | null => {
  switch (phase.type) {
    case "awaitingMessage1":
    case "awaitingMessage2":
    case "awaitingMessage3":
    case "checkingResponder":
    case "checkingInitiator":
    case "awaitingNoOp":
      return phase.deadline;
    case "dialing":
    case "up":
    case "closing":
    case "down":
      return null;
    default:
      return absurd(phase);
  }
};

export const wakeAtOf = (state: SessionState): Mono | null => {
  const due = deadlinesOf(state);
  return earliest(
    due["write-timeout"],
    due["dial-timeout"],
    due["handshake-timeout"],
    due["idle-timeout"],
    due["frame-timeout"],
  );
};

/** The secrets of a phase. The static key is the owner's and not among them. */
const secretsOf = (phase: Phase): ReadonlyArray<Uint8Array> => {
  switch (phase.type) {
    case "dialing":
    case "awaitingMessage1":
    case "down":
      return [];
    case "awaitingMessage2":
    case "awaitingMessage3":
    case "checkingResponder":
      return handshakeSecrets(phase.handshake);
    case "checkingInitiator":
      return [phase.transport.send.key, phase.transport.receive.key];
    case "awaitingNoOp":
    case "up":
      return [phase.send.key, phase.receiver.cipher.key];
    case "closing":
      return [phase.send.key];
    default:
      return absurd(phase);
  }
};

export const tellOwner = ({ config, effects }: Run, report: SessionReport["report"]): void => {
  const message: SessionReport = { type: "Session", session: config.self, report };
  effects.push(tell(config.owner, message));
};

/** Every command that is not sent has a reason: told to the owner where it asked, else counted. */
export const notSent = (run: Run, id: number | null, isPacket: boolean, dropped: SendDropped): void => {
  if (id !== null) tellOwner(run, { type: "Sent", id, dropped });
  else run.effects.push(isPacket ? drop(dropped) : count("session_not_sent", dropped));
};

/** Hands bytes to the driver. */
export const write = (run: Run, pieces: ReadonlyArray<Uint8Array>, id: number | null): void => {
  run.effects.push({ type: "Write", pieces });
  run.outbox = wrote(run.outbox, run.context.now, lengthOf(pieces), id);
};

/** Ends the session, from any phase. `connected` is false where there is no connection to hang up. */
export const down = (run: Run, reason: DownReason, detail?: string, connected = true): void => {
  run.consumed.push(...secretsOf(run.phase));
  if (connected) run.effects.push({ type: "Hangup" });
  for (const { id } of run.outbox.underWay) if (id !== null) notSent(run, id, false, "session-down");
  for (const { id, command } of run.outbox.waiting) notSent(run, id, command.type === "SendPacket", "session-down");
  run.phase = { type: "down" };
  run.inbox = emptyByteQueue;
  run.outbox = emptyOutbox;
  tellOwner(run, { type: "Down", reason, ...(detail === undefined ? {} : { detail }) });
};
