/**
 * The direct link between replicas (drafts/dspool.rst §8.2 leaves the transport open): a request as in a packet's user
 * payload without its frame, by POST over HTTP to `http://host:port/`; the answer is what a packet's reply would hold.
 *
 * It is faster than the mix network and hides nothing: who watches the wire sees which replicas belong together and
 * when something is new. Requests between replicas are signed by the one that asks, and the link takes no others, so
 * that clients do not come this way.
 *
 * @module
 */
import { createServer, type IncomingMessage } from "node:http";
import { concat, uint32 } from "../core/bytes.ts";
import type { LinkSend } from "../core/spool/hosting_types.ts";
import { decodeRequest } from "../core/spool/replica_wire.ts";
import { spoolGeometry } from "../core/spool/service_types.ts";
import type { Geometry } from "../core/sphinx/geometry.ts";
import { padded } from "../core/spool/service_wire.ts";
import { usageError } from "./exit.ts";
import { listenFailure } from "./listen_failure.ts";
import type { PaddedReply } from "./plugin_kit.ts";

export interface DirectLink {
  /** `host:port`; the port is known now where it was 0. */
  readonly address: string;
  readonly close: () => Promise<void>;
}

const connectionsMax = 64;
const requestMs = 10_000;
/** Of an answer that is read: a little more than any. */
const answerLengthMax = 65_536;

const bodyOf = async (stream: AsyncIterable<Uint8Array>, lengthMax: number): Promise<Uint8Array | null> => {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > lengthMax) return null;
    chunks.push(chunk);
  }
  return concat(...chunks);
};

/** Gives a user payload to the system. */
type Ask = (payload: Uint8Array) => Promise<PaddedReply | null>;

const answerTo = async (request: IncomingMessage, geometry: Geometry, ask: Ask): Promise<Uint8Array | null> => {
  const { requestLengthMax, userPayloadLength } = spoolGeometry(geometry);
  const bytes = request.method === "POST" ? await bodyOf(request, requestLengthMax) : null;
  if (bytes === null || decodeRequest(bytes)?.type !== "sync") return null;
  const payload = new Uint8Array(userPayloadLength);
  payload.set(uint32(bytes.length));
  payload.set(bytes, 4);
  const answer = await ask(payload);
  return answer === null ? null : padded(answer.length, answer.bytes);
};

/** Listens at `host:port`. Rejects with a CommandError. */
export const openLink = async (address: string, geometry: Geometry, ask: Ask): Promise<DirectLink> => {
  const [, host, port] = /^\[?([^\]]+?)\]?:([0-9]{1,5})$/.exec(address) ?? [];
  if (host === undefined || Number(port) > 65_535) throw usageError(`-link expects host:port, got "${address}"`);
  const server = createServer((request, response) => {
    void answerTo(request, geometry, ask).catch(() => null).then((answer) => {
      response.writeHead(answer === null ? 400 : 200, { "Content-Length": answer?.length ?? 0 });
      response.end(answer ?? undefined);
    });
  });
  server.maxConnections = connectionsMax;
  server.requestTimeout = requestMs;
  await new Promise<void>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => reject(listenFailure(address, error));
    server.once("error", fail).listen(Number(port), host, resolve);
  });
  const { port: bound } = server.address() as { readonly port: number };
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { address: `${host}:${bound}`, close };
};

/** The answer of a replica at the other end; null where there is none. Never rejects. */
export const askDirectly = async (
  { address, bytes }: LinkSend,
  deadlineMs: number,
): Promise<Uint8Array | null> => {
  try {
    const signal = AbortSignal.timeout(deadlineMs);
    const response = await fetch(address, { method: "POST", body: new Uint8Array(bytes), signal });
    return response.status === 200 && response.body !== null ? await bodyOf(response.body, answerLengthMax) : null;
  } catch {
    return null;
  }
};
