#!/usr/bin/env node
/**
 * `sim`: a whole network (authorities, mixes, Providers, clients) in one process on a virtual clock, reproducible from
 * its seed; with `--faults` under faults of the seed's choice.
 *
 *     npx tsx cmd/sim.ts --seed 1 --epochs 20
 *     npx tsx cmd/sim.ts --faults --seed 1
 *     npx tsx cmd/sim.ts --replay 1
 *
 * Equal seeds and options print equal trace hashes, on every runtime. Exit codes: 0 all held, 64 usage, 127 a crash or
 * a broken invariant, 128 something that had to happen did not (liveness), 129 something happened that never must
 * (safety).
 *
 * @module
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { randomInt } from "node:crypto";
import process from "node:process";
import { E } from "../core/fp.ts";
import type { LoopixParameters } from "../core/pki/parameters.ts";
import { type Case, type Configuration, decodeCase, encodeCase, optionsOf } from "../conformance/sim/case.ts";
import { describeFault, type Fault } from "../conformance/sim/fault.ts";
import { shrink } from "../conformance/sim/shrink.ts";
import { exitCodeOf, simulate, type SimulationOptions, type SimulationResult } from "../conformance/sim/simulation.ts";

const usage = `usage: sim [options]

  --seed N          what the run follows from (default: chosen and printed)
  --epochs N        epochs with active users, from the genesis on (default 20, with faults 3)
  --faults          faults of the seed's choice in these epochs; then all must heal
  --replay WHAT     repeats a case (a file) or the faults of a seed (a number); a failure is shrunk
                    to as few faults as show it, and written to case-SEED.json
  --suite NAME      toy (fast, protects nothing, 1 KiB payloads) or real (50 KiB payloads); default toy
  --authorities N   (default 3)
  --layers N        1 to 3 (default 3)
  --mixes N         mixes in each layer (default 2, with faults 1)
  --providers N     (default 2)
  --clients N       (default 2)
  --period MS       length of an epoch (default 120000, with faults 30000)

exit codes: 0 all held, 64 usage, 127 crash, 128 liveness violated, 129 safety violated
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

class UsageError extends Error {}

const numberOf = (name: string, text: string, min: number, max: number): number => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new UsageError(`--${name} takes a whole number from ${min} to ${max}`);
  }
  return value;
};

const suiteOf = (name: string): Configuration["suite"] => {
  if (name === "toy" || name === "real") return name;
  throw new UsageError(`--suite takes toy or real, not ${name}`);
};

const readFlags = (argv: ReadonlyArray<string>) =>
  parseArgs({
    args: [...argv],
    strict: true,
    options: {
      seed: { type: "string" },
      epochs: { type: "string" },
      faults: { type: "boolean", default: false },
      replay: { type: "string" },
      suite: { type: "string", default: "toy" },
      authorities: { type: "string", default: "3" },
      layers: { type: "string", default: "3" },
      mixes: { type: "string" },
      providers: { type: "string", default: "2" },
      clients: { type: "string", default: "2" },
      period: { type: "string" },
    },
  }).values;

type Flags = ReturnType<typeof readFlags>;

const configurationOf = (flags: Flags, seed: string | undefined, withFaults: boolean): Configuration => {
  const { epochs = withFaults ? "3" : "20", mixes = withFaults ? "1" : "2" } = flags;
  const period = flags.period ?? (withFaults ? "30000" : "120000");
  return {
    seed: seed === undefined ? randomInt(2 ** 47) : numberOf("seed", seed, 0, Number.MAX_SAFE_INTEGER),
    epochs: numberOf("epochs", epochs, 1, 100_000),
    suite: suiteOf(flags.suite),
    periodMs: numberOf("period", period, 10_000, 86_400_000),
    authorities: numberOf("authorities", flags.authorities, 1, 30),
    layers: numberOf("layers", flags.layers, 1, 3),
    mixesPerLayer: numberOf("mixes", mixes, 1, 50),
    providers: numberOf("providers", flags.providers, 1, 50),
    clients: numberOf("clients", flags.clients, 1, 200),
    parameters,
  };
};

type Plan = Omit<Case, "faults"> & { readonly faults: Case["faults"] | null };

const planOf = (flags: Flags): Plan => {
  const { replay, seed } = flags;
  if (replay === undefined) {
    return {
      what: "",
      configuration: configurationOf(flags, seed, flags.faults),
      faults: flags.faults ? "swarm" : null,
    };
  }
  if (/^\d+$/.test(replay)) return { what: "", configuration: configurationOf(flags, replay, true), faults: "swarm" };
  if (!existsSync(replay)) throw new UsageError(`--replay takes a seed or a file; there is no file ${replay}`);
  const kept = decodeCase(readFileSync(replay, "utf8"));
  if (E.isLeft(kept)) throw new UsageError(`${replay} is no case: ${kept.left}`);
  return kept.right;
};

const simulationOf = ({ configuration, faults }: Plan): SimulationOptions => {
  const options = optionsOf(configuration);
  if (E.isLeft(options)) throw new UsageError(`the parameters are wrong: ${options.left}`);
  return faults === null ? options.right : { ...options.right, faults };
};

const describe = ({ suite, geometry, ...options }: SimulationOptions): string => {
  const { seed, epochs, periodMs, authorities, layers, mixesPerLayer, providers, clients } = options;
  return `seed ${seed}, ${epochs} epochs of ${periodMs} ms, suite ${suite.name}, packets of ${geometry.packetLength} ` +
    `bytes, ${authorities} authorities, ${layers} x ${mixesPerLayer} mixes, ${providers} Providers, ${clients} clients`;
};

const printResult = (result: SimulationResult): void => {
  for (const fault of result.faults) console.log(`fault ${describeFault(fault)}`);
  for (const { oracle, summary } of result.summaries) console.log(`${oracle}: ${summary}`);
  for (const { kind, oracle, at, what } of result.violations) {
    console.log(`VIOLATION (${kind}) at ${at} ms, ${oracle}: ${what}`);
  }
  if (result.crash !== null) console.log(`CRASH: ${result.crash.stack}`);
  console.log(`trace ${result.traceHash} over ${result.traceLength} events and effects`);
};

/** What makes two failures the same one. */
const symptomOf = (result: SimulationResult): string =>
  result.crash?.message ?? [...new Set(result.violations.map(({ kind, oracle }) => `${kind} ${oracle}`))].sort()[0] ??
    "";

