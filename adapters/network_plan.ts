/**
 * A whole network to be configured: who there is, with which keys, and where; and the TOML files that say so. The
 * command genconfig writes them, testnet runs what they describe.
 *
 *     DIR/auth1/authority.toml  DIR/mix1/mix.toml  DIR/provider1/provider.toml  DIR/alice/client.toml
 *     DIR/provider1/spool/client.toml  DIR/provider1/spool/store
 *
 * Each of these folders is the DataDir of its node, with its keys.
 *
 * @module
 */
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { toBase64 } from "../core/bytes.ts";
import type { Suite } from "../core/crypto/suite.ts";
import type { EpochClock } from "../core/pki/epoch.ts";
import type { LoopixParameters } from "../core/pki/parameters.ts";
import { isBuilt } from "./built.ts";
import { managementPath } from "./config/operation.ts";
import { configurationError } from "./exit.ts";
import { ensureDataDir, loadClientKeys, loadNodeKeys, type NodeKeys } from "./keys.ts";
import type { LogFormat } from "./log.ts";
import { fitsSocket } from "./unix_listener.ts";

export interface PlanOptions {
  /** Absolute. */
  readonly folder: string;
  /** Whether the authority, then the only one, is a non-voting one. */
  readonly nonvoting: boolean;
  readonly authorities: number;
  readonly layers: number;
  readonly mixesPerLayer: number;
  readonly providers: number;
  /** Clients by name; they take the Providers in turn. */
  readonly clients: ReadonlyArray<string>;
  /** How many Providers, the last ones, run the spool plugin; default none. */
  readonly spools?: number;
  /** IP address that everything listens on and is reached at. */
  readonly host: string;
  /** As many as `portsOf` says. */
  readonly ports: ReadonlyArray<number>;
  readonly parameters: LoopixParameters;
}

/** What is decided once everything is ready to start. */
export interface NetworkSettings {
  readonly clock: EpochClock;
  readonly logFormat: LogFormat;
  readonly logLevel: "DEBUG" | "INFO" | "NOTICE";
  /** Of nodes and clients, in ms; null leaves it to the defaults. */
  readonly reconnectStepMs: number | null;
  /** What a packet may wait at each stage beyond its delay, in ms; null leaves it to the defaults. */
  readonly dwellMs: number | null;
}

export interface Place {
  readonly name: string;
  readonly folder: string;
  readonly file: string;
  readonly address: string;
  readonly keys: NodeKeys;
}

export interface ProviderPlace extends Place {
  readonly registrationAddress: string;
  /** Where its spool plugin keeps what it has; null without one. */
  readonly spool: SpoolPlace | null;
}

export interface SpoolPlace {
  /** Of the account that its replicas use among themselves: client.toml and keys. */
  readonly folder: string;
  readonly file: string;
  /** Of the spools. */
  readonly store: string;
}

export interface ClientPlace {
  readonly name: string;
  readonly folder: string;
  readonly file: string;
  readonly provider: ProviderPlace;
}

export interface NetworkPlan {
  readonly options: PlanOptions;
  readonly authorities: ReadonlyArray<Place>;
  readonly mixes: ReadonlyArray<Place>;
  readonly providers: ReadonlyArray<ProviderPlace>;
  readonly clients: ReadonlyArray<ClientPlace>;
}

type Counts = Pick<PlanOptions, "authorities" | "layers" | "mixesPerLayer" | "providers">;

/** How many ports a network listens at. */
export const portsOf = ({ authorities, layers, mixesPerLayer, providers }: Counts): number =>
  authorities + layers * mixesPerLayer + 2 * providers;

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Decides who is where and makes the keys, or takes those that are there. Throws a CommandError. */
export const planNetwork = (suite: Suite, options: PlanOptions): NetworkPlan => {
  const { folder, host, ports } = options;
  ensureDataDir(folder);
  let used = 0;
  const nextAddress = (): string => `${host.includes(":") ? `[${host}]` : host}:${ports[used++]!}`;
  const placeOf = (name: string, file: string): Place => {
    const own = join(folder, name);
    return { name, folder: own, file: join(own, file), address: nextAddress(), keys: loadNodeKeys(suite, own) };
  };
  const authorities = range(options.authorities).map((index) => placeOf(`auth${index + 1}`, "authority.toml"));
  const mixes = range(options.layers * options.mixesPerLayer).map((index) => placeOf(`mix${index + 1}`, "mix.toml"));
  const spoolOf = (provider: string): SpoolPlace => {
    const own = join(folder, provider, "spool");
    loadClientKeys(suite, own);
    ensureDataDir(join(own, "store"));
    return { folder: own, file: join(own, "client.toml"), store: join(own, "store") };
  };
  const providers = range(options.providers).map((index): ProviderPlace => {
    const place = placeOf(`provider${index + 1}`, "provider.toml");
    const hasSpools = index >= options.providers - (options.spools ?? 0);
    return { ...place, registrationAddress: nextAddress(), spool: hasSpools ? spoolOf(place.name) : null };
  });
  const clients = options.clients.map((name, index) => {
    const own = join(folder, name);
    loadClientKeys(suite, own);
    return { name, folder: own, file: join(own, "client.toml"), provider: providers[index % providers.length]! };
  });
  return { options, authorities, mixes, providers, clients };
};

