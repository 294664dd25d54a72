/**
 * A store whose writes something refuses that the file system does not tell of, as a quota does (EDQUOT): here a bound
 * on the size of files, in a process of its own. As on a full disk nothing is lost, and nothing breaks.
 *
 * @module
 */
import { strict as assert } from "node:assert";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { isDeno } from "../house/runtimes.ts";
import { root } from "./process.ts";

/** Under Deno the file system cannot even be asked. */
const runtime = isDeno ? ["run", "-A", "--deny-sys=statfs", "--no-check"] : ["--import", "tsx"];
/** Of 512 bytes. */
const blocks = 8192;
const withoutBound = ["--fsize=unlimited:unlimited"];

const missing = process.platform !== "linux" || spawnSync("prlimit", ["--version"]).status !== 0
  ? "not run: the bound is Linux's, and prlimit lifts it"
  : false;
const skip = missing !== false && process.env["REQUIRE_ALL"] !== "1" ? missing : false;

test("[FAULT-38] what nobody told of refuses writes: the store says full, keeps what it has, deletes, and recovers", {
  skip,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "samtpfote-refused-"));
  const words = [process.execPath, ...runtime, "conformance/interop/full_store_child.ts", join(folder, "state.lmdb")];
  const script = `trap '' XFSZ; ulimit -S -f ${blocks}; exec "$@"`;
  const child = spawn("sh", ["-c", script, "sh", ...words], { cwd: root, stdio: ["pipe", "pipe", "inherit"] });
  try {
    let output = "";
    const said = new Promise<void>((resolve) =>
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        resolve();
      })
    );
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    await Promise.race([said, ended]);
    assert.notEqual(output, "", "the process lives, refused or not");
    const { kept, ...refused } = JSON.parse(output.split("\n")[0]!) as { readonly kept: number };
    assert.deepEqual(refused, { refused: ["full"], tag: "failed", deleted: "Committed", entries: kept - 1 });
    assert.equal(kept > 100, true, `${kept} entries of 3,000 bytes`);
    spawnSync("prlimit", ["--pid", String(child.pid), ...withoutBound]);
    child.stdin.end("\n");
    assert.equal(await ended, 0);
    assert.equal(output.split("\n")[1], `{"again":"Committed"}`);
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
});
