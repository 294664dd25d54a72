/**
 * SIGHUP: the log file is opened anew, and the configuration is read again. The log's level and what `isReloadable`
 * names take effect; which other keys have changed, and so wait for a restart, is logged. A file that is wrong changes
 * nothing.
 *
 * @module
 */
import type { Logging } from "./config/common.ts";
import type { DaemonLogger } from "./log.ts";

/** Whether a key, written `Table.Key`, may change while the process runs. */
export type Reloadable = (key: string) => boolean;

interface Reload<F> {
  readonly log: DaemonLogger;
  /** Throws a CommandError. */
  readonly read: () => F;
  /** What the process was started with. */
  readonly running: F;
  readonly isReloadable: Reloadable;
  /** Rejects where the file cannot be taken over. */
  readonly apply: (file: F) => Promise<void>;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export const reload = async <F extends { readonly Logging: Logging }>(options: Reload<F>): Promise<void> => {
  const { log, read, running, isReloadable, apply } = options;
  const say = (level: "NOTICE" | "WARNING" | "ERROR", reason: string, message: string): void =>
    log.write({ module: "process", level, reason, message });
  try {
    log.reopen();
  } catch (error) {
    say("ERROR", "log-not-reopened", messageOf(error));
  }
  let file: F;
  try {
    file = read();
    await apply(file);
  } catch (error) {
    return say("ERROR", "not-reloaded", `the configuration is not taken over: ${messageOf(error)}`);
  }
  const changed = changedKeys(running, file);
  const waiting = changed.filter((key) => key !== "Logging.Level" && !isReloadable(key));
  log.setLevel(file.Logging.Level);
  say("NOTICE", "reloaded", `the configuration is read again: ${changed.length - waiting.length} keys are taken over`);
  if (waiting.length > 0) {
    say("WARNING", "restart-needed", `changed, and waiting for a restart: ${waiting.join(", ")}`);
  }
};

const isTable = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** Values of a decoded file: what differs is written differently. */
const written = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (part instanceof Map ? [...part] : part)) ?? "";

/** The keys, as `Table.Key`, that differ between two files; lists of tables count as one key. */
export const changedKeys = (before: unknown, after: unknown, path: ReadonlyArray<string> = []): string[] => {
  if (isTable(before) && isTable(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) => changedKeys(before[key], after[key], [...path, key]));
  }
  return written(before) === written(after) ? [] : [path.join(".")];
};
