/**
 * What a service is made of that a Provider, ours or Go's, runs as a plugin (wire-facts §8.2, §8.3):
 *
 *     await runPlugin({
 *       name: "reverse",
 *       handle: ({ message }) => message?.toReversed() ?? null,
 *     });
 *
 * The kit reads the flags (`-key value`, as Go's configuration gives them), serves `/parameters` and `/request` at a
 * Unix socket whose path it prints, answers late requests with nothing, and ends on SIGHUP and SIGTERM or when the
 * Provider is gone. It never closes standard error, since Go's server ends a plugin that does.
 *
 * @module
 */
import { chmodSync, unlinkSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { concat, uint32, viewOf } from "../core/bytes.ts";
import { E } from "../core/fp.ts";
import {
  decodePluginRequest,
  encodePluginParameters,
  parametersPath,
  type PluginRequestBody,
  pluginResponseHead,
  requestPath,
} from "../core/provider/plugin_messages.ts";
import { readBody } from "./http_body.ts";

export interface ServiceRequest {
  /** The Provider's number of it: for logs. */
  readonly id: number | bigint;
  /** 50642 bytes in the network: what a client sent, zeros behind it. */
  readonly payload: Uint8Array;
  /** What the client framed with its length; null where the payload is no such frame. */
  readonly message: Uint8Array | null;
  /** Whether an answer can reach anybody. */
  readonly hasSurb: boolean;
  /** Fires at the deadline. */
  readonly signal: AbortSignal;
}

/** Bytes and zeros behind them up to a length, so that a service's replies may all have one. */
export interface PaddedReply {
  readonly bytes: Uint8Array;
  readonly length: number;
}

/** At most 51198 bytes. Null, and an empty one: no reply. */
export type ServiceReply = Uint8Array | PaddedReply | null;

export type Flags = ReadonlyMap<string, string>;

export interface PluginOptions {
  /** Part of the socket's name. */
  readonly name: string;
  /** Published in the Provider's descriptor, besides the endpoint. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** What it throws or rejects with is logged, and the request has no reply. */
  readonly handle: (request: ServiceRequest) => ServiceReply | Promise<ServiceReply>;
  /** Default: 5,000. */
  readonly deadlineMs?: number;
  /** Awaited at the end, when no request is under way any more. */
  readonly onStop?: () => void | Promise<void>;
}

/** A message as clients frame it for plugins: its length in 4 bytes before it. */
export const frame = (message: Uint8Array): Uint8Array => concat(uint32(message.length), message);

/** The message of a frame, whatever follows it; null where there is less than the length says. */
export const unframe = (payload: Uint8Array): Uint8Array | null => {
  if (payload.length < 4) return null;
  const length = viewOf(payload).getUint32(0);
  return length > payload.length - 4 ? null : payload.subarray(4, 4 + length);
};

/** Flags as Go's `flag` package reads them: `-key value`, `-key=value`, the same with two dashes. Null: none such. */
export const parseFlags = (args: ReadonlyArray<string>): Flags | null => {
  const flags = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const [, key, , value] = /^--?([^-=][^=]*)(=([^]*))?$/.exec(args[i]!) ?? [];
    if (key === undefined) return null;
    const given = value ?? args[++i];
    if (given === undefined) return null;
    flags.set(key, given);
  }
  return flags;
};

/** The flags of this process; ends it with exit code 64 where they are none. */
export const pluginFlags = (): Flags => {
  const flags = parseFlags(process.argv.slice(2));
  if (flags !== null) return flags;
  console.error("expected flags in pairs: -key value");
  process.exit(64);
};

/** A line on standard error, which goes to the Provider's log. */
export const logLine = (message: string): void => console.error(message);

const defaultDeadlineMs = 5_000;
/** A request's body: the payload and its envelope. */
const bodyLengthMax = 65_536;
/** How often it is looked whether the Provider is still there, in ms. */
const parentCheckMs = 1_000;
/** For requests that are under way at the end, in ms: less than our Provider's grace. */
const drainMs = 1_000;

const lengthOf = (parts: ReadonlyArray<Uint8Array>): number => parts.reduce((sum, { length }) => sum + length, 0);

