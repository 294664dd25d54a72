/**
 * Ports that nothing listens at, as the operating system gives them. Another program may take one before it is used:
 * who listens then says so.
 *
 * @module
 */
import { createServer, type Server } from "node:net";

const listen = (host: string): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, host, () => resolve(server));
  });

/** Different ones, since all are held until the last is found. */
export const freePorts = async (host: string, count: number): Promise<number[]> => {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(host)));
  const ports = servers.map((server) => (server.address() as { readonly port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
};
