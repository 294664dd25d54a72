/**
 * Puts messages together from their blocks (specs/end_to_end.rst §4.2.1). Blocks belong together where sender, message
 * id and total agree; a difference in any makes another message.
 *
 * Bounded in messages, bytes and time. The delivery of blocks is unreliable in both directions, so blocks come again,
 * also after their message was complete: digests of what was delivered tell a spurious retransmission from an anomaly.
 *
 * @module
 */
import { OrderedMap } from "../collections/ordered_map.ts";
import { concat, equal, toHex } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { after, type Mono } from "../machine.ts";
import type { Geometry } from "../sphinx/geometry.ts";
import { type Block, blockPayloadLength } from "./block.ts";

export interface ReassemblyLimits {
  /** Messages of which blocks are missing, and as many delivered ones that are remembered. */
  readonly messagesMax: number;
  /** Bytes of the blocks that wait for others; also the longest message. */
  readonly bytesMax: number;
  /** How long a message may wait for its blocks, and how long a delivered one is remembered, in ms. */
  readonly lifetimeMs: number;
}

interface Incomplete {
  readonly blocks: OrderedMap<number, Uint8Array>;
  readonly bytes: number;
  readonly expiresAt: Mono;
}

interface Delivered {
  /** SHA-256 of each block's payload, by block id. */
  readonly digests: ReadonlyArray<Uint8Array>;
  readonly expiresAt: Mono;
}

/** Both maps are in the order of expiry, since all messages live equally long. */
export interface Reassembly {
  readonly incomplete: OrderedMap<string, Incomplete>;
  readonly delivered: OrderedMap<string, Delivered>;
  /** Of all incomplete messages. */
  readonly bytes: number;
}

export const emptyReassembly: Reassembly = { incomplete: OrderedMap(), delivered: OrderedMap(), bytes: 0 };

export type ReassemblyOutcome =
  | {
    readonly type: "Complete";
    readonly sender: Uint8Array;
    readonly messageId: Uint8Array;
    readonly message: Uint8Array;
  }
  | { readonly type: "Incomplete"; readonly missing: number }
  /** The very same block came before. */
  | { readonly type: "Duplicate" }
  /** Another payload came before under the same block id: the user should be told. */
  | { readonly type: "Conflict" }
  | { readonly type: "Refused"; readonly reason: "message-long" | "reassembly-full" };

export interface Reassembled {
  readonly reassembly: Reassembly;
  readonly outcome: ReassemblyOutcome;
}

/** Adds an opened block of `sender` (32 bytes). */
export const addBlock = (
  suite: Suite,
  geometry: Geometry,
  limits: ReassemblyLimits,
  reassembly: Reassembly,
  now: Mono,
  sender: Uint8Array,
  block: Block,
): Reassembled => {
  const key = `${toHex(sender)} ${toHex(block.messageId)} ${block.total}`;
  const delivered = reassembly.delivered.get(key);
  if (delivered !== undefined) {
    const same = equal(delivered.digests[block.id]!, suite.sha256(block.payload));
    return { reassembly, outcome: { type: same ? "Duplicate" : "Conflict" } };
  }
  const entry = reassembly.incomplete.get(key) ?? null;
  const before = entry?.blocks.get(block.id);
  if (before !== undefined) {
    return { reassembly, outcome: { type: equal(before, block.payload) ? "Duplicate" : "Conflict" } };
  }
  const reason = refusal(geometry, limits, reassembly, entry, block);
  if (reason !== null) return { reassembly, outcome: { type: "Refused", reason } };

  const blocks = (entry?.blocks ?? OrderedMap<number, Uint8Array>()).set(block.id, block.payload);
  if (blocks.size === block.total) return deliver(suite, limits, reassembly, now, key, sender, block, blocks);
  const bytes = (entry?.bytes ?? 0) + block.payload.length;
  const expiresAt = entry?.expiresAt ?? after(now, limits.lifetimeMs);
  return {
    reassembly: {
      ...reassembly,
      incomplete: reassembly.incomplete.set(key, { blocks, bytes, expiresAt }),
      bytes: reassembly.bytes + block.payload.length,
    },
    outcome: { type: "Incomplete", missing: block.total - blocks.size },
  };
};

const refusal = (
  geometry: Geometry,
  limits: ReassemblyLimits,
  reassembly: Reassembly,
  entry: Incomplete | null,
  block: Block,
): "message-long" | "reassembly-full" | null => {
  const lengthMin = (block.total - 1) * blockPayloadLength(geometry);
  if (lengthMin > limits.bytesMax) return "message-long";
  if (block.total === 1) return null;
  if (entry === null && reassembly.incomplete.size >= limits.messagesMax) return "reassembly-full";
  return reassembly.bytes + block.payload.length > limits.bytesMax ? "reassembly-full" : null;
};

const deliver = (
  suite: Suite,
  limits: ReassemblyLimits,
  reassembly: Reassembly,
  now: Mono,
  key: string,
  sender: Uint8Array,
  { messageId, total }: Block,
  blocks: OrderedMap<number, Uint8Array>,
): Reassembled => {
  const payloads = Array.from({ length: total }, (_, id) => blocks.get(id)!);
  const digests = payloads.map((payload) => suite.sha256(payload));
  const delivered = reassembly.delivered.set(key, { digests, expiresAt: after(now, limits.lifetimeMs) });
  return {
    reassembly: {
      incomplete: reassembly.incomplete.delete(key),
      delivered: delivered.size > limits.messagesMax ? delivered.skip(1) : delivered,
      bytes: reassembly.bytes - (reassembly.incomplete.get(key)?.bytes ?? 0),
    },
    outcome: { type: "Complete", sender, messageId, message: concat(...payloads) },
  };
};

/** When `expireMessages` has something to do next, or null. */
export const nextExpiry = ({ incomplete, delivered }: Reassembly): Mono | null => {
  const first = incomplete.first()?.expiresAt ?? null;
  const second = delivered.first()?.expiresAt ?? null;
  return first === null || (second !== null && second < first) ? second : first;
};

/** Forgets what has expired. `givenUp`: how many messages never became complete. */
export const expireMessages = (
  reassembly: Reassembly,
  now: Mono,
): { readonly reassembly: Reassembly; readonly givenUp: number } => {
  const first = nextExpiry(reassembly);
  // Asked in every step: walking the maps would cost more than the rest of it.
  if (first === null || first > now) return { reassembly, givenUp: 0 };
  const incomplete = reassembly.incomplete.skipWhile(({ expiresAt }) => expiresAt <= now);
  const delivered = reassembly.delivered.skipWhile(({ expiresAt }) => expiresAt <= now);
  const givenUp = reassembly.incomplete.size - incomplete.size;
  const bytes = incomplete.reduce((sum, entry) => sum + entry.bytes, 0);
  return { reassembly: { incomplete, delivered, bytes }, givenUp };
};
