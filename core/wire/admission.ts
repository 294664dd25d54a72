/**
 * Who may hold a connection before it has shown who it is: a crowd of strangers must not keep anybody else out (wire
 * facts §2.7).
 *
 * Go has no such bounds. Here connections without a proven identity stand in one of two pools, which never take each
 * other's room: those from addresses of known peers (nodes in the documents, authorities), and all others. A newcomer
 * always gets in. Where its address has its share, the oldest of that address has to go; where the pool is full, the
 * oldest of the most crowded address. So whoever holds connections in silence loses them first, and a peer that has to
 * come from an unknown address needs only one moment of its handshake. What authenticates leaves the pools.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { OrderedMap } from "../collections/ordered_map.ts";
import { PersistentSet } from "../collections/set.ts";
import type { Address } from "../system.ts";

export interface AdmissionLimits {
  /** Connections of strangers. */
  readonly strangersMax: number;
  /** Of these, from one address: an IPv4 address, or the /64 prefix of an IPv6 address. */
  readonly strangersPerAddress: number;
  /** Connections from addresses of known peers, besides. */
  readonly peersMax: number;
}

/** Why a connection was refused, or gave way to another one. */
export const refusalReasons = [
  /** Nothing has been read back from the store yet. */
  "starting",
  /** The address has more connections that have not said who they are. */
  "address-crowded",
  /** The pool of its kind is full. */
  "pool-crowded",
  /** The address comes too often (arrivals.ts). */
  "address-rate",
  /** All strangers together come too often. */
  "common-rate",
  /** The address has as many authenticated connections as one may have. */
  "address-full",
  /** The identity has as many connections as one may have. */
  "identity-full",
  /** There are as many clients as there may be. */
  "clients-full",
  /** No account, no node of a document, no authority. */
  "unknown-peer",
] as const;

export type RefusalReason = typeof refusalReasons[number];

/** Connections by address, each address's oldest first: of equal crowds the one that came first is found first. */
type Crowds = OrderedMap<string, PersistentSet<Address>>;

interface Pool {
  readonly size: number;
  readonly crowds: Crowds;
}

interface Place {
  readonly from: string;
  readonly pool: "strangers" | "peers";
}

/** Connections that have not shown who they are; at most `strangersMax` and `peersMax`. */
export interface Admission {
  readonly places: PersistentMap<Address, Place>;
  readonly strangers: Pool;
  readonly peers: Pool;
}

const emptyPool: Pool = { size: 0, crowds: OrderedMap() };

export const nobody: Admission = { places: PersistentMap(), strangers: emptyPool, peers: emptyPool };

export interface Admitted {
  readonly admission: Admission;
  /** Who has to go for the newcomer, and why. */
  readonly evicted: { readonly connection: Address; readonly reason: RefusalReason } | null;
}

/** Takes a connection in; `from` as `addressOf` gives it. */
export const admit = (
  admission: Admission,
  limits: AdmissionLimits,
  connection: Address,
  from: string,
  isPeer: boolean,
): Admitted => {
  const pool = isPeer ? "peers" : "strangers";
  const evicted = isPeer
    ? crowdedOut(admission.peers, limits.peersMax)
    : crowdedOutAt(admission.strangers, limits.strangersPerAddress, from) ??
      crowdedOut(admission.strangers, limits.strangersMax);
  const room = evicted === null ? admission : leave(admission, evicted.connection);
  return {
    admission: {
      ...room,
      places: room.places.set(connection, { from, pool }),
      [pool]: {
        size: room[pool].size + 1,
        crowds: room[pool].crowds.update(from, PersistentSet(), (crowd) => crowd.add(connection)),
      },
    },
    evicted,
  };
};

const crowdedOutAt = ({ crowds }: Pool, max: number, from: string): Admitted["evicted"] => {
  const crowd = crowds.get(from);
  return crowd === undefined || crowd.size < max ? null : { connection: crowd.first()!, reason: "address-crowded" };
};

const crowdedOut = ({ size, crowds }: Pool, max: number): Admitted["evicted"] =>
  size < max ? null : { connection: largest(crowds).first()!, reason: "pool-crowded" };

/** The one that came first of those. */
const largest = (crowds: Crowds): PersistentSet<Address> =>
  crowds.reduce((most, crowd) => (crowd.size > most.size ? crowd : most), crowds.first()!);

/** A connection has authenticated, or is gone; one that is not there is nobody's. */
export const leave = (admission: Admission, connection: Address): Admission => {
  const place = admission.places.get(connection);
  if (place === undefined) return admission;
  const { from, pool } = place;
  const { size, crowds } = admission[pool];
  const crowd = crowds.get(from)!.delete(connection);
  return {
    ...admission,
    places: admission.places.delete(connection),
    [pool]: { size: size - 1, crowds: crowd.isEmpty() ? crowds.delete(from) : crowds.set(from, crowd) },
  };
};
