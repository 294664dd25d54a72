/**
 * A queue that is worked off one item at a time, in turns: never from within `push`, and never for so long that timers
 * and sockets of the process starve.
 *
 * @module
 */
import { setImmediate } from "node:timers";

export interface TurnsOptions<A> {
  readonly handle: (item: A) => void;
  /** Told true when more than `highMark` items wait, and false when fewer than `lowMark` are left. */
  readonly onBehind: (behind: boolean) => void;
  readonly highMark: number;
  readonly lowMark: number;
  /** Called when nothing is left to do. */
  readonly onIdle: () => void;
  /** How long the first item of a turn waited for it, and how long the turn lasted, in ms. */
  readonly onTurn: (waitedMs: number, lastedMs: number) => void;
}

export interface Turns<A> {
  readonly push: (item: A) => void;
  readonly waiting: () => number;
  /** Forgets what waits; takes nothing more. */
  readonly stop: () => void;
}

/** How long a turn may last before the event loop has its own, in ms. */
const turnMs = 2;

export const createTurns = <A>({ handle, onBehind, highMark, lowMark, onIdle, onTurn }: TurnsOptions<A>): Turns<A> => {
  let queue: A[] = [];
  /** Items at the front that are done: to remove each at once would move all others. */
  let done = 0;
  let pending = false;
  let scheduledAt = 0;
  let behind = false;
  let stopped = false;

  const waiting = (): number => queue.length - done;

  const next = (): A => {
    const item = queue[done++]!;
    if (done > highMark && 2 * done > queue.length) {
      queue = queue.slice(done);
      done = 0;
    }
    return item;
  };

  const schedule = (): void => {
    if (pending) return;
    pending = true;
    scheduledAt = performance.now();
    setImmediate(turn);
  };

  const turn = (): void => {
    if (stopped) return;
    const began = performance.now();
    do handle(next()); while (!stopped && waiting() > 0 && performance.now() < began + turnMs);
    onTurn(began - scheduledAt, performance.now() - began);
    pending = false;
    if (stopped) return;
    if (behind && waiting() < lowMark) {
      behind = false;
      onBehind(false);
    }
    if (waiting() > 0) return schedule();
    queue = [];
    done = 0;
    onIdle();
  };

  return {
    push: (item) => {
      if (stopped) return;
      queue.push(item);
      if (!behind && waiting() > highMark) {
        behind = true;
        onBehind(true);
      }
      schedule();
    },
    waiting,
    stop: () => {
      stopped = true;
      queue = [];
      done = 0;
    },
  };
};
