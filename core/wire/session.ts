/**
 * A link: one connection of one peer, dialled or accepted, from the handshake to its end (specs/wire-protocol.rst,
 * wire-facts §2).
 *
 *     initiator: dialing, awaitingMessage2, checkingResponder, awaitingNoOp, up, closing, down
 *     responder: awaitingMessage1, awaitingMessage3, checkingInitiator, up, closing, down
 *
 * A session knows no node. It asks its owner about the peer, reports what the peer sends, and sends what the owner
 * gives. Each phase has a deadline, every end a reason, every command that is not sent too.
 *
 * @module
 */
import type { Effect, SocketEvent } from "../effects.ts";
import { absurd, after, type Context, invariant, type Machine, type Step, type Tick } from "../machine.ts";
import { type SealedMessage, tagLength } from "../noise/cipher_state.ts";
import { draws, type Random } from "../random.ts";
import type { Suite } from "../crypto/suite.ts";
import type { Geometry } from "../sphinx/geometry.ts";
import type { Address } from "../system.ts";
import { additionalDataLengthMax, linkNoise } from "./authenticate.ts";
import { append, emptyByteQueue } from "./byte_queue.ts";
import { type Command, commandHeaderLength, commandLengthLimit, type CommandType } from "./commands.ts";
import { frameHeaderLength } from "./framing.ts";
import { emptyOutbox } from "./outbox.ts";
import { readMessage1, readMessage2, readMessage3, responderAllowed, writeMessage1 } from "./session_handshake.ts";
import { type Bound, deadlinesOf, down, type Run, type SessionState, wakeAtOf } from "./session_state.ts";
import { initiatorAllowed, noteFrame, onClose, onFlushed, onOpened, readNext, send } from "./session_transfer.ts";

/** Deadlines of a session, in ms: each phase has one; null means none. */
export interface SessionDeadlines {
  readonly dialMs: number;
  /** From the connection to the peer's NoOp (initiator) or to the peer's authorisation (responder). */
  readonly handshakeMs: number;
  /** Without a command from the peer, once up. */
  readonly idleMs: number | null;
  /** For the kernel to take what was written; and once up, for a frame of the peer's to come whole once it began. */
  readonly writeMs: number;
}

export interface SessionConfig {
  /** The address that the session is spawned at. */
  readonly self: Address;
  /** The machine that is asked and told; it answers at this session's address. */
  readonly owner: Address;
  readonly role:
    | { readonly type: "initiator"; readonly addresses: ReadonlyArray<string> }
    | { readonly type: "responder"; readonly remote: string };
  /** X25519, 32 bytes. */
  readonly staticPrivate: Uint8Array;
  /** What we present: at most 255 bytes. */
  readonly additionalData: Uint8Array;
  readonly deadlines: SessionDeadlines;
  /** Commands that the peer may send once up (NoOp and Disconnect always may); another closes the session. */
  readonly receives: ReadonlyArray<CommandType>;
  /** Longest command (header and body, bytes) that the peer may send. */
  readonly commandLengthMax: number;
  /**
   * Commands of this length (header and body, bytes) are reported as they came, sealed: the owner has them opened
   * elsewhere. None unless given.
   */
  readonly sealedLength?: number;
  /** Commands that may wait for the connection; one more is dropped with reason `session-queue-full`. */
  readonly queueLength: number;
}

/** What the owner tells a session, besides the driver's socket events. */
export type SessionRequest =
  | { readonly type: "Allowed" }
  | { readonly type: "Denied"; readonly reason: string }
  /**
   * Sent in order. Not yet begun at `notAfter` (monotonic ms): dropped as `session-send-late` (wire-facts §6.2
   * SendSlack). `id` comes back in Sent.
   */
  | { readonly type: "Send"; readonly command: Command; readonly id?: number; readonly notAfter?: number }
  /**
   * Sends what is queued, then Disconnect where `polite`, closes and reports Down. Before Up what is queued is dropped.
   */
  | { readonly type: "Close"; readonly polite: boolean }
  /** The owner has had the connection destroyed (Refuse): reports Down at once, whatever waits to be sent. */
  | { readonly type: "Abort" }
  /**
   * What a Sealed report's message was, where the owner had no use for it: a command's bytes, which the session reads
   * as if it had opened them, or null where they do not decrypt.
   */
  | { readonly type: "Opened"; readonly bytes: Uint8Array | null }
  /** Back-pressure, once up: the connection is not read and what the peer sends has no deadline until Resume. */
  | { readonly type: "Pause" }
  | { readonly type: "Resume" };

