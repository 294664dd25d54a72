/**
 * A failing run made small: as few faults as show the same failure, each as short and as mild as still shows it.
 *
 * @module
 */
import type { Fault } from "./fault.ts";
import { shrink, weaken } from "./shrink.ts";
import { simulate, type SimulationOptions, type SimulationResult } from "./simulation.ts";

/** What makes two failures the same one; null where there is none. */
export const symptomOf = ({ crash, violations }: SimulationResult): string | null =>
  crash?.message ?? [...new Set(violations.map(({ kind, oracle }) => `${kind} ${oracle}`))].sort()[0] ?? null;

/** Shorter than this a fault need not be, ms. */
const lengthMinMs = 1000;

/** Half as long, and half as much. */
const weakerThan = (fault: Fault): ReadonlyArray<Fault> => {
  const { from, until } = fault;
  const shorter = until - from <= lengthMinMs ? [] : [{ ...fault, until: from + Math.ceil((until - from) / 2) }];
  const milder = "ms" in fault && Math.abs(fault.ms) > 1 ? [{ ...fault, ms: Math.trunc(fault.ms / 2) }] : [];
  return [...shorter, ...milder];
};

/** The smallest faults under which a run fails as `result` did, as far as was tried. */
export const minimize = (options: SimulationOptions, result: SimulationResult): ReadonlyArray<Fault> => {
  const symptom = symptomOf(result);
  const fails = (faults: ReadonlyArray<Fault>): boolean => symptomOf(simulate({ ...options, faults })) === symptom;
  return weaken(shrink(result.faults, fails), weakerThan, fails);
};
