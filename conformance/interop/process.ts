/**
 * Commands as real processes, under the runtime that the tests run under.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runtimeArguments } from "../../adapters/testnet/children.ts";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when standard output has this text; rejects when the process ends without it. */
  readonly says: (text: string) => Promise<void>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * Starts `cmd/NAME.ts`, `within` being the command line that runs programs elsewhere; its standard input stays open.
 */
export const start = (name: string, args: ReadonlyArray<string>, within: ReadonlyArray<string> = []): Running => {
  const [program, ...words] = [...within, process.execPath, ...runtimeArguments(`cmd/${name}.ts`), ...args];
  const child = spawn(program!, words, {
    cwd: root,
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  running.add(child);
  child.on("close", () => running.delete(child));
  let [stdout, stderr] = ["", ""];
  const watchers: Array<() => void> = [];
  child.stdin.on("error", () => {});
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    for (const watcher of watchers) watcher();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
  const says = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const watcher = (): void => {
        if (stdout.includes(text)) resolve();
      };
      watchers.push(watcher);
      watcher();
      void ended.then((end) => reject(new Error(`${name} ended without "${text}": ${JSON.stringify(end)}`)));
    });
  return { process: child, ended, says };
};

export const run = (name: string, args: ReadonlyArray<string>, within?: ReadonlyArray<string>): Promise<Ended> =>
  start(name, args, within).ended;
