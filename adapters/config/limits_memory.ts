/**
 * What hostile peers can make a node hold, in bytes, by the limits of its file: the table of core/mix/README.md, which
 * a test holds against this one, and the bound that a flood is measured by.
 *
 * @module
 */
import { katzenpostGeometry } from "../../core/sphinx/geometry.ts";
import type { ServerLimits } from "./limits.ts";

const KiB = 1024;
/** A packet with its frame and what the queue has about it. */
const packet = Math.ceil(katzenpostGeometry.packetLength / KiB) * KiB;
/** A socket, its session and its place in the tables. */
const connection = 16 * KiB;
/** An address that has come within a minute (core/wire/arrivals.ts), which may be a minute's and a quarter's. */
const arrival = 512 * 1.25;
/** What was received in a handshake and not read yet: two pieces of the socket's. */
const handshake = 128 * KiB;
/** Header and body of a request for an account. */
const registration = 20 * KiB;
/** The shell's inputs before nothing is read any more (shell.ts), of the length of a socket's pieces. */
const inputs = 1024 * 64 * KiB;

export interface Share {
  /** Keys of [Samtpfote.Limits], or what is fixed. */
  readonly of: string;
  readonly bytes: number;
}

export interface Role {
  readonly isProvider: boolean;
  /** Nodes of the layer before, and of the next. */
  readonly before: number;
  readonly next: number;
}

export const memoryShares = (limits: ServerLimits, { isProvider, before, next }: Role): ReadonlyArray<Share> => [
  { of: "Connections", bytes: limits.Connections * connection },
  { of: "Handshakes", bytes: limits.Handshakes * handshake },
  { of: "HandshakesOfPeers", bytes: limits.HandshakesOfPeers * handshake },
  { of: "HandshakesPerMinuteInAll", bytes: limits.HandshakesPerMinuteInAll * arrival },
  // A frame that came in part, and the answers that wait.
  { of: "Clients", bytes: isProvider ? limits.Clients * (1 + limits.Answers) * packet : 0 },
  { of: "nodes of the layer before", bytes: before * packet },
  { of: "SendQueue", bytes: next * limits.SendQueue * packet },
  { of: "UnsentBytes", bytes: limits.UnsentBytes },
  { of: "Unwraps", bytes: limits.UnwrapBytes },
  { of: "SchedulerQueueBytes", bytes: limits.SchedulerQueueBytes },
  { of: "Registrations", bytes: isProvider ? limits.Registrations * registration : 0 },
  { of: "(fixed)", bytes: inputs },
];

/** All of it at once. */
export const memoryBound = (limits: ServerLimits, role: Role): number =>
  memoryShares(limits, role).reduce((sum, { bytes }) => sum + bytes, 0);