export type SessionEvent = SocketEvent | SessionRequest;

/** What a session tells its owner. After Down nothing more comes; the owner answers it with Stop. */
export interface SessionReport {
  readonly type: "Session";
  readonly session: Address;
  readonly report:
    /** Asked once a handshake: may this peer stay? The owner answers Allowed or Denied. */
    | {
      readonly type: "Authorize";
      readonly additionalData: Uint8Array;
      readonly key: Uint8Array;
      readonly remote: string;
    }
    /**
     * `clockSkewMs`: own time minus the responder's (initiator only; else 0). `handshakeHash`: 64 bytes, the same at
     * both ends.
     */
    | { readonly type: "Up"; readonly clockSkewMs: number; readonly handshakeHash: Uint8Array }
    | { readonly type: "Command"; readonly command: Command }
    /** A command of the configured `sealedLength`. */
    | { readonly type: "Sealed"; readonly message: SealedMessage }
    /**
     * A Send with an id has been taken by the kernel, or was dropped for the given reason: one for each id, also after
     * Down.
     */
    | { readonly type: "Sent"; readonly id: number; readonly dropped: SendDropped | null }
    /** `detail` is for people: what the driver or the decoder said. */
    | { readonly type: "Down"; readonly reason: DownReason; readonly detail?: string };
}

/** Why a command was not sent. */
export const sendDropReasons = [
  "session-down",
  "session-queue-full",
  /** `notAfter` passed before it was its turn. */
  "session-send-late",
  /** A field is out of range or the command is too long: the caller's misuse. */
  "session-command-invalid",
] as const;

export type SendDropped = typeof sendDropReasons[number];

/** Why a session ended. */
export const downReasons = [
  /* The connection */
  "dial-failed",
  "dial-timeout",
  "peer-closed",
  "write-timeout",
  /* The handshake */
  "handshake-timeout",
  "bad-prologue",
  "noise-length",
  "noise-point",
  "noise-kem",
  "noise-decrypt",
  "denied",
  /* Framing and commands */
  "length",
  "decrypt",
  "nonces-exhausted",
  "malformed-command",
  "unknown-command",
  "unexpected-command",
  /** A frame began and did not come whole in time. */
  "frame-timeout",
  "idle-timeout",
  /** The owner needed the room: Abort. */
  "evicted",
  /* Agreed ends: the peer's Disconnect, the owner's Close */
  "peer-disconnected",
  "closed",
] as const;

export type DownReason = typeof downReasons[number];

export interface SessionOptions {
  readonly suite: Suite;
  readonly geometry: Geometry;
  /**
   * Where a step's handshake message takes its randomness from: the step's seed unless given, as reference vectors need
   * it.
   */
  readonly random?: (context: Context) => Random;
}

export type SessionMachine = Machine<SessionConfig, SessionState, SessionEvent, Effect>;

/** The session machine; its owner spawns one for each connection. */
export const createSession = ({ suite, geometry, random }: SessionOptions): SessionMachine => {
  const fromSeed = (context: Context): Random => draws(context.seed)("handshake");
  const bound: Bound = { noise: linkNoise(suite), geometry, random: random ?? fromSeed };
  return {
    start: (context, config) => startSession(context, config),
    step: (context, state, event) => {
      const run: Run = { bound, context, ...state, effects: [], consumed: [] };
      handle(run, event);
      return finish(run);
    },
  };
};

const startSession = (context: Context, config: SessionConfig): Step<SessionState, Effect> => {
  const { role, deadlines, commandLengthMax, additionalData, staticPrivate } = config;
  invariant(staticPrivate.length === 32, "a static key has 32 bytes");
  invariant(additionalData.length <= additionalDataLengthMax, "additional data has at most 255 bytes");
  invariant(
    commandLengthMax >= commandHeaderLength && commandLengthMax <= commandLengthLimit,
    "a command fits a message",
  );
  const dialing = role.type === "initiator";
  const deadline = after(context.now, dialing ? deadlines.dialMs : deadlines.handshakeMs);
  const phase = dialing
    ? { type: "dialing", deadline } as const
    : { type: "awaitingMessage1", remote: role.remote, deadline } as const;
  const state: SessionState = { config, phase, inbox: emptyByteQueue, outbox: emptyOutbox };
  const effects: Effect[] = dialing ? [{ type: "Dial", addresses: role.addresses, timeoutMs: deadlines.dialMs }] : [];
  return { state, effects, wakeAt: wakeAtOf(state) };
};

