import type { Address } from "../system.ts";
import type { SocketEvent } from "../effects.ts";
import type { Command, CommandType } from "./commands.ts";

/** Deadlines of a session, in ms: each phase has one; null means none. */
export interface SessionDeadlines {
  readonly dialMs: number;
  /** From the connection to the peer's NoOp (initiator) or to the peer's authorisation (responder). */
  readonly handshakeMs: number;
  /** Without a command from the peer, once up. */
  readonly idleMs: number | null;
  /** For the kernel to take what was written. */
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
  /** Commands that may wait for the connection; one more is dropped with reason `session-queue-full`. */
  readonly queueLength: number;
}

/** What the owner tells a session, besides the driver's socket events. */
export type SessionRequest =
  | { readonly type: "Allowed" }
  | { readonly type: "Denied"; readonly reason: string }
  /** Sent in order. Not yet begun at `notAfter` (monotonic ms): dropped as `session-send-late` (wire-facts §6.2 SendSlack). `id` comes back in Sent. */
  | { readonly type: "Send"; readonly command: Command; readonly id?: number; readonly notAfter?: number }
  /** Sends what is queued, then Disconnect where `polite`, closes and reports Down. Before Up what is queued is dropped. */
  | { readonly type: "Close"; readonly polite: boolean }
  /** Back-pressure, once up: the connection is not read and the idle deadline does not run until Resume. */
  | { readonly type: "Pause" }
  | { readonly type: "Resume" };

export type SessionEvent = SocketEvent | SessionRequest;

/** What a session tells its owner. After Down nothing more comes; the owner answers it with Stop. */
export interface SessionReport {
  readonly type: "Session";
  readonly session: Address;
  readonly report:
    /** Asked once a handshake: may this peer stay? The owner answers Allowed or Denied. */
    | { readonly type: "Authorize"; readonly additionalData: Uint8Array; readonly key: Uint8Array; readonly remote: string }
    /** `clockSkewMs`: own time minus the responder's (initiator only; else 0). `handshakeHash`: 64 bytes, the same at both ends. */
    | { readonly type: "Up"; readonly clockSkewMs: number; readonly handshakeHash: Uint8Array }
    | { readonly type: "Command"; readonly command: Command }
    /** A Send with an id has been taken by the kernel, or was dropped for the given reason: one for each id, also after Down. */
    | { readonly type: "Sent"; readonly id: number; readonly dropped: SendDropped | null }
    /** `detail` is for people: what the driver or the decoder said. */
    | { readonly type: "Down"; readonly reason: DownReason; readonly detail?: string };
}

/** Why a command was not sent. */
export type SendDropped =
  | "session-down"
  | "session-queue-full"
  /** `notAfter` passed before it was its turn. */
  | "session-send-late"
  /** A field is out of range or the command is too long: the caller's misuse. */
  | "session-command-invalid";

/** Why a session ended. */
export type DownReason =
  /* The connection */
  | "dial-failed"
  | "dial-timeout"
  | "peer-closed"
  | "write-timeout"
  /* The handshake */
  | "handshake-timeout"
  | "bad-prologue"
  | `noise-${HandshakeFailure}`
  | "denied"
  /* Framing and commands */
  | "length"
  | "decrypt"
  | "nonces-exhausted"
  | "malformed-command"
  | "unknown-command"
  | "unexpected-command"
  | "idle-timeout"
  /* Agreed ends: the peer's Disconnect, the owner's Close */
  | "peer-disconnected"
  | "closed";

/** Why a message of a handshake was refused: a wrong length, a low-order point, a malformed KEM value, a wrong tag. */
export type HandshakeFailure = "length" | "point" | "kem" | "decrypt";