/** Finds as few faults as show the failure, and keeps them. */
const keepShrunk = (plan: Plan, options: SimulationOptions, result: SimulationResult): void => {
  const symptom = symptomOf(result);
  const fails = (faults: ReadonlyArray<Fault>): boolean => symptomOf(simulate({ ...options, faults })) === symptom;
  const faults = shrink(result.faults, fails);
  const path = `case-${options.seed}.json`;
  writeFileSync(path, encodeCase({ what: symptom, configuration: plan.configuration, faults }));
  console.log(`shrunk from ${result.faults.length} faults to ${faults.length}, kept in ${path}:`);
  for (const fault of faults) console.log(`  ${describeFault(fault)}`);
};

const main = (argv: ReadonlyArray<string>): number => {
  let plan: Plan;
  let options: SimulationOptions;
  let isReplay: boolean;
  try {
    const flags = readFlags(argv);
    isReplay = flags.replay !== undefined;
    plan = planOf(flags);
    options = simulationOf(plan);
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof TypeError)) throw error;
    console.error(`sim: ${error.message}\n\n${usage}`);
    return usageExitCode;
  }
  console.log(describe(options));
  console.log(`configuration ${JSON.stringify({ ...plan.configuration, parameters: options.parameters })}`);
  const onEpoch: SimulationOptions["onEpoch"] = ({ epoch, traceHash, traceLength }) =>
    console.log(`epoch ${epoch}: trace ${traceHash} over ${traceLength}`);
  const result = simulate({ ...options, onEpoch });
  printResult(result);
  const code = exitCodeOf(result);
  if (isReplay && code !== 0) keepShrunk(plan, options, result);
  return code;
};

process.exitCode = main(process.argv.slice(2));
