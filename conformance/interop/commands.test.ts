/**
 * The commands as real processes: arguments, exit codes, signals.
 *
 * @module
 */
import { strict as assert } from "node:assert";
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { root, run, start } from "./process.ts";

let folder = "";
let mixFile = "";
let address = "";

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "samtpfote-commands-"));
  const counts = ["--authorities", "1", "--layers", "1", "--mixes", "1", "--providers", "1", "--clients", "alice"];
  // Below the ports that systems give to whoever asks for any.
  const port = 20_000 + (process.pid % 10_000);
  const args = [join(folder, "net"), ...counts, "--port", String(port)];
  const { code, stdout, stderr } = await run("genconfig", args);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /cmd\/authority\.ts.* -f .*\/auth1\/authority\.toml/);
  assert.match(stdout, /cmd\/client\.ts.* -f .*\/alice\/client\.toml register/);
  assert.doesNotMatch(stdout, /spool create/);
  mixFile = join(folder, "net", "mix1", "mix.toml");
  address = /Addresses = \["(.*)"\]/.exec(readFileSync(mixFile, "utf8"))![1]!;
});

after(() => rmSync(folder, { recursive: true, force: true }));

/** A copy of the mix's configuration with other lines. */
const variant = (name: string, change: (toml: string) => string): string => {
  const file = join(folder, name);
  writeFileSync(file, change(readFileSync(mixFile, "utf8")));
  return file;
};

const isDeno = "Deno" in globalThis;

const textOf = (name: string): string => readFileSync(join(root, name), "utf8");

/** All of them, also one that is new; under Deno those that it has permissions for. */
const commands = (): ReadonlyArray<string> => {
  const { permissions } = JSON.parse(textOf("deno.json")) as { permissions: object };
  const names = readdirSync(join(root, "cmd")).filter((name) => name.endsWith(".ts")).map((name) => name.slice(0, -3));
  return isDeno ? names.filter((name) => name in permissions) : [...names, "plugins/echo", "plugins/spool"];
};

test("every command prints its usage with --help or -h and its version with --version, and ends with 0", async () => {
  const names = commands();
  assert.equal(names.length >= 6, true, names.join());
  const { version } = JSON.parse(textOf("package.json")) as { version: string };
  const asked = names.flatMap((name, index) => [
    { name, flag: index % 2 === 0 ? "--help" : "-h", expected: `usage: ${name.replace("plugins/", "")}` },
    { name, flag: "--version", expected: `samtpfote ${version}\n` },
  ]);
  const answers = await Promise.all(asked.map(({ name, flag }) => run(name, [flag])));
  answers.forEach(({ code, stdout, stderr }, index) => {
    const { name, flag, expected } = asked[index]!;
    assert.equal(code, 0, `${name} ${flag}: ${stderr}`);
    assert.equal(stdout.slice(0, expected.length), expected, `${name} ${flag}`);
    // Deno warns that its permission sets are new.
    if (!isDeno) assert.equal(stderr, "", `${name} ${flag}`);
  });
});

test("wrong arguments end with 64 and one line", async () => {
  const wrong = await Promise.all([
    run("mix", ["--bogus"]),
    run("client", []),
    run("client", ["-f", "x", "fly"]),
    run("testnet", ["--epoch", "soon"]),
  ]);
  assert.deepEqual(wrong.map(({ code }) => code), [64, 64, 64, 64]);
  const lines = [
    "mix: Unknown option '--bogus'",
    "client: -f FILE is missing",
    `client: unknown command "fly"`,
    `testnet: --epoch expects a time of at least 2s, as "10s" or "2m"; got "soon"`,
  ];
  wrong.forEach(({ stderr }, index) => {
    assert.ok(stderr.includes(`${lines[index]}\nusage: `), stderr);
    assert.doesNotMatch(stderr, /\n\s+at /);
  });
});

test("what is wrong with a client's words is said before it looks for a network", async () => {
  const file = join(folder, "net", "alice", "client.toml");
  const given = [
    [["spool"], "spool expects create, append, read, list, remove, roles, grant, revoke, purge"],
    [["send", "bob@provider1", "x", "--key", "short"], "--key expects a key of 32 bytes in base64 or hex"],
  ] as const;
  const ends = await Promise.all(given.map(([words]) => run("client", ["-f", file, ...words])));
  ends.forEach(({ code, stderr }, index) => {
    // Deno warns first that its permission sets are new.
    const line = stderr.split("\n").find((text) => text.startsWith("client: "));
    assert.equal(line, `client: ${given[index]![1]}`);
    assert.equal(code, 64);
  });
});

test("genconfig --spools: a spool plugin at each Provider, files that are valid, and how a spool is made", async () => {
  const net = join(folder, "spools");
  const counts = ["--authorities", "1", "--layers", "1", "--mixes", "1", "--providers", "2", "--clients", "alice"];
  const { code, stdout, stderr } = await run("genconfig", [net, "--spools", ...counts]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /cmd\/client\.ts.* -f .*\/alice\/client\.toml spool create .*\/inbox provider1 provider2\n/);
  const files = ["provider1", "provider2"].map((name) => join(net, name, "provider.toml"));
  const validated = await Promise.all(files.map((file) => run("mix", ["-f", file, "--validate"])));
  validated.forEach(({ code, stderr }) => assert.equal(code, 0, stderr));
  for (const file of files) assert.match(readFileSync(file, "utf8"), /Capability = "spool"/);
});

