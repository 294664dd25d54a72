/**
 * The mix process under load: its files, its start, what its threads have used of the processors, its event loop.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { nativeSuite } from "../../adapters/crypto_native.ts";
import { loadNodeKeys, type NodeKeys } from "../../adapters/keys.ts";
import { toBase64 } from "../../core/bytes.ts";
import type { EpochClock } from "../../core/pki/epoch.ts";
import { sum, threadTimes } from "./cpu_times.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** In ms. */
export interface Delays {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** How late the event loop served a timer while it was watched. */
export interface LoopDelay {
  readonly late: Delays;
  /** Without the time for which the system let the thread wait for a processor; null where it does not tell. */
  readonly own: Delays | null;
}

/** Processor time so far, in ms. */
export interface CpuTimes {
  readonly main: number;
  readonly workers: number;
  /** The engine's own threads: garbage collection, compilation; and the store's. */
  readonly rest: number;
}

export interface MixOptions {
  readonly workers: number;
  readonly ports: { readonly authority: number; readonly mix: number };
  readonly authorityKey: Uint8Array;
  readonly clock: EpochClock;
  /** ms that a worker waits with each packet, on top of unwrapping it. */
  readonly unwrapWaitMs: number;
  /** Of Node, for the mix. */
  readonly flags: ReadonlyArray<string>;
  /** A folder for a CPU profile, or null. */
  readonly profile: string | null;
}

export interface MixChild {
  readonly keys: NodeKeys;
  readonly start: () => void;
  readonly watchTimers: () => void;
  /** Since then; ends it. */
  readonly loopDelay: () => Promise<LoopDelay>;
  /** Null where the system does not tell (it is Linux's /proc). */
  readonly cpuTimes: () => CpuTimes | null;
  readonly stop: () => Promise<void>;
}

/** Nothing is to be dropped for being late: what is measured is how late it is. */
const dwellMs = 20_000;
/** Nor for coming all at once, after this process had to wait for a processor. */
const sendQueue = 4096;

const fileText = ({ workers, ports, authorityKey, clock }: MixOptions, folder: string): string => `
[Server]
  Identifier = "mix"
  Addresses = ["127.0.0.1:${ports.mix}"]
  DataDir = "${folder}"
[Logging]
  Level = "NOTICE"
[PKI.Nonvoting]
  Address = "127.0.0.1:${ports.authority}"
  PublicKey = "${toBase64(authorityKey)}"
[Debug]
  NumSphinxWorkers = ${workers}
  SendDecoyTraffic = false
  UnwrapDelay = ${dwellMs}
  SchedulerSlack = ${dwellMs}
  SendSlack = ${dwellMs}
[Samtpfote]
  EpochPeriod = "${clock.periodMs / 1000}s"
  EpochOrigin = "${new Date(clock.originMs).toISOString()}"
  ReconnectStep = "500ms"
[Samtpfote.Limits]
  SendQueue = ${sendQueue}
`;

/** The workers are those of the other threads that have used most. */
const cpuTimesOf = (pid: number, workers: number): CpuTimes | null => {
  const times = threadTimes(pid);
  if (times === null) return null;
  const { main, others } = times;
  return { main, workers: sum(others.slice(0, workers)), rest: sum(others.slice(workers)) };
};

export const prepareMix = (options: MixOptions): MixChild => {
  const folder = mkdtempSync(join(tmpdir(), "samtpfote-bench-"));
  const keys = loadNodeKeys(nativeSuite, folder);
  const file = join(folder, "mix.toml");
  writeFileSync(file, fileText(options, folder), { mode: 0o600 });
  let child: ChildProcess | null = null;
  let stopping = false;

  const start = (): void => {
    const { profile, flags } = options;
    const profiling = profile === null ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`];
    const imports = ["--import", "./conformance/bench/mix_probe.mjs", "--import", "tsx"];
    child = spawn(process.execPath, [...flags, ...profiling, ...imports, "cmd/mix.ts", "-f", file], {
      cwd: root,
      env: { ...process.env, BENCH_UNWRAP_WAIT: String(options.unwrapWaitMs) },
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    child.on("exit", (code) => {
      if (!stopping) throw new Error(`the mix ended with code ${code}`);
    });
  };

  return {
    keys,
    start,
    watchTimers: () => void child!.send("watch"),
    loopDelay: () =>
      new Promise((resolve) => {
        child!.once("message", (delay) => resolve(delay as LoopDelay));
        child!.send("delay");
      }),
    cpuTimes: () => cpuTimesOf(child!.pid!, options.workers),
    stop: async () => {
      stopping = true;
      const ended = new Promise((resolve) => child!.once("exit", resolve));
      child!.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
