/**
 * `client spool` with replicated spools, each word against spool plugins as real processes that speak over direct
 * links: members come and go, messages are removed, replicas are away, a spool is deleted and takes no more room.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { freePorts } from "../../adapters/free_ports.ts";
import { spoolCommand } from "../../adapters/spool_command.ts";
import type { SpoolCommandOptions } from "../../adapters/spool_everywhere.ts";
import { readSpoolFile } from "../../adapters/spool_files.ts";
import { SpoolError } from "../../adapters/spool_client.ts";
import { createEpochClock } from "../../core/pki/epoch.ts";
import { spoolClients, type SpoolProcess, startSpool, storeFolder } from "./spool_process.ts";

const providers = ["p", "q", "r"];

const current = new Map<string, SpoolProcess>();
const links = new Map<string, string>();
const args = new Map<string, ReadonlyArray<string>>();
const folder = mkdtempSync(join(tmpdir(), "samtpfote-words-"));

/** Providers with plugins; a user keeps descriptors beside their stores. */
before(async () => {
  const ports = await freePorts("127.0.0.1", providers.length);
  for (const [index, name] of providers.entries()) {
    mkdirSync(join(folder, name));
    args.set(name, ["-data_store", join(folder, name), "-link", `127.0.0.1:${ports[index]}`]);
    await restart(name);
    links.set(name, (await current.get(name)!.parameters()).get("link")!);
  }
});
after(async () => {
  for (const plugin of current.values()) await plugin.end();
  rmSync(folder, { recursive: true, force: true });
});

const restart = async (name: string): Promise<void> => void current.set(name, await startSpool(args.get(name)!));
const stop = (name: string) => current.get(name)!.end("SIGKILL");
const at = (name: string): string => join(folder, name);

/** What a word prints, or the message of its error. */
const say = async (words: string, provider: string | null = null): Promise<string> => {
  const { options } = spoolClients(current, links);
  const lines: string[] = [];
  const given = {
    ...options,
    at: provider,
    signal: AbortSignal.timeout(120_000),
    print: (line: string) => void lines.push(line),
  };
  try {
    await spoolCommand(words.split(" "))(given as unknown as SpoolCommandOptions);
  } catch (error) {
    assert.equal(error instanceof Error && "code" in error, true, String(error));
    lines.push((error as Error).message);
  }
  return lines.join("\n");
};

/** Says it until it comes out so: replicas tell one another. */
const until = async (words: string, expected: RegExp, provider: string | null = null): Promise<string> => {
  for (let said = "";; await new Promise((resolve) => setTimeout(resolve, 100))) {
    said = await say(words, provider);
    if (expected.test(said)) return said;
  }
};

test("[DSPOOL-1-02] [DSPOOL-7-02] members of a spool: given a role they have it, also who is read by; revoked they have none, at all replicas", async () => {
  const [root, writer, reader] = ["root", "write", "read"].map((kind) => at(`a.${kind}.json`));
  assert.match(await say(`create ${at("a")} p q r`), /^made a spool at p, q, r: .*a\.root\.json$/);
  assert.match(await until(`append ${writer} first`, /^appended/, "p"), /^appended at p: [123] of 3 replicas/);
  await until(`roles ${root}`, /^(?!.*only at)/s);
  assert.equal((await say(`roles ${root}`)).split("\n").length, 4, "root, writer, reader, and what is encrypted to");

  assert.match(
    await say(`grant ${root} writer ${at("bob")}`),
    /^made .*bob\.write\.json, a writer with key [0-9a-f]{64}: 3 of 3/,
  );
  assert.match(await say(`grant ${root} reader ${at("carol")}`), /^made .*carol\.read\.json, a reader/);
  assert.match(await say(`grant ${root} admin ${at("dora")}`), /^made .*dora\.admin\.json, an? admin/);
  assert.match(await say(`append ${at("bob.write.json")} second`, "q"), /^appended at q/);
  // Carol came later: the first message was not encrypted to her.
  await until(`list ${at("carol.read.json")}`, /second/, "r");
  assert.match(await until(`list ${at("carol.read.json")}`, /first|not for this reader/, "r"), /not for this reader/);
  assert.match(await say(`remove ${at("carol.read.json")} ${"0".repeat(16)}`, "r"), /there is no message/);

  // An admin takes roles, too; what was taken does not come back.
  const dora = at("dora.admin.json");
  assert.match(
    await say(`revoke ${dora} ${at("bob.write.json")} ${at("carol.read.json")}`),
    /^revoked \(.*\): 3 of 3 replicas/,
  );
  for (const provider of providers) {
    assert.match(await say(`append ${at("bob.write.json")} third`, provider), /not-permitted: this key has not/);
    assert.match(await say(`read ${at("carol.read.json")}`, provider), /not-permitted/);
  }
  assert.match(await say(`revoke ${dora} ${at("bob.write.json")}`), /has no role in this spool/);
  assert.match(await say(`revoke ${dora} ${dora}`), /cannot take its own roles/);
  // Who writes from now on does not encrypt to Carol, whatever her Provider keeps for her.
  assert.match(await say(`append ${writer} fourth`, "p"), /^appended/);
  const carol = readSpoolFile(at("carol.read.json"));
  const alice = readSpoolFile(writer!);
  assert.equal(alice.kind === "replicated-writer" && carol.kind === "replicated-reader", true);
  if (alice.kind !== "replicated-writer" || carol.kind !== "replicated-reader") return;
  assert.equal(alice.spool.encryptTo.length, 1);
  assert.equal(alice.spool.retired.length, 1);
  // A lost descriptor: the key that "roles" shows is enough.
  const dorasKey = /^([0-9a-f]{64}) {2}admin$/m.exec((await say(`roles ${root}`)).split("\n").slice(1).join("\n"));
  assert.match(await say(`revoke ${root} ${dorasKey![1]}`), /^revoked \(admin\): 3 of 3/);
  assert.match(await say(`grant ${dora} writer ${at("eve")}`), /not-permitted/);
  assert.equal(existsSync(at("eve.write.json")), false);
  assert.match(await until(`list ${reader}`, /fourth/, "q"), /second/);
});

