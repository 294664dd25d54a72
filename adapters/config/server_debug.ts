/**
 * [Debug] of the Go server's file (wire-facts §11.1): limits and slacks of the node.
 *
 * @module
 */
import { defaultLimits, type Limits } from "../../core/mix/config.ts";
import { count, flag, optional, table, type TableOf } from "./codec.ts";

const debugCount = (about: string) => optional(count, 0, `${about} 0: default.`);

export const debugTable = table({
  NumSphinxWorkers: optional(
    count,
    0,
    "Threads that unwrap packets, at most 64; 0: the main thread does, which is right where it is not busy.",
  ),
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

type DebugTable = TableOf<typeof debugTable["keys"]>;

/** The limits that the table sets; 0 leaves the default. */
export const debugLimits = (Debug: DebugTable): Limits => {
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
  };
};
