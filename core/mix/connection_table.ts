/**
 * The incoming connections of a node. One peer, known by name and by key, has one; the older stays (wire-facts §2.7).
 *
 * @module
 */
import { Map as PersistentMap } from "immutable";
import { toHex } from "../bytes.ts";
import type { Bucket } from "../provider/rate_limit.ts";
import type { Retrieval } from "../provider/retrieval.ts";
import type { Address } from "../system.ts";

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
  }
  | { readonly type: "node"; readonly credentials: Credentials; readonly id: string };

export type Connection =
  /** In the handshake. */
  | { readonly type: "new" }
  | { readonly type: "authorized"; readonly peer: Peer }
  | { readonly type: "up"; readonly peer: Peer }
  /** Ends with the session's Down. */
  | { readonly type: "closing"; readonly peer: Peer };

export interface Connections {
  readonly bySession: PersistentMap<Address, Connection>;
  /** The sessions of peers by `name` and by `key`. */
  readonly byPeer: PersistentMap<string, Address>;
  readonly handshakes: number;
  readonly clients: number;
}

export const noConnections: Connections = {
  bySession: PersistentMap(),
  byPeer: PersistentMap(),
  handshakes: 0,
  clients: 0,
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

const handshakesIn = (connection: Connection | undefined): number => (connection?.type === "new" ? 1 : 0);
const clientsIn = (connection: Connection | undefined): number => (peerOf(connection)?.type === "client" ? 1 : 0);

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
  const [oldPeer, newPeer] = [peerOf(before), peerOf(connection)];
  return {
    bySession: connection === undefined
      ? connections.bySession.delete(session)
      : connections.bySession.set(session, connection),
    byPeer: oldPeer?.credentials === newPeer?.credentials
      ? connections.byPeer
      : renamed(connections.byPeer, session, oldPeer, newPeer),
    handshakes: connections.handshakes - handshakesIn(before) + handshakesIn(connection),
    clients: connections.clients - clientsIn(before) + clientsIn(connection),
  };
};
