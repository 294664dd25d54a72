/**
 * One program of a plugin (wire-facts §8.2): started with its arguments, it prints the path of its socket as the first
 * line of its standard output; what follows there is not looked at. Its standard error goes to the log. It is ended by
 * SIGHUP (what Go's server sent until 2019), SIGTERM (since then) and SIGKILL, each after a grace.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { lstatSync, unlinkSync } from "node:fs";
import type { Logger } from "./log.ts";
import { createThrottle, readLines } from "./plugin_output.ts";

export interface PluginProcessOptions {
  readonly command: string;
  readonly args: ReadonlyArray<string>;
  readonly graceMs: number;
  /** What its lines are logged as. */
  readonly module: string;
  readonly log: Logger;
  /** The path of its socket. */
  readonly onSocket: (path: string) => void;
  /** Once, also where it could not be started. */
  readonly onExit: (reason: string) => void;
}

export interface PluginProcess {
  readonly stop: () => void;
  /** At once and for good. */
  readonly kill: () => void;
  readonly ended: Promise<void>;
}

/** A file that is a socket; a program may name any. */
const removeSocket = (path: string): void => {
  try {
    if (lstatSync(path).isSocket()) unlinkSync(path);
  } catch {
    // It is gone already, as it should be.
  }
};

/** For the last lines of a program that has ended to be read, in ms. */
const drainMs = 100;

const reasonOf = (code: number | null, signal: string | null): string =>
  signal === null ? `exit code ${code}` : `signal ${signal}`;

const logErrors = (child: ChildProcess, { module, log }: PluginProcessOptions): void => {
  const throttle = createThrottle();
  const show = (message: string): void => log.write({ module, level: "NOTICE", reason: "plugin-stderr", message });
  const lines = readLines((line) => {
    const suppressed = throttle.admit(performance.now());
    if (suppressed === null) return;
    if (suppressed > 0) show(`${suppressed} lines were left out`);
    show(line);
  });
  child.stderr!.on("data", lines.push).on("end", lines.end).on("error", () => {});
};

/** Calls back with the first line; the rest is read and thrown away, so that the program never waits for us. */
const readSocketPath = (child: ChildProcess, onSocket: (path: string) => void): void => {
  let found = false;
  const lines = readLines((line) => {
    if (found) return;
    found = true;
    onSocket(line);
  });
  child.stdout!.on("data", (chunk: Uint8Array) => found || lines.push(chunk)).on("error", () => {});
};

/** Throws where the platform does not even try. */
export const startPluginProcess = (options: PluginProcessOptions): PluginProcess => {
  let [socketPath, stopping, ended]: [string | null, boolean, boolean] = [null, false, false];
  const timers: Array<ReturnType<typeof setTimeout>> = [];
  const child = spawn(options.command, options.args, { stdio: ["ignore", "pipe", "pipe"] });
  const signal = (name: NodeJS.Signals): void => {
    if (ended || child.pid === undefined) return;
    try {
      // Deno's child.kill sends one signal and no second one.
      process.kill(child.pid, name);
    } catch {
      // It ended a moment ago.
    }
  };
  const whenEnded = new Promise<void>((resolve) => {
    const onEnd = (reason: string): void => {
      if (ended) return;
      ended = true;
      for (const timer of timers) clearTimeout(timer);
      if (socketPath !== null) removeSocket(socketPath);
      setTimeout(() => {
        // Whatever it started itself may still hold the pipes.
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, drainMs);
      options.onExit(reason);
      resolve();
    };
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) onEnd(`${options.command} cannot be started: ${error.code ?? error.message}`);
    });
    child.on("exit", (code, by) => onEnd(reasonOf(code, by)));
  });
  if (child.pid !== undefined) {
    logErrors(child, options);
    readSocketPath(child, (path) => {
      if (ended) return;
      socketPath = path;
      options.onSocket(path);
    });
  }
  return {
    stop: () => {
      if (stopping) return;
      stopping = true;
      signal("SIGHUP");
      timers.push(setTimeout(() => signal("SIGTERM"), options.graceMs));
      timers.push(setTimeout(() => signal("SIGKILL"), 2 * options.graceMs));
    },
    kill: () => signal("SIGKILL"),
    ended: whenEnded,
  };
};
