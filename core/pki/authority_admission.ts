/**
 * How many connections an authority takes, and whose (wire facts §2.7, §5.6). Strangers (and clients, whose keys are
 * nobody's) share ../wire/admission.ts's pools; nodes and authorities leave them when they have shown who they are, and
 * each has so many of its own, so that no crowd can keep a descriptor or a vote out.
 *
 * @module
 */
import type { Address } from "../system.ts";
import type { Mono } from "../machine.ts";
import { type Admission, admit, type Admitted, type RefusalReason } from "../wire/admission.ts";
import { type ArrivalLimits, type Arrivals, arrive } from "../wire/arrivals.ts";
import { addressOf } from "../wire/remote_address.ts";

/** Ours: Go has no limits. */
export interface LinkLimits extends ArrivalLimits {
  /** Connections of strangers and clients; one more, and another one has to go. */
  readonly strangersMax: number;
  /** Of these, from one address (an IPv4 address or an IPv6 /64 prefix). */
  readonly strangersPerAddress: number;
  /** The same from addresses of the other authorities, besides. */
  readonly strangersOfPeersMax: number;
  /** Connections of one node or authority. */
  readonly perIdentity: number;
}

export const defaultLinkLimits: LinkLimits = {
  strangersMax: 1024,
  strangersPerAddress: 256,
  strangersOfPeersMax: 64,
  perIdentity: 16,
  arrivalsPerMinute: 3000,
  arrivalsPerMinuteInAll: 12_000,
};

/** What an authority knows of those who came. */
export interface Door {
  readonly admission: Admission;
  readonly arrivals: Arrivals;
}

export interface AtDoor {
  readonly door: Door;
  /** Why it is not taken in. */
  readonly refusal: RefusalReason | null;
  /** Who has to go for it. */
  readonly evicted: Admitted["evicted"];
}

/** Takes in a connection that says it comes from `remote`; `peers` are the authorities' addresses. */
export const admitLink = (
  { admission, arrivals }: Door,
  limits: LinkLimits,
  now: Mono,
  connection: Address,
  remote: string,
  peers: Iterable<{ readonly addresses: ReadonlyArray<string> }>,
): AtDoor => {
  const from = addressOf(remote);
  const isPeer = [...peers].some(({ addresses }) => addresses.some((address) => addressOf(address) === from));
  const arrived = isPeer ? { arrivals, refusal: null } : arrive(arrivals, limits, from, now);
  const { refusal } = arrived;
  if (refusal !== null) return { door: { admission, arrivals: arrived.arrivals }, refusal, evicted: null };
  const { strangersMax, strangersPerAddress, strangersOfPeersMax: peersMax } = limits;
  const admitted = admit(admission, { strangersMax, strangersPerAddress, peersMax }, connection, from, isPeer);
  const door = { admission: admitted.admission, arrivals: arrived.arrivals };
  return { door, refusal, evicted: admitted.evicted };
};
