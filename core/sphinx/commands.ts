/**
 * Routing commands: what a hop is told to do with a packet, 82 bytes a hop (specs/sphinx.rst §4.1.1, wire-facts §1.3).
 *
 * Encoding and decoding are exact inverses: what decodes encodes to the same bytes, in the same order. Bytes after a
 * null command must be zero (D4), a command may stand once only; the Go code finds repeated delays and recipients
 * later, in its server.
 *
 * @module
 */
import { isZero, readUint32, writeUint32 } from "../bytes.ts";
import { E, type Either } from "../fp.ts";
import { absurd, invariant } from "../machine.ts";
import { macLength, nodeIdLength, perHopRoutingInfoLength, recipientLength, surbIdLength } from "./geometry.ts";

export type RoutingCommand =
  /** The packet goes on to a node (identity key, 32 bytes) with this header MAC (16 bytes). */
  | { readonly type: "NextNodeHop"; readonly id: Uint8Array; readonly mac: Uint8Array }
  /** The packet ends here and is for this recipient, 64 bytes padded with zeros. */
  | { readonly type: "Recipient"; readonly id: Uint8Array }
  /** The payload is a reply by the SURB of this id, 16 bytes. */
  | { readonly type: "SurbReply"; readonly id: Uint8Array }
  /** How long to hold the packet: an unsigned 32-bit number of ms. */
  | { readonly type: "NodeDelay"; readonly delayMs: number };

/** `unknown`: an id that is no command; `truncated`: a command that runs over its block; `padding`: not zero. */
export type DecodeCommandsError = "unknown" | "truncated" | "padding" | "repeated";
/** `field`: a field that does not fit its place; `long`: more than 82 bytes. */
export type EncodeCommandsError = "field" | "long" | "repeated";

const nullId = 0x00;
const nextNodeHopId = 0x01;
const recipientId = 0x02;
const surbReplyId = 0x03;
const nodeDelayId = 0x80;

const delayLength = 4;
export const delayMaxMs = 2 ** 32 - 1;

/** Length in bytes of what follows the id of a command; null for an unknown one. */
const bodyLength = (id: number): number | null => {
  switch (id) {
    case nextNodeHopId:
      return nodeIdLength + macLength;
    case recipientId:
      return recipientLength;
    case surbReplyId:
      return surbIdLength;
    case nodeDelayId:
      return delayLength;
    default:
      return null;
  }
};

// Fields are copied out of the block: a command outlives the packet that it came in, whose buffer moves on.
const decodeBody = (id: number, body: Uint8Array): RoutingCommand => {
  switch (id) {
    case nextNodeHopId:
      return { type: "NextNodeHop", id: body.slice(0, nodeIdLength), mac: body.slice(nodeIdLength) };
    case recipientId:
      return { type: "Recipient", id: body.slice() };
    case surbReplyId:
      return { type: "SurbReply", id: body.slice() };
    default:
      return { type: "NodeDelay", delayMs: readUint32(body, 0) };
  }
};

/** The commands of a decrypted block of 82 bytes, in their order. */
export const decodeCommands = (block: Uint8Array): Either<DecodeCommandsError, ReadonlyArray<RoutingCommand>> => {
  invariant(block.length === perHopRoutingInfoLength, "a block of routing commands has 82 bytes");
  const commands: RoutingCommand[] = [];
  let at = 0;
  while (at < block.length) {
    const id = block[at]!;
    if (id === nullId) return isZero(block.subarray(at)) ? E.right(commands) : E.left("padding");
    const length = bodyLength(id);
    if (length === null) return E.left("unknown");
    const end = at + 1 + length;
    if (end > block.length) return E.left("truncated");
    const command = decodeBody(id, block.subarray(at + 1, end));
    if (commands.some(({ type }) => type === command.type)) return E.left("repeated");
    commands.push(command);
    at = end;
  }
  return E.right(commands);
};

const encodeNextNodeHop = (id: Uint8Array, mac: Uint8Array): ReadonlyArray<Uint8Array> | null =>
  id.length === nodeIdLength && mac.length === macLength ? [Uint8Array.of(nextNodeHopId), id, mac] : null;

const encodeId = (command: number, id: Uint8Array, length: number): ReadonlyArray<Uint8Array> | null =>
  id.length === length ? [Uint8Array.of(command), id] : null;

const encodeDelay = (delayMs: number): ReadonlyArray<Uint8Array> | null => {
  if (!Number.isInteger(delayMs) || delayMs < 0 || delayMs > delayMaxMs) return null;
  const bytes = new Uint8Array(1 + delayLength);
  bytes[0] = nodeDelayId;
  writeUint32(bytes, 1, delayMs);
  return [bytes];
};

/** The parts of one command, or null where a field does not fit. */
const encodeCommand = (command: RoutingCommand): ReadonlyArray<Uint8Array> | null => {
  switch (command.type) {
    case "NextNodeHop":
      return encodeNextNodeHop(command.id, command.mac);
    case "Recipient":
      return encodeId(recipientId, command.id, recipientLength);
    case "SurbReply":
      return encodeId(surbReplyId, command.id, surbIdLength);
    case "NodeDelay":
      return encodeDelay(command.delayMs);
    default:
      return absurd(command);
  }
};

/** A block of 82 bytes with the commands in the order given, filled up with zeros. */
export const encodeCommands = (commands: ReadonlyArray<RoutingCommand>): Either<EncodeCommandsError, Uint8Array> => {
  if (commands.some(({ type }, at) => commands.findIndex((other) => other.type === type) < at)) {
    return E.left("repeated");
  }
  const block = new Uint8Array(perHopRoutingInfoLength);
  let at = 0;
  for (const command of commands) {
    const parts = encodeCommand(command);
    if (parts === null) return E.left("field");
    for (const part of parts) {
      if (at + part.length > block.length) return E.left("long");
      block.set(part, at);
      at += part.length;
    }
  }
  return E.right(block);
};

/** A recipient's name as the 64 bytes of a Recipient command, padded with zeros; null where it is longer. */
export const padRecipient = (name: Uint8Array): Uint8Array | null => {
  if (name.length > recipientLength) return null;
  const id = new Uint8Array(recipientLength);
  id.set(name);
  return id;
};
