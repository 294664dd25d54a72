/**
 * Unwrapping is the dearest thing that a peer may ask for: each connection has so many packets in it, and is not read
 * while it has them, so that one that sends as fast as it can delays itself and nobody else.
 *
 * @module
 */
import { tell } from "../effects.ts";
import type { Address } from "../system.ts";
import { emit, type Turn, update } from "./turn.ts";

const putCount = (turn: Turn, session: Address, count: number): void => {
  const { connections } = turn.state;
  const unwrapping = count === 0 ? connections.unwrapping.delete(session) : connections.unwrapping.set(session, count);
  update(turn, { connections: { ...connections, unwrapping } });
};

/** A packet of the connection goes to be unwrapped. */
export const beginUnwrap = (turn: Turn, session: Address): void => {
  const count = turn.state.connections.unwrapping.get(session, 0) + 1;
  putCount(turn, session, count);
  if (count === turn.state.config.limits.unwrapsPerConnection) emit(turn, tell(session, { type: "Pause" }));
};

/** It has been, or cannot be; the connection may be gone by then. */
export const endUnwrap = (turn: Turn, session: Address): void => {
  const count = turn.state.connections.unwrapping.get(session);
  if (count === undefined) return;
  putCount(turn, session, count - 1);
  const { unwrapsPerConnection } = turn.state.config.limits;
  if (count - 1 === Math.floor(unwrapsPerConnection / 2)) emit(turn, tell(session, { type: "Resume" }));
};
