/**
 * The options that tests of the simulator share: a network that is small, fast and has every kind of host and packet.
 *
 * @module
 */
import { invariant } from "../../core/machine.ts";
import { E } from "../../core/fp.ts";
import { completeParameters } from "../../core/pki/parameters.ts";
import { createGeometry } from "../../core/sphinx/geometry.ts";
import type { SimulationOptions } from "./simulation.ts";
import { toySuite } from "./toy_suite.ts";

const parameters = completeParameters({
  sendRatePerMinute: 6000,
  mu: 0.01,
  lambdaP: 0.0006,
  lambdaL: 0.0002,
  lambdaD: 0.0001,
  lambdaM: 0.0001,
});
invariant(E.isRight(parameters), "the parameters are valid");

export const smallNetwork: SimulationOptions = {
  seed: 1,
  epochs: 1,
  suite: toySuite,
  geometry: createGeometry(5, 2 + 556 + 1024),
  periodMs: 20_000,
  parameters: parameters.right,
  authorities: 3,
  layers: 2,
  mixesPerLayer: 1,
  providers: 2,
  clients: 2,
};
