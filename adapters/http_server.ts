/**
 * An HTTP server that slow peers cannot hold: a connection serves one request and has one deadline for all of it,
 * however its bytes come. There are so many connections, and a newcomer always gets in: the oldest of the most crowded
 * address has to go for it (core/wire/admission.ts).
 *
 * Node's own deadlines are looked at every 30 s only, and Deno has none.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { type AdmissionLimits, admit, leave, nobody } from "../core/wire/admission.ts";
import { addressOf } from "../core/wire/remote_address.ts";
import { parseHostPort } from "./address.ts";
import { listenFailure, notAnAddress } from "./listen_failure.ts";
import { remoteOf } from "./tcp_door.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface HttpOptions {
  /** From the connection to the end of the answer, in ms. */
  readonly deadlineMs: number;
  /** Connections that may be open at once, at all addresses that are listened at. */
  readonly connections: number;
  /** Of these, from one address (core/wire/remote_address.ts). */
  readonly connectionsPerAddress: number;
  readonly headerBytesMax: number;
  /** Never rejects. */
  readonly answer: (request: IncomingMessage) => Promise<HttpAnswer>;
}

export interface HttpServer {
  /** At `host:port`; resolves with the port, which may have been 0. Rejects with a CommandError of exit code 69. */
  readonly listen: (address: string) => Promise<number>;
  /** Closes what listens, and all connections. */
  readonly stop: () => Promise<void>;
}

/** Lets connections in: who is too many, or too slow, is destroyed. */
const createHall = ({ deadlineMs, connections, connectionsPerAddress }: HttpOptions) => {
  const limits: AdmissionLimits = {
    strangersMax: connections,
    strangersPerAddress: connectionsPerAddress,
    peersMax: 0,
  };
  const sockets = new Map<string, Socket>();
  let admission = nobody;
  let visitors = 0;
  return (socket: Socket): void => {
    const id = String(visitors++);
    const admitted = admit(admission, limits, id, addressOf(remoteOf(socket)), false);
    admission = admitted.admission;
    sockets.set(id, socket);
    if (admitted.evicted !== null) sockets.get(admitted.evicted.connection)?.destroy();
    const timer = setTimeout(() => socket.destroy(), deadlineMs);
    socket.on("close", () => {
      clearTimeout(timer);
      sockets.delete(id);
      admission = leave(admission, id);
    });
  };
};

export const createHttpServer = (options: HttpOptions): HttpServer => {
  const servers: Server[] = [];
  const enter = createHall(options);

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    void options.answer(request).then(({ status, type, body, headers }) => {
      // What is left of a body that is too long is not read.
      response.writeHead(status, { ...headers, "Content-Type": type, Connection: "close" }).end(body);
    });
  };

  return {
    listen: (address) =>
      new Promise((resolve, reject) => {
        const target = parseHostPort(address);
        if (target === null) return reject(notAnAddress(address));
        const server = createServer({ maxHeaderSize: options.headerBytesMax }, onRequest);
        servers.push(server);
        server.on("connection", enter);
        server.on("error", (error) => reject(listenFailure(address, error)));
        server.listen(target, () => resolve((server.address() as AddressInfo).port));
      }),
    stop: async () => {
      await Promise.all(
        servers.filter(({ listening }) => listening).map((server) =>
          new Promise((resolve) => {
            server.close(resolve);
            server.closeAllConnections();
          })
        ),
      );
    },
  };
};
