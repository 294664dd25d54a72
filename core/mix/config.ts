/**
 * What a mix or a Provider is configured with. Names follow the Go server's configuration (wire-facts §11.1), in
 * camelCase and with their units; what has no counterpart there is marked as ours.
 *
 * @module
 */
import type { AuthorityPeer } from "../pki/directory.ts";
import type { EpochClock } from "../pki/epoch.ts";
import type { ProviderConfig } from "../provider/config.ts";

/** Limits and slacks: Go's [Debug] table, and the bounds that Go leaves open. Durations in ms. */
export interface Limits {
  /** Packets that may wait for their delay; 0 leaves it to `schedulerQueueBytes`. */
  readonly schedulerQueueSize: number;
  /** Ours: bytes of packets that may wait for their delay. */
  readonly schedulerQueueBytes: number;
  /** Packets dispatched per wake-up. */
  readonly schedulerMaxBurst: number;
  /** From reception to the unwrapped packet. */
  readonly unwrapDelayMs: number;
  /** From the unwrapped packet to the Provider's work on it. */
  readonly providerDelayMs: number;
  /** From the unwrapped packet to a service's work on it. */
  readonly kaetzchenDelayMs: number;
  /** How late a packet may leave the delay queue. */
  readonly schedulerSlackMs: number;
  /** How long a packet may wait for its connection. */
  readonly sendSlackMs: number;
  /** How long after its expected arrival a decoy loop counts as lost. */
  readonly decoySlackMs: number;
  readonly connectTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  readonly reauthIntervalMs: number;
  readonly disableRateLimit: boolean;
  /** Packets that a client may send at once (Go's SEND_BURST). */
  readonly sendBurst: number;
  /** Packets that may wait for one connection (Go: 64, fixed). */
  readonly sendQueueLength: number;
  /** How long a link rests before it is dialled again; doubles with each failure (mixnet.rst §4.1). */
  readonly reconnectMinMs: number;
  /** The longest wait between two attempts (Go: 120 s, fixed). */
  readonly reconnectMaxMs: number;
  /** Ours: for the kernel to take what was written. */
  readonly writeTimeoutMs: number;
  /** Ours: packets that may be in unwrapping and replay detection. */
  readonly unwrapPendingMax: number;
  /** Ours: the same in bytes. */
  readonly unwrapPendingBytes: number;
  /** Ours: the same for packets of one connection; one more and it is not read until half of them are done. */
  readonly unwrapsPerConnection: number;
  /** Ours: incoming connections whose peer has not shown who it is; one more, and another one has to go. */
  readonly handshakesMax: number;
  /** Ours: of these, from one address (an IPv4 address or an IPv6 /64 prefix). */
  readonly handshakesPerAddress: number;
  /** Ours: the same from addresses of nodes that may connect, besides. */
  readonly handshakesOfPeersMax: number;
  /** Ours: handshakes of strangers from one address in a minute. */
  readonly arrivalsPerMinute: number;
  /** Ours: the same from all addresses together. */
  readonly arrivalsPerMinuteInAll: number;
  /** Ours: incoming connections of clients; each has one, and each node has one besides. */
  readonly clientsMax: number;
  /** Ours: of these, from one address. */
  readonly clientsPerAddress: number;
  /** Ours: answers that may wait for one client. */
  readonly answersMax: number;
}

/**
 * Go's defaults, but for the dwell limits: Go's 10 to 750 ms are tuned to goroutines on idle cores and lose packets
 * under load. A JavaScript event loop stalls for tens of ms (garbage collection, other machines of the process); half a
 * second to a second stays far below the mean delay of a hop (4 s) and still sheds load.
 */
export const defaultLimits: Limits = {
  schedulerQueueSize: 0,
  schedulerQueueBytes: 256 * 1024 * 1024,
  schedulerMaxBurst: 16,
  unwrapDelayMs: 1000,
  providerDelayMs: 1000,
  kaetzchenDelayMs: 1000,
  schedulerSlackMs: 500,
  sendSlackMs: 1000,
  decoySlackMs: 15_000,
  connectTimeoutMs: 60_000,
  handshakeTimeoutMs: 30_000,
  reauthIntervalMs: 30_000,
  disableRateLimit: false,
  sendBurst: 4,
  sendQueueLength: 64,
  reconnectMinMs: 5_000,
  reconnectMaxMs: 120_000,
  writeTimeoutMs: 60_000,
  unwrapPendingMax: 1024,
  unwrapPendingBytes: 64 * 1024 * 1024,
  unwrapsPerConnection: 64,
  handshakesMax: 256,
  handshakesPerAddress: 32,
  handshakesOfPeersMax: 64,
  arrivalsPerMinute: 1200,
  arrivalsPerMinuteInAll: 12_000,
  clientsMax: 10_000,
  clientsPerAddress: 256,
  answersMax: 4,
};

export interface NodeConfig {
  /** Ed25519, 64 bytes (seed | public). */
  readonly identityPrivate: Uint8Array;
  /** X25519, 32 bytes. */
  readonly linkPrivate: Uint8Array;
  /** Go's Identifier: 1 to 32 bytes. */
  readonly name: string;
  readonly isProvider: boolean;
  /** Transport (`tcp4`, `tcp6`, …) to the `host:port` list to advertise; `tcp4` is mandatory. */
  readonly addresses: ReadonlyMap<string, ReadonlyArray<string>>;
  readonly authorities: ReadonlyArray<AuthorityPeer>;
  readonly clock: EpochClock;
  /** lambdaM loops (wire-facts §6.7). */
  readonly sendDecoyTraffic: boolean;
  readonly limits: Limits;
  /** Set exactly when `isProvider`. */
  readonly provider: ProviderConfig | null;
}
