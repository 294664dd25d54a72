/**
 * `npm run bench -- --spool`: the spool plugin under load, on Node.
 *
 * The real process at its Unix socket: durable appends and reads of version 2, as many requests at once as a Provider
 * gives with `RequestsAtOnce = 32`. First messages are appended, read back and compared; every measured answer is
 * checked, too, afterwards.
 *
 * Processor time is told by thread and beside it what this process used, since it takes a core of its own.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
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
import { sum, threadTimes } from "./cpu_times.ts";
import { runtime } from "./measure.ts";
import { prepareLoad } from "./spool_socket.ts";

const geometry = spoolGeometry(katzenpostGeometry);
const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

export interface SpoolBench {
  readonly json: boolean;
  /** Of each kind. */
  readonly requests: number;
  /** A folder for CPU profiles of the plugin, or null. */
  readonly profile: string | null;
}

/** A Provider's `RequestsAtOnce`. */
const atOnce = 32;
const spools = 64;
/** Before anything is measured: the engine compiles what it sees often. All of them are checked. */
const warmUpRequests = 4000;
/** 1 KiB, and the longest. */
const lengths = [1024, geometry.messageLengthMax];

interface Made {
  readonly id: Uint8Array;
  readonly owner: Uint8Array;
  readonly writer: Uint8Array;
}

interface Plugin {
  readonly child: ChildProcess;
  readonly socketPath: string;
}

const startPlugin = async (folder: string, profile: string | null): Promise<Plugin> => {
  const profiling = profile === null ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`];
  const program = [...profiling, "--import", "tsx", "cmd/plugins/spool.ts", "-data_store", folder];
  const child = spawn(process.execPath, program, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const socketPath = await new Promise<string>((resolve) =>
    createInterface({ input: child.stdout }).once("line", resolve)
  );
  return { child, socketPath };
};

type Command = Pick<SpoolRequest2, "command" | "spool" | "messageId" | "message">;

const bodyOf = (key: Uint8Array, command: Command): Uint8Array => {
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

const messageOf = (length: number, n: number): Uint8Array => concat(uint32(n), new Uint8Array(length - 4).fill(n));

interface Result {
  readonly name: string;
  readonly runtime: string;
  readonly opsPerSecond: number;
  /** ms of processor time for each: of the plugin's event loop, of its other threads, of this process. */
  readonly cpu: { readonly main: number; readonly others: number; readonly client: number } | null;
}

interface Bench {
  readonly plugin: Plugin;
  readonly made: ReadonlyArray<Made>;
  readonly report: (result: Result) => void;
}

interface Phase {
  readonly name: string;
  readonly bodies: ReadonlyArray<Uint8Array>;
  readonly keepsConnections: boolean;
}

const measured = async ({ plugin, report }: Bench, phase: Phase): Promise<ReadonlyArray<Uint8Array>> => {
  const { name, bodies, keepsConnections } = phase;
  const load = prepareLoad({ socketPath: plugin.socketPath, path: requestPath, bodies, atOnce, keepsConnections });
  const cpu = () => [threadTimes(plugin.child.pid!), threadTimes(process.pid)] as const;
  const [before, ourBefore] = cpu();
  const began = performance.now();
  const posted = await load();
  const seconds = (performance.now() - began) / 1000;
  const [after, ourAfter] = cpu();
  const each = (ms: number): number => Number((ms / bodies.length).toFixed(3));
  const total = (times: typeof before): number => times!.main + sum(times!.others);
  report({
    name,
    runtime,
    opsPerSecond: Math.round(bodies.length / seconds),
    cpu: before === null || after === null ? null : {
      main: each(after.main - before.main),
      others: each(sum(after.others) - sum(before.others)),
      client: each(total(ourAfter) - total(ourBefore)),
    },
  });
  return posted.answers();
};

interface Round {
  readonly length: number;
  readonly requests: number;
  /** No message of another round is the same. */
  readonly from: number;
  readonly keepsConnections: boolean;
}

/** Appends messages and reads them back; what was read is what was appended. */
const round = async (bench: Bench, { length, requests, from, keepsConnections }: Round): Promise<void> => {
  const suffix = `${length}${keepsConnections ? "" : "-connection-each"}`;
  const spoolAt = (n: number): Made => bench.made[n % bench.made.length]!;
  const each = <A>(of: (n: number) => A): A[] => Array.from({ length: requests }, (_, n) => of(n));
  const ids = (await measured(bench, {
    name: `spool-append-durable-${suffix}`,
    keepsConnections,
    bodies: each((n) => {
      const message = messageOf(length, from + n);
      return bodyOf(spoolAt(n).writer, { command: "append", spool: spoolAt(n).id, messageId: 0, message });
    }),
  })).map((answer) => responseOf(answer).messageId);
  const answers = await measured(bench, {
    name: `spool-read-${suffix}`,
    keepsConnections,
    bodies: each((n) => {
      const about = { messageId: ids[n]!, message: new Uint8Array(0) };
      return bodyOf(spoolAt(n).owner, { command: "retrieve", spool: spoolAt(n).id, ...about });
    }),
  });
  answers.forEach((answer, n) =>
    assert.equal(equal(responseOf(answer).message, messageOf(length, from + n)), true, `message ${n}`)
  );
};

const makeSpools = async (socketPath: string): Promise<ReadonlyArray<Made>> => {
  const keys = Array.from({ length: spools }, () => [newSigningKey(suite), newSigningKey(suite)] as const);
  const bodies = keys.map(([owner, writer]) =>
    bodyOf(owner, { command: "create", spool: noSpool(), messageId: 0, message: writer.slice(32) })
  );
  const answers = (await prepareLoad({ socketPath, path: requestPath, bodies, atOnce, keepsConnections: true })())
    .answers();
  return keys.map(([owner, writer], n) => ({ id: responseOf(answers[n]!).spool, owner, writer }));
};

const show = ({ name, opsPerSecond, cpu }: Result): string => {
  const times = cpu === null
    ? ""
    : `; ms of processor time each: event loop ${cpu.main}, other threads ${cpu.others}, client ${cpu.client}`;
  return `${name}: ${opsPerSecond} a second${times}`;
};

/** Starts the plugin, checks and measures it with short and with the longest messages, and ends it. */
export const benchSpool = async ({ json, requests, profile }: SpoolBench): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "samtpfote-bench-spool-"));
  const plugin = await startPlugin(folder, profile);
  try {
    const bench = {
      plugin,
      made: await makeSpools(plugin.socketPath),
      report: (result: Result) => console.log(json ? JSON.stringify(result) : show(result)),
    };
    const warmUp = { length: lengths[0]!, requests: warmUpRequests, from: 0, keepsConnections: true };
    await round({ ...bench, report: () => {} }, warmUp);
    let from = warmUpRequests;
    for (const length of lengths) {
      for (const keepsConnections of [true, false]) {
        await round(bench, { length, requests, from, keepsConnections });
        from += requests;
      }
    }
  } finally {
    const ended = new Promise((resolve) => plugin.child.once("close", resolve));
    plugin.child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
};