test("genconfig and testnet replace nothing that somebody else wrote", async () => {
  const dir = join(folder, "again");
  const small = [dir, "--authorities", "1", "--layers", "1", "--mixes", "1", "--providers", "1", "--clients", "alice"];
  assert.equal((await run("genconfig", small)).code, 0);
  const file = join(dir, "mix1", "mix.toml");
  const changed = `${readFileSync(file, "utf8")}# mine\n`;
  writeFileSync(file, changed);
  const [again, testnet] = await Promise.all([run("genconfig", small), run("testnet", ["--dir", dir])]);
  assert.equal(again.code, 78);
  assert.match(again.stderr, /mix1\/mix\.toml is there already and says something else/);
  assert.equal(testnet.code, 64);
  assert.match(testnet.stderr, /--dir expects a new folder, or one of an earlier testnet/);
  assert.equal(readFileSync(file, "utf8"), changed);
});

test("a wrong configuration ends with 78 and names file, line and key; a missing one likewise", async () => {
  const file = variant("wrong.toml", (toml) => toml.replace("IsProvider", "IsProvder"));
  const [wrong, missing] = await Promise.all([
    run("mix", ["-f", file]),
    run("authority", ["-f", join(folder, "none.toml")]),
  ]);
  assert.equal(wrong.code, 78);
  assert.ok(
    wrong.stderr.includes(`mix: ${file}:7: [Server] IsProvder: unknown key (did you mean IsProvider?)\n`),
    wrong.stderr,
  );
  assert.equal(missing.code, 78);
  assert.ok(missing.stderr.includes(`authority: cannot read ${join(folder, "none.toml")}: ENOENT\n`), missing.stderr);
});

test("[HB-MIX-2-01] [HB-AUTH-1-01] -g makes the keys, prints the public ones, and ends", async () => {
  const dataDir = join(folder, "fresh");
  const file = variant("generate.toml", (toml) => toml.replace(/DataDir = .*/, `DataDir = "${dataDir}"`));
  const { code, stdout, stderr } = await run("mix", ["-f", file, "-g"]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^identity key [A-Za-z0-9+/]{43}=\nlink key {5}[A-Za-z0-9+/]{43}=\n$/);
  assert.equal(readdirSync(dataDir).length, 4);
});

test("a port in use ends with 69", async () => {
  const taken = createServer();
  const [host, port] = address.split(":");
  await new Promise<void>((resolve) => taken.listen(Number(port), host, resolve));
  const { code, stderr } = await run("mix", ["-f", mixFile]);
  await new Promise((resolve) => taken.close(resolve));
  assert.equal(code, 69);
  assert.ok(stderr.includes(`mix: cannot listen on ${address}: the port is in use\n`), stderr);
});

test("[HB-MIX-2-02] [HB-MIX-2-03] a start names node and keys; SIGTERM stops cleanly with 0; SIGHUP before it has opened the log anew", async () => {
  const log = join(folder, "net", "mix1", "mix.log");
  const file = variant("log.toml", (toml) => toml.replace("[Logging]", `[Logging]\n  File = "mix.log"`));
  const { process: child, ended, says } = start("mix", ["-f", file, "--supervised"]);
  await says(`"loaded"`);
  child.stdin!.write("go\n");
  const contains = async (text: string): Promise<void> => {
    const read = (): string => {
      try {
        return readFileSync(log, "utf8");
      } catch {
        return "";
      }
    };
    while (!read().includes(text)) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await contains("mix mix1 is ready");
  renameSync(log, `${log}.1`);
  process.kill(child.pid!, "SIGHUP");
  while (!readdirSync(join(folder, "net", "mix1")).includes("mix.log")) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  process.kill(child.pid!, "SIGTERM");
  const { code, stderr } = await ended;
  assert.equal(code, 0, stderr);
  assert.match(readFileSync(log, "utf8"), /stopping on SIGTERM[^]* stopped\n$/);
  const begun = readFileSync(`${log}.1`, "utf8");
  assert.match(begun, /mix mix1 listens on \S+ identity=[0-9a-f]{64} link=[0-9a-f]{64}/);
  assert.doesNotMatch(begun, /stopping/);
});

test("a process that was started by another ends when its standard input is closed", async () => {
  const waiting = start("mix", ["-f", mixFile, "--supervised"]);
  await waiting.says(`"loaded"`);
  waiting.process.stdin!.end();
  assert.equal((await waiting.ended).code, 0);
  const running = start("mix", ["-f", mixFile, "--supervised"]);
  running.process.stdin!.write("go\n");
  await running.says("is ready");
  running.process.stdin!.end();
  assert.equal((await running.ended).code, 0);
});

test("a client whose network is not there says so and ends with 69", async () => {
  const file = join(folder, "net", "alice", "client.toml");
  const [registered, pinged] = await Promise.all([
    run("client", ["-f", file, "register"]),
    run("client", ["-f", file, "ping", "--timeout", "2"]),
  ]);
  assert.equal(registered.code, 69);
  assert.match(registered.stderr, /client: cannot reach http:\/\/127\.0\.0\.1:[0-9]+\/registration: /);
  assert.equal(pinged.code, 69);
  assert.match(pinged.stderr, /client: no answer in time\n/);
});
