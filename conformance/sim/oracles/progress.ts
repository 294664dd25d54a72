/**
 * Nothing is held for ever: no packet stays in inspection, in a delay queue or on its way to a session from one
 * sample to the one after the next, which is longer than delays, disks and workers of a healthy network take
 * together. Faults hold packets, too: their ages begin anew.
 *
 * @module
 */
import type { NodeState } from "../../../core/mix/state.ts";
import { type CreateOracle, isCalm, nodesOf, type View } from "./oracle.ts";

/** A sample is a seventeenth of an epoch; where delays are longer than two of them, packets may wait as long. */
const samplesMaxOf = ({ clock, parameters }: View): number =>
  Math.max(3, 2 + Math.ceil((17 * parameters.muMaxDelayMs) / clock.periodMs));

const packetsOf = ({ inspections, queue, sending }: NodeState): string[] => [
  ...[...inspections.keys()].map((id) => `in inspection (${id})`),
  ...[...queue.held.keys()].map((ticket) => `in the delay queue (${ticket})`),
  ...[...sending.keys()].map((id) => `on its way to a session (${id})`),
];

export const progress: CreateOracle = (view, report) => {
  const samplesMax = samplesMaxOf(view);
  // Samples at which each held packet has been seen.
  let ages = new Map<string, number>();
  let seen = 0;
  return {
    name: "progress",
    sample: () => {
      const next = new Map<string, number>();
      for (const [host, state] of isCalm(view) ? nodesOf(view) : []) {
        for (const packet of packetsOf(state)) {
          const age = (ages.get(`${host} ${packet}`) ?? 0) + 1;
          if (age === samplesMax) report("liveness", `${host} keeps a packet ${packet}`);
          next.set(`${host} ${packet}`, age);
          seen++;
        }
      }
      ages = next;
    },
    summary: () => `${seen} packets were seen on their way`,
  };
};
