/**
 * misc.json: Ed25519 signatures and the X25519 form of Ed25519 keys (wire-facts §3), X25519 with blinding (§1.1), the
 * geometry (§0) and the sizes of two commands.
 *
 * @module
 */
import { fromBase64, utf8 } from "../../core/bytes.ts";
import type { Suite } from "../../core/crypto/suite.ts";
import { E } from "../../core/fp.ts";
import { encodeCommands, padRecipient } from "../../core/sphinx/commands.ts";
import {
  katzenpostGeometry,
  payloadTagLength,
  perHopRoutingInfoLength,
  recipientLength,
} from "../../core/sphinx/geometry.ts";
import { encodeCommand, messageCommandLength } from "../../core/wire/commands.ts";
import { compareBytes, compareValues, type Differences } from "./compare.ts";
import { count, type Decoded, hex, list, object, text } from "./decode.ts";
import { defineFormat, eachCase, singleCase } from "./format.ts";

const ed25519Case = object({
  ed25519_private: hex(64),
  ed25519_public: hex(32),
  message: hex(),
  signature: hex(64),
  text: text,
  x25519_private: hex(32),
  x25519_public: hex(32),
});

const x25519Case = object({
  blinded_public: hex(32),
  blinding_factor: hex(32),
  peer_public: hex(32),
  private: hex(32),
  public: hex(32),
  shared: hex(32),
});

const geometry = object({
  ForwardPayloadLength: count,
  HeaderLength: count,
  PacketLength: count,
  PayloadTagLength: count,
  PerHopRoutingInfo: count,
  SURBLength: count,
  UserForwardPayloadLength: count,
});

const file = object({
  ed25519_to_x25519: list(ed25519Case),
  geometry,
  message_cmd_len: count,
  note: text,
  recipient_plus_loop: hex(),
  send_packet_cmd_len: count,
  x25519: list(x25519Case),
});

const checkEd25519 = (suite: Suite, vector: Decoded<typeof ed25519Case>): Differences => [
  ...compareBytes("ed25519_public", suite.ed25519Public(vector.ed25519_private.subarray(0, 32)), vector.ed25519_public),
  ...compareBytes("signature", suite.ed25519Sign(vector.ed25519_private, vector.message), vector.signature),
  ...compareValues("verify", suite.ed25519Verify(vector.ed25519_public, vector.message, vector.signature), true),
  ...compareBytes("x25519_private", suite.ed25519PrivateToX25519(vector.ed25519_private), vector.x25519_private),
  ...compareBytes("x25519_public", suite.ed25519PublicToX25519(vector.ed25519_public), vector.x25519_public),
  ...compareBytes("x25519_public of x25519_private", suite.x25519Public(vector.x25519_private), vector.x25519_public),
  ...compareBytes("text", fromBase64(vector.text), vector.ed25519_public),
];

const checkX25519 = (suite: Suite, vector: Decoded<typeof x25519Case>): Differences => [
  ...compareBytes("public", suite.x25519Public(vector.private), vector.public),
  ...compareBytes("shared", suite.x25519(vector.private, vector.peer_public), vector.shared),
  ...compareBytes("blinded_public", suite.x25519(vector.blinding_factor, vector.public), vector.blinded_public),
];

const checkGeometry = (vector: Decoded<typeof geometry>): Differences => [
  ...compareValues("ForwardPayloadLength", katzenpostGeometry.forwardPayloadLength, vector.ForwardPayloadLength),
  ...compareValues("HeaderLength", katzenpostGeometry.headerLength, vector.HeaderLength),
  ...compareValues("PacketLength", katzenpostGeometry.packetLength, vector.PacketLength),
  ...compareValues("PayloadTagLength", payloadTagLength, vector.PayloadTagLength),
  ...compareValues("PerHopRoutingInfo", perHopRoutingInfoLength, vector.PerHopRoutingInfo),
  ...compareValues("SURBLength", katzenpostGeometry.surbLength, vector.SURBLength),
  ...compareValues("UserForwardPayloadLength", katzenpostGeometry.userPayloadLength, vector.UserForwardPayloadLength),
];

/** The Recipient command for the Kaetzchen `+loop`. */
const loopRecipient = (): Uint8Array | null => {
  const id = padRecipient(utf8("+loop"));
  const block = id === null ? null : encodeCommands([{ type: "Recipient", id }]);
  return block === null || E.isLeft(block) ? null : block.right.subarray(0, 1 + recipientLength);
};

const sendPacketLength = (): number | null => {
  const packet = new Uint8Array(katzenpostGeometry.packetLength);
  const command = encodeCommand(katzenpostGeometry, { type: "SendPacket", packet });
  return E.isLeft(command) ? null : command.right.length;
};

export const miscFormat = defineFormat("misc", file, (f) => [
  ...eachCase("ed25519_to_x25519", f.ed25519_to_x25519, checkEd25519),
  ...eachCase("x25519", f.x25519, checkX25519),
  singleCase("geometry", () => checkGeometry(f.geometry)),
  singleCase("recipient_plus_loop", () => compareBytes("command", loopRecipient(), f.recipient_plus_loop)),
  singleCase(
    "message_cmd_len",
    () => compareValues("length", messageCommandLength(katzenpostGeometry), f.message_cmd_len),
  ),
  singleCase("send_packet_cmd_len", () => compareValues("length", sendPacketLength(), f.send_packet_cmd_len)),
]);
