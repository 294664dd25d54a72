/**
 * The vocabulary between machines and the world: what a machine may ask for, and the events that bring results back.
 *
 * `Tell`, `Spawn` and `Stop` stay inside a system (system.ts). All others are leaf effects: a driver performs them
 * (adapters in production, conformance/sim in virtual time) and returns the result as an event to the address that
 * asked. No effect waits for another; only the writes of one connection keep their order.
 *
 * @module
 */
import type { SealedMessage } from "./noise/cipher_state.ts";
import type { Address } from "./system.ts";
import type { RoutingCommand } from "./sphinx/commands.ts";

/* Inside a system */

/** Delivers `event` to another machine of the same system, before any leaf effect of this step leaves it. */
export interface Tell {
  readonly type: "Tell";
  readonly to: Address;
  readonly event: unknown;
}
/** Starts a machine of a kind at a free address. */
export interface Spawn {
  readonly type: "Spawn";
  readonly at: Address;
  readonly kind: string;
  readonly config: unknown;
}
/** Removes a machine; what is still told to it is counted as undeliverable. */
export interface Stop {
  readonly type: "Stop";
  readonly at: Address;
}

export type SystemEffect = Tell | Spawn | Stop;

/* Connections. The asking machine's address names the connection: one each. */

/** Tries the addresses (`host:port`) in turn. Answer: Connected or DialFailed. */
export interface Dial {
  readonly type: "Dial";
  readonly addresses: ReadonlyArray<string>;
  readonly timeoutMs: number;
}
/** Writes bytes, which are handed over and come in pieces. Answer, once the kernel has them all: Flushed. */
export interface Write {
  readonly type: "Write";
  readonly pieces: ReadonlyArray<Uint8Array>;
}
/** Closes the connection after what was written. No event follows. */
export interface Hangup {
  readonly type: "Hangup";
}
/** Reads no more from the connection until Resume: back-pressure. */
export interface Pause {
  readonly type: "Pause";
}
export interface Resume {
  readonly type: "Resume";
}

export type SocketEvent =
  | { readonly type: "Connected"; readonly remote: string }
  | { readonly type: "DialFailed"; readonly reason: string }
  /** At most 64 KiB; the bytes belong to the machine. */
  | { readonly type: "Received"; readonly bytes: Uint8Array }
  | { readonly type: "Flushed"; readonly length: number }
  /** The peer closed or the connection broke. */
  | { readonly type: "Disconnected"; readonly reason: string };

/**
 * A listener took a connection: told to the machine the driver was configured with. It answers with Spawn at
 * `connection` (socket events then go there) or with Refuse, in the same step.
 */
export interface Incoming {
  readonly type: "Incoming";
  readonly connection: Address;
  readonly remote: string;
}
export interface Refuse {
  readonly type: "Refuse";
  readonly connection: Address;
}

/* Storage: tables of byte keys in bytewise order. What depends on a commit is done when Committed comes back. */

export interface StoreWrite {
  readonly table: string;
  readonly key: Uint8Array;
  /** null deletes. */
  readonly value: Uint8Array | null;
}
export type StoreFailure = "full" | "read-only" | "corrupt" | "io";

/** Applies all writes or none, durably. Answer: Committed or CommitFailed with the same id. */
export interface Commit {
  readonly type: "Commit";
  readonly id: number;
  readonly writes: ReadonlyArray<StoreWrite>;
}
/**
 * Reads up to `limit` entries from the first key above `after` (null: from the first). Answer: Scanned or ScanFailed.
 */
export interface Scan {
  readonly type: "Scan";
  readonly id: number;
  readonly table: string;
  readonly after: Uint8Array | null;
  readonly limit: number;
}
/** Forgets a whole table, durably and in the background. Answer: Committed or CommitFailed. */
export interface DropTable {
  readonly type: "DropTable";
  readonly id: number;
  readonly table: string;
}
/**
 * Atomically records a replay tag (32 bytes) of a key's epoch, durably before the answer. Answer: ReplayTested. The
 * tags of an epoch make up the table `replayTable(epoch)`, which DropTable forgets and no Commit writes.
 */
export interface TestAndSetReplay {
  readonly type: "TestAndSetReplay";
  readonly id: number;
  readonly epoch: number;
  readonly tag: Uint8Array;
}

/** The table of an epoch's replay tags. */
export const replayTable = (epoch: number): string => `replay/${epoch}`;

export type StoreEvent =
  | { readonly type: "Committed"; readonly id: number }
  | { readonly type: "CommitFailed"; readonly id: number; readonly reason: StoreFailure }
  | {
    readonly type: "Scanned";
    readonly id: number;
    readonly entries: ReadonlyArray<{ readonly key: Uint8Array; readonly value: Uint8Array }>;
  }
  | { readonly type: "ScanFailed"; readonly id: number; readonly reason: StoreFailure }
  /** `full`, `failed`: the tag could not be recorded, for there are too many or otherwise: the packet must not pass. */
  | { readonly type: "ReplayTested"; readonly id: number; readonly outcome: "fresh" | "replayed" | "full" | "failed" };

/* Plugins: programs that answer requests to services (wire-facts §8.2). The asking machine numbers its instances. */

/**
 * Runs a program and asks it for its parameters. Answer: PluginStarted, and PluginExited when it has ended, or instead
 * where it does not start. `instance` is a number that the machine has not used before.
 */
