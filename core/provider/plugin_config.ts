/**
 * What a plugin's machine is started with: Go's [[Provider.CBORPluginKaetzchen]] (wire-facts §8.2, §11.1) and limits,
 * which Go does not have.
 *
 * @module
 */
import type { Address } from "../system.ts";

/** A service that other programs offer. Each capability and each endpoint once, among all services. */
export interface PluginService {
  readonly capability: string;
  /** The recipient's name, 1 to 64 bytes, as published in the descriptor. */
  readonly endpoint: string;
  readonly command: string;
  readonly args: ReadonlyArray<string>;
  /** Go's MaxConcurrency: programs that run at once, at least 1. */
  readonly instances: number;
}

/** Durations in ms. All of them bound what one plugin can hold of its Provider. */
export interface PluginLimits {
  /** Requests that may wait for an instance (Go: no bound), 50 KiB each. */
  readonly queueLength: number;
  /** Requests that one instance is given at once (Go: 1). */
  readonly requestsAtOnce: number;
  /** From handing a request over to its answer; an instance that takes longer is ended. */
  readonly requestMs: number;
  /** From starting a program to its parameters. */
  readonly startMs: number;
  /** Between SIGHUP, SIGTERM and SIGKILL. */
  readonly graceMs: number;
  /** Before a program that has ended is started again; doubled each time. */
  readonly restartMs: number;
  /** The longest such wait. An instance that has lived as long starts over with the shortest. */
  readonly restartMaxMs: number;
}

export const defaultPluginLimits: PluginLimits = {
  queueLength: 128,
  requestsAtOnce: 1,
  requestMs: 10_000,
  startMs: 30_000,
  graceMs: 2_000,
  restartMs: 1_000,
  restartMaxMs: 60_000,
};

export interface PluginConfig {
  readonly self: Address;
  readonly owner: Address;
  readonly service: PluginService;
  readonly limits: PluginLimits;
  /** The longest reply, in bytes: `serviceReplyLengthMax` of the geometry. */
  readonly replyLengthMax: number;
}

/** Where the machine of a capability lives. */
export const pluginAddress = (capability: string): Address => `plugin/${capability}`;
