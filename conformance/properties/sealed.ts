/** Packets in frames as they come by a link, not opened yet (core/mix/unwrap_frame.ts). */
import {
  type CipherState,
  createCipher,
  openPieces,
  type SealedMessage,
  sealPieces,
} from "../../core/noise/cipher_state.ts";
import type { Suite } from "../../core/crypto/suite.ts";
import type { Geometry } from "../../core/sphinx/geometry.ts";
import { type Command, commandPieces, decodeCommand } from "../../core/wire/commands.ts";
import assert from "node:assert/strict";
import { rightOf } from "./sphinx/fixture.ts";

/** A key of its own for each: whoever opens a message wipes it. */
const cipherOf = (): CipherState => createCipher(new Uint8Array(32).fill(7));

/** A command's sealed message, in one piece or as the suite gives it. */
export const sealedCommand = (suite: Suite, geometry: Geometry, command: Command): SealedMessage => {
  const { pieces } = rightOf(sealPieces(suite, cipherOf(), rightOf(commandPieces(geometry, command))));
  return { cipher: cipherOf(), pieces };
};

export const sealedPacket = (suite: Suite, geometry: Geometry, packet: Uint8Array): SealedMessage =>
  sealedCommand(suite, geometry, { type: "SendPacket", packet });

/** The packet in a message, which stays as it is. */
export const packetIn = (suite: Suite, geometry: Geometry, { cipher, pieces }: SealedMessage): Uint8Array => {
  const { bytes } = rightOf(openPieces(suite, cipher, pieces));
  const command = rightOf(decodeCommand(geometry, bytes));
  return command.type === "SendPacket" ? command.packet : assert.fail(command.type);
};
