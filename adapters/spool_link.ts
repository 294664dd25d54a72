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
import type { IncomingMessage } from "node:http";
import { concat, uint32 } from "../core/bytes.ts";
import type { LinkSend } from "../core/spool/hosting_types.ts";
import { decodeRequest } from "../core/spool/replica_wire.ts";
import { spoolGeometry } from "../core/spool/service_types.ts";
import type { Geometry } from "../core/sphinx/geometry.ts";
import { padded } from "../core/spool/service_wire.ts";
import { formatHostPort, parseHostPort } from "./address.ts";
import { usageError } from "./exit.ts";
import { readBody } from "./http_body.ts";
import { createHttpServer, type HttpAnswer } from "./http_server.ts";
import type { PaddedReply } from "./plugin_kit.ts";

export interface DirectLink {
  /** `host:port`; the port is known now where it was 0. */
  readonly address: string;
  readonly close: () => Promise<void>;
}

const connectionsMax = 64;
const requestMs = 10_000;
const headerBytesMax = 4096;
/** Of an answer that is read: a little more than any. */
const answerLengthMax = 65_536;

/** Gives a user payload to the system. */
type Ask = (payload: Uint8Array) => Promise<PaddedReply | null>;

const answerTo = async (request: IncomingMessage, geometry: Geometry, ask: Ask): Promise<Uint8Array | null> => {
  const { requestLengthMax, userPayloadLength } = spoolGeometry(geometry);
  const bytes = request.method === "POST" ? await readBody(request, requestLengthMax) : null;
  if (bytes === null || decodeRequest(bytes)?.type !== "sync") return null;
  const payload = new Uint8Array(userPayloadLength);
  payload.set(uint32(bytes.length));
  payload.set(bytes, 4);
  const answer = await ask(payload);
  return answer === null ? null : padded(answer.length, answer.bytes);
};

const refused: HttpAnswer = { status: 400, type: "text/plain", body: "" };

/** Listens at `host:port`. Rejects with a CommandError. */
export const openLink = async (address: string, geometry: Geometry, ask: Ask): Promise<DirectLink> => {
  const target = parseHostPort(address);
  if (target === null) throw usageError(`-link expects host:port, got "${address}"`);
  const answer = async (request: IncomingMessage): Promise<HttpAnswer> => {
    const body = await answerTo(request, geometry, ask).catch(() => null);
    return body === null ? refused : { status: 200, type: "application/octet-stream", body };
  };
  const server = createHttpServer({
    deadlineMs: requestMs,
    connections: connectionsMax,
    // Replicas of several Providers may be on one machine.
    connectionsPerAddress: connectionsMax,
    headerBytesMax,
    answer,
  });
  const port = await server.listen(address);
  return { address: formatHostPort(target.host, port), close: server.stop };
};

const readAnswer = async (stream: AsyncIterable<Uint8Array>): Promise<Uint8Array | null> => {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > answerLengthMax) return null;
    chunks.push(chunk);
  }
  return concat(...chunks);
};

/** The answer of a replica at the other end; null where there is none. Never rejects. */
export const askDirectly = async (
  { address, bytes }: LinkSend,
  deadlineMs: number,
): Promise<Uint8Array | null> => {
  try {
    const signal = AbortSignal.timeout(deadlineMs);
    const response = await fetch(address, { method: "POST", body: new Uint8Array(bytes), signal });
    return response.status === 200 && response.body !== null ? await readAnswer(response.body) : null;
  } catch {
    return null;
  }
};
