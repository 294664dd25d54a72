/**
 * The configuration of a mix or a Provider: the Go server's file (wire-facts §11.1, release set of 2020) and
 * [Samtpfote].
 *
 * @module
 */
import { domainToASCII } from "node:url";
import { utf8 } from "../../core/bytes.ts";
import { defaultLimits, type Limits, type NodeConfig } from "../../core/mix/config.ts";
import { type Addresses, areAddressesValid, ipVersion, splitHostPort } from "../../core/pki/addresses.ts";
import { defaultProviderConfig, type ProviderConfig } from "../../core/provider/config.ts";
import { userName } from "../../core/provider/user_name.ts";
import type { NodeKeys } from "../keys.ts";
import {
  absolutePath,
  anything,
  choice,
  count,
  flag,
  hostPort,
  httpUrl,
  ipPort,
  list,
  mapping,
  name,
  optional,
  publicKey,
  required,
  section,
  table,
  type TableOf,
  text,
} from "./codec.ts";
import { authorityPeer, clockOf, logging, peerOf, reconnectStep, samtpfoteKeys } from "./common.ts";
import type { FileKind } from "./load.ts";
import type { Problem } from "./problems.ts";

const serverTable = table({
  Identifier: required(name, "Name of the node, at most 32 bytes: a Provider's is part of its users' addresses."),
  Addresses: optional(
    list(ipPort),
    null,
    "Where to listen: IP address and port. Default: this machine's IPv4 address, port 3219.",
  ),
  AltAddresses: optional(
    mapping(list(name)),
    new Map(),
    "Transport to further addresses that are advertised but not listened at.",
  ),
  OnlyAdvertiseAltAddresses: optional(flag, false, "Whether Addresses are not advertised (behind NAT)."),
  DataDir: required(absolutePath, "Folder of keys and state, mode 0700."),
  IsProvider: optional(flag, false, "Whether this is a Provider; else it is a mix."),
});

const kaetzchenKeys = {
  Capability: required(name, "What clients look for."),
  Endpoint: required(name, "Recipient that requests are sent to."),
  Config: optional(mapping(anything), new Map(), "Further arguments."),
  Disable: optional(flag, false, "Whether it is not offered."),
};

const providerTable = table({
  EnableUserRegistrationHTTP: optional(flag, false, "Whether accounts are made by POST to /registration."),
  UserRegistrationHTTPAddresses: optional(list(hostPort), [], "Where the registration service listens."),
  AdvertiseUserRegistrationHTTPAddresses: optional(list(httpUrl), [], "Its URLs, published in the descriptor."),
  BinaryRecipients: optional(flag, false, "Whether recipients are 64 raw bytes: no mapping of case, no delimiter."),
  CaseSensitiveRecipients: optional(flag, false, "Whether the case of user names counts."),
  RecipientDelimiter: optional(text, "", "What follows it in a recipient is ignored."),
  SQLDB: optional(
    table({
      Backend: required(choice("pgx"), "Driver."),
      DataSourceName: required(name, "Data source."),
    }),
    null,
    "SQL database.",
  ),
  UserDB: optional(
    table({
      Backend: optional(choice("bolt", "extern", "sql"), "bolt", "Where accounts are kept."),
      Bolt: optional(table({ UserDB: optional(absolutePath, "", "File.") }), null, "Back end bolt."),
      Extern: optional(table({ ProviderURL: required(httpUrl, "URL.") }), null, "Back end extern."),
    }),
    null,
    "Accounts.",
  ),
  SpoolDB: optional(
    table({
      Backend: optional(choice("bolt", "sql"), "bolt", "Where mailboxes are kept."),
      Bolt: optional(table({ SpoolDB: optional(absolutePath, "", "File.") }), null, "Back end bolt."),
    }),
    null,
    "Mailboxes.",
  ),
  Kaetzchen: optional(
    list(table({ ...kaetzchenKeys, Capability: required(choice("loop", "keyserver"), "The service.") })),
    [],
    "Services of the Provider itself.",
  ),
  CBORPluginKaetzchen: optional(
    list(table({
      ...kaetzchenKeys,
      Command: required(name, "Program of the plugin."),
      MaxConcurrency: optional(count, 1, "How many of them are started."),
    })),
    [],
    "Services of other programs.",
  ),
});

