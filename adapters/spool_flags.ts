/**
 * The flags of the spool plugin, in the Go programs' convention: `-key value`, text only, as an operator writes them in
 * `[Provider.CBORPluginKaetzchen.Config]`. `data_store`, `log_dir` and `log_level` are memspool's.
 *
 * @module
 */
import { isAbsolute } from "node:path";
import type { LogLevel } from "../core/effects.ts";
import { createEpochClock, type EpochClock, katzenpostClock } from "../core/pki/epoch.ts";
import { defaultHosting } from "../core/spool/hosting_types.ts";
import { defaultSpoolLimits, type SpoolServiceConfig } from "../core/spool/service_types.ts";
import { parseDuration } from "./config/codec.ts";
import { usageError } from "./exit.ts";
import type { Flags } from "./plugin_kit.ts";

export interface SpoolFlags {
  /** Folder of the store. */
  readonly dataStore: string;
  /** Folder of the log file; null logs to standard error, that is, to the Provider's log. */
  readonly logDir: string | null;
  readonly logLevel: LogLevel;
  /** client.toml of the account that replicas talk to one another with; null: they do not over the mix network. */
  readonly client: string | null;
  /** `host:port` at which other replicas are taken a direct link from; null: none. */
  readonly link: string | null;
  /** The network's epochs where no client file tells them. */
  readonly clock: EpochClock;
  readonly limits: Omit<SpoolServiceConfig, "clock">;
  /** Replicas of replicated spools. */
  readonly replicas: number;
  readonly replicaBytes: number;
  /** Of all together. */
  readonly replicasBytes: number;
  readonly replicasPerEpoch: number;
  /** After the last write to a spool, and after each message. */
  readonly replicaEpochs: number;
  readonly replicaMessageEpochs: number;
}

/** One line a flag. */
export const spoolFlagsText = `flags of the spool plugin, each followed by its value:

  -data_store DIR      absolute path of the folder of the store (required)
  -log_dir DIR         folder of spool.log; default: the log goes to the Provider's
  -log_level LEVEL     DEBUG, INFO, NOTICE, WARNING, ERROR or CRITICAL; default NOTICE
  -version1 yes|no     whether requests of memspool's version are served; default yes
  -spools N            spools at most
  -spool_messages N    messages of one spool, -messages N of all together
  -spool_bytes N       bytes of one spool, -bytes N of all together
  -creates N           spools that may be made in one epoch
  -spool_epochs N      epochs that a spool lives after its owner last read it, -message_epochs N that a message lives
  -replicas N          replicas of replicated spools at most; 0 for none
  -replica_bytes N     bytes of one replica, -replicas_bytes N of all together
  -replica_creates N   replicas that may be made in one epoch
  -replica_epochs N    epochs that a replica lives after anybody last wrote to its spool,
                       -replica_message_epochs N that a message in it lives
  -client FILE         absolute path of the client.toml of the account that replicas use among themselves
  -link HOST:PORT      take direct links of other replicas at this address, publish it, and use theirs; without it
                       replicas talk over the mix network only
  -epoch_period TIME   length of the network's epochs where no -client tells it; default 20m
  -epoch_origin TIME   start of epoch 0 where no -client tells it; default 2017-06-01T00:00:00Z`;

const replicaDefaults = { replicas: 1024, replicaBytes: 64 * 1024 * 1024, replicasPerEpoch: 100 } as const;

const known = [
  ...["data_store", "log_dir", "log_level", "version1", "spools", "spool_messages", "messages", "spool_bytes", "bytes"],
  ...["creates", "spool_epochs", "message_epochs", "replicas", "replica_bytes", "replica_creates", "client", "link"],
  ...["epoch_period", "epoch_origin", "replicas_bytes", "replica_epochs", "replica_message_epochs"],
];

const levels: ReadonlyArray<LogLevel> = ["DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL"];

const wrong = (key: string, expected: string, value: string | undefined): Error =>
  usageError(value === undefined ? `-${key} is missing: ${expected}` : `-${key} expects ${expected}, got "${value}"`);

