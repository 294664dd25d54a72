/**
 * What a store in a file has answered outlives its process: real ones, killed at random instants.
 *
 * @module
 */
import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { isDeno } from "../house/runtimes.ts";
import { root } from "./process.ts";

const runtime = isDeno ? ["run", "-A", "--no-check"] : ["--import", "tsx"];

/** Lets the child work until it has answered `answers` times and `ms` have passed, kills it, gives back its lines. */
const killed = (file: string, told: number, answers: number, ms: number): Promise<ReadonlyArray<string>> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [...runtime, "conformance/interop/store_child.ts", file, String(told)], {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    let timed = false;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (timed || output.split("\n").length <= answers) return;
      timed = true;
      setTimeout(() => child.kill("SIGKILL"), ms);
    });
    // The last line may have been cut off by the kill: it was not told.
    child.on("close", () => resolve(output.split("\n").slice(0, -1)));
  });

test("a store's process killed at any instant: what it answered is there, and no tag is fresh twice", async () => {
  const folder = mkdtempSync(join(tmpdir(), "samtpfote-"));
  try {
    let told = 0;
    for (let round = 0; round < 6; round++) {
      const ms = Math.random() * 40;
      const [had, ...lines] = await killed(join(folder, "state.lmdb"), told, 2 + round, ms);
      const [, commits, tags] = (had ?? "").split(" ").map(Number);
      assert.ok(commits! >= told && tags! >= told, `round ${round}, ${ms} ms: told ${told}, then ${had}`);
      assert.deepEqual(lines.filter((line) => line.startsWith("wrong")), [], `round ${round}, ${ms} ms`);
      assert.ok(lines.length > 0);
      told = Number(lines.at(-1));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
