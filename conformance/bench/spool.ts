/**
 * The spool plugin under load: the real process at its Unix socket, durable appends and reads of version 2 over
 * connections that are kept, as many requests at once as a Provider may give it. First what was appended is read back
 * and compared.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { nativeSuite as suite } from "../../adapters/crypto_native.ts";
import { frame } from "../../adapters/plugin_kit.ts";
import { newSigningKey, presentEpoch } from "../../adapters/spool_client.ts";
import { concat, equal, uint32 } from "../../core/bytes.ts";
import { E } from "../../core/fp.ts";
import { katzenpostClock } from "../../core/pki/epoch.ts";
import { decodePluginResponse, encodePluginRequest, requestPath } from "../../core/provider/plugin_messages.ts";
import { noSpool } from "../../core/spool/memspool.ts";
import { spoolGeometry } from "../../core/spool/service_types.ts";
import { decodeResponse2, encodeRequest2, signRequest2, type SpoolRequest2 } from "../../core/spool/service_wire.ts";
import { katzenpostGeometry } from "../../core/sphinx/geometry.ts";
import { runtime } from "./measure.ts";

const geometry = spoolGeometry(katzenpostGeometry);
const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

export interface SpoolBench {
  readonly json: boolean;
  readonly requests: number;
  /** Requests at once. */
  readonly atOnce: number;
  readonly spools: number;
}

interface Made {
  readonly id: Uint8Array;
  readonly owner: Uint8Array;
  readonly writer: Uint8Array;
}

const startPlugin = async (folder: string): Promise<{ readonly child: ChildProcess; readonly socketPath: string }> => {
  const child = spawn(join(root, "cmd/plugins/spool.mjs"), ["-data_store", folder], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const socketPath = await new Promise<string>((resolve) =>
    createInterface({ input: child.stdout }).once("line", resolve)
  );
  return { child, socketPath };
};

/** Posts bodies that are made already. */
const postTo = (socketPath: string, agent: Agent) => (body: Uint8Array): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const headers = { Host: "unix", "Content-Length": body.length };
    request({ socketPath, path: requestPath, method: "POST", agent, headers }, (response) => {
      const chunks: Uint8Array[] = [];
      response.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      response.on("end", () => resolve(concat(...chunks)));
    }).on("error", reject).end(body);
  });

const bodyOf = (key: Uint8Array, command: Pick<SpoolRequest2, "command" | "spool" | "messageId" | "message">) => {
  const signed = signRequest2(suite, key, { ...command, epoch: presentEpoch(katzenpostClock) });
  const payload = new Uint8Array(katzenpostGeometry.userPayloadLength);
  payload.set(frame(encodeRequest2(geometry, signed)));
  return encodePluginRequest({ id: 1, payload, hasSurb: true });
};

const responseOf = (body: Uint8Array) => {
  const payload = decodePluginResponse(body);
  const response = E.isRight(payload) ? decodeResponse2(geometry, payload.right) : null;
  assert.equal(response?.status, "ok", String(response?.status));
  return response!;
};

/** All of some bodies, `atOnce` under way; operations per second. */
const drive = async (
  bodies: ReadonlyArray<Uint8Array>,
  atOnce: number,
  post: (body: Uint8Array) => Promise<Uint8Array>,
): Promise<{ readonly answers: ReadonlyArray<Uint8Array>; readonly perSecond: number }> => {
  const answers = new Array<Uint8Array>(bodies.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < bodies.length; at = next++) answers[at] = await post(bodies[at]!);
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: atOnce }, worker));
  return { answers, perSecond: bodies.length / ((performance.now() - began) / 1000) };
};

/** CPU time of a process in ms, where the platform tells. */
const cpuMs = (pid: number): number => {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return NaN;
  }
};

const benchLength = async (
  { json, requests, atOnce }: SpoolBench,
  pid: number,
  post: (body: Uint8Array) => Promise<Uint8Array>,
  made: ReadonlyArray<Made>,
  length: number,
): Promise<void> => {
  const message = (n: number): Uint8Array => concat(uint32(n), new Uint8Array(length - 4).fill(n));
  const spoolAt = (n: number): Made => made[n % made.length]!;
  const show = (name: string, perSecond: number, cpu: number): void => {
    const result = {
      name,
      runtime,
      opsPerSecond: Math.round(perSecond),
      cpuMsPerOp: Number((cpu / requests).toFixed(3)),
    };
    console.log(
      json ? JSON.stringify(result) : `${name}: ${result.opsPerSecond} a second, ${result.cpuMsPerOp} ms of CPU each`,
    );
  };
  const appends = Array.from({ length: requests }, (_, n) => {
    const { id: spool, writer } = spoolAt(n);
    return bodyOf(writer, { command: "append", spool, messageId: 0, message: message(n) });
  });
  let before = cpuMs(pid);
  const appended = await drive(appends, atOnce, post);
  show(`spool-append-durable-${length}`, appended.perSecond, cpuMs(pid) - before);
  const ids = appended.answers.map((answer) => responseOf(answer).messageId);
  const reads = ids.map((messageId, n) => {
    const { id: spool, owner } = spoolAt(n);
    return bodyOf(owner, { command: "retrieve", spool, messageId, message: new Uint8Array(0) });
  });
  before = cpuMs(pid);
  const read = await drive(reads, atOnce, post);
  show(`spool-read-${length}`, read.perSecond, cpuMs(pid) - before);
  read.answers.forEach((answer, n) =>
    assert.equal(equal(responseOf(answer).message, message(n)), true, `message ${n}`)
  );
};

/** Starts the plugin, checks and measures it with short and with the longest messages, and ends it. */
export const benchSpool = async (options: SpoolBench): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "samtpfote-bench-spool-"));
  const { child, socketPath } = await startPlugin(folder);
  const agent = new Agent({ keepAlive: true, maxSockets: options.atOnce });
  try {
    const post = postTo(socketPath, agent);
    const made = await Promise.all(Array.from({ length: options.spools }, async (): Promise<Made> => {
      const [owner, writer] = [newSigningKey(suite), newSigningKey(suite)];
      const about = { command: "create", spool: noSpool(), messageId: 0, message: writer.slice(32) } as const;
      return { id: responseOf(await post(bodyOf(owner, about))).spool, owner, writer };
    }));
    for (const length of [1024, geometry.messageLengthMax]) await benchLength(options, child.pid!, post, made, length);
  } finally {
    agent.destroy();
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
};
