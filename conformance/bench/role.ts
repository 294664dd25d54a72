/**
 * A machine of a function: what a benchmark plays around what it measures. It has no deadline, and its memory is the
 * function's.
 *
 * @module
 */
import type { Effect } from "../../core/effects.ts";
import type { Machine } from "../../core/machine.ts";
import type { AnyMachine } from "../../core/system.ts";

export const roleOf = <Event extends { readonly type: string }>(
  react: (event: Event) => ReadonlyArray<Effect>,
): AnyMachine => {
  const machine: Machine<null, null, Event, Effect> = {
    start: () => ({ state: null, effects: [], wakeAt: null }),
    step: (_context, state, event) => ({
      state,
      effects: event.type === "Tick" ? [] : react(event as Event),
      wakeAt: null,
    }),
  };
  return machine;
};
