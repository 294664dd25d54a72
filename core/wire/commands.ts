/**
 * The commands of the link protocol and their encoding (specs/wire-protocol.rst §2.2 and §3, specs/end_to_end.rst §3.2,
 * specs/pki.rst §3.2 and §5.2, wire-facts §2.6).
 *
 * A command is `id (1) | reserved 0 (1) | length (4) | body`, perhaps followed by zeros, which we accept and never
 * send. Of the two readings of §3.1 we take the document's: the body of a received no_op is discarded, where Go refuses
 * one.
 *
 * @module
 */
import { concat, isZero, lengthOf, readUint32, readUint64, uint32, uint64, writeUint32 } from "../bytes.ts";
import { E, type Either } from "../fp.ts";
import { absurd } from "../machine.ts";
import { type Geometry, payloadTagLength, surbIdLength } from "../sphinx/geometry.ts";

/** Epochs are safe integers; keys have 32 bytes, SURB ids 16. */
export type Command =
  | { readonly type: "NoOp" }
  | { readonly type: "Disconnect" }
  /** The packet is handed over: whoever reads the command owns the bytes. Of any length: the receiver checks it. */
  | { readonly type: "SendPacket"; readonly packet: Uint8Array }
  | { readonly type: "RetrieveMessage"; readonly sequence: number }
  /** `payload` has the geometry's `userPayloadLength`. */
  | {
    readonly type: "Message";
    readonly queueSizeHint: number;
    readonly sequence: number;
    readonly payload: Uint8Array;
  }
  /** `payload` is the still encrypted payload of a SURB reply: tag and forward payload. */
  | {
    readonly type: "MessageAck";
    readonly queueSizeHint: number;
    readonly sequence: number;
    readonly surbId: Uint8Array;
    readonly payload: Uint8Array;
  }
  | { readonly type: "MessageEmpty"; readonly sequence: number }
  | { readonly type: "GetConsensus"; readonly epoch: number }
  | { readonly type: "Consensus"; readonly status: number; readonly payload: Uint8Array }
  | { readonly type: "PostDescriptor"; readonly epoch: number; readonly payload: Uint8Array }
  | { readonly type: "PostDescriptorStatus"; readonly status: number }
  | { readonly type: "Vote"; readonly epoch: number; readonly identityKey: Uint8Array; readonly payload: Uint8Array }
  | { readonly type: "VoteStatus"; readonly status: number }
  | { readonly type: "GetVote"; readonly epoch: number; readonly identityKey: Uint8Array }
  | { readonly type: "Reveal"; readonly epoch: number; readonly identityKey: Uint8Array; readonly payload: Uint8Array }
  | { readonly type: "RevealStatus"; readonly status: number };

export type CommandType = Command["type"];

export const consensusStatus = { ok: 0, notFound: 1, gone: 2 } as const;
export const descriptorStatus = { ok: 0, invalid: 1, conflict: 2, forbidden: 3 } as const;
/** 1 and 2 as the document numbers them (wire-facts D13): a newer epoch is too early, an older one too late. */
export const voteStatus = {
  ok: 0,
  tooEarly: 1,
  tooLate: 2,
  notAuthorised: 3,
  notSigned: 4,
  malformed: 5,
  alreadyReceived: 6,
  notFound: 7,
} as const;
export const revealStatus = { ok: 8, tooEarly: 9, notAuthorised: 10, alreadyReceived: 11, tooLate: 12 } as const;

/** Id, reserved byte and length before every body. */
export const commandHeaderLength = 6;
/** Longest command that a Noise transport message of 1048576 bytes holds. */
export const commandLengthLimit = 1_048_576 - 16;

const ids = {
  NoOp: 0,
  Disconnect: 1,
  SendPacket: 2,
  RetrieveMessage: 16,
  Message: 17,
  MessageAck: 17,
  MessageEmpty: 17,
  GetConsensus: 18,
  Consensus: 19,
  PostDescriptor: 20,
  PostDescriptorStatus: 21,
  Vote: 22,
  VoteStatus: 23,
  GetVote: 24,
  Reveal: 25,
  RevealStatus: 26,
} as const satisfies Record<CommandType, number>;

/** First byte of a message's body: the numbers of the code, not of specs/end_to_end.rst §3.2 (wire-facts D12). */
const messageKinds = { message: 0, ack: 1, empty: 2 } as const;
/** Kind, queue size hint and sequence number. */
const messageHeadLength = 1 + 1 + 4;
const epochLength = 8;
const identityKeyLength = 32;