test("[DSPOOL-6.1-11] [DSPOOL-8.2-02] messages are removed for everybody: those that were read, or one; a replica that was away does not bring them back", async () => {
  const [writer, reader] = ["write", "read"].map((kind) => at(`b.${kind}.json`));
  await say(`create ${at("b")} p q r`);
  for (const text of ["one", "two", "three"]) await until(`append ${writer} ${text}`, /^appended/, "p");
  await until(`list ${reader}`, /three/, "r");
  await stop("r");
  assert.match(await until(`read ${reader}`, /three/, "p"), /^one\ntwo\nthree$/);
  await until(`append ${writer} four`, /^appended/, "p");
  const removed = await say(`remove ${reader}`);
  assert.match(
    removed,
    /^removed what was read: [12] of 3 replicas know it so far\nr did not take it: no reply came in time/,
  );
  const gone = /^(\S+ .*\(removed.*\n){3}\S+ .* four$/;
  assert.match(await say(`list ${reader}`, "p"), gone);
  await until(`list ${reader}`, gone, "q");
  await restart("r");
  await until(`list ${reader}`, gone, "r");
  const id = (await say(`list ${reader}`, "p")).split("\n")[3]!.slice(0, 16);
  assert.match(await say(`remove ${reader} ${id}`), /^removed 1 message: 3 of 3/);
  for (const provider of providers) assert.doesNotMatch(await say(`list ${reader}`, provider), /four/);
  await until(`append ${writer} five`, /^appended/, "q");
  assert.match(await until(`read ${reader}`, /five/, "p"), /five/);
});

test("[SEED-3-01] a purged spool is gone at every replica, also at one that was away; nobody but its root key purges", async () => {
  const [root, writer, reader] = ["root", "write", "read"].map((kind) => at(`c.${kind}.json`));
  await say(`create ${at("c")} p q r`);
  await until(`append ${writer} secret`, /^appended/, "p");
  await until(`list ${reader}`, /secret/, "r");
  await say(`grant ${root} admin ${at("deputy")}`);
  assert.match(await say(`purge ${at("deputy.admin.json")}`), /only the root key deletes the spool/);
  assert.match(await say(`purge ${reader}`), /is not the \.read\.json of a spool without replicas/);
  await stop("r");
  const said = await say(`purge ${root}`);
  assert.match(said, /^purged at p, q\nnot purged at r: no reply came in time\nit is as soon as/);
  assert.match(await say(`list ${reader}`, "p"), /purged: the spool was purged by the holder of its root key/);
  await restart("r");
  // It hears of it from the others, by itself.
  await until(`list ${reader}`, /purged by the holder/, "r");
  assert.match(await say(`append ${writer} late`, "r"), /purged/);
  assert.equal(await say(`purge ${root}`), "purged at p, q, r");
});

/** Bytes of the files of a store. */
const sizeOf = (folder: string): number => statSync(join(folder, "state.lmdb")).size;

test("[FAULT-38] what a purged or expired replica took of the disk is used again", async (t) => {
  const folder = storeFolder(t);
  const clock = createEpochClock(1_000, Date.now() - 100_000);
  const origin = new Date(clock.originMs).toISOString();
  const period = ["-epoch_period", "1s", "-epoch_origin", origin];
  const plugin = await startSpool(["-data_store", folder, ...period, "-replica_epochs", "8"]);
  t.after(() => plugin.process.kill("SIGKILL"));
  const { replicated } = spoolClients(new Map([["p", plugin]]), new Map(), clock);
  const [messages, messageLength] = [30, 40_000];
  const fill = async () => {
    const spool = await replicated.create(["p"]);
    for (let at = 0; at < messages; at++) {
      const prepared = replicated.prepare(spool.write, at, new Uint8Array(messageLength).fill(at));
      await replicated.append(spool.write, spool.write.replicas[0]!, prepared);
    }
    return spool;
  };
  /** Nobody writes to it any more. */
  const untilExpired = async ({ read }: Awaited<ReturnType<typeof fill>>): Promise<void> => {
    for (let status = "ok"; status !== "unknown-spool";) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      status = await replicated.read(read, read.replicas[0]!).then(
        () => "ok",
        (error) => error instanceof SpoolError ? error.status : Promise.reject(error),
      );
    }
  };
  const sizes: number[] = [];
  for (const ends of ["purged", "purged", "expired", "purged"]) {
    const spool = await fill();
    if (ends === "purged") await replicated.purge(spool.admin, spool.admin.replicas[0]!);
    else await untilExpired(spool);
    sizes.push(sizeOf(folder));
  }
  assert.equal(sizes[0]! > messages * messageLength, true, "it has taken room");
  // What is deleted is free for what comes after the next transaction: two at once are the most there ever was.
  assert.equal(Math.max(...sizes) < 2.5 * sizes[0]!, true, sizes.join());
  assert.equal(sizes.at(-1), sizes.at(-2), sizes.join());
  const { stderr } = await plugin.end();
  assert.match(stderr, /dspool-ended\{expired\} 1/);
  assert.match(stderr, /dspool-ended\{purged\} 3/);
});
