/**
 * What the commands that run until they are told to stop have in common: configuration, keys, log, signals.
 *
 * SIGTERM and SIGINT stop cleanly, a second one at once, as SHUTDOWN on the management socket does; SIGHUP opens the
 * log file anew and reads the configuration again (reload.ts). `--validate` only reads it.
 *
 * @module
 */
import { isAbsolute, join } from "node:path";
import { nobleSuite } from "../core/crypto/noble.ts";
import type { Suite } from "../core/crypto/suite.ts";
import { toBase64 } from "../core/bytes.ts";
import { type FileKind, loadConfig, validateConfig } from "./config/load.ts";
import type { Logging } from "./config/common.ts";
import { nativeSuite } from "./crypto_native.ts";
import { exitCode } from "./exit.ts";
import { loadNodeKeys, type NodeKeys } from "./keys.ts";
import { type DaemonLogger, type LogFormat, type Logger, openLogger } from "./log.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { reload, type Reloadable } from "./reload.ts";
import { waitForGo } from "./supervised.ts";

export const daemonOptions = {
  file: { type: "string", short: "f" },
  generate: { type: "boolean", short: "g" },
  validate: { type: "boolean" },
  supervised: { type: "boolean" },
} as const;

export interface DaemonValues {
  readonly file?: string | undefined;
  readonly generate?: boolean | undefined;
  readonly validate?: boolean | undefined;
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
  /** Ends the process cleanly; called again, it changes nothing. */
  readonly shutdown: (why: string) => void;
}

export interface Running<F> {
  readonly stop: () => Promise<void>;
  /** Takes over what may change while it runs; throws a CommandError where that cannot be. */
  readonly reconfigure: (file: F) => void;
}

export interface DaemonKind<F extends DaemonFile> {
  readonly kind: FileKind<F>;
  /** Where the Go program looks without -f. */
  readonly defaultFile: string;
  readonly dataDirOf: (file: F) => string;
  /** What a file asks for and is not done, though the process can go without it. */
  readonly warningsOf: (file: F) => ReadonlyArray<string>;
  /** Which keys `reconfigure` takes over. */
  readonly isReloadable: Reloadable;
  /** Rejects with a CommandError where it cannot be started. */
  readonly launch: (context: DaemonContext<F>) => Promise<Running<F>>;
}

export const suiteOf = (choice: "native" | "noble"): Suite => (choice === "native" ? nativeSuite : nobleSuite);

/** How long a clean stop may take, in ms. */
const stopMs = 10_000;
const interrupted = 130;

const logOf = ({ Logging, Samtpfote }: DaemonFile, dataDir: string): DaemonLogger => {
  const file = isAbsolute(Logging.File) ? Logging.File : join(dataDir, Logging.File);
  const output = Logging.File === "" ? "stdout" : { file };
  return openLogger({ format: Samtpfote.LogFormat, level: Logging.Level, output, disable: Logging.Disable });
};

/** Stops once, when everything is started; the process ends at last, whatever hangs. */
const stopperOf = (log: Logger, metrics: Metrics, launched: () => Promise<Running<never>>) => {
  let stopping = false;
  const stop = async (): Promise<void> => {
    await (await launched()).stop();
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
  return {
    isStopping: (): boolean => stopping,
    shutdown: (why: string): void => {
      if (stopping) return;
      stopping = true;
      log.write({ module: "process", level: "NOTICE", reason: "stopping", message: `stopping on ${why}` });
      setTimeout(() => process.exit(interrupted), stopMs).unref();
      void stop();
    },
  };
};

/** From the first moment on: a signal during the start is obeyed when everything is started. */
const obeySignals = (stopper: ReturnType<typeof stopperOf>, onHangup: () => void, isSupervised: boolean): void => {
  const onSignal = (signal: string): void => {
    if (stopper.isStopping()) process.exit(interrupted);
    stopper.shutdown(signal);
  };
  // Ctrl-C reaches all processes of a terminal: the one that started this one decides.
  process.on("SIGINT", () => (isSupervised ? undefined : onSignal("SIGINT")));
  process.on("SIGTERM", () => onSignal("SIGTERM"));
  process.on("SIGHUP", onHangup);
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

const printKeys = (keys: NodeKeys): void =>
  console.log(`identity key ${toBase64(keys.identityKey)}\nlink key     ${toBase64(keys.linkKey)}`);

/** Runs until a signal; resolves with null once started, or with 0 where the file is only checked, or keys are made. */
export const runDaemon = async <F extends DaemonFile>(
  daemon: DaemonKind<F>,
  values: DaemonValues,
): Promise<number | null> => {
  const name = values.file ?? daemon.defaultFile;
  if (values.validate === true) return validateConfig(daemon.kind, name, daemon.warningsOf);
  if (values.supervised === true) await waitForGo();
  process.umask(0o077);
  const file = loadConfig(daemon.kind, name);
  const suite = suiteOf(file.Samtpfote.Crypto);
  const dataDir = daemon.dataDirOf(file);
  const keys = loadNodeKeys(suite, dataDir);
  if (values.generate === true || file.Debug.GenerateOnly) {
    printKeys(keys);
    return exitCode.ok;
  }
  await run(daemon, { name, file, suite, keys, isSupervised: values.supervised === true });
  return null;
};

interface Start<F> {
  /** The file's name. */
  readonly name: string;
  readonly file: F;
  readonly suite: Suite;
  readonly keys: NodeKeys;
  readonly isSupervised: boolean;
}

const run = async <F extends DaemonFile>(daemon: DaemonKind<F>, start: Start<F>): Promise<void> => {
  const { name, file, suite, keys, isSupervised } = start;
  const log = logOf(file, daemon.dataDirOf(file));
  exitOnBugs(log);
  const metrics = createMetrics();
  const stopper = stopperOf(log, metrics, () => launched);
  const launched: Promise<Running<F>> = daemon.launch({ file, keys, suite, log, metrics, shutdown: stopper.shutdown });
  const onHangup = (): void => {
    const read = (): F => loadConfig(daemon.kind, name);
    const apply = async (next: F): Promise<void> => (await launched).reconfigure(next);
    void reload({ log, read, running: file, isReloadable: daemon.isReloadable, apply });
  };
  obeySignals(stopper, onHangup, isSupervised);
  await launched;
  for (const warning of daemon.warningsOf(file)) {
    log.write({ module: "process", level: "WARNING", reason: "configuration", message: warning });
  }
};
