/**
 * The incoming connections of a node. One peer, known by name and by key, has one; the older stays (wire-facts §2.7).
 * So nodes have as many as the documents list, clients as many as `clientsMax` and `clientsPerAddress` allow, and who
 * has not shown who it is as many as ../wire/admission.ts allows: none of the three takes the room of another.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { toHex } from "../bytes.ts";
import type { Bucket } from "../token_bucket.ts";
import type { Retrieval } from "../provider/retrieval.ts";
import type { Address } from "../system.ts";
import { type Admission, leave, nobody } from "../wire/admission.ts";
import { type Arrivals, noArrivals } from "../wire/arrivals.ts";

export interface Credentials {
  /** A node's identity key, or a user's name as presented. */
  readonly additionalData: Uint8Array;
  /** X25519, 32 bytes. */
  readonly linkKey: Uint8Array;
}

export type Peer =
  | {
    readonly type: "client";
    readonly credentials: Credentials;
    /** The user's name in its one form. */
    readonly name: Uint8Array;
    readonly bucket: Bucket;
    readonly retrieval: Retrieval;
    /** Where it comes from, as remote_address.ts writes it. */
    readonly from: string;
  }
  | { readonly type: "node"; readonly credentials: Credentials; readonly id: string };

export type Connection =
  /** In the handshake; `from` is its address, as remote_address.ts writes it. */
  | { readonly type: "new"; readonly from: string }
  | { readonly type: "authorized"; readonly peer: Peer }
  | { readonly type: "up"; readonly peer: Peer }
  /** Ends with the session's Down. */
  | { readonly type: "closing"; readonly peer: Peer };

export interface Connections {
  readonly bySession: PersistentMap<Address, Connection>;
  /** The sessions of peers by `name` and by `key`. */
  readonly byPeer: PersistentMap<string, Address>;
  /** The connections in the handshake. */
  readonly admission: Admission;
  readonly arrivals: Arrivals;
  readonly clients: number;
  readonly clientsByAddress: PersistentMap<string, number>;
  /** Packets in unwrapping, of connections that have any. */
  readonly unwrapping: PersistentMap<Address, number>;
}

export const noConnections: Connections = {
  bySession: PersistentMap(),
  byPeer: PersistentMap(),
  admission: nobody,
  arrivals: noArrivals,
  clients: 0,
  clientsByAddress: PersistentMap(),
  unwrapping: PersistentMap(),
};

// A user is one user however the name is written.
const names = (peer: Peer): ReadonlyArray<string> => [
  peer.type === "client" ? `user ${toHex(peer.name)}` : `node ${peer.id}`,
  `key ${toHex(peer.credentials.linkKey)}`,
];

export const isConnected = ({ byPeer }: Connections, peer: Peer): boolean =>
  names(peer).some((name) => byPeer.has(name));

/** The session of a user, by the name's id. */
export const sessionOf = ({ byPeer }: Connections, user: string): Address | undefined => byPeer.get(`user ${user}`);

const peerOf = (connection: Connection | undefined): Peer | null =>
  connection === undefined || connection.type === "new" ? null : connection.peer;

const clientsIn = (peer: Peer | null): number => (peer?.type === "client" ? 1 : 0);

const recounted = (
  counts: Connections["clientsByAddress"],
  peer: Peer | null,
  change: number,
): Connections["clientsByAddress"] => {
  if (peer?.type !== "client") return counts;
  const count = counts.get(peer.from, 0) + change;
  return count === 0 ? counts.delete(peer.from) : counts.set(peer.from, count);
};

const renamed = (
  byPeer: Connections["byPeer"],
  session: Address,
  oldPeer: Peer | null,
  newPeer: Peer | null,
): Connections["byPeer"] => {
  const rest = oldPeer === null ? byPeer : byPeer.deleteAll(names(oldPeer));
  return newPeer === null ? rest : names(newPeer).reduce((all, name) => all.set(name, session), rest);
};

/** Adds, changes or (undefined) removes a connection. */
export const setConnection = (
  connections: Connections,
  session: Address,
  connection: Connection | undefined,
): Connections => {
  const before = connections.bySession.get(session);
  const bySession = connection === undefined
    ? connections.bySession.delete(session)
    : connections.bySession.set(session, connection);
  const [oldPeer, newPeer] = [peerOf(before), peerOf(connection)];
  if (connection !== undefined && oldPeer?.credentials === newPeer?.credentials) return { ...connections, bySession };
  const { byPeer, admission, clients, clientsByAddress, unwrapping } = connections;
  return {
    ...connections,
    bySession,
    byPeer: renamed(byPeer, session, oldPeer, newPeer),
    admission: leave(admission, session),
    clients: clients - clientsIn(oldPeer) + clientsIn(newPeer),
    clientsByAddress: recounted(recounted(clientsByAddress, oldPeer, -1), newPeer, 1),
    unwrapping: connection === undefined ? unwrapping.delete(session) : unwrapping,
  };
};
