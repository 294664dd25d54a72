/**
 * How tests start programs of the project: under the runtime that runs the test, or under either by name.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { root } from "./sources.ts";

export const isDeno = "Deno" in globalThis;

export type Runtime = "node" | "deno";

export const thisRuntime: Runtime = isDeno ? "deno" : "node";

/** Deno as the test command installs it, or as it is found on the path. */
export const denoPath = (): string => {
  if (isDeno) return process.execPath;
  const places = ["conformance/tools/node_modules/.bin/deno", "node_modules/.bin/deno"].map((place) =>
    join(root, place)
  );
  return places.find(existsSync) ?? "deno";
};

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const environment = { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };

/** Runs a program with its arguments in the project's root. */
export const run = (program: string, argv: ReadonlyArray<string>): Outcome => {
  const { status, stdout, stderr, error } = spawnSync(program, argv, {
    cwd: root,
    encoding: "utf8",
    env: environment,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) throw error;
  return { status, stdout, stderr };
};

/** Runs a script of the project (`cmd/sim.ts`) under a runtime; `node` only from Node. */
export const runScript = (runtime: Runtime, script: string, argv: ReadonlyArray<string>): Outcome =>
  runtime === "deno"
    ? run(denoPath(), ["run", "--allow-all", "--no-check", "--quiet", script, ...argv])
    : run(process.execPath, ["--import", "tsx", script, ...argv]);