const numberOf = (flags: Flags, key: string, least: number, usual: number): number => {
  const value = flags.get(key);
  const number = value === undefined ? usual : /^[0-9]+$/.test(value) ? Number(value) : NaN;
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw wrong(key, `a whole number of at least ${least}`, value);
};

const pathOf = (flags: Flags, key: string): string | null => {
  const value = flags.get(key);
  if (value === undefined || isAbsolute(value)) return value ?? null;
  throw wrong(key, "an absolute path", value);
};

const choiceOf = <A extends string>(flags: Flags, key: string, choices: ReadonlyArray<A>, usual: A): A => {
  const value = flags.get(key);
  const found = choices.find((one) => one === value) ?? (value === undefined ? usual : undefined);
  if (found === undefined) throw wrong(key, `one of ${choices.join(", ")}`, value);
  return found;
};

const clockFrom = (flags: Flags): EpochClock => {
  const period = flags.get("epoch_period");
  const periodMs = period === undefined ? katzenpostClock.periodMs : parseDuration(period);
  if (periodMs === null || periodMs < 1000) throw wrong("epoch_period", `a time of at least 1s, as "20m"`, period);
  const origin = flags.get("epoch_origin");
  const originMs = origin === undefined ? katzenpostClock.originMs : Date.parse(origin);
  if (!(originMs >= 0)) throw wrong("epoch_origin", `a time as "2017-06-01T00:00:00Z"`, origin);
  return createEpochClock(periodMs, originMs);
};

const limitsFrom = (flags: Flags): SpoolFlags["limits"] => {
  const usual = defaultSpoolLimits;
  return {
    acceptsVersion1: choiceOf(flags, "version1", ["yes", "no"], "yes") === "yes",
    spoolsMax: numberOf(flags, "spools", 0, usual.spoolsMax),
    messagesPerSpoolMax: numberOf(flags, "spool_messages", 0, usual.messagesPerSpoolMax),
    bytesPerSpoolMax: numberOf(flags, "spool_bytes", 0, usual.bytesPerSpoolMax),
    messagesMax: numberOf(flags, "messages", 0, usual.messagesMax),
    bytesMax: numberOf(flags, "bytes", 0, usual.bytesMax),
    createsPerEpochMax: numberOf(flags, "creates", 0, usual.createsPerEpochMax),
    spoolLifetimeEpochs: numberOf(flags, "spool_epochs", 1, usual.spoolLifetimeEpochs),
    messageLifetimeEpochs: numberOf(flags, "message_epochs", 1, usual.messageLifetimeEpochs),
  };
};

/** Throws a CommandError that names the flag. */
export const readSpoolFlags = (flags: Flags): SpoolFlags => {
  const stray = [...flags.keys()].find((key) => !known.includes(key));
  if (stray !== undefined) throw usageError(`unknown flag -${stray}\n\n${spoolFlagsText}`);
  const dataStore = pathOf(flags, "data_store");
  if (dataStore === null) throw wrong("data_store", "the folder of the store", undefined);
  return {
    dataStore,
    logDir: pathOf(flags, "log_dir"),
    logLevel: choiceOf(flags, "log_level", levels, "NOTICE"),
    client: pathOf(flags, "client"),
    link: flags.get("link") ?? null,
    clock: clockFrom(flags),
    limits: limitsFrom(flags),
    replicas: numberOf(flags, "replicas", 0, replicaDefaults.replicas),
    replicaBytes: numberOf(flags, "replica_bytes", 0, replicaDefaults.replicaBytes),
    replicasBytes: numberOf(flags, "replicas_bytes", 0, defaultHosting.bytesMax),
    replicasPerEpoch: numberOf(flags, "replica_creates", 0, replicaDefaults.replicasPerEpoch),
    replicaEpochs: numberOf(flags, "replica_epochs", 1, defaultHosting.lifetimeEpochs),
    replicaMessageEpochs: numberOf(flags, "replica_message_epochs", 1, defaultHosting.messageLifetimeEpochs),
  };
};
