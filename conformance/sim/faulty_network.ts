/**
 * The small network for runs under faults, as data: it can be a case. Shorter epochs and a quicker egress queue than in
 * quiet runs leave time for all to heal.
 *
 * @module
 */
import { E } from "../../core/fp.ts";
import { invariant } from "../../core/machine.ts";
import { type Configuration, optionsOf } from "./case.ts";
import type { SimulationOptions } from "./simulation.ts";

export const faultyConfiguration: Configuration = {
  seed: 1,
  epochs: 2,
  suite: "toy",
  periodMs: 20_000,
  authorities: 3,
  layers: 2,
  mixesPerLayer: 1,
  providers: 2,
  clients: 2,
  parameters: {
    sendRatePerMinute: 6000,
    mu: 0.01,
    lambdaP: 0.0006,
    lambdaL: 0.0002,
    lambdaD: 0.0001,
    lambdaM: 0.00005,
  },
};

/** The run of a configuration that is known to be right. */
export const runOf = (configuration: Configuration): SimulationOptions => {
  const options = optionsOf(configuration);
  invariant(E.isRight(options), "the parameters are valid");
  return options.right;
};
