#!/usr/bin/env node
/**
 * `sim`: a whole network (authorities, mixes, Providers, clients) in one process on a virtual clock, reproducible from
 * its seed; with `--faults` under faults of the seed's choice.
 *
 *     npx tsx cmd/sim.ts --seed 1 --epochs 20
 *     npx tsx cmd/sim.ts --faults --seed 1
 *     npx tsx cmd/sim.ts --replay 1
 *
 * A run can be written down: as a report to be read in a browser, and event by event.
 *
 *     npx tsx cmd/sim.ts --faults --report report.html --trace trace.jsonl
 *
 * Equal seeds and options print equal trace hashes, on every runtime. Exit codes: 0 all held, 64 usage, 127 a crash or
 * a broken invariant, 128 something that had to happen did not (liveness), 129 something happened that never must
 * (safety).
 *
 * @module
 */
import { closeSync, existsSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { randomInt } from "node:crypto";
import process from "node:process";
import { runCommand, type Values } from "../adapters/command.ts";
import { usageError } from "../adapters/exit.ts";
import { E } from "../core/fp.ts";
import type { LoopixParameters } from "../core/pki/parameters.ts";
import { type Case, type Configuration, decodeCase, encodeCase, optionsOf } from "../conformance/sim/case.ts";
import { describeFault } from "../conformance/sim/fault.ts";
import type { Observer } from "../conformance/sim/watch.ts";
import { report } from "../conformance/sim/report/report.ts";
import { createSampler } from "../conformance/sim/report/sampler.ts";
import { emissionLine, hostLine, inputLine } from "../conformance/sim/report/trace_line.ts";
import { minimize, symptomOf } from "../conformance/sim/minimize.ts";
import { exitCodeOf, simulate, type SimulationOptions, type SimulationResult } from "../conformance/sim/simulation.ts";

const usage = `usage: sim [options]

  --seed N          what the run follows from (default: chosen and printed)
  --epochs N        epochs with active users, from the genesis on (default 20, with faults 3)
  --faults          faults of the seed's choice in these epochs; then all must heal
  --replay WHAT     repeats a case (a file) or the faults of a seed (a number); a failure is shrunk
                    to as few faults as show it, and written to case-SEED.json
  --report FILE     writes a page about the run: HTML that needs nothing else
  --trace FILE      writes everything that goes into hosts and comes out of them, a line of JSON each
  --untraced        no trace hash: large networks run quicker
  --rates NAME      quick (an epoch of seconds sees every kind of packet) or document (the defaults
                    of a network's parameters); default quick
  --suite NAME      toy (fast, protects nothing, 1 KiB payloads) or real (50 KiB payloads); default toy
  --authorities N   (default 3)
  --layers N        1 to 3 (default 3)
  --mixes N         mixes in each layer (default 2, with faults 1)
  --providers N     (default 2)
  --clients N       (default 2)
  --period MS       length of an epoch (default 120000, with faults 30000)

  -h, --help        this text
      --version     of samtpfote

exit codes: 0 all held, 64 usage, 127 crash, 128 liveness violated, 129 safety violated`;

/** Fewer and slower than a real network's: what matters here is that every kind of packet is there. */
const quickRates: Partial<LoopixParameters> = {
  sendRatePerMinute: 6000,
  mu: 0.01,
  lambdaP: 0.0005,
  lambdaL: 0.0001,
  lambdaD: 0.0001,
  lambdaM: 0.0001,
};

/**
 * The document's, but for the limit of a Provider: what bursts of exponential intervals lose by it is not lost here.
 */
const documentRates: Partial<LoopixParameters> = { sendRatePerMinute: 6000 };

const numberOf = (name: string, text: string, min: number, max: number): number => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw usageError(`--${name} takes a whole number from ${min} to ${max}`);
  }
  return value;
};

const suiteOf = (name: string): Configuration["suite"] => {
  if (name === "toy" || name === "real") return name;
  throw usageError(`--suite takes toy or real, not ${name}`);
};

const ratesOf = (name: string): Partial<LoopixParameters> => {
  if (name === "quick") return quickRates;
  if (name === "document") return documentRates;
  throw usageError(`--rates takes quick or document, not ${name}`);
};

const flagOptions = {
  seed: { type: "string" },
  epochs: { type: "string" },
  faults: { type: "boolean", default: false },
  replay: { type: "string" },
  report: { type: "string" },
  trace: { type: "string" },
  untraced: { type: "boolean", default: false },
  rates: { type: "string", default: "quick" },
  suite: { type: "string", default: "toy" },
  authorities: { type: "string", default: "3" },
  layers: { type: "string", default: "3" },
  mixes: { type: "string" },
  providers: { type: "string", default: "2" },
  clients: { type: "string", default: "2" },
  period: { type: "string" },
} as const;

type Flags = Values<typeof flagOptions>;

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
    clients: numberOf("clients", flags.clients, 1, 10_000),
    parameters: ratesOf(flags.rates),
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
  if (!existsSync(replay)) throw usageError(`--replay takes a seed or a file; there is no file ${replay}`);
  const kept = decodeCase(readFileSync(replay, "utf8"));
  if (E.isLeft(kept)) throw usageError(`${replay} is no case: ${kept.left}`);
  return kept.right;
};

