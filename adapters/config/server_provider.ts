/**
 * [Provider] of the Go server's file (wire-facts §11.1): its keys, what they must satisfy, what the Provider is started
 * with.
 *
 * @module
 */
import { utf8 } from "../../core/bytes.ts";
import { defaultProviderConfig, type ProviderConfig } from "../../core/provider/config.ts";
import type { PluginLimits } from "../../core/provider/plugin_config.ts";
import { userName } from "../../core/provider/user_name.ts";
import {
  absolutePath,
  anything,
  choice,
  flag,
  hostPort,
  httpUrl,
  list,
  mapping,
  name,
  optional,
  required,
  table,
  type TableOf,
  text,
} from "./codec.ts";
import { type Problem, unsupported } from "./problems.ts";
import { checkPlugin, pluginServiceOf, pluginTable } from "./server_plugins.ts";

const kaetzchenKeys = {
  Capability: required(name, "What clients look for."),
  Endpoint: required(name, "Recipient that requests are sent to."),
  Config: optional(mapping(anything), new Map(), "Further arguments."),
  Disable: optional(flag, false, "Whether it is not offered."),
};

export const providerTable = table({
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
    list(pluginTable),
    [],
    "Services of other programs.",
  ),
});

export type ProviderTable = TableOf<typeof providerTable["keys"]>;

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
  const plugins = CBORPluginKaetzchen.flatMap((plugin, index) =>
    checkPlugin(plugin, ["Provider", "CBORPluginKaetzchen", index])
  );
  return [...problems, ...plugins];
};

/** What is wrong with the table though each key is right by itself. */
export const checkProvider = (provider: ProviderTable): Problem[] => {
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

/** What the Provider is started with; null: the table is missing. */
export const providerOf = (provider: ProviderTable | null, pluginLimits: PluginLimits): ProviderConfig => {
  if (provider === null) return { ...defaultProviderConfig, services: [] };
  const urls = provider.AdvertiseUserRegistrationHTTPAddresses;
  return {
    ...defaultProviderConfig,
    services: provider.Kaetzchen.filter(({ Disable }) => !Disable).map(({ Capability, Endpoint }) => ({
      capability: Capability,
      endpoint: Endpoint,
    })),
    plugins: provider.CBORPluginKaetzchen.filter(({ Disable }) => !Disable).map(pluginServiceOf),
    pluginLimits,
    binaryRecipients: provider.BinaryRecipients,
    caseSensitiveRecipients: provider.CaseSensitiveRecipients,
    recipientDelimiter: provider.RecipientDelimiter,
    registration: { enabled: provider.EnableUserRegistrationHTTP, advertised: urls.length === 0 ? null : urls },
  };
};