/** After the head all three kinds of message are as long as the longest, an ACK (E2E §3.2.1). */
const messageRestLength = (geometry: Geometry): number => surbIdLength + ackPayloadLength(geometry);
const ackPayloadLength = (geometry: Geometry): number => payloadTagLength + geometry.forwardPayloadLength;

/** Length of an encoded Message, MessageAck or MessageEmpty: 51244 bytes in the network. */
export const messageCommandLength = (geometry: Geometry): number =>
  commandHeaderLength + messageHeadLength + messageRestLength(geometry);

/** `field`: a number out of range or bytes of the wrong length; `long`: more than a transport message holds. */
export type EncodeFailure = "field" | "long";

type Parts = ReadonlyArray<Uint8Array>;

/** The bytes of a command, without padding, in order; a packet or payload is one piece, which is not copied. */
export const commandPieces = (geometry: Geometry, command: Command): Either<EncodeFailure, Parts> => {
  const body = bodyOf(geometry, command);
  if (body === null) return E.left("field");
  const length = lengthOf(body);
  if (commandHeaderLength + length > commandLengthLimit) return E.left("long");
  const header = Uint8Array.of(ids[command.type], 0, 0, 0, 0, 0);
  writeUint32(header, 2, length);
  return E.right([header, ...body]);
};

/** The bytes of a command, without padding. */
export const encodeCommand = (geometry: Geometry, command: Command): Either<EncodeFailure, Uint8Array> => {
  const pieces = commandPieces(geometry, command);
  return E.isLeft(pieces) ? pieces : E.right(concat(...pieces.right));
};

const bodyOf = (geometry: Geometry, command: Command): Parts | null => {
  switch (command.type) {
    case "NoOp":
    case "Disconnect":
      return [];
    case "SendPacket":
      return [command.packet];
    case "RetrieveMessage":
      return isUint32(command.sequence) ? [uint32(command.sequence)] : null;
    case "Message":
    case "MessageAck":
    case "MessageEmpty":
      return messageBodyOf(geometry, command);
    case "GetConsensus":
      return isEpoch(command.epoch) ? [uint64(command.epoch)] : null;
    case "Consensus":
      return isByte(command.status) ? [Uint8Array.of(command.status), command.payload] : null;
    case "PostDescriptor":
      return isEpoch(command.epoch) ? [uint64(command.epoch), command.payload] : null;
    case "Vote":
    case "Reveal":
      return signerParts(command.epoch, command.identityKey, command.payload);
    case "GetVote":
      return signerParts(command.epoch, command.identityKey);
    case "PostDescriptorStatus":
    case "VoteStatus":
    case "RevealStatus":
      return isByte(command.status) ? [Uint8Array.of(command.status)] : null;
    default:
      return absurd(command);
  }
};

const signerParts = (epoch: number, identityKey: Uint8Array, ...payload: Parts): Parts | null =>
  isEpoch(epoch) && identityKey.length === identityKeyLength ? [uint64(epoch), identityKey, ...payload] : null;

type MessageCommand = Extract<Command, { readonly type: "Message" | "MessageAck" | "MessageEmpty" }>;

const messageBodyOf = (geometry: Geometry, command: MessageCommand): Parts | null => {
  const rest = messageRestOf(geometry, command);
  const [kind, hint] = command.type === "Message"
    ? [messageKinds.message, command.queueSizeHint]
    : command.type === "MessageAck"
    ? [messageKinds.ack, command.queueSizeHint]
    : [messageKinds.empty, 0];
  if (rest === null || !isByte(hint) || !isUint32(command.sequence)) return null;
  return [Uint8Array.of(kind, hint), uint32(command.sequence), ...rest];
};

const messageRestOf = (geometry: Geometry, command: MessageCommand): Parts | null => {
  switch (command.type) {
    case "Message": {
      if (command.payload.length !== geometry.userPayloadLength) return null;
      return [command.payload, new Uint8Array(messageRestLength(geometry) - geometry.userPayloadLength)];
    }
    case "MessageAck": {
      const fits = command.surbId.length === surbIdLength && command.payload.length === ackPayloadLength(geometry);
      return fits ? [command.surbId, command.payload] : null;
    }
    case "MessageEmpty":
      return [new Uint8Array(messageRestLength(geometry))];
    default:
      return absurd(command);
  }
};

