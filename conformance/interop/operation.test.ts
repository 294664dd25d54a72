/**
 * Daemons as their operators meet them: a non-voting authority that is asked, reloaded and ended; files that are wrong.
 *
 * @module
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { freePorts } from "../../adapters/free_ports.ts";
import { run, start } from "./process.ts";

let folder = "";
const fileOf = (name: string, file: string): string => join(folder, name, file);

const network = async (name: string, ...args: ReadonlyArray<string>): Promise<void> => {
  const size = ["--layers", "1", "--mixes", "1", "--providers", "1", "--clients", "alice"];
  const port = String(21_000 + (process.pid % 9000));
  const { code, stderr } = await run("genconfig", [join(folder, name), ...size, "--port", port, ...args]);
  assert.equal(code, 0, stderr);
};

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "samtpfote-operation-"));
  await Promise.all([network("voting", "--authorities", "2"), network("alone", "--nonvoting")]);
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Everything below a folder, with sizes. */
const listing = (path: string): string[] =>
  readdirSync(path).sort().map((name) => `${name} ${statSync(join(path, name)).size}`);

interface Case {
  readonly command: string;
  readonly file: () => string;
  readonly wrong: (toml: string) => string;
  readonly problems: ReadonlyArray<RegExp>;
}

const cases: Readonly<Record<string, Case>> = {
  "a mix": {
    command: "mix",
    file: () => fileOf("voting/mix1", "mix.toml"),
    wrong: (toml) => toml.replace("IsProvider", "IsProvder").replace(/Level = .*/, `Level = "LOUD"`),
    problems: [/\[Server\] IsProvder: unknown key \(did you mean IsProvider\?\)/, /\[Logging\] Level: .*"LOUD"/],
  },
  "a voting authority": {
    command: "authority",
    file: () => fileOf("voting/auth1", "authority.toml"),
    wrong: (toml) => toml.replace(/MinNodesPerLayer = .*/, `MinNodesPerLayer = "few"`).replace("[[Mixes]]", "[[Mixs]]"),
    problems: [/MinNodesPerLayer: /, /Mixs: unknown .*did you mean Mixes/],
  },
  "a non-voting authority": {
    command: "authority",
    file: () => fileOf("alone/auth1", "authority.toml"),
    wrong: (toml) => toml.replace("DataDir", "DataDirr").replace(/Layers = .*/, `Layers = "three"`),
    problems: [/\[Authority\] DataDirr: unknown key/, /\[Debug\] Layers: /],
  },
  "a client": {
    command: "client",
    file: () => fileOf("alone/alice", "client.toml"),
    wrong: (toml) => toml.replace("User", "Usr").replace(/Level = .*/, `Level = "LOUD"`),
    problems: [/\[Account\] Usr: unknown key \(did you mean User\?\)/, /\[Logging\] Level: /],
  },
};

for (const [kind, { command, file, wrong, problems }] of Object.entries(cases)) {
  test(`[FAULT-50] --validate of ${kind}'s file: 0, or 78 and all that is wrong`, async () => {
    const path = join(file(), "..");
    const name = join(path, "wrong.toml");
    writeFileSync(name, wrong(readFileSync(file(), "utf8")));
    const found = listing(path);
    const [good, bad] = await Promise.all([
      run(command, ["-f", file(), "--validate"]),
      run(command, ["-f", name, "--validate"]),
    ]);
    assert.equal(good.code, 0, good.stderr);
    assert.equal(good.stdout.includes(`${file()}: valid\n`), true, good.stdout);
    assert.equal(bad.code, 78, bad.stderr);
    for (const problem of problems) assert.match(bad.stderr, problem);
    // Deno warns that its permission sets are new.
    const lines = bad.stderr.split("\n").filter((line) =>
      line !== "" && !line.includes("Permissions in the config file")
    );
    assert.equal(lines.every((line) => line.includes(`${name}:`)), true, bad.stderr);
    assert.deepEqual(listing(path), found);
  });
}

