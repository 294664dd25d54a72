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
  /** Sends what is queued, then Disconnect where `polite`, closes and reports Down. */
  | { readonly type: "Close"; readonly polite: boolean };

export type SessionEvent = SocketEvent | SessionRequest;

/** What a session tells its owner. After Down nothing more comes; the owner answers it with Stop. */
export interface SessionReport {
  readonly type: "Session";
  readonly session: Address;
  readonly report:
    /** Asked once a handshake: may this peer stay? The owner answers Allowed or Denied. */
    | { readonly type: "Authorize"; readonly additionalData: Uint8Array; readonly key: Uint8Array; readonly remote: string }
    /** `clockSkewMs`: own time minus the responder's (initiator only; else 0). */
    | { readonly type: "Up"; readonly clockSkewMs: number }
    | { readonly type: "Command"; readonly command: Command }
    /** A Send with an id was written out, or dropped for the given reason. */
    | { readonly type: "Sent"; readonly id: number; readonly dropped: string | null }
    | { readonly type: "Down"; readonly reason: string };
}