export interface PluginStart {
  readonly type: "PluginStart";
  readonly instance: number;
  readonly command: string;
  readonly args: ReadonlyArray<string>;
  /** The longest body that is taken from it, in bytes. */
  readonly bodyLengthMax: number;
  /** How long a signal to stop may take to be obeyed before the next, stronger one, in ms. */
  readonly graceMs: number;
}
/** Ends a program, with SIGHUP, SIGTERM, SIGKILL until it has ended. Answer: PluginExited. */
export interface PluginStop {
  readonly type: "PluginStop";
  readonly instance: number;
}
/** Sends a program a request's body. Answer: PluginReplied or PluginFailed, unless PluginExited comes first. */
export interface PluginRequest {
  readonly type: "PluginRequest";
  readonly instance: number;
  readonly id: number;
  readonly body: Uint8Array;
}
/**
 * `unreachable`: it has not received the request; `status`: it answered with an error; `too-long`: with more than
 * `bodyLengthMax`; `broken`: not, or not in HTTP.
 */
export type PluginFailure = "unreachable" | "status" | "too-long" | "broken";

export type PluginEvent =
  /** `parameters`: the body of its answer, which nobody has looked at yet. */
  | { readonly type: "PluginStarted"; readonly instance: number; readonly parameters: Uint8Array }
  /** `reason` is for people. */
  | { readonly type: "PluginExited"; readonly instance: number; readonly reason: string }
  | { readonly type: "PluginReplied"; readonly instance: number; readonly id: number; readonly body: Uint8Array }
  | { readonly type: "PluginFailed"; readonly instance: number; readonly id: number; readonly reason: PluginFailure };

/* Sphinx: perhaps in a worker. */

/**
 * Opens the frame that a packet came in, which is handed over with its key, and unwraps the packet with the first of
 * the keys that fits. Answer: Unwrapped.
 */
export interface Unwrap {
  readonly type: "Unwrap";
  readonly id: number;
  readonly sealed: SealedMessage;
  readonly keys: ReadonlyArray<{ readonly epoch: number; readonly privateKey: Uint8Array }>;
}
/** A packet's bytes are referred to by no state any more: whoever gave them may use the memory again. */
export interface Release {
  readonly type: "Release";
  readonly packet: Uint8Array;
}
/** Why a packet does not unwrap. */
export type UnwrapFailure = "short" | "ad" | "point" | "mac" | "commands" | "payload";
export interface Unwrapped {
  readonly type: "Unwrapped";
  readonly id: number;
  readonly result:
    /** `frame`: it does not decrypt. */
    | { readonly ok: false; readonly reason: UnwrapFailure | "frame" }
    /** It holds another command than a packet of the right length: the decrypted bytes. */
    | { readonly ok: false; readonly reason: "command"; readonly command: Uint8Array }
    | {
      readonly ok: true;
      /** Epoch of the key that fitted. */
      readonly epoch: number;
      readonly replayTag: Uint8Array;
      readonly commands: ReadonlyArray<RoutingCommand>;
      /** The packet for the next hop, where there is a NextNodeHop command; else null. */
      readonly packet: Uint8Array | null;
      /**
       * The payload at the last hop: with SurbReply the 51216 bytes as they are, else the 51200 after the checked tag.
       */
      readonly payload: Uint8Array | null;
    };
}

/* Signatures: perhaps in a thread. */

/** Checks an Ed25519 signature. Answer: Verified. */
export interface Verify {
  readonly type: "Verify";
  readonly id: number;
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}
export interface Verified {
  readonly type: "Verified";
  readonly id: number;
  readonly isValid: boolean;
}

/* What operators and applications see. */

export type LogLevel = "DEBUG" | "INFO" | "NOTICE" | "WARNING" | "ERROR" | "CRITICAL";
/** Never carries secrets. `reason` is a stable word for programs; `message` is for people. */
export interface Log {
  readonly type: "Log";
  readonly level: LogLevel;
  readonly reason: string;
  readonly message: string;
  readonly fields?: Readonly<Record<string, string | number | boolean | ReadonlyArray<string>>>;
}
/** Adds to a counter. */
export interface Count {
  readonly type: "Count";
  readonly name: string;
  readonly label?: string;
  readonly by?: number;
}
/** A packet ends here, other than by being forwarded or delivered: counted by reason, logged at DEBUG. */
export interface Drop {
  readonly type: "Drop";
  readonly reason: string;
}
/** An event of a client library for the application. */
export interface Notify {
  readonly type: "Notify";
  readonly event: unknown;
}
/** Ends the process with an exit code (sysexits), after a last log line. */
export interface Exit {
  readonly type: "Exit";
  readonly code: number;
  readonly message: string;
}

export type LeafEffect =
  | Dial
  | Write
  | Hangup
  | Pause
  | Resume
  | Refuse
  | Commit
  | Scan
  | DropTable
  | TestAndSetReplay
  | Unwrap
  | Release
  | Verify
  | PluginStart
  | PluginStop
  | PluginRequest
  | Log
  | Count
  | Drop
  | Notify
  | Exit;

export type Effect = SystemEffect | LeafEffect;

export const tell = (to: Address, event: unknown): Tell => ({ type: "Tell", to, event });
export const log = (level: LogLevel, reason: string, message: string, fields?: Log["fields"]): Log =>
  fields === undefined ? { type: "Log", level, reason, message } : { type: "Log", level, reason, message, fields };
export const count = (name: string, label?: string, by?: number): Count => ({
  type: "Count",
  name,
  ...(label === undefined ? {} : { label }),
  ...(by === undefined ? {} : { by }),
});
export const drop = (reason: string): Drop => ({ type: "Drop", reason });
