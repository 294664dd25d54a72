/**
 * What every driver does on an Unwrap effect: opens the frame that a packet came in (specs/wire-protocol.rst §2.2) and
 * unwraps the packet (specs/mixnet.rst §4.3). Both at once, since they are most of what a packet costs and need nothing
 * but their keys: a driver with workers leaves both to one of them.
 *
 * @module
 */
import { wipe } from "../bytes.ts";
import type { Unwrap, Unwrapped } from "../effects.ts";
import { E } from "../fp.ts";
import { openPieces } from "../noise/cipher_state.ts";
import type { Sphinx } from "../sphinx/build.ts";
import { unwrapWithKeys } from "../sphinx/unwrap.ts";
import { decodeCommand } from "../wire/commands.ts";

/** Wipes the frame's key. */
export const performUnwrap = (sphinx: Sphinx, effect: Unwrap): Unwrapped => ({
  type: "Unwrapped",
  id: effect.id,
  result: resultOf(sphinx, effect),
});

const resultOf = (sphinx: Sphinx, { sealed: { cipher, pieces }, keys }: Unwrap): Unwrapped["result"] => {
  const { suite, geometry } = sphinx;
  const opened = openPieces(suite, cipher, pieces);
  wipe(cipher.key);
  if (E.isLeft(opened)) return { ok: false, reason: "frame" };
  const { bytes } = opened.right;
  const command = decodeCommand(geometry, bytes);
  const isPacket = E.isRight(command) && command.right.type === "SendPacket" &&
    command.right.packet.length === geometry.packetLength;
  if (!isPacket) return { ok: false, reason: "command", command: bytes };
  const unwrapped = unwrapWithKeys(sphinx, command.right.packet, keys);
  return E.isLeft(unwrapped) ? { ok: false, reason: unwrapped.left } : { ok: true, ...unwrapped.right };
};
