/**
 * A real Provider under a flood of connections over loopback TCP: its memory stays under the bound that
 * follows from its limits (adapters/config/limits_memory.ts), and an honest client is let in all the while.
 */
import { strict as assert } from "node:assert";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { memoryBound } from "../../adapters/config/limits_memory.ts";
import { readConfig } from "../../adapters/config/load.ts";
import { serverFile } from "../../adapters/config/server.ts";
import { nativeSuite } from "../../adapters/crypto_native.ts";
import { freePorts } from "../../adapters/free_ports.ts";
import { toBase64, utf8 } from "../../core/bytes.ts";
import { katzenpostGeometry } from "../../core/sphinx/geometry.ts";
import { sendRaw } from "./raw_link.ts";
import { run, start } from "./process.ts";

const floodSize = 2000;
const batchSize = 100;
const linkPrivate = new Uint8Array(32).fill(0x42);
const packet = new Uint8Array(katzenpostGeometry.packetLength).fill(1);

/** So few that the flood is far beyond them. */
const limits = `
[Samtpfote.Limits]
  Connections = 1024
  ConnectionsPerAddress = 64
  Handshakes = 64
  HandshakesPerAddress = 8
  HandshakesOfPeers = 16
  HandshakesPerMinute = 40
  Clients = 16
  UnsentBytes = 16777216
  UnwrapBytes = 16777216
  SchedulerQueueBytes = 16777216
  Registrations = 64
`;

interface Place {
  readonly file: string;
  readonly address: string;
  readonly registration: string;
  /** What peers can make it hold by these limits, in MiB. */
  readonly boundMiB: number;
}

/** The Provider's file. */
const providerFile = async (folder: string): Promise<Place> => {
  const counts = ["--authorities", "1", "--layers", "1", "--mixes", "1", "--providers", "1"];
  const [port] = await freePorts("127.0.0.1", 1);
  const made = await run("genconfig", [join(folder, "net"), ...counts, "--port", String(port)]);
  assert.equal(made.code, 0, made.stderr);
  const file = join(folder, "net", "provider1", "provider.toml");
  const [listen, http] = await freePorts("127.0.0.1", 2);
  const [address, registration] = [`127.0.0.1:${listen}`, `127.0.0.1:${http}`];
  const toml = readFileSync(file, "utf8")
    .replace(/^( *Addresses) = .*$/m, `$1 = ["${address}"]`)
    .replace(/^( *UserRegistrationHTTPAddresses) = .*$/m, `$1 = ["${registration}"]`)
    .replace(`Level = "NOTICE"`, `Level = "INFO"`)
    .replace(`LogFormat = "text"`, `LogFormat = "json"\n  Store = "memory"`);
  writeFileSync(file, toml + limits);
  const { Samtpfote } = readConfig(serverFile, file, toml + limits);
  const boundMiB = memoryBound(Samtpfote.Limits, { isProvider: true, before: 1, next: 1 }) / 2 ** 20;
  return { file, address, registration, boundMiB };
};

const register = async (registration: string, user: string): Promise<number> => {
  const link_key = toBase64(nativeSuite.x25519Public(linkPrivate));
  const body = new URLSearchParams({ version: "0", command: "register_link_key", user, link_key });
  const response = await fetch(`http://${registration}/registration`, { method: "POST", body });
  await response.text();
  return response.status;
};

/** One of the flood: says nothing, talks garbage, or sends the first message byte by byte. */
const attack = (address: string, index: number): Socket => {
  const [host, port] = address.split(":");
  const localAddress = `127.0.0.${2 + index % 40}`;
  const socket = createConnection({ host: host!, port: Number(port), localAddress });
  socket.on("error", () => {});
  socket.resume();
  const trickle = setInterval(() => index % 3 === 2 && socket.write(Uint8Array.of(0)), 200);
  socket.on("close", () => clearInterval(trickle));
  if (index % 3 === 1) socket.write(new Uint8Array(4000).fill(index & 0xfe));
  return socket;
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Whether a packet was taken: a client that is back before its last connection has been missed has to try again. */
const isLetIn = async (address: string): Promise<boolean> => {
  const credentials = { additionalData: utf8("honest"), linkPrivate };
  for (let attempt = 0; attempt < 10; attempt++) {
    if (await sendRaw(address, credentials, [packet])) return true;
    await pause(200);
  }
  return false;
};

/** The highest resident memory of a process so far, in MiB; null where the system does not say. */
const peakMemory = (pid: number): number | null => {
  const path = `/proc/${pid}/status`;
  const match = existsSync(path) ? /VmHWM:\s+(\d+) kB/.exec(readFileSync(path, "utf8")) : null;
  return match === null ? null : Number(match[1]) / 1024;
};

test("[MIXNET-4.1-07] [FAULT-16] [FAULT-15] 2,000 silent, slow and garbling connections: bounded memory, a client is let in", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "samtpfote-flood-"));
  const { file, address, registration, boundMiB } = await providerFile(folder);
  const provider = start("mix", ["-f", file, "--supervised"]);
  const sockets: Socket[] = [];
  try {
    await provider.says(`"loaded"`);
    provider.process.stdin!.write("go\n");
    await provider.says(`"listening"`);
    assert.equal(await register(registration, "honest"), 200);
    const pid = provider.process.pid!;
    const before = peakMemory(pid);
    const letIn: boolean[] = [];
    for (let from = 0; from < floodSize; from += batchSize) {
      for (let index = from; index < from + batchSize; index++) sockets.push(attack(address, index));
      await pause(50);
      if (from % 500 === 0) letIn.push(await isLetIn(address));
    }
    assert.deepEqual(letIn, letIn.map(() => true));
    const peak = peakMemory(pid);
    if (before !== null && peak !== null) {
      const grown = `from ${Math.round(before)} to ${Math.round(peak)} MiB, by the limits ${Math.round(boundMiB)} more`;
      t.diagnostic(grown);
      assert.equal(peak - before < boundMiB, true, grown);
    }
    for (const socket of sockets) socket.destroy();
    process.kill(provider.process.pid!, "SIGTERM");
    const { code, stdout } = await provider.ended;
    assert.equal(code, 0);
    const counted = (name: string): number => Number(new RegExp(`"${name}":(\\d+)`).exec(stdout)?.[1] ?? 0);
    const refused = ["address-rate", "address-crowded", "pool-crowded", "address-accepted"]
      .map((reason) => counted(`connections-refused{${reason}}`));
    const ended = ["bad-prologue", "noise-decrypt", "noise-kem", "peer-closed", "evicted"]
      .map((reason) => counted(`connections-ended{${reason}}`));
    assert.notEqual(counted("connections-refused{address-rate}"), 0);
    assert.ok(refused.reduce((sum, n) => sum + n) > floodSize / 4, `refused: ${refused}, ended: ${ended}`);
    assert.equal(counted("packets-received"), letIn.length);
  } finally {
    for (const socket of sockets) socket.destroy();
    provider.process.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
});
