/**
 * Virtual time: what is to happen, ordered by instant and then by the order in which it was planned.
 *
 * Instants are whole ms, and a large network does dozens of things in each: what is planned for one instant is a list,
 * and only the instants are in a heap.
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

/** More than any honest instant holds: a guard against a world that spins without time passing. */
const actionsPerInstantMax = 1_000_000;

/** Adds a number to a binary heap. */
const push = (heap: number[], item: number): void => {
  let at = heap.length;
  for (let parent = (at - 1) >> 1; at > 0 && item < heap[parent]!; parent = (at - 1) >> 1) {
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = item;
};

/** Removes the first number of a heap that has one. */
const pop = (heap: number[]): void => {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  let at = 0;
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
    if (heap[child]! >= last) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
};

export const createAgenda = (): Agenda => {
  const instants: number[] = [];
  const actions = new Map<number, Array<() => void>>();
  let [now, planned] = [0, 0];

  const at = (instant: number, action: () => void): void => {
    const when = Math.max(now, Math.ceil(instant));
    const others = actions.get(when);
    planned++;
    if (others !== undefined) return void others.push(action);
    actions.set(when, [action]);
    push(instants, when);
  };

  /** What an action plans for the same instant is done as well. */
  const doAll = (instant: number): void => {
    now = instant;
    const due = actions.get(instant)!;
    for (let next = 0; next < due.length; next++) {
      invariant(next < actionsPerInstantMax, `time stands still at ${now} ms`);
      planned--;
      due[next]!();
    }
    actions.delete(instant);
    pop(instants);
  };

  return {
    now: () => now,
    at,
    runUntil: (instant) => {
      while (instants.length > 0 && instants[0]! <= instant) doAll(instants[0]!);
      now = Math.max(now, instant);
    },
    planned: () => planned,
  };
};