/* TOML */

type Value = string | number | boolean | ReadonlyArray<string>;

const valueText = (value: Value): string => JSON.stringify(value);

const tableText = (header: string, keys: Readonly<Record<string, Value>>): string =>
  [header, ...Object.entries(keys).map(([key, value]) => `  ${key} = ${valueText(value)}`)].join("\n");

const fileText = (about: string, tables: ReadonlyArray<string>): string => `# ${about}\n\n${tables.join("\n\n")}\n`;

const peerKeys = ({ address, keys }: Place): Record<string, Value> => ({
  Addresses: [address],
  IdentityPublicKey: toBase64(keys.identityKey),
  LinkPublicKey: toBase64(keys.linkKey),
});

const nonvotingKeys = ({ address, keys }: Place): Record<string, Value> => ({
  Address: address,
  PublicKey: toBase64(keys.identityKey),
});

/** Whom nodes or clients ask: `nonvoting` and `voting` are the headers of their tables. */
const authoritiesTexts = (
  { options, authorities }: NetworkPlan,
  nonvoting: string,
  voting: string,
): string[] =>
  authorities.map((authority) =>
    options.nonvoting ? tableText(nonvoting, nonvotingKeys(authority)) : tableText(voting, peerKeys(authority))
  );

const durationText = (ms: number): string => (ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`);

const samtpfoteKeys = ({ clock, logFormat }: NetworkSettings): Record<string, Value> => ({
  EpochPeriod: durationText(clock.periodMs),
  EpochOrigin: new Date(clock.originMs).toISOString(),
  LogFormat: logFormat,
});

const reconnectKeys = ({ reconnectStepMs }: NetworkSettings): Record<string, Value> =>
  reconnectStepMs === null ? {} : { ReconnectStep: durationText(reconnectStepMs) };

const loggingText = ({ logLevel }: NetworkSettings): string => tableText("[Logging]", { Level: logLevel });

const parametersText = (parameters: LoopixParameters): string =>
  tableText("[Parameters]", {
    SendRatePerMinute: parameters.sendRatePerMinute,
    Mu: parameters.mu,
    MuMaxDelay: parameters.muMaxDelayMs,
    LambdaP: parameters.lambdaP,
    LambdaPMaxDelay: parameters.lambdaPMaxDelayMs,
    LambdaL: parameters.lambdaL,
    LambdaLMaxDelay: parameters.lambdaLMaxDelayMs,
    LambdaD: parameters.lambdaD,
    LambdaDMaxDelay: parameters.lambdaDMaxDelayMs,
    LambdaM: parameters.lambdaM,
    LambdaMMaxDelay: parameters.lambdaMMaxDelayMs,
  });

const authorityText = (
  { options, authorities, mixes, providers }: NetworkPlan,
  settings: NetworkSettings,
  self: Place,
): string =>
  fileText(
    `${
      options.nonvoting ? "Non-voting authority" : "Directory authority"
    } ${self.name}: cmd/authority.ts -f ${self.file}`,
    [
      tableText("[Authority]", {
        ...(options.nonvoting ? {} : { Identifier: self.name }),
        Addresses: [self.address],
        DataDir: self.folder,
      }),
      ...authorities.filter((other) => other !== self).map((other) => tableText("[[Authorities]]", peerKeys(other))),
      loggingText(settings),
      parametersText(options.parameters),
      tableText("[Debug]", { Layers: options.layers, MinNodesPerLayer: options.mixesPerLayer }),
      ...mixes.map(({ keys }) => tableText("[[Mixes]]", { IdentityKey: toBase64(keys.identityKey) })),
      ...providers.map(({ name, keys }) =>
        tableText("[[Providers]]", { Identifier: name, IdentityKey: toBase64(keys.identityKey) })
      ),
      tableText("[Samtpfote]", { ...samtpfoteKeys(settings), CertificateExpiration: "epoch" }),
      ...managementTexts("[Samtpfote.Management]", self),
    ],
  );

const nodeText = (plan: NetworkPlan, settings: NetworkSettings, self: Place, provider: ProviderPlace | null): string =>
  fileText(`${provider === null ? "Mix" : "Provider"} ${self.name}: cmd/mix.ts -f ${self.file}`, [
    tableText("[Server]", {
      Identifier: self.name,
      Addresses: [self.address],
      DataDir: self.folder,
      IsProvider: provider !== null,
    }),
    loggingText(settings),
    ...authoritiesTexts(plan, "[PKI.Nonvoting]", "[[PKI.Voting.Peers]]"),
    ...(provider === null ? [] : providerTexts(provider)),
    ...managementTexts("[Management]", self),
    tableText("[Debug]", { SendDecoyTraffic: true, ...dwellKeys(settings) }),
    tableText("[Samtpfote]", { ...samtpfoteKeys(settings), ...reconnectKeys(settings) }),
    // What comes together is made durable together.
    ...(provider?.spool == null ? [] : [tableText("[Samtpfote.Plugins]", { RequestsAtOnce: 32, StartTimeout: "2m" })]),
  ]);

/** A socket, so that the node can be asked how it stands; none where its path would be too long for one. */
const managementTexts = (header: string, { folder }: Place): string[] =>
  fitsSocket(managementPath({ Enable: true, Path: "" }, folder)!) ? [tableText(header, { Enable: true })] : [];

/** For processes that share few cores. */
const dwellKeys = ({ dwellMs }: NetworkSettings): Record<string, Value> =>
  dwellMs === null ? {} : {
    UnwrapDelay: dwellMs,
    ProviderDelay: dwellMs,
    KaetzchenDelay: dwellMs,
    SchedulerSlack: dwellMs,
    SendSlack: dwellMs,
  };

/** The sources need a loader. */
const spoolProgram = isBuilt ? "spool.js" : "spool.mjs";
const spoolCommand = join(dirname(fileURLToPath(import.meta.url)), "..", "cmd", "plugins", spoolProgram);

const spoolTexts = ({ file, store }: SpoolPlace): string[] => [
  tableText("[[Provider.CBORPluginKaetzchen]]", { Capability: "spool", Endpoint: "+spool", Command: spoolCommand }),
  tableText("[Provider.CBORPluginKaetzchen.Config]", { data_store: store, client: file }),
];

const providerTexts = ({ registrationAddress, spool }: ProviderPlace): string[] => [
  tableText("[Provider]", {
    EnableUserRegistrationHTTP: true,
    UserRegistrationHTTPAddresses: [registrationAddress],
    AdvertiseUserRegistrationHTTPAddresses: [`http://${registrationAddress}`],
  }),
  tableText("[[Provider.Kaetzchen]]", { Capability: "loop", Endpoint: "+loop" }),
  tableText("[[Provider.Kaetzchen]]", { Capability: "keyserver", Endpoint: "+keyserver" }),
  ...(spool === null ? [] : spoolTexts(spool)),
];

