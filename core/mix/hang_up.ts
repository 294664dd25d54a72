/**
 * Changing and ending incoming connections.
 *
 * @module
 */
import { count, log, tell } from "../effects.ts";
import type { Address } from "../system.ts";
import { type Connection, setConnection } from "./connection_table.ts";
import { emit, type Turn, update } from "./turn.ts";

/** Adds, changes or (undefined) removes a connection. */
export const putConnection = (turn: Turn, session: Address, connection: Connection | undefined): void =>
  update(turn, { connections: setConnection(turn.state.connections, session, connection) });

/** Why this node ends a connection of a peer that it knows. */
export const closeReasons = [
  "packet-size",
  "unexpected-command",
  "retrieval-concurrent",
  "retrieval-out-of-sequence",
  "mailbox-unreadable",
  "no-longer-listed",
] as const;

export type CloseReason = typeof closeReasons[number];

/** Ends a connection for what the peer did; its further commands count for nothing. */
export const closeConnection = (turn: Turn, session: Address, reason: CloseReason): void => {
  const connection = turn.state.connections.bySession.get(session);
  if (connection?.type !== "up") return;
  putConnection(turn, session, { type: "closing", peer: connection.peer });
  emit(
    turn,
    count("connections-closed", reason),
    log("DEBUG", "closed", `a connection is closed: ${reason}`, { cause: reason }),
    tell(session, { type: "Close", polite: true }),
  );
};
