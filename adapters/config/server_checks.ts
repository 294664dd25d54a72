/**
 * What a mix's or a Provider's file must satisfy beyond each key by itself, and what deserves a warning.
 *
 * @module
 */
import { domainToASCII } from "node:url";
import { type Addresses, areAddressesValid, ipVersion, splitHostPort } from "../../core/pki/addresses.ts";
import { checkAuthorities } from "./common.ts";
import { checkManagement } from "./operation.ts";
import type { Problem } from "./problems.ts";
import { checkProvider } from "./server_provider.ts";
import type { ServerFile } from "./server.ts";

/** Go's IDNA form: lower-case ASCII. Null where there is none, or it is too long. */
export const asciiName = (written: string): string | null => {
  // deno-lint-ignore no-control-regex
  const ascii = /^[\x21-\x7e]+$/.test(written) ? written.toLowerCase() : domainToASCII(written);
  return ascii === "" || ascii.length > 32 ? null : ascii;
};

/** Transport to addresses, as the descriptor has them. */
export const advertised = ({ Server }: ServerFile, listening: ReadonlyArray<string>): Addresses => {
  const all = new Map<string, string[]>();
  const add = (transport: string, address: string): void =>
    void all.set(transport, [...(all.get(transport) ?? []), address]);
  for (const [transport, addresses] of Server.AltAddresses) {
    for (const address of addresses) add(transport.toLowerCase(), address);
  }
  if (!Server.OnlyAdvertiseAltAddresses) {
    for (const address of listening) add(ipVersion(splitHostPort(address)!.host) === 4 ? "tcp4" : "tcp6", address);
  }
  return all;
};

const checkPki = ({ PKI }: ServerFile): Problem[] =>
  checkAuthorities({ nonvoting: PKI.Nonvoting, voting: PKI.Voting }, {
    nonvoting: ["PKI", "Nonvoting"],
    voting: ["PKI", "Voting"],
  });

const checkServer = (file: ServerFile): Problem[] => {
  const { Server } = file;
  const problems: Problem[] = [];
  if (asciiName(Server.Identifier) === null) {
    problems.push({ path: ["Server", "Identifier"], message: "expected a name of at most 32 bytes" });
  }
  if (Server.Addresses?.length === 0) {
    problems.push({ path: ["Server", "Addresses"], message: "expected at least one address" });
  }
  // Without Addresses the listener's is found at start: any tcp4 address stands for it here.
  const addresses = advertised(file, Server.Addresses ?? ["192.0.2.1:3219"]);
  if (problems.length === 0 && !areAddressesValid(addresses, Server.IsProvider)) {
    const message = addresses.has("tcp4")
      ? "expected addresses of the transport (a mix has tcp4 and tcp6 only)"
      : "a tcp4 address has to be advertised";
    const isAlternative = addresses.has("tcp4") || Server.OnlyAdvertiseAltAddresses;
    problems.push({ path: ["Server", isAlternative ? "AltAddresses" : "Addresses"], message });
  }
  return problems;
};

/** All that is wrong with the file. */
export const checkServerFile = (file: ServerFile): Problem[] => {
  const provider = file.Provider === null ? [] : checkProvider(file.Provider);
  const misplaced = file.Provider !== null && !file.Server.IsProvider;
  return [
    ...checkServer(file),
    ...checkPki(file),
    ...checkManagement(file.Management, ["Management"]),
    ...(misplaced ? [{ path: ["Provider"], message: "set, but [Server] IsProvider is false" }] : provider),
  ];
};

/** What the file asks for and this version does not do, though the node can go without it. */
export const serverWarnings = (file: ServerFile): ReadonlyArray<string> => {
  const warnings: string[] = [];
  const { Provider, Debug } = file;
  if (Debug.SchedulerExternalMemoryQueue) {
    warnings.push("[Debug] SchedulerExternalMemoryQueue has no effect: delayed packets are kept in memory");
  }
  if (!file.Server.IsProvider) return warnings;
  if (Provider === null || !Provider.Kaetzchen.some(({ Capability, Disable }) => Capability === "loop" && !Disable)) {
    warnings.push("no loop service is configured: clients refuse a network in which a Provider has none");
  }
  if (file.Samtpfote.Store === "memory") {
    warnings.push("accounts and mailboxes are kept in memory: they end with this process");
  }
  return warnings;
};
