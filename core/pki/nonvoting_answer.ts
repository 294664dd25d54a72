/**
 * A connection to a non-voting authority as its parts see it: what it waits for, and how it is answered and closed.
 *
 * @module
 */
import { tell } from "../effects.ts";
import type { Mono } from "../machine.ts";
import type { Address } from "../system.ts";
import type { Command } from "../wire/commands.ts";
import type { SessionRequest } from "../wire/session.ts";
import { emit, type Turn, update } from "./nonvoting_state.ts";

/** What a peer may do: clients ask for documents, nodes (identity key, 32 bytes) also post. */
export type Role = { readonly type: "client" } | { readonly type: "node"; readonly identityKey: Uint8Array };

export type Link =
  | { readonly type: "opening"; readonly host: string; readonly deadline: Mono }
  | { readonly type: "listening"; readonly host: string; readonly deadline: Mono; readonly role: Role }
  /** The store answers, or fails to. */
  | { readonly type: "answering"; readonly host: string }
  | { readonly type: "closing"; readonly host: string };

export const setLink = (turn: Turn, connection: Address, link: Link): void =>
  update(turn, { links: turn.state.links.set(connection, link) });

export const tellSession = (turn: Turn, connection: Address, request: SessionRequest): void =>
  emit(turn, tell(connection, request));

export const close = (turn: Turn, connection: Address, { host }: Link): void => {
  setLink(turn, connection, { type: "closing", host });
  tellSession(turn, connection, { type: "Close", polite: false });
};

/** Answers, and closes. Null closes without an answer: the node tries again. */
export const answer = (turn: Turn, connection: Address, command: Command | null): void => {
  const link = turn.state.links.get(connection);
  if (link === undefined || link.type === "closing") return;
  if (command !== null) tellSession(turn, connection, { type: "Send", command });
  close(turn, connection, link);
};
