/**
 * The log: text lines as the Go programs write them (`15:04:05.000 NOTI module: message`), or JSON lines
 * `{time, level, module, reason, message, …fields}` for programs. `reason` is a stable word.
 *
 * Lines are written at once, so that the last one before a crash is there. What comes from peers cannot forge lines:
 * control characters are escaped; fields that are named like secrets are not written.
 *
 * @module
 */
import { closeSync, openSync, writeSync } from "node:fs";
import type { Log as LogEffect, LogLevel } from "../core/effects.ts";
import { configurationError } from "./exit.ts";

export type LogFormat = "text" | "json";

export interface LogOptions {
  readonly format: LogFormat;
  /** The least level that is written. */
  readonly level: LogLevel;
  /** A file is created with mode 0600 and appended to. */
  readonly output: "stdout" | "stderr" | { readonly file: string };
  readonly disable: boolean;
}

export type LogRecord = Omit<LogEffect, "type"> & {
  /** Address of the machine, or name of the adapter. */
  readonly module: string;
};

export interface Logger {
  readonly write: (record: LogRecord) => void;
  /** Opens the file anew, after something else has moved it away (SIGHUP). */
  readonly reopen: () => void;
  readonly close: () => void;
}

/** A log whose level may change while it is written. */
export interface DaemonLogger extends Logger {
  readonly setLevel: (level: LogLevel) => void;
}

const severity: Readonly<Record<LogLevel, number>> = {
  DEBUG: 0,
  INFO: 1,
  NOTICE: 2,
  WARNING: 3,
  ERROR: 4,
  CRITICAL: 5,
};

const secretName = /private|secret|seed|password|passphrase|token/i;
const redacted = "[redacted]";
/** A line is bounded even where a message is not. */
const messageLengthMax = 4096;

const escapeControls = (text: string): string =>
  text.slice(0, messageLengthMax).replace(
    // deno-lint-ignore no-control-regex
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

const safeFields = (fields: LogRecord["fields"]): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields ?? {}).map(([name, value]) => [name, secretName.test(name) ? redacted : value]),
  );

/** Local time, as Go's logs have it. */
const clockTime = (at: Date): string => {
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${
    String(at.getMilliseconds()).padStart(3, "0")
  }`;
};

/** One line of text, without its end. */
export const textLine = (at: Date, { level, module, message, fields }: LogRecord): string => {
  const extra = Object.entries(safeFields(fields)).map(([name, value]) => ` ${name}=${String(value)}`).join("");
  return escapeControls(`${clockTime(at)} ${level.slice(0, 4)} ${module}: ${message}${extra}`);
};

/** One line of JSON, without its end. Fields come last and never replace what is ours. */
export const jsonLine = (at: Date, { level, module, reason, message, fields }: LogRecord): string => {
  const own = { time: at.toISOString(), level, module, reason, message: message.slice(0, messageLengthMax) };
  return JSON.stringify({ ...own, ...safeFields(fields), ...own });
};

const standardOutput = 1;
const standardError = 2;

const openLog = ({ output }: LogOptions): number => {
  if (output === "stdout") return standardOutput;
  if (output === "stderr") return standardError;
  try {
    return openSync(output.file, "a", 0o600);
  } catch (error) {
    throw configurationError(
      `cannot write the log file ${output.file}: ${(error as NodeJS.ErrnoException).code ?? "failed"}`,
    );
  }
};

/** Throws a CommandError where the file cannot be opened. */
export const openLogger = (options: LogOptions): DaemonLogger => {
  if (options.disable) return { write: () => {}, reopen: () => {}, close: () => {}, setLevel: () => {} };
  const render = options.format === "json" ? jsonLine : textLine;
  const isFile = typeof options.output === "object";
  let target = openLog(options);
  let least = options.level;
  const close = (): void => {
    if (isFile) closeSync(target);
  };
  return {
    write: (record) => {
      if (severity[record.level] < severity[least]) return;
      try {
        writeSync(target, `${render(new Date(), record)}\n`);
      } catch {
        // A full disk or a closed pipe: what is logged is lost, the node goes on.
      }
    },
    reopen: () => {
      if (!isFile) return;
      const next = openLog(options);
      close();
      target = next;
    },
    close,
    setLevel: (level) => {
      least = level;
    },
  };
};
