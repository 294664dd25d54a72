/**
 * `[Samtpfote.Limits]`: how much of a process its peers may take. What each bounds in bytes is told in
 * limits_memory.ts and core/mix/README.md.
 *
 * @module
 */
import { defaultLimits, type Limits } from "../../core/mix/config.ts";
import { defaultLinkLimits, type LinkLimits } from "../../core/pki/authority_admission.ts";
import { defaultRegistrationLimits, type RegistrationLimits } from "../registration_http.ts";
import { defaultTcpLimits, type TcpLimits } from "../tcp_door.ts";
import { duration, integer, type Key, optional, table, type TableOf } from "./codec.ts";

const many = 1_000_000;
const MiB = 1024 * 1024;

/** A number of at least 1. */
const number = (value: number, about: string): Key<number> =>
  optional(integer(1, many), value, `${about}; default ${value}.`);

const bytes = (value: number, about: string): Key<number> =>
  optional(integer(MiB, 2 ** 40), value, `${about}, in bytes; default ${value}.`);

const oneAddress = "one address (IPv4 address or IPv6 /64 prefix)";

/** What every process with listeners has. */
const connectionKeys = {
  Connections: number(defaultTcpLimits.accepted, "Connections from outside that may be open at once"),
  ConnectionsPerAddress: number(defaultTcpLimits.acceptedPerAddress, `Of these, from ${oneAddress}`),
  UnsentBytes: bytes(
    defaultTcpLimits.unsentBytes,
    "What may wait for all peers that do not read; beyond, the slowest is hung up on",
  ),
};

export const serverLimitsTable = table({
  ...connectionKeys,
  Handshakes: number(
    defaultLimits.handshakesMax,
    "Connections whose peers have not shown who they are; one more ends the oldest of the most crowded address",
  ),
  HandshakesPerAddress: number(defaultLimits.handshakesPerAddress, `Of these, from ${oneAddress}`),
  HandshakesOfPeers: number(
    defaultLimits.handshakesOfPeersMax,
    "The same from addresses of the layer before, which others cannot take",
  ),
  HandshakesPerMinute: number(defaultLimits.arrivalsPerMinute, `Handshakes from ${oneAddress} in a minute`),
  HandshakesPerMinuteInAll: number(
    defaultLimits.arrivalsPerMinuteInAll,
    "The same from all addresses together, those of the layer before apart",
  ),
  Clients: number(defaultLimits.clientsMax, "Connections of clients; each account has one"),
  ClientsPerAddress: number(defaultLimits.clientsPerAddress, `Of these, from ${oneAddress}`),
  Answers: number(defaultLimits.answersMax, "Answers that may wait for one client"),
  SendQueue: number(defaultLimits.sendQueueLength, "Packets that may wait for one node"),
  SendBurst: number(defaultLimits.sendBurst, "Packets that a client may send at once"),
  WriteTimeout: optional(
    duration("1s", "1h"),
    defaultLimits.writeTimeoutMs,
    `How long a peer may take to read what was written, or to send what it began; default "1m".`,
  ),
  Unwraps: number(defaultLimits.unwrapPendingMax, "Packets that may be in unwrapping and replay detection"),
  UnwrapBytes: bytes(defaultLimits.unwrapPendingBytes, "The same"),
  UnwrapsPerConnection: number(
    defaultLimits.unwrapsPerConnection,
    "The same of one connection, which is not read while it has them",
  ),
  SchedulerQueueBytes: bytes(
    defaultLimits.schedulerQueueBytes,
    "Packets that may wait for their delay, where [Debug] SchedulerQueueSize is not set",
  ),
  Registrations: number(defaultRegistrationLimits.pendingMax, "Requests for accounts that may be open at once"),
  RegistrationsPerAddress: number(
    defaultRegistrationLimits.perAddress,
    `Of their connections, from ${oneAddress}; one more ends its oldest`,
  ),
  RegistrationsPerMinute: number(
    defaultRegistrationLimits.perMinute,
    `Requests for accounts from ${oneAddress} in a minute`,
  ),
  RegistrationTimeout: optional(
    duration("1s", "1h"),
    defaultRegistrationLimits.deadlineMs,
    `How long a request for an account may take, whole; default "10s".`,
  ),
});

export type ServerLimits = TableOf<typeof serverLimitsTable["keys"]>;

export const authorityLimitsTable = table({
  ...connectionKeys,
  Strangers: number(
    defaultLinkLimits.strangersMax,
    "Connections of clients and strangers; one more ends the oldest of the most crowded address",
  ),
  StrangersPerAddress: number(defaultLinkLimits.strangersPerAddress, `Of these, from ${oneAddress}`),
  StrangersOfPeers: number(
    defaultLinkLimits.strangersOfPeersMax,
    "The same from addresses of the other authorities, which others cannot take",
  ),
  HandshakesPerMinute: number(defaultLinkLimits.arrivalsPerMinute, `Handshakes from ${oneAddress} in a minute`),
  HandshakesPerMinuteInAll: number(
    defaultLinkLimits.arrivalsPerMinuteInAll,
    "The same from all addresses together, those of the other authorities apart",
  ),
  ConnectionsPerIdentity: number(defaultLinkLimits.perIdentity, "Connections of one node or authority"),
});

export type AuthorityLimits = TableOf<typeof authorityLimitsTable["keys"]>;

export const linkLimitsOf = (limits: AuthorityLimits): LinkLimits => ({
  strangersMax: limits.Strangers,
  strangersPerAddress: limits.StrangersPerAddress,
  strangersOfPeersMax: limits.StrangersOfPeers,
  perIdentity: limits.ConnectionsPerIdentity,
  arrivalsPerMinute: limits.HandshakesPerMinute,
  arrivalsPerMinuteInAll: limits.HandshakesPerMinuteInAll,
});

type ConnectionLimits = Pick<ServerLimits, keyof typeof connectionKeys>;

export const tcpLimitsOf = (limits: ConnectionLimits): TcpLimits => ({
  accepted: limits.Connections,
  acceptedPerAddress: limits.ConnectionsPerAddress,
  unsentBytes: limits.UnsentBytes,
});

export const registrationLimitsOf = (limits: ServerLimits): RegistrationLimits => ({
  pendingMax: limits.Registrations,
  perAddress: limits.RegistrationsPerAddress,
  perMinute: limits.RegistrationsPerMinute,
  deadlineMs: limits.RegistrationTimeout,
});

/** What a node has of them. */
export const nodeLimitsOf = (limits: ServerLimits): Partial<Limits> => ({
  handshakesMax: limits.Handshakes,
  handshakesPerAddress: limits.HandshakesPerAddress,
  handshakesOfPeersMax: limits.HandshakesOfPeers,
  arrivalsPerMinute: limits.HandshakesPerMinute,
  arrivalsPerMinuteInAll: limits.HandshakesPerMinuteInAll,
  clientsMax: limits.Clients,
  clientsPerAddress: limits.ClientsPerAddress,
  answersMax: limits.Answers,
  sendQueueLength: limits.SendQueue,
  sendBurst: limits.SendBurst,
  writeTimeoutMs: limits.WriteTimeout,
  unwrapPendingMax: limits.Unwraps,
  unwrapPendingBytes: limits.UnwrapBytes,
  unwrapsPerConnection: limits.UnwrapsPerConnection,
  schedulerQueueBytes: limits.SchedulerQueueBytes,
});