const simulationOf = ({ configuration, faults }: Plan): SimulationOptions => {
  const options = optionsOf(configuration);
  if (E.isLeft(options)) throw usageError(`the parameters are wrong: ${options.left}`);
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

/** Finds as few faults as show the failure, and keeps them. */
const keepShrunk = (plan: Plan, options: SimulationOptions, result: SimulationResult): void => {
  const faults = minimize(options, result);
  const path = `case-${options.seed}.json`;
  writeFileSync(path, encodeCase({ what: symptomOf(result) ?? "", configuration: plan.configuration, faults }));
  console.log(`shrunk from ${result.faults.length} faults to ${faults.length}, kept in ${path}:`);
  for (const fault of faults) console.log(`  ${describeFault(fault)}`);
};

/** What watches a run beside the oracles, and what is written down when it is over. */
interface Recorded {
  readonly options: Pick<SimulationOptions, "observer" | "plan">;
  readonly finish: (result: SimulationResult) => void;
}

/** Both watch the same run. */
const together = (records: ReadonlyArray<Recorded>): Recorded["options"] => {
  const observers = records.flatMap(({ options: { observer } }) => (observer === undefined ? [] : [observer]));
  return {
    observer: {
      started: (at, host) => observers.forEach((each) => each.started?.(at, host)),
      crashed: (at, host) => observers.forEach((each) => each.crashed?.(at, host)),
      input: (at, host, input) => observers.forEach((each) => each.input?.(at, host, input)),
      emission: (at, host, emission) => observers.forEach((each) => each.emission?.(at, host, emission)),
    },
    plan: (world, network) => records.forEach(({ options: { plan } }) => plan?.(world, network)),
  };
};

const nothingRecorded: Recorded = { options: {}, finish: () => undefined };

const reportTo = (path: string, options: SimulationOptions, { configuration }: Plan): Recorded => {
  const { observer, plan, recording } = createSampler(options);
  const shown = Object.entries({ ...configuration, parameters: options.parameters }).map(([name, value]) =>
    [name, typeof value === "object" ? JSON.stringify(value) : String(value)] as const
  );
  const finish = (result: SimulationResult): void => writeFileSync(path, report(recording(result, shown)));
  return { options: { observer, plan }, finish };
};

/** Lines are written so many characters at a time. */
const chunkLength = 1 << 20;

const traceTo = (path: string): Recorded => {
  const file = openSync(path, "w");
  let pending = "";
  const write = (line: string): void => {
    pending += line;
    if (pending.length >= chunkLength) flush();
  };
  const flush = (): void => {
    writeSync(file, pending);
    pending = "";
  };
  const observer: Observer = {
    started: (at, host) => write(hostLine(at, host, "started")),
    crashed: (at, host) => write(hostLine(at, host, "crashed")),
    input: (at, host, input) => write(inputLine(at, host, input)),
    emission: (at, host, emission) => write(emissionLine(at, host, emission)),
  };
  const finish = (): void => {
    flush();
    closeSync(file);
  };
  return { options: { observer }, finish };
};

const printSpeed = ({ virtualMs }: SimulationResult, startedAt: number): void => {
  const seconds = (performance.now() - startedAt) / 1000;
  const { userCPUTime, maxRSS } = process.resourceUsage();
  console.log(
    `${virtualMs / 1000} virtual s in ${seconds.toFixed(1)} s (${(userCPUTime / 1e6).toFixed(1)} s of CPU): ` +
      `${(virtualMs / 1000 / seconds).toFixed(1)} virtual s a second; at most ${Math.round(maxRSS / 1024)} MiB`,
  );
};

const run = (flags: Flags): number => {
  const plan = planOf(flags);
  const options = { ...simulationOf(plan), traced: !flags.untraced };
  const records = [
    flags.report === undefined ? nothingRecorded : reportTo(flags.report, options, plan),
    flags.trace === undefined ? nothingRecorded : traceTo(flags.trace),
  ];
  console.log(describe(options));
  console.log(`configuration ${JSON.stringify({ ...plan.configuration, parameters: options.parameters })}`);
  const startedAt = performance.now();
  let epochBeganAt = startedAt;
  const onEpoch: SimulationOptions["onEpoch"] = ({ epoch, traceHash, traceLength }) => {
    const now = performance.now();
    const speed = (options.periodMs / (now - epochBeganAt)).toFixed(2);
    epochBeganAt = now;
    const memory = Math.round(process.memoryUsage().rss / 2 ** 20);
    console.log(`epoch ${epoch}: trace ${traceHash} over ${traceLength}; ${speed} virtual s a second; ${memory} MiB`);
  };
  const result = simulate({ ...options, ...together(records), onEpoch });
  printResult(result);
  printSpeed(result, startedAt);
  for (const { finish } of records) finish(result);
  const code = exitCodeOf(result);
  if (flags.replay !== undefined && code !== 0) keepShrunk(plan, options, result);
  return code;
};

await runCommand({
  name: "sim",
  usage,
  options: flagOptions,
  run: async (flags, words) => {
    if (words.length > 0) throw usageError(`no word is expected, got "${words[0]}"`);
    return run(flags);
  },
});
