/**
 * What every driver does on a WritePacket effect: seals the body of a SendPacket's frame (specs/wire-protocol.rst
 * §2.2). A driver with workers leaves that to one of them.
 *
 * @module
 */
import { wipe } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import type { WritePacket } from "../effects.ts";
import { E } from "../fp.ts";
import { invariant } from "../machine.ts";
import { sealPieces } from "../noise/cipher_state.ts";

/** The body that follows the frame's header, in pieces. Wipes its key. */
export const sealPacket = (
  suite: Suite,
  { cipher, command, packet }: Pick<WritePacket, "cipher" | "command" | "packet">,
): ReadonlyArray<Uint8Array> => {
  const sealed = sealPieces(suite, cipher, [command, packet]);
  invariant(E.isRight(sealed), "the frame was begun, so that its nonces are there");
  wipe(cipher.key);
  return sealed.right.pieces;
};