/** The account of a Provider's replicas, at that Provider. */
const spoolClient = (provider: ProviderPlace): ClientPlace[] => {
  const { spool } = provider;
  return spool === null ? [] : [{ name: "spool", folder: spool.folder, file: spool.file, provider }];
};

const clientText = (
  plan: NetworkPlan,
  settings: NetworkSettings,
  { name, folder, file, provider }: ClientPlace,
): string =>
  fileText(`Client ${name}@${provider.name}: cmd/client.ts -f ${file} ping`, [
    tableText("[Account]", { User: name, Provider: provider.name }),
    tableText("[Registration]", { Address: provider.registrationAddress }),
    tableText("[Registration.Options]", { Scheme: "http" }),
    tableText("[Logging]", { Level: "WARNING" }),
    tableText("[Debug]", { InitialMaxPKIRetrievalDelay: 60 }),
    ...authoritiesTexts(plan, "[NonvotingAuthority]", "[[VotingAuthority.Peers]]"),
    tableText("[Samtpfote]", {
      ...samtpfoteKeys({ ...settings, logFormat: "text" }),
      DataDir: folder,
      ...reconnectKeys(settings),
    }),
  ]);

interface PlannedFile {
  readonly file: string;
  readonly text: string;
}

const planned = (plan: NetworkPlan, settings: NetworkSettings): PlannedFile[] => [
  ...plan.authorities.map((one) => ({ file: one.file, text: authorityText(plan, settings, one) })),
  ...plan.mixes.map((one) => ({ file: one.file, text: nodeText(plan, settings, one, null) })),
  ...plan.providers.map((one) => ({ file: one.file, text: nodeText(plan, settings, one, one) })),
  ...[...plan.clients, ...plan.providers.flatMap(spoolClient)]
    .map((one) => ({ file: one.file, text: clientText(plan, settings, one) })),
];

/** Throws a CommandError where a file is there and says something else: somebody may have changed it by hand. */
export const refuseOtherFiles = (plan: NetworkPlan, settings: NetworkSettings): void => {
  const other = planned(plan, settings).find(({ file, text }) =>
    existsSync(file) && readFileSync(file, "utf8") !== text
  );
  if (other === undefined) return;
  throw configurationError(
    `${other.file} is there already and says something else: move it away, or name another folder; nothing was written`,
  );
};

/** Writes all files of the network, and replaces files that are there. */
export const writeNetwork = (plan: NetworkPlan, settings: NetworkSettings): void => {
  for (const { file, text } of planned(plan, settings)) {
    writeFileSync(file, text, { mode: 0o600 });
    chmodSync(file, 0o600);
  }
};
