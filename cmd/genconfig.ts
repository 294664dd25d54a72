/**
 * Writes the configuration files and keys of a whole network.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { E } from "../core/fp.ts";
import { ipVersion } from "../core/pki/addresses.ts";
import { createEpochClock, type EpochClock, katzenpostClock } from "../core/pki/epoch.ts";
import { completeParameters } from "../core/pki/parameters.ts";
import { commandLine, runCommand, type Values } from "../adapters/command.ts";
import { authorityFile } from "../adapters/config/authority.ts";
import { clientFile } from "../adapters/config/client.ts";
import { parseDuration } from "../adapters/config/codec.ts";
import { referenceOf } from "../adapters/config/reference.ts";
import { serverFile } from "../adapters/config/server.ts";
import { nativeSuite } from "../adapters/crypto_native.ts";
import { exitCode, usageError } from "../adapters/exit.ts";
import { type NetworkPlan, planNetwork, portsOf, refuseOtherFiles, writeNetwork } from "../adapters/network_plan.ts";

const usage = `usage: genconfig DIR

Writes the configurations and keys of a network into DIR: a folder for each node and client. Keys that are there
are kept; configurations that were changed by hand are not replaced.

      --authorities N   directory authorities that vote (default 3)
      --nonvoting       one authority that does not vote but signs alone, instead
      --layers N        layers of mixes, 1 to 3 (default 3)
      --mixes N         mixes in each layer (default 2)
      --providers N     Providers (default 2)
      --clients NAMES   clients, separated by commas (default alice,bob)
      --spools          message spools at each Provider: a plugin, its store, and an account for its replicas
      --host ADDRESS    IP address of everything (default 127.0.0.1)
      --port N          first port; the others follow (default 30001)
      --epoch TIME      length of an epoch (default 20m)
      --origin TIME     start of epoch 0 (default 2017-06-01T00:00:00Z)
      --rate N          packets per minute that a Provider takes from a client (default 100)
      --mu N            inverse mean of the delay at each hop, per ms (default 0.00025)
      --lambda-p N, --lambda-l N, --lambda-d N, --lambda-m N
                        rates of traffic per ms (default 0.00025 each)
      --reference       print what configuration files may contain, and write nothing
  -h, --help            this text
      --version         of samtpfote`;

const text = { type: "string" } as const;
const options = {
  authorities: text,
  nonvoting: { type: "boolean", default: false },
  layers: { type: "string", default: "3" },
  mixes: { type: "string", default: "2" },
  providers: { type: "string", default: "2" },
  clients: { type: "string", default: "alice,bob" },
  spools: { type: "boolean", default: false },
  host: { type: "string", default: "127.0.0.1" },
  port: { type: "string", default: "30001" },
  epoch: text,
  origin: text,
  rate: text,
  mu: text,
  "lambda-p": text,
  "lambda-l": text,
  "lambda-d": text,
  "lambda-m": text,
  reference: { type: "boolean", default: false },
} as const;

type Given = Values<typeof options>;

const integer = (flag: string, value: string, least: number, most: number): number => {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= least && number <= most) return number;
  throw usageError(`--${flag} expects a number from ${least} to ${most}, got "${value}"`);
};

const rate = (flag: string, value: string | undefined): number => {
  const number = Number(value ?? 0);
  if (Number.isFinite(number) && number >= 0) return number;
  throw usageError(`--${flag} expects a rate per ms, got "${value}"`);
};

const clockFrom = ({ epoch, origin }: Given) => {
  const periodMs = epoch === undefined ? katzenpostClock.periodMs : parseDuration(epoch);
  if (periodMs === null || periodMs < 1000) {
    throw usageError(`--epoch expects a time of at least 1s, as "20m"; got "${epoch}"`);
  }
  const originMs = origin === undefined ? katzenpostClock.originMs : Date.parse(origin);
  if (!(originMs >= 0)) throw usageError(`--origin expects a time as "2017-06-01T00:00:00Z", got "${origin}"`);
  return createEpochClock(periodMs, originMs);
};

/** With epochs of seconds, waits of hours' epochs would outlast them. */
const reconnectStepFor = ({ periodMs }: EpochClock): number | null =>
  periodMs < 100_000 ? Math.max(500, Math.floor(periodMs / 20)) : null;