const debugCount = (about: string) => optional(count, 0, `${about} 0: default.`);

const debugTable = table({
  NumSphinxWorkers: debugCount("Threads that unwrap packets; this version unwraps in its main thread."),
  NumProviderWorkers: debugCount("Without effect."),
  NumKaetzchenWorkers: debugCount("Without effect."),
  SchedulerExternalMemoryQueue: optional(flag, false, "Without effect: delayed packets are in memory."),
  SchedulerQueueSize: debugCount("Packets that may wait for their delay."),
  SchedulerMaxBurst: debugCount("Packets dispatched per wake-up."),
  UnwrapDelay: debugCount("ms from reception to the unwrapped packet."),
  ProviderDelay: debugCount("ms from the unwrapped packet to the Provider's work on it."),
  KaetzchenDelay: debugCount("ms from the unwrapped packet to a service's work on it."),
  SchedulerSlack: debugCount("ms that a packet may leave its delay late."),
  SendSlack: debugCount("ms that a packet may wait for its connection."),
  DecoySlack: debugCount("ms after which a decoy loop counts as lost."),
  ConnectTimeout: debugCount("ms to connect to a node."),
  HandshakeTimeout: debugCount("ms for the link's handshake."),
  ReauthInterval: debugCount("ms between checks whether a peer may still be connected."),
  SendDecoyTraffic: optional(flag, false, "Whether lambdaM loops are sent."),
  DisableRateLimit: optional(flag, false, "Whether clients may send as fast as they like: for tests."),
  GenerateOnly: optional(flag, false, "Whether to end once the keys are made."),
});

const fileTable = table({
  Server: required(serverTable, "The node."),
  Logging: section(logging, "The log."),
  Provider: optional(providerTable, null, "What makes a Provider."),
  PKI: required(
    table({
      Nonvoting: optional(
        table({ Address: required(hostPort, "Its address."), PublicKey: required(publicKey, "Its identity key.") }),
        null,
        "A non-voting authority: not supported.",
      ),
      Voting: optional(
        table({ Peers: required(list(authorityPeer), "The authorities.") }),
        null,
        "Voting authorities.",
      ),
    }),
    "The directory authorities.",
  ),
  Management: section(
    table({
      Enable: optional(flag, false, "Whether the management socket is wanted: not in this version."),
      Path: optional(text, "", "The socket."),
    }),
    "The management socket.",
  ),
  Debug: section(debugTable, "Limits and slacks."),
  Samtpfote: section(
    table({
      ...samtpfoteKeys,
      Store: optional(
        choice("lmdb", "memory"),
        "lmdb",
        "Where accounts, mailboxes, keys and replay tags are kept: the file state.lmdb in DataDir, or this process.",
      ),
      ReconnectStep: optional(
        reconnectStep,
        defaultLimits.reconnectStepMs,
        `Added to the wait before each further attempt to connect; default "15s".`,
      ),
    }),
    "What the Go programs do not have.",
  ),
});

export type ServerFile = TableOf<typeof fileTable["keys"]>;
type ProviderTable = TableOf<typeof providerTable["keys"]>;

/** Go's IDNA form: lower-case ASCII. Null where there is none, or it is too long. */
export const asciiName = (written: string): string | null => {
  // deno-lint-ignore no-control-regex
  const ascii = /^[\x21-\x7e]+$/.test(written) ? written.toLowerCase() : domainToASCII(written);
  return ascii === "" || ascii.length > 32 ? null : ascii;
};