/** A body in parts, which are not copied: they are written together, with the last. */
const send = (response: ServerResponse, status: number, ...parts: ReadonlyArray<Uint8Array>): void => {
  response.sendDate = false;
  response.writeHead(status, ["Content-Type", "application/octet-stream", "Content-Length", String(lengthOf(parts))]);
  for (const part of parts.slice(0, -1)) response.write(part);
  response.end(parts.at(-1));
};

const nothing = new Uint8Array(0);
/** What all paddings are parts of. */
const zeros = new Uint8Array(bodyLengthMax);

const partsOf = (reply: ServiceReply): ReadonlyArray<Uint8Array> => {
  if (reply === null || reply instanceof Uint8Array) return [reply ?? nothing];
  return [reply.bytes, zeros.subarray(0, reply.length - reply.bytes.length)];
};

/** A request as a handler sees it: its signal is made when it is asked for, since most are not. */
const requestOf = ({ id, payload, hasSurb }: PluginRequestBody) => {
  let deadline: AbortController | null = null;
  let isLate = false;
  const request: ServiceRequest = {
    id,
    payload,
    message: unframe(payload),
    hasSurb,
    get signal() {
      deadline ??= new AbortController();
      if (isLate) deadline.abort();
      return deadline.signal;
    },
  };
  const expire = (): void => {
    isLate = true;
    deadline?.abort();
  };
  return { request, expire };
};

/** What the handler gives, or null when the deadline passes first; rejects with what it throws. */
const withDeadline = (options: PluginOptions, body: PluginRequestBody): Promise<ServiceReply> =>
  new Promise((resolve, reject) => {
    const { request, expire } = requestOf(body);
    const timer = setTimeout(() => {
      expire();
      logLine(`request ${body.id} took too long`);
      resolve(null);
    }, options.deadlineMs ?? defaultDeadlineMs);
    const end = <A>(settle: (value: A) => void) => (value: A): void => {
      clearTimeout(timer);
      settle(value);
    };
    // A handler that throws is one that rejects.
    void Promise.resolve(request).then(options.handle).then(end(resolve), end(reject));
  });

const answer = async (options: PluginOptions, body: Uint8Array, response: ServerResponse): Promise<void> => {
  const decoded = decodePluginRequest(body);
  if (E.isLeft(decoded)) return send(response, 400);
  let reply: ServiceReply = null;
  try {
    reply = await withDeadline(options, decoded.right);
  } catch (error) {
    logLine(`request ${decoded.right.id}: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
  }
  const parts = partsOf(reply);
  send(response, 200, pluginResponseHead(lengthOf(parts)), ...parts);
};

const serve = (options: PluginOptions): Server =>
  createServer(async (request, response) => {
    try {
      const body = await readBody(request, bodyLengthMax);
      if (body === null || request.method !== "POST") send(response, 400);
      else if (request.url === parametersPath) {
        send(response, 200, encodePluginParameters(new Map(Object.entries(options.parameters ?? {}))));
      } else if (request.url === requestPath) await answer(options, body, response);
      else send(response, 404);
    } catch {
      // The Provider has hung up.
      response.destroy();
    }
  });

const remove = (path: string): void => {
  try {
    unlinkSync(path);
  } catch {
    // It was not there.
  }
};

const listen = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => server.once("error", reject).listen(path, resolve));

/** Resolves when it serves; the process runs until it is told to end. Rejects where the socket cannot be made. */
export const runPlugin = async (options: PluginOptions): Promise<void> => {
  const path = join(tmpdir(), `${process.pid}.${options.name}.socket`);
  const parent = process.ppid;
  const server = serve(options);
  // A process that had this number before may have left one.
  remove(path);
  await listen(server, path);
  chmodSync(path, 0o600);

  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    const drained = new Promise<void>((resolve) => server.close(() => resolve()));
    await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, drainMs))]);
    await options.onStop?.();
    remove(path);
    process.exit(0);
  };
  process.on("SIGHUP", () => void stop());
  process.on("SIGTERM", () => void stop());
  // Ctrl-C reaches all programs of a terminal: the Provider decides.
  process.on("SIGINT", () => {});
  setInterval(() => process.ppid !== parent && void stop(), parentCheckMs);
  process.stdout.write(`${path}\n`);
};
