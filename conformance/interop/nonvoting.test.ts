/**
 * A network with one non-voting authority, as real processes from genconfig's files: a client pings a service and is
 * shown what comes meanwhile; the authority is killed, and its successor gives out what it had signed, and signs on.
 */
import { strict as assert } from "node:assert";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { isDeno } from "../house/runtimes.ts";
import { run, type Running, start } from "./process.ts";

const size = ["--nonvoting", "--layers", "1", "--mixes", "1", "--providers", "1", "--clients", "alice"];
const rates = ["--mu", "0.02", "--lambda-p", "0.02", "--rate", "60000"];

/** Epochs are longer on a machine on which the processes took long to load. */
const periodFor = (loadMs: number): number => 10_000 * Math.min(5, Math.ceil(loadMs / 8000));
/** Then whatever is waited for ends with the processes. */
const deadlineMs = 200_000;

const edit = (file: string, changes: ReadonlyArray<readonly [RegExp, string]>): void => {
  const text = changes.reduce((sum, [from, to]) => sum.replace(from, to), readFileSync(file, "utf8"));
  writeFileSync(file, text);
};

/** Four in a row, as genconfig takes them: below those that systems give to whoever asks for any. */
const firstPort = 10_000 + 4 * (process.pid % 2000);

const ping = async (file: string): Promise<void> => {
  const { code, stdout, stderr } = await run("client", ["-f", file, "ping", "--timeout", "90"]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^loop at provider1 answered/);
};

/** By the first application of the README. Under Deno by the command: the application is one of the npm package. */
const pingByExample = isDeno ? ping : async (file: string): Promise<void> => {
  const { code, stdout, stderr } = await run("examples/ping", [file]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^loop at provider1 answered after \d+ ms\nthere: provider1 > mix1 > provider1\nback: mix1 > /);
};

/** To connect is to fetch: what comes to a user who runs another command is shown by that one. */
const assertShown = async (file: string): Promise<void> => {
  const said: string[] = [];
  for (const words of [["send", "alice@provider1", "Mind the gap."], ["ping"]]) {
    const { code, stderr } = await run("client", ["-f", file, ...words, "--timeout", "90"]);
    assert.equal(code, 0, stderr);
    said.push(stderr);
  }
  assert.match(said.join(""), /^a message came meanwhile, from [0-9a-f]{64}: Mind the gap\.$/m);
};

test("a non-voting authority's network delivers; killed and back, the authority keeps to its document and signs on", async () => {
  const folder = mkdtempSync(join(tmpdir(), "samtpfote-nonvoting-"));
  const file = (name: string, kind: string): string => join(folder, name, `${kind}.toml`);
  const authority = file("auth1", "authority");
  const alice = file("alice", "client");
  const made = await run("genconfig", [folder, ...size, ...rates, "--epoch", "10s", "--port", String(firstPort)]);
  assert.equal(made.code, 0, made.stderr);
  const running: Running[] = [];
  const launch = (command: string, toml: string): Running => {
    const started = start(command, ["-f", toml, "--supervised"]);
    running.push(started);
    return started;
  };
  const endAll = (): void => running.forEach((one) => one.process.kill("SIGKILL"));
  const deadline = setTimeout(endAll, deadlineMs);
  try {
    const began = Date.now();
    const first = launch("authority", authority);
    const [mix, provider] = [launch("mix", file("mix1", "mix")), launch("mix", file("provider1", "provider"))];
    await Promise.all(running.map(({ says }) => says(`"loaded"`)));
    const second = launch("authority", authority);
    const periodMs = periodFor(Date.now() - began);
    const origin = new Date(Date.now() - 1000 * periodMs).toISOString();
    for (const toml of [authority, file("mix1", "mix"), file("provider1", "provider"), alice]) {
      edit(toml, [
        [/EpochPeriod = .*/, `EpochPeriod = "${periodMs / 1000}s"`],
        [/EpochOrigin = .*/, `EpochOrigin = "${origin}"`],
        ...(toml === alice
          ? []
          : [[/LogFormat = .*/, `LogFormat = "json"`], [/Level = .*/, `Level = "INFO"`]] as const),
      ]);
    }
    for (const one of [first, mix, provider]) one.process.stdin!.write("go\n");
    await Promise.all([mix.says("connected to provider1"), provider.says("connected to mix1")]);
    const registered = await run("client", ["-f", alice, "register"]);
    assert.equal(registered.code, 0, registered.stderr);
    await Promise.all([ping(alice), second.says(`"loaded"`)]);
    await assertShown(alice);
    process.kill(first.process.pid!, "SIGKILL");
    const { stdout } = await first.ended;
    const signed = [...stdout.matchAll(/"reason":"consensus".*?"epoch":(\d+)/g)].map(([, epoch]) => Number(epoch));
    assert.notEqual(signed.length, 0);
    second.process.stdin!.write("go\n");
    await second.says(`"listening"`);
    // A new client asks the authority for the document of this epoch, which its predecessor has signed.
    await pingByExample(alice);
    await second.says(`"reason":"consensus"`);
    const restored = /"reason":"ready".*?"documents":(\d+)/;
    process.kill(second.process.pid!, "SIGTERM");
    const end = await second.ended;
    assert.equal(end.code, 0, end.stderr);
    assert.notEqual(Number(restored.exec(end.stdout)?.[1] ?? 0), 0, "documents were read back");
    const after = [...end.stdout.matchAll(/"reason":"consensus".*?"epoch":(\d+)/g)].map(([, epoch]) => Number(epoch));
    assert.deepEqual(after.filter((epoch) => signed.includes(epoch)), [], "what was signed is not signed again");
  } finally {
    clearTimeout(deadline);
    endAll();
    rmSync(folder, { recursive: true, force: true });
  }
});
