/**
 * The spool plugin as a real process, asked at its socket as a Provider asks it; and clients of it without a network: a
 * query goes to the plugin of the Provider that it names.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import process from "node:process";
import { ClientError } from "../../adapters/client_error.ts";
import { nativeSuite as suite } from "../../adapters/crypto_native.ts";
import { post } from "../../adapters/plugin_http.ts";
import { frame } from "../../adapters/plugin_kit.ts";
import { replicatedSpoolsOf } from "../../adapters/replicated_client.ts";
import { spoolsOf } from "../../adapters/spool_client.ts";
import { E, type Either } from "../../core/fp.ts";
import { katzenpostClock } from "../../core/pki/epoch.ts";
import {
  decodePluginParameters,
  decodePluginResponse,
  encodePluginRequest,
  parametersPath,
  requestPath,
} from "../../core/provider/plugin_messages.ts";
import { katzenpostGeometry as geometry } from "../../core/sphinx/geometry.ts";
import { root } from "./process.ts";

const bodyLengthMax = 65_536;
const replyLength = geometry.forwardPayloadLength - 2;

export interface SpoolProcess {
  readonly process: ChildProcess;
  readonly socketPath: string;
  /** A user payload, framed, and the plugin's payload. */
  readonly ask: (message: Uint8Array) => Promise<Uint8Array>;
  readonly askPayload: (payload: Uint8Array) => Promise<Uint8Array>;
  readonly parameters: () => Promise<ReadonlyMap<string, string>>;
  /** Ends it with a signal; what it has written to standard error. */
  readonly end: (signal?: NodeJS.Signals) => Promise<{ readonly code: number | null; readonly stderr: string }>;
}

/** A user payload: length 4 | message | zeros. */
export const payloadOf = (message: Uint8Array): Uint8Array => {
  const payload = new Uint8Array(geometry.userPayloadLength);
  payload.set(frame(message));
  return payload;
};

const right = <A>(either: Either<unknown, A>): A => {
  if (E.isLeft(either)) throw new Error("the plugin answered no CBOR that was expected");
  return either.right;
};

/** Starts it and waits for its socket; rejects with what it wrote where it ends instead. */
export const startSpool = async (args: ReadonlyArray<string>): Promise<SpoolProcess> => {
  const child = spawn(join(root, "cmd/plugins/spool.mjs"), args, { stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const socketPath = await Promise.race([
    new Promise<string>((resolve) => createInterface({ input: child.stdout }).once("line", resolve)),
    ended.then((code) => Promise.reject(new Error(`exit code ${code}: ${stderr}`))),
  ]);
  const postTo = async (path: string, body: Uint8Array): Promise<Uint8Array> => {
    const result = await post({ socketPath, path, body, bodyLengthMax }).result;
    if (!result.ok) throw new Error(result.reason);
    return result.body;
  };
  const askPayload = async (payload: Uint8Array): Promise<Uint8Array> =>
    right(decodePluginResponse(
      await postTo(requestPath, encodePluginRequest({ id: 1, payload, hasSurb: true })),
    ));
  return {
    process: child,
    socketPath,
    askPayload,
    ask: (message) => askPayload(payloadOf(message)),
    parameters: async () => right(decodePluginParameters(await postTo(parametersPath, new Uint8Array(0)))),
    end: async (signal = "SIGTERM") => {
      // Under Deno a child's own kill ends it without its handlers.
      if (child.exitCode === null) process.kill(child.pid!, signal);
      return { code: await ended, stderr };
    },
  };
};

/** A folder for a plugin's store, removed at the end of the test. */
export const storeFolder = (t: { readonly after: (done: () => void) => void }): string => {
  const folder = mkdtempSync(join(tmpdir(), "samtpfote-spool-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

/** Spools at some plugins, by the name of a Provider; `current` may be changed while they are used. */
export const spoolClients = (
  current: Map<string, SpoolProcess>,
  links: ReadonlyMap<string, string> = new Map(),
  clock = katzenpostClock,
) => {
  /** Who is not there is not heard of, as in a network. */
  const query = async (target: { readonly provider: string | null }, message: Uint8Array) => {
    const reply = new Uint8Array(replyLength);
    reply.set(
      await current.get(target.provider!)!.ask(message).catch(() => Promise.reject(new ClientError("timeout"))),
    );
    return { payload: reply };
  };
  const providers = [...current.keys()].map((name) => {
    const link = links.get(name);
    const service = new Map([["endpoint", "+spool"], ...(link === undefined ? [] : [["link", link] as const])]);
    return { name, kaetzchen: new Map([["spool", service]]) };
  });
  const client = { query, document: () => ({ providers }) } as unknown as Parameters<
    typeof replicatedSpoolsOf
  >[0]["client"];
  const options = { client, suite, clock };
  return { options, spools: spoolsOf(options), replicated: replicatedSpoolsOf(options) };
};
