#!/usr/bin/env node
/**
 * `sim`: a whole network (authorities, mixes, Providers, clients) in one process on a virtual clock, reproducible from
 * its seed.
 *
 *     npx tsx cmd/sim.ts --seed 1 --epochs 20
 *     deno run -A cmd/sim.ts --seed 1 --epochs 20
 *
 * Equal seeds and options print equal trace hashes, on every runtime. Exit codes: 0 all held, 64 usage, 127 a crash or
 * a broken invariant, 128 something that had to happen did not, 129 something happened that never must.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { randomInt } from "node:crypto";
import process from "node:process";
import { nativeSuite } from "../adapters/crypto_native.ts";
import type { Suite } from "../core/crypto/suite.ts";
import { E } from "../core/fp.ts";
import { completeParameters, type LoopixParameters } from "../core/pki/parameters.ts";
import { createGeometry, type Geometry, katzenpostGeometry } from "../core/sphinx/geometry.ts";
import { exitCodeOf, simulate, type SimulationOptions, type SimulationResult } from "../conformance/sim/simulation.ts";
import { toySuite } from "../conformance/sim/toy_suite.ts";

const usage = `usage: sim [options]

  --seed N          what the run follows from (default: chosen and printed)
  --epochs N        epochs with active users, from the genesis on (default 20)
  --suite NAME      toy (fast, protects nothing, 1 KiB payloads) or real (50 KiB payloads); default toy
  --authorities N   (default 3)
  --layers N        1 to 3 (default 3)
  --mixes N         mixes in each layer (default 2)
  --providers N     (default 2)
  --clients N       (default 2)
  --period MS       length of an epoch (default 120000)
`;

const usageExitCode = 64;

/** Fewer and slower than a real network's: what matters here is that every kind of packet is there. */
const parameters: Partial<LoopixParameters> = {
  sendRatePerMinute: 6000,
  mu: 0.01,
  lambdaP: 0.0005,
  lambdaL: 0.0001,
  lambdaD: 0.0001,
  lambdaM: 0.0001,
};

/** Room for a SURB and 1 KiB. */
const toyGeometry: Geometry = createGeometry(5, 2 + 556 + 1024);

interface Choice {
  readonly suite: Suite;
  readonly geometry: Geometry;
}

class UsageError extends Error {}

const numberOf = (name: string, text: string, min: number, max: number): number => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new UsageError(`--${name} takes a whole number from ${min} to ${max}`);
  }
  return value;
};

const choiceOf = (name: string): Choice => {
  if (name === "toy") return { suite: toySuite, geometry: toyGeometry };
  if (name === "real") return { suite: nativeSuite, geometry: katzenpostGeometry };
  throw new UsageError(`--suite takes toy or real, not ${name}`);
};

const readOptions = (argv: ReadonlyArray<string>): SimulationOptions => {
  const { values } = parseArgs({
    args: [...argv],
    strict: true,
    options: {
      seed: { type: "string" },
      epochs: { type: "string", default: "20" },
      suite: { type: "string", default: "toy" },
      authorities: { type: "string", default: "3" },
      layers: { type: "string", default: "3" },
      mixes: { type: "string", default: "2" },
      providers: { type: "string", default: "2" },
      clients: { type: "string", default: "2" },
      period: { type: "string", default: "120000" },
    },
  });
  const completed = completeParameters(parameters);
  if (E.isLeft(completed)) throw new Error(completed.left);
  return {
    seed: values.seed === undefined ? randomInt(2 ** 47) : numberOf("seed", values.seed, 0, Number.MAX_SAFE_INTEGER),
    epochs: numberOf("epochs", values.epochs, 1, 100_000),
    ...choiceOf(values.suite),
    parameters: completed.right,
    authorities: numberOf("authorities", values.authorities, 1, 30),
    layers: numberOf("layers", values.layers, 1, 3),
    mixesPerLayer: numberOf("mixes", values.mixes, 1, 50),
    providers: numberOf("providers", values.providers, 1, 50),
    clients: numberOf("clients", values.clients, 1, 200),
    periodMs: numberOf("period", values.period, 10_000, 86_400_000),
  };
};

const describe = (
  { seed, epochs, suite, geometry, periodMs, authorities, layers, mixesPerLayer, providers, clients }:
    SimulationOptions,
): string =>
  `seed ${seed}, ${epochs} epochs of ${periodMs} ms, suite ${suite.name}, packets of ${geometry.packetLength} bytes, ` +
  `${authorities} authorities, ${layers} x ${mixesPerLayer} mixes, ${providers} Providers, ${clients} clients`;

const printResult = (result: SimulationResult): void => {
  for (const { oracle, summary } of result.summaries) console.log(`${oracle}: ${summary}`);
  for (const { kind, oracle, at, what } of result.violations) {
    console.log(`VIOLATION (${kind}) at ${at} ms, ${oracle}: ${what}`);
  }
  if (result.crash !== null) console.log(`CRASH: ${result.crash.stack}`);
  console.log(`trace ${result.traceHash} over ${result.traceLength} events and effects`);
};

const main = (argv: ReadonlyArray<string>): number => {
  let options: SimulationOptions;
  try {
    options = readOptions(argv);
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof TypeError)) throw error;
    console.error(`sim: ${error.message}\n\n${usage}`);
    return usageExitCode;
  }
  console.log(describe(options));
  const onEpoch: SimulationOptions["onEpoch"] = ({ epoch, traceHash, traceLength }) =>
    console.log(`epoch ${epoch}: trace ${traceHash} over ${traceLength}`);
  const result = simulate({ ...options, onEpoch });
  printResult(result);
  return exitCodeOf(result);
};

process.exitCode = main(process.argv.slice(2));
