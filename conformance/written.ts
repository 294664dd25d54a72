/**
 * What an effect writes to its connection, as a driver without workers does it at once.
 *
 * @module
 */
import { concat } from "../core/bytes.ts";
import type { Suite } from "../core/crypto/suite.ts";
import type { Effect } from "../core/effects.ts";
import { sealPacket } from "../core/wire/seal_packet.ts";

/** Null where it writes nothing. */
export const writtenBy = (suite: Suite, effect: Effect): Uint8Array | null => {
  if (effect.type === "Write") return concat(...effect.pieces);
  return effect.type === "WritePacket" ? concat(effect.header, ...sealPacket(suite, effect)) : null;
};
