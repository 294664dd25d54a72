/**
 * What a packet wants of this node, by its routing commands (wire-facts §6.1; specs/mixnet.rst §4.3,
 * specs/end_to_end.rst §4).
 *
 * @module
 */
import type { Unwrapped } from "../effects.ts";
import type { RoutingCommand } from "../sphinx/commands.ts";
import type { DropReason } from "./drop_reason.ts";

export type Opened = Extract<Unwrapped["result"], { readonly ok: true }>;

export type Classified =
  /** NextNodeHop and NodeDelay. */
  | { readonly type: "Forward"; readonly nextHop: Uint8Array; readonly delayMs: number; readonly packet: Uint8Array }
  /** Recipient, and NodeDelay where an acknowledgement or answer can be sent; null where none can. */
  | {
    readonly type: "ToUser";
    readonly recipient: Uint8Array;
    readonly delayMs: number | null;
    readonly payload: Uint8Array;
  }
  /** Recipient and SurbReply. */
  | {
    readonly type: "SurbReply";
    readonly recipient: Uint8Array;
    readonly surbId: Uint8Array;
    readonly payload: Uint8Array;
  };

/** Where the packet came from, which limits what it may want. */
export type Origin = "client" | "mix";

interface Sorted {
  nextHop: Uint8Array | null;
  delayMs: number | null;
  recipient: Uint8Array | null;
  surbId: Uint8Array | null;
}

/** Null where a command comes twice. */
const sortCommands = (commands: ReadonlyArray<RoutingCommand>): Sorted | null => {
  const sorted: Sorted = { nextHop: null, delayMs: null, recipient: null, surbId: null };
  const seen = new Set<RoutingCommand["type"]>();
  for (const command of commands) {
    if (seen.has(command.type)) return null;
    seen.add(command.type);
    if (command.type === "NextNodeHop") sorted.nextHop = command.id;
    else if (command.type === "NodeDelay") sorted.delayMs = command.delayMs;
    else if (command.type === "Recipient") sorted.recipient = command.id;
    else sorted.surbId = command.id;
  }
  return sorted;
};

/** One of the four combinations that mean something, or null. */
const classifyCommands = ({ commands, packet, payload }: Opened): Classified | null => {
  const sorted = sortCommands(commands);
  if (sorted === null) return null;
  const { nextHop, delayMs, recipient, surbId } = sorted;
  if (nextHop !== null) {
    const forwards = delayMs !== null && recipient === null && surbId === null && packet !== null;
    return forwards ? { type: "Forward", nextHop, delayMs, packet } : null;
  }
  if (recipient === null || payload === null) return null;
  if (surbId === null) return { type: "ToUser", recipient, delayMs, payload };
  return delayMs === null ? { type: "SurbReply", recipient, surbId, payload } : null;
};

/**
 * What to do with an unwrapped packet, or why to drop it. From a client a packet must go on; at a Provider one from a
 * mix must end; at a mix only replies end, to its own decoys.
 */
export const classify = (opened: Opened, origin: Origin, isProvider: boolean): Classified | DropReason => {
  const classified = classifyCommands(opened);
  if (classified === null) return "commands";
  if (classified.type === "Forward") return isProvider && origin === "mix" ? "mix-must-terminate" : classified;
  if (origin === "client") return "client-must-forward";
  return isProvider || classified.type === "SurbReply" ? classified : "mix-must-forward";
};
