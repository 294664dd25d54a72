/**
 * From a packet's arrival to what it wants (specs/mixnet.rst §4.3, specs/sphinx_replay_detection.rst §4, wire-facts
 * §6.1): unwrap with the keys in force, look for a replay under the key that fitted, then act on the commands. Every
 * packet that could be unwrapped is recorded, also one that is then dropped.
 *
 * @module
 */
import { toHex } from "../bytes.ts";
import { count, log, type StoreEvent, tell, type Unwrapped } from "../effects.ts";
import type { Mono } from "../machine.ts";
import type { SealedMessage } from "../noise/cipher_state.ts";
import type { Address } from "../system.ts";
import { beginUnwrap, endUnwrap } from "./back_pressure.ts";
import { type Classified, classify, type Opened, type Origin } from "./classify.ts";
import { acceptDecoyReply } from "./decoy.ts";
import { remainingDelay } from "./delay.ts";
import type { DropReason } from "./drop_reason.ts";
import { currentDelayMaxMs, scheduleForward } from "./forward.ts";
import { keysInForce } from "./keys.ts";
import { terminate } from "./terminal.ts";
import { dropPacket, emit, takeId, type Turn, update } from "./turn.ts";

/** A packet in unwrapping, whose bytes have been handed over, or in replay detection. */
export interface Inspection {
  readonly origin: Origin;
  /** The connection that it came by. */
  readonly session: Address;
  readonly receivedAt: Mono;
  /** Null while it is being unwrapped. */
  readonly unwrapped: { readonly at: Mono; readonly opened: Opened } | null;
}

/** Packets that may be in inspection. */
const inspectionsMax = ({ state: { config: { limits } }, bound: { geometry } }: Turn): number =>
  Math.min(limits.unwrapPendingMax, Math.max(1, Math.floor(limits.unwrapPendingBytes / geometry.packetLength)));

/** A packet that nobody opens. */
export const dropSealed = (turn: Turn, reason: DropReason, { cipher }: SealedMessage): void => {
  turn.consumed.push(cipher.key);
  dropPacket(turn, reason);
};

/** Takes a packet from a peer that may send it, in the frame that it came in. */
export const receivePacket = (turn: Turn, sealed: SealedMessage, origin: Origin, session: Address): void => {
  if (turn.state.inspections.size >= inspectionsMax(turn)) return dropSealed(turn, "unwrap-queue-full", sealed);
  const keys = keysInForce(turn.state.keys, turn.time, turn.state.schedule.keyGraceMs);
  if (keys.length === 0) return dropSealed(turn, "no-mix-key", sealed);
  const id = takeId(turn);
  const inspection: Inspection = { origin, session, receivedAt: turn.context.now, unwrapped: null };
  update(turn, { inspections: turn.state.inspections.set(id, inspection) });
  emit(turn, { type: "Unwrap", id, sealed, keys });
  beginUnwrap(turn, session);
};

export const onUnwrapped = (turn: Turn, { id, result }: Unwrapped): void => {
  const inspection = turn.state.inspections.get(id);
  if (inspection === undefined || inspection.unwrapped !== null) return;
  endUnwrap(turn, inspection.session);
  if (!result.ok) {
    update(turn, { inspections: turn.state.inspections.delete(id) });
    tellSession(turn, inspection.session, result);
    return dropPacket(turn, `unwrap-${result.reason}`);
  }
  if (!turn.state.keys.has(result.epoch)) {
    // Its key has been destroyed meanwhile, and the tags with it.
    update(turn, { inspections: turn.state.inspections.delete(id) });
    return dropPacket(turn, "no-mix-key", result.packet ?? undefined);
  }
  const unwrapped = { at: turn.context.now, opened: result };
  update(turn, { inspections: turn.state.inspections.set(id, { ...inspection, unwrapped }) });
  emit(turn, { type: "TestAndSetReplay", id, epoch: result.epoch, tag: result.replayTag });
};

type Failed = Extract<Unwrapped["result"], { readonly ok: false }>;

/** What was no packet at all is the session's concern, if it still is there. */
const tellSession = (turn: Turn, session: Address, failed: Failed): void => {
  if (failed.reason !== "frame" && failed.reason !== "command") return;
  if (!turn.state.connections.bySession.has(session)) return;
  emit(turn, tell(session, { type: "Opened", bytes: failed.reason === "command" ? failed.command : null }));
};

export const onReplayTested = (turn: Turn, { id, outcome }: Extract<StoreEvent, { type: "ReplayTested" }>): void => {
  const inspection = turn.state.inspections.get(id);
  if (inspection === undefined || inspection.unwrapped === null) return;
  update(turn, { inspections: turn.state.inspections.delete(id) });
  const { at, opened } = inspection.unwrapped;
  const packet = opened.packet ?? undefined;
  if (outcome === "replayed") return dropPacket(turn, "replayed", packet);
  if (outcome === "failed") return dropPacket(turn, "replay-store-failed", packet);
  emit(turn, count("dwell-ms", undefined, Math.max(0, turn.context.now - inspection.receivedAt)));
  if (outcome === "full") return refuseUnrecorded(turn, opened);
  if (at - inspection.receivedAt > turn.state.config.limits.unwrapDelayMs) {
    return dropPacket(turn, "unwrap-late", packet);
  }
  const classified = classify(opened, inspection.origin, turn.state.config.isProvider);
  if (typeof classified === "string") return dropPacket(turn, classified, packet);
  act(turn, classified, inspection.receivedAt, at);
};

/** Without its tag a packet could come twice: it is dropped. Counted for every packet, said once for a key. */
const refuseUnrecorded = (turn: Turn, { epoch, packet }: Opened): void => {
  dropPacket(turn, "replay-tags-full", packet ?? undefined);
  if (turn.state.tagsFull !== null && epoch <= turn.state.tagsFull) return;
  update(turn, { tagsFull: epoch });
  const message =
    `the key of epoch ${epoch} has had as many packets as replay tags are kept: all further ones are dropped`;
  emit(turn, log("ERROR", "replay-tags-full", message, { epoch }));
};

const act = (turn: Turn, classified: Classified, receivedAt: Mono, unwrappedAt: Mono): void => {
  if (classified.type === "Forward") return forward(turn, classified, turn.context.now - receivedAt);
  if (classified.type === "SurbReply" && acceptDecoyReply(turn, classified)) return;
  terminate(turn, classified, turn.context.now - unwrappedAt);
};

const forward = (
  turn: Turn,
  { nextHop, delayMs, packet }: Extract<Classified, { type: "Forward" }>,
  dwellMs: number,
): void => {
  const remaining = remainingDelay(turn.state.config.clock, currentDelayMaxMs(turn), delayMs, dwellMs);
  if (typeof remaining === "string") dropPacket(turn, remaining, packet);
  else scheduleForward(turn, toHex(nextHop), packet, remaining);
};
