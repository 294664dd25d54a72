/**
 * A case: a run as data, so that it can be kept and repeated. What a fault once revealed is committed under
 * `cases/`, and
 * a test runs it.
 *
 * Version 1, JSON: `version`, `what` (for people), `configuration`, `faults`.
 *
 * @module
 */
import { nativeSuite } from "../../adapters/crypto_native.ts";
import { E, type Either } from "../../core/fp.ts";
import { completeParameters, type LoopixParameters } from "../../core/pki/parameters.ts";
import { createGeometry, katzenpostGeometry } from "../../core/sphinx/geometry.ts";
import { decodeFaults, type Fault } from "./fault.ts";
import type { SimulationOptions } from "./simulation.ts";
import { toySuite } from "./toy_suite.ts";

/** All that a run follows from, beside its faults. */
export interface Configuration {
  readonly seed: number;
  readonly epochs: number;
  /** `toy` has payloads of 1 KiB, `real` the network's. */
  readonly suite: "toy" | "real";
  readonly periodMs: number;
  readonly authorities: number;
  readonly layers: number;
  readonly mixesPerLayer: number;
  readonly providers: number;
  readonly clients: number;
  readonly parameters: Partial<LoopixParameters>;
}

export interface Case {
  readonly what: string;
  readonly configuration: Configuration;
  /** `swarm` leaves them to the seed. */
  readonly faults: ReadonlyArray<Fault> | "swarm";
}

const version = 1;

/** Room for a SURB and 1 KiB. */
const toyGeometry = createGeometry(5, 2 + 556 + 1024);

/** The run of a configuration, or why its parameters are none. */
export const optionsOf = (configuration: Configuration): Either<string, SimulationOptions> => {
  const { suite, parameters, ...counts } = configuration;
  const completed = completeParameters(parameters);
  if (E.isLeft(completed)) return completed;
  const choice = suite === "toy"
    ? { suite: toySuite, geometry: toyGeometry }
    : { suite: nativeSuite, geometry: katzenpostGeometry };
  return E.right({ ...counts, ...choice, parameters: completed.right });
};

export const encodeCase = (kept: Case): string => `${JSON.stringify({ version, ...kept }, null, 2)}\n`;

const counts = [
  "seed",
  "epochs",
  "periodMs",
  "authorities",
  "layers",
  "mixesPerLayer",
  "providers",
  "clients",
] as const;

const faultIn = (configuration: Readonly<Record<string, unknown>>): string | null => {
  const wrong = counts.find((name) =>
    !Number.isSafeInteger(configuration[name]) || (configuration[name] as number) < 0
  );
  if (wrong !== undefined) return `configuration.${wrong} is no count`;
  if (!["toy", "real"].includes(String(configuration["suite"]))) return "configuration.suite is neither toy nor real";
  return typeof configuration["parameters"] === "object" ? null : "configuration.parameters is missing";
};

const parsed = (text: string): Either<string, Record<string, unknown>> => {
  try {
    return E.right(Object(JSON.parse(text)));
  } catch (error) {
    return E.left(`no JSON: ${(error as Error).message}`);
  }
};

/** A case from its text, or what is wrong with it. */
export const decodeCase = (text: string): Either<string, Case> => {
  const json = parsed(text);
  if (E.isLeft(json)) return json;
  const { version: found, what, configuration, faults } = json.right;
  if (found !== version) return E.left(`version ${String(found)}, this program knows ${version}`);
  const wrong = faultIn(Object(configuration));
  if (wrong !== null) return E.left(wrong);
  const decoded = faults === "swarm" ? E.right("swarm" as const) : decodeFaults(faults);
  if (E.isLeft(decoded)) return decoded;
  return E.right({ what: String(what), configuration: configuration as Configuration, faults: decoded.right });
};
