/**
 * Where the management socket of a daemon is, from its configuration file: that of a mix or Provider has a table
 * [Server], that of an authority [Authority].
 *
 * @module
 */
import { configurationError } from "../exit.ts";
import { authorityFile } from "./authority.ts";
import { loadConfig, tablesOf } from "./load.ts";
import { managementPath } from "./operation.ts";
import { serverFile } from "./server.ts";

const enableHint = (table: string): string => `there is no management socket: [${table}] Enable = true makes one`;

/** Throws a CommandError, also where the daemon has no socket. */
export const socketPathOf = (file: string): string => {
  const isServer = tablesOf(file).includes("Server");
  const path = isServer ? serverSocket(file) : authoritySocket(file);
  if (path !== null) return path;
  throw configurationError(`${file}: ${enableHint(isServer ? "Management" : "Samtpfote.Management")}`);
};

const serverSocket = (file: string): string | null => {
  const { Management, Server } = loadConfig(serverFile, file);
  return managementPath(Management, Server.DataDir);
};

const authoritySocket = (file: string): string | null => {
  const { Samtpfote, Authority } = loadConfig(authorityFile, file);
  return managementPath(Samtpfote.Management, Authority.DataDir);
};
