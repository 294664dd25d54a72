/**
 * An HTTP server begins to listen, or says why it cannot.
 *
 * @module
 */
import type { Server } from "node:http";
import { parseHostPort } from "./address.ts";
import { unavailableError } from "./exit.ts";

/** At `host:port`; rejects with a CommandError of exit code 69. */
export const listenAt = (server: Server, address: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const target = parseHostPort(address);
    if (target === null) return reject(unavailableError(`cannot listen on ${address}: it is not host:port`));
    server.on("error", (error) => {
      const code = (error as NodeJS.ErrnoException).code ?? error.message;
      reject(unavailableError(`cannot listen on ${address}: ${code === "EADDRINUSE" ? "the port is in use" : code}`));
    });
    server.listen(target, () => resolve());
  });
