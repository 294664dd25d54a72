/**
 * A client as a system: the client machine, its directory machine, and their sessions. The same for production and
 * simulation.
 *
 * @module
 */
import type { Spawn } from "../effects.ts";
import { createDirectoryMachine, type DirectoryConfig } from "../pki/directory.ts";
import { createSystem, type System } from "../system.ts";
import { createSession } from "../wire/session.ts";
import { createClientMachine } from "./client.ts";
import type { ClientConfig } from "./config.ts";
import { directoryAddress } from "./documents.ts";
import { clientAddress } from "./link.ts";
import type { Kit } from "./state.ts";

export { clientAddress };

/** The kinds of machines of a client's process. */
export const createClientSystem = ({ suite, geometry }: Kit): System =>
  createSystem({
    client: createClientMachine({ suite, geometry }),
    directory: createDirectoryMachine(suite),
    session: createSession({ suite, geometry }),
  });

/** The machines that a client starts with: the directory first, which the client asks at once. */
export const bootClient = (config: ClientConfig): ReadonlyArray<Spawn> => {
  const directory: DirectoryConfig = {
    self: directoryAddress,
    owner: clientAddress,
    authorities: config.authorities,
    credentials: null,
    clock: config.clock,
  };
  return [
    { type: "Spawn", at: directoryAddress, kind: "directory", config: directory },
    { type: "Spawn", at: clientAddress, kind: "client", config },
  ];
};
