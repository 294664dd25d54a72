/**
 * Sending packets on: into the delay queue, out of it in time, and to the session of the next hop (specs/mixnet.rst
 * §4.3, wire-facts §6.2).
 *
 * @module
 */
import { count, tell } from "../effects.ts";
import { after } from "../machine.ts";
import type { Address } from "../system.ts";
import type { SendDropped } from "../wire/session.ts";
import { delayMaxMs } from "./delay.ts";
import { dequeueDue, enqueue, evict, queueSize } from "./delay_queue.ts";
import type { DropReason } from "./drop_reason.ts";
import { queueCapacity } from "./state.ts";
import { countPacket, dropPacket, takeId, type Turn, update } from "./turn.ts";

/** The longest delay that a packet may have now. */
export const currentDelayMaxMs = ({ state, time }: Turn): number =>
  delayMaxMs(state.config.clock, state.documents.known.get(time.epoch)?.document.parameters.muMaxDelayMs ?? null);

/**
 * Lets a packet wait. In a full queue a random packet makes room, which may be the one that comes: so no flood can
 * choose whose packets are lost (specs/mixnet.rst §4.3).
 */
export const scheduleForward = (turn: Turn, nextHop: string, packet: Uint8Array, delayMs: number): void => {
  if (delayMs > currentDelayMaxMs(turn)) return dropPacket(turn, "delay-too-long", packet);
  if (!turn.state.links.byId.has(nextHop)) return dropPacket(turn, "next-hop-unknown", packet);
  const queue = enqueue(turn.state.queue, { due: after(turn.context.now, delayMs), nextHop, packet });
  update(turn, { queue });
  if (queueSize(queue) <= queueCapacity(turn.state.config, turn.bound.geometry)) return;
  const evicted = evict(queue, turn.draw(`evict ${queue.nextTicket}`));
  update(turn, { queue: evicted.queue });
  dropPacket(turn, "scheduler-queue-full", evicted.item.packet);
};

/** Sends what is due, a burst at most; the rest wakes the node again at once. */
export const dispatchDue = (turn: Turn): void => {
  const { schedulerMaxBurst, schedulerSlackMs } = turn.state.config.limits;
  for (let sent = 0; sent < schedulerMaxBurst; sent++) {
    const taken = dequeueDue(turn.state.queue, turn.context.now);
    if (taken === null) return;
    update(turn, { queue: taken.queue });
    const { due, nextHop, packet } = taken.item;
    turn.effects.push(count("lateness-ms", undefined, Math.max(0, turn.context.now - due)));
    if (turn.context.now - due > schedulerSlackMs) dropPacket(turn, "scheduler-late", packet);
    else sendPacket(turn, nextHop, packet);
  }
};

/** Hands a packet to the session of its next hop, which answers with Sent. */
export const sendPacket = (turn: Turn, nextHop: string, packet: Uint8Array): void => {
  const link = turn.state.links.byId.get(nextHop);
  if (link === undefined) return dropPacket(turn, "next-hop-unknown", packet);
  if (link.phase.type !== "up") return dropPacket(turn, "link-down", packet);
  const { session } = link.phase;
  const id = takeId(turn);
  update(turn, { sending: turn.state.sending.set(id, session) });
  const notAfter = after(turn.context.now, turn.state.config.limits.sendSlackMs);
  turn.effects.push(tell(session, { type: "Send", command: { type: "SendPacket", packet }, id, notAfter }));
};

const sendDrops: Readonly<Record<SendDropped, DropReason>> = {
  "session-down": "session-closed",
  "session-queue-full": "session-queue-full",
  "session-send-late": "session-send-late",
  "session-command-invalid": "packet-size",
};

/** A session's word on a packet. */
export const onSent = (turn: Turn, id: number, dropped: SendDropped | null): void => {
  if (!turn.state.sending.has(id)) return;
  update(turn, { sending: turn.state.sending.delete(id) });
  if (dropped === null) countPacket(turn, "forwarded");
  else dropPacket(turn, sendDrops[dropped]);
};

/** A session ended: what it still had goes with it. */
export const abandonSends = (turn: Turn, session: Address): void => {
  for (const id of turn.state.sending.filter((of) => of === session).keys()) onSent(turn, id, "session-down");
};
