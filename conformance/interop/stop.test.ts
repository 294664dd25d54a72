/**
 * Daemons that are told to stop in the middle of something: of a handshake, of a vote, of writing. They end cleanly,
 * and what they had promised is there when they start again.
 *
 * @module
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { run, type Running, start } from "./process.ts";

/** Fewer than may come from one address at once. */
const registrations = 24;
const names = ["auth1", "auth2", "mix1", "provider1"] as const;
type Name = (typeof names)[number];

interface Place {
  readonly begin: (name: Name) => Running;
  readonly mixPort: number;
  readonly registration: string;
}

/** A network whose rounds take seconds. */
const configure = async (folder: string): Promise<Place> => {
  const size = ["--authorities", "2", "--layers", "1", "--mixes", "1", "--providers", "1", "--clients", "alice"];
  const port = 40_000 + (process.pid % 9000);
  const { code, stderr } = await run("genconfig", [folder, ...size, "--port", String(port), "--epoch", "6s"]);
  assert.equal(code, 0, stderr);
  const command = (name: Name): string => (name.startsWith("auth") ? "authority" : name.slice(0, -1));
  const fileOf = (name: Name): string => join(folder, name, `${command(name)}.toml`);
  const text = (name: Name): string => readFileSync(fileOf(name), "utf8");
  writeFileSync(fileOf("auth1"), text("auth1").replace(/Level = .*/, `Level = "INFO"`));
  return {
    begin: (name) => start(name.startsWith("auth") ? "authority" : "mix", ["-f", fileOf(name)]),
    mixPort: Number(/ Addresses = \[".*:(\d+)"\]/.exec(text("mix1"))![1]),
    registration: /UserRegistrationHTTPAddresses = \["(.*)"\]/.exec(text("provider1"))![1]!,
  };
};

/** The HTTP status; null where the connection broke. */
const register = async (address: string, user: string): Promise<number | null> => {
  const linkKey = Buffer.alloc(32, 1).toString("base64");
  const body = new URLSearchParams({ version: "0", command: "register_link_key", user, link_key: linkKey });
  try {
    const headers = { connection: "close" };
    const response = await fetch(`http://${address}/registration`, { method: "POST", body, headers });
    await response.text();
    return response.status;
  } catch {
    return null;
  }
};

/** A peer that has sent a part of its first handshake message and nothing more; resolves once it is connected. */
const halfHandshake = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(new Uint8Array(100));
      resolve(socket);
    });
    socket.once("error", reject);
  });

const kill = ({ process: { pid } }: Running, signal: NodeJS.Signals): boolean => process.kill(pid!, signal);

const endsWith = async (running: Running, code: number): Promise<void> => {
  const ended = await running.ended;
  assert.equal(ended.code, code, `${ended.stderr}\n${ended.stdout}`);
};

/** Two signals that are there at the same time: the second finds a process that waits for its store to close. */
const interruptTwice = (running: Running): void => {
  const signals = ["SIGSTOP", "SIGINT", "SIGTERM", "SIGCONT"] as const;
  for (const signal of signals) kill(running, signal);
};

test("[FAULT-48] ended in a handshake, in a vote and while it writes, each process ends cleanly and keeps its word", async () => {
  const folder = mkdtempSync(join(tmpdir(), "samtpfote-stop-"));
  const all: Running[] = [];
  try {
    const { begin, mixPort, registration } = await configure(folder);
    const started = (name: Name): Running => {
      const running = begin(name);
      all.push(running);
      return running;
    };
    const [authority, other, mix, provider] = names.map(started);
    await Promise.all([mix!, provider!].map((node) => node.says("listens on")));
    const socket = await halfHandshake(mixPort);
    socket.on("error", () => undefined);
    const hungUp = new Promise((resolve) => socket.once("close", resolve));
    await authority!.says("Voting for epoch");
    const answers = Array.from({ length: registrations }, (_, at) => register(registration, `user${at}`));
    // Some are on the disk, some on their way to it, some have not been read.
    await Promise.any(answers.map(async (status) => assert.equal(await status, 200)));
    for (const each of [authority!, provider!, mix!]) kill(each, "SIGTERM");
    for (const each of [authority!, provider!, mix!]) await endsWith(each, 0);
    await hungUp;
    kill(other!, "SIGINT");
    await endsWith(other!, 0);
    const taken = (await Promise.all(answers)).flatMap((status, at) => (status === 200 ? [`user${at}`] : []));
    assert.equal(taken.length > 0, true, "none was registered");

    const again = (["auth1", "auth2", "provider1"] as const).map(started);
    await Promise.all(again.map((each) => each.says("is ready")));
    await again[2]!.says("listens on");
    for (const user of taken) assert.notEqual(await register(registration, user), 200, `${user} has its account`);
    const [first, last] = [again.slice(0, 2), again[2]!];
    for (const each of first) kill(each, "SIGTERM");
    for (const each of first) await endsWith(each, 0);
    interruptTwice(last);
    await endsWith(last, 130);
  } finally {
    for (const { process: child } of all) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
});
