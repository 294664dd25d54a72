/**
 * The configuration of a mix or a Provider: the Go server's file (wire-facts §11.1, release set of 2020) and
 * [Samtpfote].
 *
 * @module
 */
import type { NodeConfig } from "../../core/mix/config.ts";
import { defaultLimits } from "../../core/mix/config.ts";
import type { NodeKeys } from "../keys.ts";
import {
  absolutePath,
  choice,
  flag,
  integer,
  ipPort,
  list,
  mapping,
  name,
  optional,
  required,
  section,
  table,
  type TableOf,
} from "./codec.ts";
import {
  authoritiesOf,
  authorityPeer,
  clockOf,
  logging,
  nonvotingAuthority,
  reconnectStep,
  samtpfoteKeys,
} from "./common.ts";
import { defaultReplayTagsMax } from "../store.ts";
import { nodeLimitsOf, serverLimitsTable } from "./limits.ts";
import type { FileKind } from "./load.ts";
import { management, observationKeys } from "./operation.ts";
import { advertised, asciiName, checkServerFile } from "./server_checks.ts";
import { debugLimits, debugTable } from "./server_debug.ts";
import { pluginLimitsOf, pluginLimitsTable } from "./server_plugins.ts";
import { providerOf, providerTable } from "./server_provider.ts";

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

const fileTable = table({
  Server: required(serverTable, "The node."),
  Logging: section(logging, "The log."),
  Provider: optional(providerTable, null, "What makes a Provider."),
  PKI: required(
    table({
      Nonvoting: optional(nonvotingAuthority, null, "The non-voting authority, where the network has one."),
      Voting: optional(
        table({ Peers: required(list(authorityPeer), "The authorities.") }),
        null,
        "Voting authorities.",
      ),
    }),
    "The directory authorities.",
  ),
  Management: section(management, "The management socket."),
  Debug: section(debugTable, "Limits and slacks."),
  Samtpfote: section(
    table({
      ...samtpfoteKeys,
      ...observationKeys,
      Store: optional(
        choice("lmdb", "memory"),
        "lmdb",
        "Where accounts, mailboxes, keys and replay tags are kept: the file state.lmdb in DataDir, or this process.",
      ),
      ReplayTagsMax: optional(
        integer(1000, 100_000_000),
        defaultReplayTagsMax,
        "Packets that a key may have (each tag: some 80 bytes of disk, 1.5 of memory); default 4000000.",
      ),
      ReconnectStep: optional(
        reconnectStep,
        defaultLimits.reconnectMinMs,
        `Wait before a link is dialled again, doubled each time; less than the default "5s" is for tests.`,
      ),
      Plugins: section(pluginLimitsTable, "How much of the Provider a plugin may take."),
      Limits: section(serverLimitsTable, "How much peers may take."),
    }),
    "What the Go programs do not have.",
  ),
});

export type ServerFile = TableOf<typeof fileTable["keys"]>;

export const serverFile: FileKind<ServerFile> & { readonly codec: typeof fileTable } = {
  codec: fileTable,
  check: checkServerFile,
};

/** What the node is started with; `listening` are the addresses of its listeners. */
export const nodeConfigOf = (file: ServerFile, keys: NodeKeys, listening: ReadonlyArray<string>): NodeConfig => ({
  identityPrivate: keys.identityPrivate,
  linkPrivate: keys.linkPrivate,
  name: asciiName(file.Server.Identifier)!,
  isProvider: file.Server.IsProvider,
  addresses: advertised(file, listening),
  authorities: authoritiesOf({ nonvoting: file.PKI.Nonvoting, voting: file.PKI.Voting }),
  clock: clockOf(file.Samtpfote),
  sendDecoyTraffic: file.Debug.SendDecoyTraffic,
  limits: {
    ...debugLimits(file.Debug),
    ...nodeLimitsOf(file.Samtpfote.Limits),
    reconnectMinMs: file.Samtpfote.ReconnectStep,
  },
  provider: file.Server.IsProvider ? providerOf(file.Provider, pluginLimitsOf(file.Samtpfote.Plugins)) : null,
});

/** Read where the process is made, and not again. */
const lasting = new Set([
  "Debug.NumSphinxWorkers",
  "Debug.SchedulerExternalMemoryQueue",
  "Debug.GenerateOnly",
  "Samtpfote.Limits.Connections",
  "Samtpfote.Limits.ConnectionsPerAddress",
  "Samtpfote.Limits.UnsentBytes",
  "Samtpfote.Limits.Registrations",
  "Samtpfote.Limits.RegistrationsPerAddress",
  "Samtpfote.Limits.RegistrationsPerMinute",
  "Samtpfote.Limits.RegistrationTimeout",
]);

/** The limits of the node, which may change while it runs. */
export const isServerKeyReloadable = (key: string): boolean =>
  (key.startsWith("Debug.") || key.startsWith("Samtpfote.Limits.") || key === "Samtpfote.ReconnectStep") &&
  !lasting.has(key);
