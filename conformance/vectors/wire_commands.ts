/**
 * wire_commands.json: the encoding of every link command, both ways (wire-facts §2.6).
 *
 * @module
 */
import { E } from "../../core/fp.ts";
import { katzenpostGeometry } from "../../core/sphinx/geometry.ts";
import { type Command, decodeCommand, encodeCommand } from "../../core/wire/commands.ts";
import { compareBytes, compareLong, compareValues, type Differences, type Long, long, pattern } from "./compare.ts";
import { count, type Decoder, hex, list, literal, nothing, object, oneOf, text } from "./decode.ts";
import { defineFormat, eachCase, singleCase } from "./format.ts";

/** `pattern(n, seed s)`: where `PayloadLen` is given it holds, not n. */
interface PatternText {
  readonly length: number;
  readonly seed: number;
}

const patternText: Decoder<PatternText> = (value, path) => {
  const [, length, seed] = typeof value === "string" ? /^pattern\((\d+)\??, seed (\d+)\)$/.exec(value) ?? [] : [];
  if (length === undefined || seed === undefined) return E.left(`${path}: expected pattern(n, seed s)`);
  return E.right({ length: Number(length), seed: Number(seed) });
};

const payload = oneOf(hex(), patternText);
type Payload = Uint8Array | PatternText;

const payloadOf = (value: Payload, length?: number): Uint8Array =>
  value instanceof Uint8Array ? value : pattern(length ?? value.length, value.seed);

/** A decoder of a vector's fields into the command that they describe. */
const fields = <A>(decoder: Decoder<A>, build: (fields: A) => Command): Decoder<Command> => (value, path) =>
  E.map(build)(decoder(value, path));

const status = (type: "PostDescriptorStatus" | "VoteStatus" | "RevealStatus"): Decoder<Command> =>
  fields(object({ ErrorCode: count }), ({ ErrorCode }) => ({ type, status: ErrorCode }));

const signed = (type: "Vote" | "Reveal"): Decoder<Command> =>
  fields(object({ Epoch: count, Payload: payload, PublicKey: hex(32) }), (vector) => ({
    type,
    epoch: vector.Epoch,
    identityKey: vector.PublicKey,
    payload: payloadOf(vector.Payload),
  }));

const commands: Readonly<Record<string, Decoder<Command>>> = {
  NoOp: fields(nothing, () => ({ type: "NoOp" })),
  Disconnect: fields(nothing, () => ({ type: "Disconnect" })),
  SendPacket: fields(object({ SphinxPacket: payload }), (vector) => ({
    type: "SendPacket",
    packet: payloadOf(vector.SphinxPacket),
  })),
  RetrieveMessage: fields(
    object({ Sequence: count }),
    ({ Sequence: sequence }) => ({ type: "RetrieveMessage", sequence }),
  ),
  Message: fields(
    object({ Payload: payload, QueueSizeHint: count, Sequence: count }, { PayloadLen: count }),
    (vector) => ({
      type: "Message",
      queueSizeHint: vector.QueueSizeHint,
      sequence: vector.Sequence,
      payload: payloadOf(vector.Payload, vector.PayloadLen),
    }),
  ),
  MessageACK: fields(object({ ID: hex(16), Payload: payload, QueueSizeHint: count, Sequence: count }), (vector) => ({
    type: "MessageAck",
    queueSizeHint: vector.QueueSizeHint,
    sequence: vector.Sequence,
    surbId: vector.ID,
    payload: payloadOf(vector.Payload),
  })),
  MessageEmpty: fields(object({ Sequence: count }), ({ Sequence: sequence }) => ({ type: "MessageEmpty", sequence })),
  GetConsensus: fields(object({ Epoch: count }), ({ Epoch: epoch }) => ({ type: "GetConsensus", epoch })),
  Consensus: fields(object({ ErrorCode: count, Payload: payload }), (vector) => ({
    type: "Consensus",
    status: vector.ErrorCode,
    payload: payloadOf(vector.Payload),
  })),
  PostDescriptor: fields(object({ Epoch: count, Payload: payload }), (vector) => ({
    type: "PostDescriptor",
    epoch: vector.Epoch,
    payload: payloadOf(vector.Payload),
  })),
  PostDescriptorStatus: status("PostDescriptorStatus"),
  Vote: signed("Vote"),
  VoteStatus: status("VoteStatus"),
  GetVote: fields(object({ Epoch: count, PublicKey: hex(32) }), (vector) => ({
    type: "GetVote",
    epoch: vector.Epoch,
    identityKey: vector.PublicKey,
  })),
  Reveal: signed("Reveal"),
  RevealStatus: status("RevealStatus"),
};

const anything: Decoder<unknown> = (value) => E.right(value);
const envelope = object({ bytes: long, fields: anything, name: literal(...Object.keys(commands)) });

interface CommandCase {
  readonly bytes: Long;
  readonly command: Command;
}

const commandCase: Decoder<CommandCase> = (value, path) => {
  const outer = envelope(value, path);
  if (E.isLeft(outer)) return outer;
  const { bytes, name, fields } = outer.right;
  return E.map((command: Command) => ({ bytes, command }))(commands[name]!(fields, `${path}.fields`));
};

const file = object({ note: text, packet_length: count, vectors: list(commandCase) });

/** Field by field, since commands are flat. */
const compareCommands = (actual: Command, expected: Command): Differences => {
  const fieldsOf = (command: Command): ReadonlyArray<readonly [string, unknown]> => Object.entries(command);
  const found = new Map(fieldsOf(actual));
  return [
    ...compareValues("number of fields", found.size, fieldsOf(expected).length),
    ...fieldsOf(expected).flatMap(([name, value]) => {
      const own = found.get(name);
      if (!(value instanceof Uint8Array)) return compareValues(name, own, value);
      return compareBytes(name, own instanceof Uint8Array ? own : null, value);
    }),
  ];
};

const checkCommand = ({ bytes, command }: CommandCase): Differences => {
  const encoded = encodeCommand(katzenpostGeometry, command);
  if (E.isLeft(encoded)) return [`encoding refused: ${encoded.left}`];
  const decoded = decodeCommand(katzenpostGeometry, encoded.right);
  return [
    ...compareLong("bytes", encoded.right, bytes),
    ...(E.isLeft(decoded) ? [`decoding refused: ${decoded.left}`] : compareCommands(decoded.right, command)),
  ];
};

export const wireCommandsFormat = defineFormat("wire_commands", file, ({ packet_length, vectors }) => [
  singleCase("packet_length", () => compareValues("packet_length", katzenpostGeometry.packetLength, packet_length)),
  ...eachCase("vectors", vectors, (_suite, vector) => checkCommand(vector)),
]);