const parametersFrom = (values: Given) => {
  const parameters = completeParameters({
    sendRatePerMinute: values.rate === undefined ? 0 : integer("rate", values.rate, 1, 1_000_000),
    mu: rate("mu", values.mu),
    lambdaP: rate("lambda-p", values["lambda-p"]),
    lambdaL: rate("lambda-l", values["lambda-l"]),
    lambdaD: rate("lambda-d", values["lambda-d"]),
    lambdaM: rate("lambda-m", values["lambda-m"]),
  });
  if (E.isLeft(parameters)) throw usageError(parameters.left);
  return parameters.right;
};

const clientNames = (list: string): string[] => {
  const names = list === "" ? [] : list.split(",");
  const wrong = names.find((name, index) =>
    !/^[a-z0-9_-]{1,32}$/.test(name) || /^(auth|mix|provider)[0-9]+$/.test(name) || names.indexOf(name) !== index
  );
  if (wrong !== undefined) throw usageError(`--clients expects different names of a-z, 0-9, - and _, got "${wrong}"`);
  return names;
};

const authoritiesFrom = ({ authorities, nonvoting }: Given): number => {
  if (!nonvoting) return integer("authorities", authorities ?? "3", 1, 64);
  if (authorities !== undefined) throw usageError("--nonvoting makes one authority: it goes without --authorities");
  return 1;
};

const planFrom = (folder: string, values: Given): NetworkPlan => {
  const size = {
    authorities: authoritiesFrom(values),
    layers: integer("layers", values.layers, 1, 3),
    mixesPerLayer: integer("mixes", values.mixes, 1, 1000),
    providers: integer("providers", values.providers, 1, 1000),
  };
  if (ipVersion(values.host) === null) throw usageError(`--host expects an IP address, got "${values.host}"`);
  const count = portsOf(size);
  const first = integer("port", values.port, 1, 65_536 - count);
  const ports = Array.from({ length: count }, (_, index) => first + index);
  const clients = clientNames(values.clients);
  return planNetwork(nativeSuite, {
    ...size,
    folder: resolve(folder),
    nonvoting: values.nonvoting,
    host: values.host,
    ports,
    clients,
    spools: values.spools ? size.providers : 0,
    parameters: parametersFrom(values),
  });
};

/** Replicas of the spool whose making is shown, at most. */
const shownReplicas = 3;

const printUse = ({ options, authorities, mixes, providers, clients }: NetworkPlan): void => {
  console.log("Run each in its own terminal, or under a supervisor:");
  for (const { file } of authorities) console.log(`  ${commandLine("cmd/authority.ts")} -f ${file}`);
  for (const { file } of [...mixes, ...providers]) console.log(`  ${commandLine("cmd/mix.ts")} -f ${file}`);
  if (clients.length > 0) console.log("Then, from the next epoch but one on:");
  for (const { file } of clients) {
    console.log(
      `  ${commandLine("cmd/client.ts")} -f ${file} register && ${commandLine("cmd/client.ts")} -f ${file} ping`,
    );
  }
  const [first] = clients;
  const keepers = providers.filter(({ spool }) => spool !== null).slice(0, shownReplicas);
  if (first === undefined || keepers.length === 0) return;
  console.log("Then a spool, whose files write.json and read.json are for whoever is to write and to read:");
  const names = keepers.map(({ name }) => name).join(" ");
  console.log(
    `  ${commandLine("cmd/client.ts")} -f ${first.file} spool create ${join(options.folder, "inbox")} ${names}`,
  );
};

await runCommand({
  name: "genconfig",
  usage,
  options,
  run: async (values, [folder, ...rest]) => {
    if (values.reference) {
      console.log([
        referenceOf("Mix or Provider (cmd/mix.ts)", serverFile.codec),
        referenceOf("Directory authority (cmd/authority.ts)", authorityFile.codec),
        referenceOf("Client (cmd/client.ts)", clientFile.codec),
      ].join("\n\n"));
      return exitCode.ok;
    }
    if (folder === undefined || rest.length > 0) throw usageError("one folder is expected");
    const clock = clockFrom(values);
    process.umask(0o077);
    const plan = planFrom(folder, values);
    const reconnectStepMs = reconnectStepFor(clock);
    const settings = { clock, logFormat: "text", logLevel: "NOTICE", reconnectStepMs, dwellMs: null } as const;
    refuseOtherFiles(plan, settings);
    writeNetwork(plan, settings);
    printUse(plan);
    return exitCode.ok;
  },
});