const eventually = async (what: string, holds: () => boolean): Promise<void> => {
  for (let waited = 0; !holds(); waited += 20) {
    if (waited > 60_000) assert.fail(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

test("[HB-AUTH-3-03] a non-voting authority is asked by its file and by probes, reloaded and ended", async () => {
  const [port] = await freePorts("127.0.0.1", 1);
  const file = join(folder, "alone", "auth1", "watched.toml");
  const log = join(folder, "alone", "auth1", "authority.log");
  const original = readFileSync(fileOf("alone/auth1", "authority.toml"), "utf8")
    .replace("[Logging]", `[Logging]\n  File = "authority.log"`)
    .replace("[Samtpfote]", `[Samtpfote]\n  MetricsAddress = "127.0.0.1:${port}"`);
  writeFileSync(file, original);
  const authority = start("authority", ["-f", file]);
  const logged = (): string => readFileSync(log, { encoding: "utf8", flag: "a+" });
  await Promise.race([eventually("it listens", () => logged().includes("listens on")), authority.ended]);
  const manage = (...words: ReadonlyArray<string>) => run("manage", ["-f", file, ...words]);

  const status = await manage("--json", "STATUS");
  assert.equal(status.code, 0, status.stderr);
  const view = JSON.parse(status.stdout) as { readonly nodes: ReadonlyArray<unknown>; readonly store: unknown };
  assert.equal(view.nodes.length, 2);
  assert.deepEqual(view.store, { restoring: false, retrying: false, pending: 0 });
  const get = async (path: string): Promise<readonly [number, string]> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return [response.status, await response.text()];
  };
  assert.deepEqual(await get("/ready"), [200, `{"ready":true,"reasons":[]}\n`]);
  assert.deepEqual(await get("/live"), [200, `{"live":true}\n`]);
  assert.match((await get("/metrics"))[1], /^samtpfote_epoch [1-9]/m);

  const hangup = (toml: string): void => {
    writeFileSync(file, toml);
    process.kill(authority.process.pid!, "SIGHUP");
  };
  hangup(original.replace(/Level = .*/, `Level = "WARNING"`).replace(/Mu = .*/, "Mu = 0.5"));
  await eventually("a key waits", () => logged().includes("changed, and waiting for a restart: Parameters.Mu"));
  assert.doesNotMatch(logged(), /the configuration is read again/, "a NOTICE is no longer written");
  // A mix is gone, and the network has too few: nothing of the file is taken over.
  hangup(original.replace(/\[\[Mixes\]\][^\[]*/, ""));
  await eventually("too few mixes", () => logged().includes("the configuration is not taken over: 0 [[Mixes]]"));
  hangup(`${original}\n[[Mixes]]\n  IdentityKey = "${"5e".repeat(32)}"\n`);
  await eventually("the lists", () => logged().includes("the configuration is read again: 1 keys are taken over"));
  hangup("[Authority\n");
  await eventually("the broken file", () => logged().includes("not TOML"));
  renameSync(log, `${log}.1`);
  hangup(original);
  await eventually(
    "the level again, in a new file",
    () => logged().includes("the configuration is read again: 0 keys"),
  );
  assert.doesNotMatch(readFileSync(`${log}.1`, "utf8"), /the configuration is read again: 0 keys/);
  assert.equal((await manage("STATUS")).code, 0, "the broken file changed nothing");

  const ended = await manage("SHUTDOWN");
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal((await authority.ended).code, 0);
  const gone = await manage("STATUS");
  assert.equal(gone.code, 69);
  assert.match(gone.stderr, /manage: cannot speak to .*management_sock: (ENOENT|ECONNREFUSED|NotFound)/);
  writeFileSync(file, original.replace(/Enable = true/, "Enable = false"));
  const none = await manage("STATUS");
  assert.equal(none.code, 78);
  assert.match(none.stderr, /there is no management socket: \[Samtpfote\.Management\] Enable = true makes one/);
});

test("[FAULT-48] signals while a mix starts, and many at once, end it; it starts again", async () => {
  const begin = () => start("mix", ["-f", fileOf("voting/mix1", "mix.toml"), "--supervised"]);
  const [early, twice] = [begin(), begin()];
  await Promise.all([early.says(`"loaded"`), twice.says(`"loaded"`)]);
  early.process.stdin!.write("go\n");
  process.kill(early.process.pid!, "SIGTERM");
  assert.equal([0, null].includes((await early.ended).code), true, "before it listens to signals, or after");
  twice.process.stdin!.write("go\n");
  await twice.says("listens on");
  for (let sent = 0; sent < 3; sent++) process.kill(twice.process.pid!, "SIGTERM");
  assert.equal([0, 130].includes((await twice.ended).code ?? -1), true);
  const again = begin();
  again.process.stdin!.write("go\n");
  await again.says("listens on");
  process.kill(again.process.pid!, "SIGTERM");
  const { code, stderr } = await again.ended;
  assert.equal(code, 0, stderr);
  assert.deepEqual(readdirSync(join(folder, "voting", "mix1")).filter((name) => name.includes("sock")), []);
});
