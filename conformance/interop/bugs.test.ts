/** What nobody has caught ends a daemon at once, and it is logged. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { runtimeArguments } from "../../adapters/testnet/children.ts";
import { isDeno } from "../house/runtimes.ts";
import { root } from "./process.ts";

const child = "conformance/interop/rejecting_child.ts";
const argumentsOf = isDeno ? ["run", "-A", "--no-check", child] : runtimeArguments(child);

const run = (how: string): Promise<readonly [code: unknown, stdout: string]> =>
  new Promise((resolve) =>
    execFile(process.execPath, [...argumentsOf, how], { cwd: root }, (error, stdout) => resolve([error?.code, stdout]))
  );

test("[FAULT-51] what nobody handles is logged as critical, and ends the process with 70", async () => {
  const ends = await Promise.all(["reject", "throw"].map(run));
  for (const [code, stdout] of ends) {
    assert.equal(code, 70, stdout);
    const line = JSON.parse(stdout.trim().split("\n").at(-1)!) as Readonly<Record<string, string>>;
    assert.deepEqual([line["level"], line["reason"]], ["CRITICAL", "bug"]);
    assert.match(line["message"]!, /^bug: Error: nobody handles it/);
  }
});
