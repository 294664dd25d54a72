/**
 * What a session has still to send: commands that wait, and writes that the kernel has not yet taken. Few writes are
 * under way at a time, so that a command's lateness is judged when its turn really comes (wire-facts §6.2, SendSlack).
 *
 * @module
 */
import { List } from "../collections/list.ts";
import type { Mono } from "../machine.ts";
import type { Command } from "./commands.ts";

export interface Waiting {
  readonly command: Command;
  /** Comes back when the command's fate is known; null where nobody asks. */
  readonly id: number | null;
  /** Monotonic ms, or null. */
  readonly notAfter: number | null;
}

export interface UnderWay {
  /** Bytes of the write that the kernel has not taken. */
  readonly length: number;
  readonly id: number | null;
}

export interface Outbox {
  readonly waiting: List<Waiting>;
  readonly underWay: ReadonlyArray<UnderWay>;
  /** Since when no write was taken whole; null while none is under way. */
  readonly stalledSince: Mono | null;
}

/** One is at the kernel while the next is prepared. */
export const underWayMax = 2;

export const emptyOutbox: Outbox = { waiting: List(), underWay: [], stalledSince: null };

export const enqueue = (outbox: Outbox, item: Waiting): Outbox => ({ ...outbox, waiting: outbox.waiting.push(item) });

/** Takes out the commands at the front whose time has passed, and gives them back. */
export const dropLate = (
  outbox: Outbox,
  now: Mono,
): { readonly outbox: Outbox; readonly late: ReadonlyArray<Waiting> } => {
  const late: Waiting[] = [];
  for (const item of outbox.waiting) {
    if (item.notAfter === null || item.notAfter >= now) break;
    late.push(item);
  }
  return { outbox: late.length === 0 ? outbox : { ...outbox, waiting: outbox.waiting.skip(late.length) }, late };
};

/** Notes that bytes were given to the kernel. */
export const wrote = (outbox: Outbox, now: Mono, length: number, id: number | null): Outbox => ({
  waiting: outbox.waiting,
  underWay: [...outbox.underWay, { length, id }],
  stalledSince: outbox.stalledSince ?? now,
});

/** Notes that the kernel has taken bytes, and gives back the ids of the commands that it now has whole. */
export const flushed = (
  outbox: Outbox,
  now: Mono,
  length: number,
): { readonly outbox: Outbox; readonly sent: ReadonlyArray<number> } => {
  const sent: number[] = [];
  let [taken, whole] = [length, 0];
  for (const write of outbox.underWay) {
    if (write.length > taken) break;
    taken -= write.length;
    whole++;
    if (write.id !== null) sent.push(write.id);
  }
  const rest = outbox.underWay.slice(whole);
  const [first, ...others] = rest;
  const underWay = first === undefined ? rest : [{ length: first.length - taken, id: first.id }, ...others];
  const stalledSince = first === undefined ? null : whole > 0 ? now : outbox.stalledSince;
  return { outbox: { waiting: outbox.waiting, underWay, stalledSince }, sent };
};
