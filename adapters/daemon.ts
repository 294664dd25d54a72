/**
 * What the commands that run until they are told to stop have in common: configuration, keys, log, signals.
 *
 * SIGTERM and SIGINT stop cleanly, a second one at once; SIGHUP opens the log file anew.
 *
 * @module
 */
import { isAbsolute, join } from "node:path";
import { nobleSuite } from "../core/crypto/noble.ts";
import type { Suite } from "../core/crypto/suite.ts";
import { toBase64 } from "../core/bytes.ts";
import { type FileKind, loadConfig } from "./config/load.ts";
import type { Logging } from "./config/common.ts";
import { nativeSuite } from "./crypto_native.ts";
import { exitCode } from "./exit.ts";
import { loadNodeKeys, type NodeKeys } from "./keys.ts";
import { type LogFormat, type Logger, openLogger } from "./log.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { waitForGo } from "./supervised.ts";

export const daemonOptions = {
  file: { type: "string", short: "f" },
  generate: { type: "boolean", short: "g" },
  supervised: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

export interface DaemonValues {
  readonly file?: string | undefined;
  readonly generate?: boolean | undefined;
  readonly supervised?: boolean | undefined;
}

/** What all files of daemons have. */
interface DaemonFile {
  readonly Logging: Logging;
  readonly Debug: { readonly GenerateOnly: boolean };
  readonly Samtpfote: { readonly Crypto: "native" | "noble"; readonly LogFormat: LogFormat };
}

export interface DaemonContext<F> {
  readonly file: F;
  readonly keys: NodeKeys;
  readonly suite: Suite;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface Running {
  readonly stop: () => Promise<void>;
}

export interface DaemonKind<F extends DaemonFile> {
  readonly kind: FileKind<F>;
  /** Where the Go program looks without -f. */
  readonly defaultFile: string;
  readonly dataDirOf: (file: F) => string;
  /** Rejects with a CommandError where it cannot be started. */
  readonly launch: (context: DaemonContext<F>) => Promise<Running>;
}

export const suiteOf = (choice: "native" | "noble"): Suite => (choice === "native" ? nativeSuite : nobleSuite);

/** How long a clean stop may take, in ms. */
const stopMs = 10_000;
const interrupted = 130;

const logOf = ({ Logging, Samtpfote }: DaemonFile, dataDir: string): Logger => {
  const file = isAbsolute(Logging.File) ? Logging.File : join(dataDir, Logging.File);
  const output = Logging.File === "" ? "stdout" : { file };
  return openLogger({ format: Samtpfote.LogFormat, level: Logging.Level, output, disable: Logging.Disable });
};

/** From the first moment on: a signal during the start is obeyed when everything is started. */
const obeySignals = (log: Logger, metrics: Metrics, launched: Promise<Running>, isSupervised: boolean): void => {
  let stopping = false;
  const stop = async (): Promise<void> => {
    await (await launched).stop();
    log.write({
      module: "process",
      level: "INFO",
      reason: "counters",
      message: "counters",
      fields: metrics.snapshot(),
    });
    log.write({ module: "process", level: "NOTICE", reason: "stopped", message: "stopped" });
    log.close();
    process.exit(exitCode.ok);
  };
  const onSignal = (signal: string): void => {
    if (stopping) process.exit(interrupted);
    stopping = true;
    log.write({ module: "process", level: "NOTICE", reason: "stopping", message: `stopping on ${signal}` });
    setTimeout(() => process.exit(interrupted), stopMs).unref();
    void stop();
  };
  // Ctrl-C reaches all processes of a terminal: the one that started this one decides.
  process.on("SIGINT", () => (isSupervised ? undefined : onSignal("SIGINT")));
  process.on("SIGTERM", () => onSignal("SIGTERM"));
  process.on("SIGHUP", () => log.reopen());
};

/** What nobody caught is a bug: it is logged, and the process ends. */
export const exitOnBugs = (log: Logger): void => {
  const onBug = (error: unknown): void => {
    const message = `bug: ${error instanceof Error ? error.stack ?? error.message : String(error)}`;
    log.write({ module: "process", level: "CRITICAL", reason: "bug", message });
    process.exit(exitCode.software);
  };
  process.on("uncaughtException", onBug);
  process.on("unhandledRejection", onBug);
};

/** Runs until a signal; resolves with null once started, or with 0 where only keys were wanted. */
export const runDaemon = async <F extends DaemonFile>(
  daemon: DaemonKind<F>,
  values: DaemonValues,
): Promise<number | null> => {
  if (values.supervised === true) await waitForGo();
  process.umask(0o077);
  const file = loadConfig(daemon.kind, values.file ?? daemon.defaultFile);
  const suite = suiteOf(file.Samtpfote.Crypto);
  const dataDir = daemon.dataDirOf(file);
  const keys = loadNodeKeys(suite, dataDir);
  if (values.generate === true || file.Debug.GenerateOnly) {
    console.log(`identity key ${toBase64(keys.identityKey)}\nlink key     ${toBase64(keys.linkKey)}`);
    return exitCode.ok;
  }
  const log = logOf(file, dataDir);
  exitOnBugs(log);
  const metrics = createMetrics();
  const launched = daemon.launch({ file, keys, suite, log, metrics });
  obeySignals(log, metrics, launched, values.supervised === true);
  await launched;
  return null;
};
