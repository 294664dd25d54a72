/**
 * What a store does: performs the storage effects of core/effects.ts. Tables are made by the first write and hold keys
 * in bytewise order.
 *
 * @module
 */
import type { Commit, DropTable, Scan, StoreEvent, TestAndSetReplay } from "../core/effects.ts";

/** Replay tags that a key may have: more than one core unwraps in the life of a key of 20 minutes and two graces. */
export const defaultReplayTagsMax = 4_000_000;

export type StoreEffect = Commit | Scan | DropTable | TestAndSetReplay;

export interface Store {
  /**
   * Performs an effect and answers it once, at once or later, when the outcome is as durable as the store is. Effects
   * take place in the order in which they are given: a Scan sees every Commit given before it. The bytes of the effect
   * are the store's.
   */
  readonly perform: (effect: StoreEffect, answer: (event: StoreEvent) => void) => void;
  /** Resolves once everything given is durable and answered. */
  readonly close: () => Promise<void>;
}
