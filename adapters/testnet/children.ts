/**
 * Processes of a test network: started `--supervised` (adapters/supervised.ts), so that they end with this one in any
 * case; their JSON log lines are read, kept in a file each, and handed on.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { isBuilt } from "../built.ts";
import { loadedReason } from "../supervised.ts";

export interface ChildSpec {
  readonly name: string;
  /** A script of cmd/, relative to the project's folder. */
  readonly script: string;
  /** Its configuration, which is read once `go` was called. */
  readonly file: string;
  readonly logFile: string;
}

/** A JSON log line; fields beside these are the line's own. */
export interface LogLine {
  readonly level: string;
  readonly module: string;
  readonly reason: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface Children {
  /** Resolves when all have loaded their programs. */
  readonly loaded: Promise<void>;
  /** Lets them read their configurations. */
  readonly go: () => void;
  /** Ends all: SIGTERM, and SIGKILL for those that take too long. */
  readonly stop: () => Promise<void>;
  readonly kill: () => void;
  /** Kills one with SIGKILL, which is then no death to report. Resolves when it has ended. */
  readonly crash: (name: string) => Promise<void>;
  /** Starts one again that was crashed; resolves when it has loaded its program, and reads its configuration then. */
  readonly restart: (name: string) => Promise<void>;
}

export interface ChildrenOptions {
  readonly specs: ReadonlyArray<ChildSpec>;
  /** The project's folder. */
  readonly root: string;
  readonly onLine: (name: string, line: LogLine) => void;
  /** One ended by itself; `last` are the last lines that it wrote. */
  readonly onDeath: (name: string, how: string, last: ReadonlyArray<string>) => void;
}

const lastLinesKept = 8;
const stopMs = 5000;

/** The runtime that this process has, for another script (`cmd/mix.ts`). */
export const runtimeArguments = (script: string): ReadonlyArray<string> => {
  if (isBuilt) return [script.replace(/\.ts$/, ".js")];
  if (!("Deno" in globalThis)) return ["--import", "tsx", script];
  const permissions = script.replace(/^.*\/|\.ts$/g, "");
  return ["run", `-P=${permissions}`, "--no-prompt", script];
};

const parseLine = (text: string): LogLine | null => {
  try {
    const line: unknown = JSON.parse(text);
    return typeof line === "object" && line !== null && "reason" in line ? line as LogLine : null;
  } catch {
    return null;
  }
};

/** Not by ChildProcess.kill: Deno's takes one signal only. A process that is gone already is none to kill. */
const sendSignal = ({ pid, exitCode }: ChildProcess, signal: NodeJS.Signals): void => {
  try {
    if (pid !== undefined && exitCode === null) process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
};

interface Child {
  readonly process: ChildProcess;
  readonly loaded: Promise<void>;
  readonly ended: Promise<void>;
}

const startChild = ({ root, onLine, onDeath }: ChildrenOptions, spec: ChildSpec, isStopping: () => boolean): Child => {
  const args = [...runtimeArguments(spec.script), "-f", spec.file, "--supervised"];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["pipe", "pipe", "pipe"] });
  const last: string[] = [];
  let onLoaded: () => void = () => {};
  const loaded = new Promise<void>((resolve) => (onLoaded = resolve));

  const take = (text: string): void => {
    last.push(text);
    if (last.length > lastLinesKept) last.shift();
    appendFileSync(spec.logFile, `${text}\n`, { mode: 0o600 });
    const line = parseLine(text);
    if (line?.reason === loadedReason) onLoaded();
    else if (line !== null) onLine(spec.name, line);
  };

  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", take);
  // A child that died does not take its line: its death is reported.
  child.stdin.on("error", () => {});
  const ended = new Promise<void>((resolve) => {
    const end = (how: string): void => {
      resolve();
      if (!isStopping()) onDeath(spec.name, how, last);
    };
    child.on("error", (error) => end(error.message));
    child.on("close", (code, signal) => end(signal === null ? `exit code ${code}` : signal));
  });
  return { process: child, loaded, ended };
};

export const startChildren = (options: ChildrenOptions): Children => {
  let stopping = false;
  const crashed = new Set<string>();
  const startOne = (spec: ChildSpec): Child => startChild(options, spec, () => stopping || crashed.has(spec.name));
  const children = new Map(options.specs.map((spec) => [spec.name, startOne(spec)]));
  const signalAll = (signal: NodeJS.Signals): void => {
    stopping = true;
    for (const child of children.values()) sendSignal(child.process, signal);
  };
  const go = ({ process }: Child): void => void process.stdin?.write("go\n");
  return {
    loaded: Promise.all([...children.values()].map(({ loaded }) => loaded)).then(() => undefined),
    go: () => children.forEach(go),
    stop: async () => {
      signalAll("SIGTERM");
      const timer = setTimeout(() => signalAll("SIGKILL"), stopMs);
      await Promise.all([...children.values()].map(({ ended }) => ended));
      clearTimeout(timer);
    },
    kill: () => signalAll("SIGKILL"),
    crash: async (name) => {
      const child = children.get(name)!;
      crashed.add(name);
      sendSignal(child.process, "SIGKILL");
      await child.ended;
    },
    restart: async (name) => {
      if (stopping) return;
      crashed.delete(name);
      const child = startOne(options.specs.find((spec) => spec.name === name)!);
      children.set(name, child);
      await child.loaded;
      go(child);
    },
  };
};