/** Transport to addresses, as the descriptor has them. */
const advertised = ({ Server }: ServerFile, listening: ReadonlyArray<string>): Addresses => {
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

const isEndpoint = (endpoint: string): boolean => {
  const normal = userName(defaultProviderConfig, utf8(endpoint));
  return normal !== null && /^[^\s"(),:;<>@[\\\]]+$/.test(endpoint) && String(normal) === String(utf8(endpoint));
};

const checkServices = ({ Kaetzchen, CBORPluginKaetzchen }: ProviderTable): Problem[] => {
  const problems: Problem[] = [];
  const taken = new Set<string>();
  const lists = { Kaetzchen, CBORPluginKaetzchen };
  for (const [list, services] of Object.entries(lists)) {
    services.forEach(({ Capability, Endpoint }, index) => {
      const path = (key: string) => ["Provider", list, index, key];
      if (taken.has(`capability ${Capability}`)) {
        problems.push({ path: path("Capability"), message: `"${Capability}" is configured more than once` });
      }
      if (taken.has(`endpoint ${Endpoint}`)) {
        problems.push({ path: path("Endpoint"), message: `"${Endpoint}" is used more than once` });
      }
      if (!isEndpoint(Endpoint)) {
        problems.push({
          path: path("Endpoint"),
          message: "expected a lower-case local part of an e-mail address of at most 64 bytes",
        });
      }
      taken.add(`capability ${Capability}`).add(`endpoint ${Endpoint}`);
    });
  }
  return problems;
};

const unsupported = (path: ReadonlyArray<string>, what: string): Problem => ({
  path,
  message: `${what} is not supported in this version`,
});

const checkProvider = (provider: ProviderTable): Problem[] => {
  const problems = checkServices(provider);
  const { SQLDB, UserDB, SpoolDB } = provider;
  if (UserDB !== null && UserDB.Backend !== "bolt") {
    problems.push(unsupported(["Provider", "UserDB", "Backend"], `the back end "${UserDB.Backend}"`));
  }
  if (SpoolDB !== null && SpoolDB.Backend !== "bolt") {
    problems.push(unsupported(["Provider", "SpoolDB", "Backend"], `the back end "${SpoolDB.Backend}"`));
  }
  if (SQLDB !== null) problems.push(unsupported(["Provider", "SQLDB"], "an SQL database"));
  if (provider.EnableUserRegistrationHTTP && provider.UserRegistrationHTTPAddresses.length === 0) {
    problems.push({
      path: ["Provider", "UserRegistrationHTTPAddresses"],
      message: "is missing: EnableUserRegistrationHTTP needs an address",
    });
  }
  return problems;
};

const checkPki = ({ PKI }: ServerFile): Problem[] => {
  if (PKI.Nonvoting !== null && PKI.Voting !== null) {
    return [{ path: ["PKI"], message: "either Nonvoting or Voting, not both" }];
  }
  if (PKI.Nonvoting !== null) return [unsupported(["PKI", "Nonvoting"], "a non-voting authority")];
  if (PKI.Voting === null || PKI.Voting.Peers.length === 0) {
    return [{ path: ["PKI"], message: "[[PKI.Voting.Peers]] is missing: the authorities" }];
  }
  return [];
};

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
    problems.push({ path: ["Server", addresses.has("tcp4") ? "AltAddresses" : "Addresses"], message });
  }
  return problems;
};

const check = (file: ServerFile): Problem[] => {
  const provider = file.Provider === null ? [] : checkProvider(file.Provider);
  const misplaced = file.Provider !== null && !file.Server.IsProvider;
  return [
    ...checkServer(file),
    ...checkPki(file),
    ...(misplaced ? [{ path: ["Provider"], message: "set, but [Server] IsProvider is false" }] : provider),
  ];
};

export const serverFile: FileKind<ServerFile> & { readonly codec: typeof fileTable } = { codec: fileTable, check };