const finish = ({ config, phase, inbox, outbox, effects, consumed }: Run): Step<SessionState, Effect> => {
  const state: SessionState = { config, phase, inbox, outbox };
  return { state, effects, wakeAt: wakeAtOf(state), consumed };
};

const handle = (run: Run, event: SessionEvent | Tick): void => {
  switch (event.type) {
    case "Tick":
      return onTick(run);
    case "Connected":
      return run.phase.type === "dialing" ? writeMessage1(run, event.remote) : undefined;
    case "DialFailed":
      return run.phase.type === "dialing" ? down(run, "dial-failed", event.reason, false) : undefined;
    case "Received":
      return onReceived(run, event.bytes);
    case "Flushed":
      return onFlushed(run, event.length);
    case "Disconnected":
      return run.phase.type === "down" ? undefined : down(run, "peer-closed", event.reason, false);
    case "Allowed":
      return onAllowed(run);
    case "Denied":
      return isChecking(run) ? down(run, "denied", event.reason) : undefined;
    case "Send":
      return send(run, { command: event.command, id: event.id ?? null, notAfter: event.notAfter ?? null });
    case "Close":
      return onClose(run, event.polite);
    case "Abort":
      return run.phase.type === "down" ? undefined : down(run, "evicted");
    case "Opened":
      return onOpened(run, event.bytes);
    case "Pause":
    case "Resume":
      return onPause(run, event.type);
    default:
      return absurd(event);
  }
};

const onTick = (run: Run): void => {
  for (const [reason, deadline] of Object.entries(deadlinesOf(run))) {
    if (deadline !== null && deadline <= run.context.now) return down(run, reason as DownReason);
  }
};

/** Longest frame that the peer may send. */
const frameLengthMax = ({ config }: Run): number => frameHeaderLength + config.commandLengthMax + tagLength;

const onReceived = (run: Run, bytes: Uint8Array): void => {
  if (run.phase.type === "dialing" || run.phase.type === "closing" || run.phase.type === "down") return;
  run.inbox = append(run.inbox, bytes);
  readAll(run);
  // While the owner considers, a peer that does not wait for the NoOp may fill one frame.
  if (isChecking(run) && run.inbox.length > frameLengthMax(run)) down(run, "length");
};

const readAll = (run: Run): void => {
  while (readOn(run));
  noteFrame(run);
};

/** Reads what the phase is waiting for. False: more has to come, someone else is to act, or the session is down. */
const readOn = (run: Run): boolean => {
  const { phase } = run;
  switch (phase.type) {
    case "awaitingMessage1":
      return readMessage1(run, phase);
    case "awaitingMessage2":
      return readMessage2(run, phase);
    case "awaitingMessage3":
      return readMessage3(run, phase);
    case "awaitingNoOp":
    case "up":
      return readNext(run, phase);
    case "dialing":
    case "checkingResponder":
    case "checkingInitiator":
    case "closing":
    case "down":
      return false;
    default:
      return absurd(phase);
  }
};

const isChecking = ({ phase }: Run): boolean =>
  phase.type === "checkingResponder" || phase.type === "checkingInitiator";

const onAllowed = (run: Run): void => {
  if (run.phase.type === "checkingResponder") responderAllowed(run, run.phase);
  else if (run.phase.type === "checkingInitiator") initiatorAllowed(run, run.phase);
  else return;
  readAll(run);
};

/** The deadlines of what the peer sends start anew when reading does. */
const onPause = (run: Run, type: "Pause" | "Resume"): void => {
  if (run.phase.type !== "up" || run.phase.paused === (type === "Pause")) return;
  const frameSince = run.phase.frameSince === null ? null : run.context.now;
  run.phase = { ...run.phase, paused: type === "Pause", heardAt: run.context.now, frameSince };
  run.effects.push({ type });
};
