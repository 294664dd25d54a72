/**
 * The configuration of a client: the Go client's file (wire-facts §11.3, release set of 2020), catshadow's, and
 * [Samtpfote].
 *
 * @module
 */
import { fromUtf8, utf8 } from "../../core/bytes.ts";
import { defaultTiming, defaultTransports } from "../../core/client/config.ts";
import { defaultProviderConfig } from "../../core/provider/config.ts";
import { userName } from "../../core/provider/user_name.ts";
import type { ConnectOptions } from "../client_api.ts";
import type { ClientKeys } from "../keys.ts";
import {
  absolutePath,
  choice,
  count,
  flag,
  hostPort,
  list,
  name,
  optional,
  publicKey,
  required,
  section,
  table,
  type TableOf,
  text,
} from "./codec.ts";
import {
  authoritiesOf,
  type AuthoritiesTables,
  authorityPeer,
  checkAuthorities,
  clockOf,
  logging,
  nonvotingAuthority,
  reconnectStep,
  samtpfoteKeys,
} from "./common.ts";
import type { FileKind } from "./load.ts";
import type { Problem } from "./problems.ts";

const fileTable = table({
  Logging: section(logging, "The log."),
  ClientLogging: section(logging, "catshadow's name for the client library's log; without effect."),
  UpstreamProxy: section(
    table({
      Type: optional(choice("none", "socks5", "tor+socks5"), "none", "Only none is supported in this version."),
      Network: optional(choice("tcp", "unix", ""), "", "The proxy's network."),
      Address: optional(text, "", "The proxy's address."),
      User: optional(text, "", "User at the proxy."),
      Password: optional(text, "", "Password at the proxy."),
    }),
    "Proxy for outgoing connections.",
  ),
  Debug: section(
    table({
      DisableDecoyTraffic: optional(flag, false, "Whether no decoys are sent: for tests."),
      CaseSensitiveUserIdentifiers: optional(flag, false, "Whether the case of the user's name counts."),
      PollingInterval: optional(count, 0, "Without effect: retrieval follows the document's rates."),
      SessionDialTimeout: optional(count, 0, "Seconds to connect to the Provider; default 10."),
      InitialMaxPKIRetrievalDelay: optional(count, 0, "Seconds to wait for the first document; default 10."),
      PreferedTransports: optional(list(name), defaultTransports, `Transports of the Provider in order of preference.`),
    }),
    "Durations and tests.",
  ),
  NonvotingAuthority: optional(nonvotingAuthority, null, "The non-voting authority, where the network has one."),
  VotingAuthority: optional(
    table({ Peers: required(list(authorityPeer), "The authorities.") }),
    null,
    "Voting authorities.",
  ),
  Account: optional(
    table({
      User: optional(text, "", "Name of the account."),
      Provider: required(name, "The Provider of the account."),
      ProviderKeyPin: optional(publicKey, null, "What the Provider's identity key has to be."),
    }),
    null,
    "The account at a Provider.",
  ),
  Registration: optional(
    table({
      Address: required(hostPort, "The Provider's registration service."),
      Options: section(
        table({
          Scheme: optional(choice("https", "http"), "https", "Of the service's URL."),
          UseSocks: optional(flag, false, "Not supported in this version."),
          SocksNetwork: optional(text, "", "The proxy's network."),
          SocksAddress: optional(text, "", "The proxy's address."),
        }),
        "How to reach it.",
      ),
    }),
    null,
    "How an account is made.",
  ),
  Panda: optional(
    table({
      Receiver: required(name, "Recipient of the PANDA service."),
      Provider: required(name, "Its Provider."),
      BlobSize: optional(count, 0, "Size of its messages."),
    }),
    null,
    "The PANDA service; not used in this version.",
  ),
  Samtpfote: section(
    table({
      ...samtpfoteKeys,
      DataDir: optional(absolutePath, null, "Folder of the account's keys, mode 0700."),
      ReconnectStep: optional(
        reconnectStep,
        defaultTiming.reconnectStepMs,
        `Added to the wait before each further attempt to connect; default "15s".`,
      ),
    }),
    "What the Go programs do not have.",
  ),
});

export type ClientFile = TableOf<typeof fileTable["keys"]>;

const unsupported = (path: ReadonlyArray<string>, what: string): Problem => ({
  path,
  message: `${what} is not supported in this version`,
});

const authoritiesTables = ({ NonvotingAuthority, VotingAuthority }: ClientFile): AuthoritiesTables => ({
  nonvoting: NonvotingAuthority,
  voting: VotingAuthority,
});

const check = (file: ClientFile): Problem[] => {
  const { UpstreamProxy, Registration, Account } = file;
  const problems: Problem[] = [];
  if (UpstreamProxy.Type !== "none") {
    problems.push(unsupported(["UpstreamProxy", "Type"], `a proxy ("${UpstreamProxy.Type}")`));
  }
  if (Registration?.Options.UseSocks === true) {
    problems.push(unsupported(["Registration", "Options", "UseSocks"], "a proxy"));
  }
  problems.push(...checkAuthorities(authoritiesTables(file), {
    nonvoting: ["NonvotingAuthority"],
    voting: ["VotingAuthority"],
  }));
  if (Account !== null && Account.User !== "" && userOf(file) === null) {
    problems.push({ path: ["Account", "User"], message: "expected a user name of at most 64 bytes" });
  }
  return problems;
};

/** The account's user in its one form; null where there is none. */
export const userOf = ({ Account, Debug }: ClientFile): string | null => {
  const rules = { ...defaultProviderConfig, caseSensitiveRecipients: Debug.CaseSensitiveUserIdentifiers };
  const normal = userName(rules, utf8(Account?.User ?? ""));
  return normal === null ? null : fromUtf8(normal);
};

export const clientFile: FileKind<ClientFile> & { readonly codec: typeof fileTable } = { codec: fileTable, check };

const goDefaultSeconds = 10;
const secondsMs = (configured: number): number => (configured > 0 ? configured : goDefaultSeconds) * 1000;

/** What a client is connected with; `account` is the file's, which not every file has. */
export const connectOptionsOf = (
  file: ClientFile,
  account: { readonly user: string; readonly provider: string },
  keys: ClientKeys,
): ConnectOptions => {
  const { Debug, Samtpfote, Account } = file;
  const pin = Account?.ProviderKeyPin ?? null;
  return {
    ...account,
    linkPrivate: keys.linkPrivate,
    identityPrivate: keys.identityPrivate,
    authorities: authoritiesOf(authoritiesTables(file)),
    ...(pin === null ? {} : { providerKeyPin: pin }),
    transports: Debug.PreferedTransports,
    decoys: !Debug.DisableDecoyTraffic,
    timing: { dialMs: secondsMs(Debug.SessionDialTimeout), reconnectStepMs: Samtpfote.ReconnectStep },
    clock: clockOf(Samtpfote),
    timeoutMs: secondsMs(Debug.InitialMaxPKIRetrievalDelay) + secondsMs(Debug.SessionDialTimeout),
  };
};