/** What the file asks for and this version does not do, though the node can go without it. */
export const serverWarnings = (file: ServerFile): ReadonlyArray<string> => {
  const warnings: string[] = [];
  const { Provider, Management, Debug } = file;
  if (Management.Enable) warnings.push("[Management] is not supported in this version: there is no management socket");
  if (Debug.SchedulerExternalMemoryQueue) {
    warnings.push("[Debug] SchedulerExternalMemoryQueue has no effect: delayed packets are kept in memory");
  }
  for (const { Capability, Disable } of Provider?.CBORPluginKaetzchen ?? []) {
    if (!Disable) {
      warnings.push(
        `[[Provider.CBORPluginKaetzchen]] is not supported in this version: service ${Capability} is not offered`,
      );
    }
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

const limitsOf = ({ Debug, Samtpfote }: ServerFile): Limits => {
  const or = (configured: number, value: number): number => (configured > 0 ? configured : value);
  return {
    ...defaultLimits,
    schedulerQueueSize: or(Debug.SchedulerQueueSize, defaultLimits.schedulerQueueSize),
    schedulerMaxBurst: or(Debug.SchedulerMaxBurst, defaultLimits.schedulerMaxBurst),
    unwrapDelayMs: or(Debug.UnwrapDelay, defaultLimits.unwrapDelayMs),
    providerDelayMs: or(Debug.ProviderDelay, defaultLimits.providerDelayMs),
    kaetzchenDelayMs: or(Debug.KaetzchenDelay, defaultLimits.kaetzchenDelayMs),
    schedulerSlackMs: or(Debug.SchedulerSlack, defaultLimits.schedulerSlackMs),
    sendSlackMs: or(Debug.SendSlack, defaultLimits.sendSlackMs),
    decoySlackMs: or(Debug.DecoySlack, defaultLimits.decoySlackMs),
    connectTimeoutMs: or(Debug.ConnectTimeout, defaultLimits.connectTimeoutMs),
    handshakeTimeoutMs: or(Debug.HandshakeTimeout, defaultLimits.handshakeTimeoutMs),
    reauthIntervalMs: or(Debug.ReauthInterval, defaultLimits.reauthIntervalMs),
    disableRateLimit: Debug.DisableRateLimit,
    reconnectStepMs: Samtpfote.ReconnectStep,
  };
};

const providerOf = (provider: ProviderTable | null): ProviderConfig => {
  if (provider === null) return { ...defaultProviderConfig, services: [] };
  const urls = provider.AdvertiseUserRegistrationHTTPAddresses;
  return {
    ...defaultProviderConfig,
    services: provider.Kaetzchen.filter(({ Disable }) => !Disable).map(({ Capability, Endpoint }) => ({
      capability: Capability,
      endpoint: Endpoint,
    })),
    binaryRecipients: provider.BinaryRecipients,
    caseSensitiveRecipients: provider.CaseSensitiveRecipients,
    recipientDelimiter: provider.RecipientDelimiter,
    registration: { enabled: provider.EnableUserRegistrationHTTP, advertised: urls.length === 0 ? null : urls },
  };
};

/** What the node is started with; `listening` are the addresses of its listeners. */
export const nodeConfigOf = (file: ServerFile, keys: NodeKeys, listening: ReadonlyArray<string>): NodeConfig => ({
  identityPrivate: keys.identityPrivate,
  linkPrivate: keys.linkPrivate,
  name: asciiName(file.Server.Identifier)!,
  isProvider: file.Server.IsProvider,
  addresses: advertised(file, listening),
  authorities: file.PKI.Voting!.Peers.map(peerOf),
  clock: clockOf(file.Samtpfote),
  sendDecoyTraffic: file.Debug.SendDecoyTraffic,
  limits: limitsOf(file),
  provider: file.Server.IsProvider ? providerOf(file.Provider) : null,
});
