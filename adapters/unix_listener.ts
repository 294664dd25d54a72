/**
 * A Unix socket to listen at: mode 0600, in the place of one that a dead process left behind, never in that of a live
 * one.
 *
 * @module
 */
import { chmodSync, lstatSync, rmSync, type Stats } from "node:fs";
import { createConnection, type Server } from "node:net";
import { unavailableError } from "./exit.ts";

/** What the operating system takes, in bytes. */
const pathLengthMax = 107;

/** Whether a socket can have this path. */
export const fitsSocket = (path: string): boolean => new TextEncoder().encode(path).length <= pathLengthMax;

const refuse = (path: string, why: string): Error => unavailableError(`cannot listen on ${path}: ${why}`);

const statOf = (path: string): Stats | null => {
  try {
    return lstatSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw refuse(path, (error as NodeJS.ErrnoException).code ?? "failed");
  }
};

/** Whether a process answers there. */
const isAlive = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection(path);
    const settle = (alive: boolean): void => {
      socket.destroy();
      resolve(alive);
    };
    socket.on("connect", () => settle(true));
    // A backlog that is full answers with EAGAIN: somebody is there.
    socket.on("error", (error: NodeJS.ErrnoException) => settle(error.code !== "ECONNREFUSED"));
  });

const makeRoom = async (path: string): Promise<void> => {
  const found = statOf(path);
  if (found === null) return;
  if (!found.isSocket()) throw refuse(path, "there is a file that is no socket");
  if (await isAlive(path)) throw refuse(path, "another process listens there");
  rmSync(path, { force: true });
};

/** Rejects with a CommandError of exit code 69. */
export const listenUnix = async (server: Server, path: string): Promise<void> => {
  if (!fitsSocket(path)) throw refuse(path, `the path is longer than ${pathLengthMax} bytes`);
  await makeRoom(path);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(refuse(path, error.code ?? error.message)));
    server.listen(path, () => resolve());
  });
  chmodSync(path, 0o600);
};

/** Closes it and removes the file. */
export const closeUnix = async (server: Server, path: string): Promise<void> => {
  if (!server.listening) return;
  await new Promise((resolve) => server.close(resolve));
  rmSync(path, { force: true });
};
