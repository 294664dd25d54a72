/**
 * A Provider whose disk is full: a real process on a real file system of 2 MiB. What is new is refused with a
 * reason, what is stored is kept and served, and with room again it goes on without a restart. On a
 * read-only one it does not start, and says why.
 *
 * @module
 */
import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { run, type Running, start } from "./process.ts";

const sizeBytes = 2 * 1024 * 1024;

/** Mounts a file system in memory; what prevents it, or null. */
const mount = (folder: string): string | null => {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    return "mounting a small file system takes root on Linux";
  }
  const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${sizeBytes}`, "tmpfs", folder], {
    encoding: "utf8",
  });
  return status === 0 ? null : `mount: ${stderr}`;
};

const linkKey = Buffer.alloc(32, 1).toString("base64");

/** An account at the Provider: the HTTP status. */
const register = async (address: string, user: string): Promise<number> => {
  const body = new URLSearchParams({ version: "0", command: "register_link_key", user, link_key: linkKey });
  const response = await fetch(`http://${address}/registration`, {
    method: "POST",
    body,
    // Connections to a process that has ended are none to use again.
    headers: { connection: "close" },
  }).catch((error: Error) => {
    throw new Error(`cannot register ${user}: ${String((error.cause as Error | undefined)?.message)}`);
  });
  await response.text();
  return response.status;
};

interface Place {
  readonly folder: string;
  readonly file: string;
  readonly registration: string;
}

/** A Provider of a network of which nothing else runs. */
const configure = async (folder: string): Promise<Place> => {
  const counts = ["--authorities", "1", "--layers", "1", "--mixes", "1", "--providers", "1"];
  const port = 30_000 + (process.pid % 10_000);
  const { code, stderr } = await run("genconfig", [join(folder, "net"), ...counts, "--port", String(port)]);
  assert.equal(code, 0, stderr);
  const file = join(folder, "net", "provider1", "provider.toml");
  const registration = /UserRegistrationHTTPAddresses = \["(.*)"\]/.exec(readFileSync(file, "utf8"))![1]!;
  return { folder: join(folder, "net", "provider1"), file, registration };
};

/** Takes all room but a little, and gives it back. */
const fill = (folder: string): () => void => {
  const file = join(folder, "ballast");
  const { bavail, bsize } = statfsSync(folder);
  writeFileSync(file, new Uint8Array(bavail * bsize));
  return () => rmSync(file);
};

const users = function* (prefix: string) {
  for (let number = 1;; number++) yield `${prefix}${number}`;
};

/** Registers until one is refused; how many were not. */
const registerUntilRefused = async ({ registration }: Place): Promise<number> => {
  let taken = 0;
  for (const user of users("full")) {
    if (await register(registration, user) !== 200) return taken;
    if (++taken > 20_000) assert.fail("a full disk takes everything");
  }
  return taken;
};

const endProvider = async (provider: Running): Promise<void> => {
  process.kill(provider.process.pid!, "SIGTERM");
  assert.equal((await provider.ended).code, 0);
};

test("[FAULT-38] a Provider on a full disk refuses accounts, keeps those it has, and goes on when there is room", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "samtpfote-disk-"));
  const place = await configure(folder);
  const data = join(folder, "mounted");
  mkdirSync(data);
  const why = mount(data);
  try {
    if (why !== null) {
      if (process.env["REQUIRE_ALL"] === "1") assert.fail(why);
      return t.skip(`not run: ${why}`);
    }
    spawnSync("cp", ["-a", `${place.folder}/.`, data]);
    const file = join(data, "provider.toml");
    const toml = readFileSync(place.file, "utf8").replace(/DataDir = ".*"/, `DataDir = "${data}"`);
    writeFileSync(file, `${toml}\n[Samtpfote.Limits]\n  RegistrationsPerMinute = 1000000\n`);
    const first = start("mix", ["-f", file]);
    await first.says("is ready");
    assert.equal(await register(place.registration, "before"), 200);
    const free = fill(data);
    const taken = await registerUntilRefused(place);
    // It is refused again and again, not once, and the process lives.
    for (const user of ["late1", "late2", "late3"]) assert.notEqual(await register(place.registration, user), 200);
    assert.notEqual(await register(place.registration, "before"), 200, "who has an account gets no second one");
    free();
    assert.equal(await register(place.registration, "late1"), 200, "with room again, without a restart");
    await endProvider(first);
    const second = start("mix", ["-f", file]);
    await second.says("is ready");
    for (const user of ["before", "late1", ...(taken > 0 ? ["full1", `full${taken}`] : [])]) {
      assert.notEqual(await register(place.registration, user), 200, `${user} is there`);
    }
    assert.equal(await register(place.registration, "late2"), 200, "what was refused is not there");
    await endProvider(second);
    assert.equal(spawnSync("mount", ["-o", "remount,ro", data]).status, 0);
    const { code, stderr } = await run("mix", ["-f", file]);
    assert.equal(code, 69);
    assert.match(stderr, /state\.lmdb/);
    assert.doesNotMatch(stderr, /\n\s+at /);
  } finally {
    if (why === null) spawnSync("umount", ["-l", data]);
    rmSync(folder, { recursive: true, force: true });
  }
});
