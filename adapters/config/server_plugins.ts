/**
 * [[Provider.CBORPluginKaetzchen]] of the Go server's file (wire-facts §8.2, §11.1): services that other programs
 * offer; and `[Samtpfote.Plugins]`: how much of the Provider a plugin may take, which Go leaves open.
 *
 * @module
 */
import { defaultPluginLimits, type PluginLimits, type PluginService } from "../../core/provider/plugin_config.ts";
import {
  count,
  duration,
  flag,
  integer,
  mapping,
  name,
  optional,
  required,
  table,
  type TableOf,
  text,
} from "./codec.ts";
import type { Problem } from "./problems.ts";

/** Each instance is a process. */
const instancesMax = 64;

export const pluginTable = table({
  Capability: required(name, "What clients look for."),
  Endpoint: required(name, "Recipient that requests are sent to."),
  Command: required(name, "Program of the plugin."),
  MaxConcurrency: optional(count, 1, `How many of them run at once, at most ${instancesMax}; 0 and less: one.`),
  Config: optional(mapping(text), new Map(), "Its arguments: -key value."),
  Disable: optional(flag, false, "Whether it is not offered."),
});

export type PluginTable = TableOf<typeof pluginTable["keys"]>;

export const pluginLimitsTable = table({
  QueueLength: optional(
    integer(1, 10_000),
    defaultPluginLimits.queueLength,
    "Requests that may wait for one plugin, 50 KiB each.",
  ),
  RequestsAtOnce: optional(
    integer(1, 1000),
    defaultPluginLimits.requestsAtOnce,
    "Requests that each of its programs is given at once.",
  ),
  RequestTimeout: optional(
    duration("10ms", "10m"),
    defaultPluginLimits.requestMs,
    `How long an answer may take before the program is ended; default "10s".`,
  ),
  StartTimeout: optional(
    duration("100ms", "10m"),
    defaultPluginLimits.startMs,
    `How long a program may take to start; default "30s".`,
  ),
  StopGrace: optional(
    duration("10ms", "4s"),
    defaultPluginLimits.graceMs,
    `Between SIGHUP, SIGTERM and SIGKILL; default "2s".`,
  ),
  RestartDelay: optional(
    duration("10ms", "10m"),
    defaultPluginLimits.restartMs,
    `Before a program that has ended is started again, doubled each time; default "1s".`,
  ),
  RestartDelayMax: optional(
    duration("10ms", "24h"),
    defaultPluginLimits.restartMaxMs,
    `The longest such delay; default "1m".`,
  ),
});

export const pluginLimitsOf = (limits: TableOf<typeof pluginLimitsTable["keys"]>): PluginLimits => ({
  queueLength: limits.QueueLength,
  requestsAtOnce: limits.RequestsAtOnce,
  requestMs: limits.RequestTimeout,
  startMs: limits.StartTimeout,
  graceMs: limits.StopGrace,
  restartMs: limits.RestartDelay,
  restartMaxMs: limits.RestartDelayMax,
});

/** What is wrong with one of them though each key is right by itself; `path` is its place in the file. */
export const checkPlugin = ({ MaxConcurrency }: PluginTable, path: Problem["path"]): ReadonlyArray<Problem> =>
  MaxConcurrency > instancesMax
    ? [{ path: [...path, "MaxConcurrency"], message: `expected at most ${instancesMax}: each is a process` }]
    : [];

/** Arguments in the order of the file (Go's is random). */
export const pluginServiceOf = (
  { Capability, Endpoint, Command, MaxConcurrency, Config }: PluginTable,
): PluginService => ({
  capability: Capability,
  endpoint: Endpoint,
  command: Command,
  args: [...Config].flatMap(([key, value]) => [`-${key}`, value]),
  instances: Math.max(1, MaxConcurrency),
});
