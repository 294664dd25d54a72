/**
 * Who sees what goes into hosts and comes out of them. There are a dozen observers and millions of effects, of which
 * most observers look at one kind in twenty: each is told of what it names.
 *
 * @module
 */
import type { LeafEffect } from "../../core/effects.ts";
import type { Emission, Input } from "../../core/system.ts";

export interface Observer {
  readonly started?: (at: number, host: string) => void;
  readonly crashed?: (at: number, host: string) => void;
  readonly input?: (at: number, host: string, input: Input | null) => void;
  /** The types of events that `input` is told of. Default: all, and the passing of time. */
  readonly events?: ReadonlyArray<string>;
  readonly emission?: (at: number, host: string, emission: Emission) => void;
  /** The types of effects that `emission` is told of. Default: all. */
  readonly effects?: ReadonlyArray<LeafEffect["type"]>;
}

export type Watch = Required<Pick<Observer, "started" | "crashed" | "input" | "emission">> & {
  /** Lets an observer see everything from now on. */
  readonly add: (observer: Observer) => void;
};

type Told<Name extends "input" | "emission"> = NonNullable<Observer[Name]>;

/** Those who are told of a type, found when it first comes. */
const createTable = <A>(listenersOf: (type: string | null) => ReadonlyArray<A>) => {
  const byType = new Map<string | null, ReadonlyArray<A>>();
  return {
    of: (type: string | null): ReadonlyArray<A> => {
      const known = byType.get(type);
      if (known !== undefined) return known;
      const found = listenersOf(type);
      byType.set(type, found);
      return found;
    },
    clear: () => byType.clear(),
  };
};

const typeOf = (input: Input | null): string | null =>
  (input?.event as { readonly type?: string } | undefined)?.type ?? null;

export const createWatch = (): Watch => {
  const observers: Observer[] = [];
  const inputs = createTable<Told<"input">>((type) =>
    observers.flatMap(({ input, events }) =>
      input !== undefined && (events === undefined || (type !== null && events.includes(type))) ? [input] : []
    )
  );
  const emissions = createTable<Told<"emission">>((type) =>
    observers.flatMap(({ emission, effects }) =>
      emission !== undefined && (effects === undefined || effects.some((one) => one === type)) ? [emission] : []
    )
  );
  return {
    add: (observer) => {
      observers.push(observer);
      inputs.clear();
      emissions.clear();
    },
    started: (at, host) => observers.forEach((each) => each.started?.(at, host)),
    crashed: (at, host) => observers.forEach((each) => each.crashed?.(at, host)),
    input: (at, host, input) => {
      for (const told of inputs.of(typeOf(input))) told(at, host, input);
    },
    emission: (at, host, emission) => {
      for (const told of emissions.of(emission.effect.type)) told(at, host, emission);
    },
  };
};
