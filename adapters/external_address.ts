/**
 * Where to listen when the configuration does not say: this machine's first IPv4 address that is not a loopback one.
 *
 * @module
 */
import { networkInterfaces } from "node:os";
import { formatHostPort } from "./address.ts";
import { configurationError } from "./exit.ts";

/** The configured addresses, or the one of this machine. Throws a CommandError where it has none. */
export const listenAddresses = (
  configured: ReadonlyArray<string> | null,
  defaultPort: number,
): ReadonlyArray<string> => {
  if (configured !== null) return configured;
  const own = Object.values(networkInterfaces()).flat().find((one) =>
    one !== undefined && one.family === "IPv4" && !one.internal
  );
  if (own === undefined) {
    throw configurationError("Addresses is not set, and this machine has no IPv4 address but loopback ones");
  }
  return [formatHostPort(own.address, defaultPort)];
};