const isByte = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 0xff;
const isUint32 = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 0xffffffff;
const isEpoch = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

/**
 * `short`: no whole header. `reserved`: the reserved byte is not 0. `length`: the body claims to be longer than what
 * came. `padding`: it is not zero. `unknown`: no such command. `body`: the body does not fit the command.
 */
export type DecodeFailure = "short" | "reserved" | "length" | "padding" | "unknown" | "body";

/** The command in a decrypted transport message. What it carries are views of `bytes`, which are handed over. */
export const decodeCommand = (geometry: Geometry, bytes: Uint8Array): Either<DecodeFailure, Command> => {
  if (bytes.length < commandHeaderLength) return E.left("short");
  if (bytes[1] !== 0) return E.left("reserved");
  const end = commandHeaderLength + readUint32(bytes, 2);
  if (end > bytes.length) return E.left("length");
  if (!isZero(bytes.subarray(end))) return E.left("padding");
  const command = parseBody(geometry, bytes[0]!, bytes.subarray(commandHeaderLength, end));
  return typeof command === "string" ? E.left(command) : E.right(command);
};

type Parsed = Command | "unknown" | "body" | "padding";

const parseBody = (geometry: Geometry, id: number, body: Uint8Array): Parsed => {
  switch (id) {
    case ids.NoOp:
      return { type: "NoOp" };
    case ids.Disconnect:
      return body.length === 0 ? { type: "Disconnect" } : "body";
    case ids.SendPacket:
      return { type: "SendPacket", packet: body };
    case ids.RetrieveMessage:
      return body.length === 4 ? { type: "RetrieveMessage", sequence: readUint32(body, 0) } : "body";
    case ids.Message:
      return parseMessage(geometry, body);
    case ids.Consensus:
      return body.length >= 1 ? { type: "Consensus", status: body[0]!, payload: body.subarray(1) } : "body";
    case ids.GetConsensus:
    case ids.PostDescriptor:
    case ids.Vote:
    case ids.GetVote:
    case ids.Reveal:
      return parseDated(id, body);
    case ids.PostDescriptorStatus:
      return body.length === 1 ? { type: "PostDescriptorStatus", status: body[0]! } : "body";
    case ids.VoteStatus:
      return body.length === 1 ? { type: "VoteStatus", status: body[0]! } : "body";
    case ids.RevealStatus:
      return body.length === 1 ? { type: "RevealStatus", status: body[0]! } : "body";
    default:
      return "unknown";
  }
};

/** The commands that begin with an epoch; one of 2^53 or more is refused. */
const parseDated = (id: 18 | 20 | 22 | 24 | 25, body: Uint8Array): Parsed => {
  const epoch = body.length < epochLength ? null : readUint64(body, 0);
  if (epoch === null) return "body";
  const rest = body.subarray(epochLength);
  if (id === ids.GetConsensus) return rest.length === 0 ? { type: "GetConsensus", epoch } : "body";
  if (id === ids.PostDescriptor) return { type: "PostDescriptor", epoch, payload: rest };
  if (rest.length < identityKeyLength) return "body";
  const identityKey = rest.subarray(0, identityKeyLength);
  const payload = rest.subarray(identityKeyLength);
  if (id === ids.GetVote) return payload.length === 0 ? { type: "GetVote", epoch, identityKey } : "body";
  return { type: id === ids.Vote ? "Vote" : "Reveal", epoch, identityKey, payload };
};

const parseMessage = (geometry: Geometry, body: Uint8Array): Parsed => {
  if (body.length !== messageHeadLength + messageRestLength(geometry)) return "body";
  const queueSizeHint = body[1]!;
  const sequence = readUint32(body, 2);
  const rest = body.subarray(messageHeadLength);
  switch (body[0]) {
    case messageKinds.message: {
      const payload = rest.subarray(0, geometry.userPayloadLength);
      const padding = rest.subarray(geometry.userPayloadLength);
      return isZero(padding) ? { type: "Message", queueSizeHint, sequence, payload } : "padding";
    }
    case messageKinds.ack: {
      const surbId = rest.subarray(0, surbIdLength);
      return { type: "MessageAck", queueSizeHint, sequence, surbId, payload: rest.subarray(surbIdLength) };
    }
    case messageKinds.empty:
      return isZero(rest) ? { type: "MessageEmpty", sequence } : "padding";
    default:
      return "body";
  }
};
