/**
 * Virtual time: what is to happen, ordered by instant and then by the order in which it was planned.
 *
 * A binary heap in an array: unlike the persistent one of core/heap.ts it allocates one object an item and no more,
 * which counts where a run has a hundred million of them.
 *
 * @module
 */
import { invariant } from "../../core/machine.ts";

export interface Agenda {
  /** ms since the run began. */
  readonly now: () => number;
  /** Plans an action at an instant that is not past (a past one means now). Fractions of a ms are rounded up. */
  readonly at: (instant: number, action: () => void) => void;
  /** Does everything planned up to and including `instant`, then stands there. */
  readonly runUntil: (instant: number) => void;
  /** Actions planned and not yet done. */
  readonly planned: () => number;
}

interface Item {
  readonly instant: number;
  readonly order: number;
  readonly action: () => void;
}

/** More than any honest instant holds: a guard against a world that spins without time passing. */
const actionsPerInstantMax = 1_000_000;

const isBefore = (a: Item, b: Item): boolean => a.instant < b.instant || (a.instant === b.instant && a.order < b.order);

/** Adds an item to a heap. */
const push = (heap: Item[], item: Item): void => {
  let at = heap.length;
  for (let parent = (at - 1) >> 1; at > 0 && isBefore(item, heap[parent]!); parent = (at - 1) >> 1) {
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = item;
};

/** Removes the first item of a heap that has one. */
const pop = (heap: Item[]): Item => {
  const first = heap[0]!;
  const last = heap.pop()!;
  if (heap.length === 0) return first;
  let at = 0;
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
    if (!isBefore(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return first;
};

export const createAgenda = (): Agenda => {
  const heap: Item[] = [];
  let [now, atThisInstant, planned] = [0, 0, 0];

  const advance = (instant: number): void => {
    atThisInstant = instant === now ? atThisInstant + 1 : 0;
    invariant(atThisInstant < actionsPerInstantMax, `time stands still at ${now} ms`);
    now = instant;
  };

  return {
    now: () => now,
    at: (instant, action) => push(heap, { instant: Math.max(now, Math.ceil(instant)), order: planned++, action }),
    runUntil: (instant) => {
      while (heap.length > 0 && heap[0]!.instant <= instant) {
        const { instant: next, action } = pop(heap);
        advance(next);
        action();
      }
      now = Math.max(now, instant);
    },
    planned: () => heap.length,
  };
};
