/**
 * Virtual time: what is to happen, ordered by instant and then by the order in which it was planned.
 *
 * @module
 */
import { emptyHeap, peek, pop, push } from "../../core/heap.ts";
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

/** More than any honest instant holds: a guard against a world that spins without time passing. */
const actionsPerInstantMax = 1_000_000;

export const createAgenda = (): Agenda => {
  let heap = emptyHeap<() => void>();
  let [now, atThisInstant] = [0, 0];

  const advance = (instant: number): void => {
    atThisInstant = instant === now ? atThisInstant + 1 : 0;
    invariant(atThisInstant < actionsPerInstantMax, `time stands still at ${now} ms`);
    now = instant;
  };

  return {
    now: () => now,
    at: (instant, action) => {
      heap = push(heap, Math.max(now, Math.ceil(instant)), action);
    },
    runUntil: (instant) => {
      for (let first = peek(heap); first !== null && first.key <= instant; first = peek(heap)) {
        heap = pop(heap);
        advance(first.key);
        first.value();
      }
      now = Math.max(now, instant);
    },
    planned: () => heap.size,
  };
};
