/**
 * Why a packet ends at a node other than by being forwarded or delivered. At every node, at every instant:
 * received + created = forwarded + delivered + dropped(reason) + held.
 *
 * @module
 */
import { unansweredReasons } from "../provider/plugin_state.ts";

export const dropReasons = [
  /* On arrival */
  "packet-size",
  "connection-closing",
  "rate-limited",
  /** The sending node is in no document for this moment (wire-facts §2.7 canSend). */
  "peer-not-listed",
  "no-mix-key",
  "unwrap-queue-full",
  /* In unwrapping and replay detection */
  /** Its frame does not decrypt: the connection ends. */
  "unwrap-frame",
  /** What is as long as a packet was another command, padded: the session reads it. */
  "unwrap-command",
  "unwrap-short",
  "unwrap-ad",
  "unwrap-point",
  "unwrap-mac",
  "unwrap-commands",
  "unwrap-payload",
  "unwrap-late",
  "replayed",
  "replay-store-failed",
  /** The key has had as many packets as the store keeps tags of. */
  "replay-tags-full",
  /* By its routing commands */
  "commands",
  "client-must-forward",
  "mix-must-terminate",
  "mix-must-forward",
  /* On the way to the next hop */
  "delay-zero",
  "delay-too-long",
  "next-hop-unknown",
  "scheduler-queue-full",
  "scheduler-late",
  "link-down",
  "session-queue-full",
  "session-send-late",
  "session-closed",
  /* At a Provider */
  "provider-late",
  "payload-format",
  "recipient-invalid",
  "recipient-unknown",
  "reply-to-service",
  ...unansweredReasons,
  "mailbox-full",
  "store-busy",
  "store-failed",
  /* Decoy replies */
  "decoy-unknown",
  "decoy-garbled",
] as const;

export type DropReason = typeof dropReasons[number];
