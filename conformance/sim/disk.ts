/**
 * A host's disk: as adapters/store_lmdb.ts does, what is asked for at one time makes one transaction, which is durable
 * wholly or not at all; the next one begins when it is done. A crash loses what waits; the transaction under way may
 * have become durable or not, and nobody was told.
 *
 * @module
 */
import type { StoreEvent } from "../../core/effects.ts";
import type { Agenda } from "./agenda.ts";
import type { Prng } from "./prng.ts";
import { refusal, type Store, type StoreEffect } from "./store.ts";

export interface Disk {
  readonly perform: (effect: StoreEffect, answer: (event: StoreEvent) => void) => void;
  readonly crash: () => void;
  /** Added to the time of each transaction, ms. */
  readonly slowBy: (ms: number) => void;
  readonly setFull: (isFull: boolean) => void;
}

interface Request {
  readonly effect: StoreEffect;
  readonly answer: (event: StoreEvent) => void;
}

/** Transactions take from 1 to `maxMs` ms. */
export const createDisk = (agenda: Agenda, prng: Prng, store: Store, maxMs: number): Disk => {
  let waiting: Request[] = [];
  let inFlight: Request[] = [];
  let [generation, slowMs, isFull] = [0, 0, false];

  const begin = (): void => {
    if (inFlight.length > 0 || waiting.length === 0) return;
    inFlight = waiting;
    waiting = [];
    const mine = generation;
    agenda.at(agenda.now() + 1 + prng.below(maxMs) + slowMs, () => {
      if (mine === generation) end();
    });
  };

  const end = (): void => {
    const done = inFlight;
    const events = done.map(({ effect }) => isFull && effect.type !== "Scan" ? refusal(effect) : store.perform(effect));
    inFlight = [];
    done.forEach(({ answer }, index) => answer(events[index]!));
    begin();
  };

  return {
    perform: (effect, answer) => {
      waiting.push({ effect, answer });
      // What the same step asks for joins the transaction.
      const mine = generation;
      if (waiting.length === 1) agenda.at(agenda.now(), () => mine === generation && begin());
    },
    crash: () => {
      generation++;
      if (!isFull && prng.once(2)) inFlight.forEach(({ effect }) => store.perform(effect));
      [waiting, inFlight] = [[], []];
    },
    slowBy: (ms) => {
      slowMs += ms;
    },
    setFull: (full) => {
      isFull = full;
    },
  };
};
