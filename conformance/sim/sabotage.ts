/**
 * Hosts with a fault built in, for runs that the oracles have to catch.
 *
 * @module
 */
import type { Step } from "../../core/machine.ts";
import type { Address, Emission, Input, SystemState } from "../../core/system.ts";
import type { HostSpec } from "./host.ts";

type Outcome = Step<SystemState, Emission>;

export type Sabotage = (spec: HostSpec) => HostSpec;

/** Changes what every step of a host comes to. */
export const everyStep = (host: string, change: (outcome: Outcome) => Outcome): Sabotage => (spec) =>
  spec.name !== host ? spec : {
    ...spec,
    system: {
      start: (context, machines) => change(spec.system.start(context, machines)),
      step: (context, state, input) => change(spec.system.step(context, state, input)),
    },
  };

/** Changes what every step of a host is told. */
export const everyInput = (host: string, change: (input: Input | null) => Input | null): Sabotage => (spec) =>
  spec.name !== host ? spec : {
    ...spec,
    system: {
      start: spec.system.start,
      step: (context, state, input) => spec.system.step(context, state, change(input)),
    },
  };

/** Changes a host once: at the first step that `change` has a change for. */
export const oneStep = (host: string, change: (outcome: Outcome) => Outcome | null): Sabotage => {
  let done = false;
  return everyStep(host, (outcome) => {
    const changed = done ? null : change(outcome);
    done = done || changed !== null;
    return changed ?? outcome;
  });
};

/** Changes the state of one machine; null where there is nothing to change yet. */
export const withState = <S>(outcome: Outcome, address: Address, change: (state: S) => S | null): Outcome | null => {
  const entry = outcome.state.machines.get(address);
  const changed = entry === undefined ? null : change(entry.state as S);
  if (entry === undefined || changed === null) return null;
  const machines = outcome.state.machines.set(address, { ...entry, state: changed });
  return { ...outcome, state: { ...outcome.state, machines } };
};

/** Does something else with the first effect that fits; null where none does. */
export const withEffect = (
  outcome: Outcome,
  fits: (emission: Emission) => boolean,
  change: (emission: Emission) => ReadonlyArray<Emission>,
): Outcome | null => {
  const at = outcome.effects.findIndex(fits);
  if (at === -1) return null;
  const effects = outcome.effects.flatMap((emission, index) => (index === at ? change(emission) : [emission]));
  return { ...outcome, effects };
};
