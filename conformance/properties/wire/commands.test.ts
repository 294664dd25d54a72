/** The link's commands: encoding and decoding are exact and total. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fromHex, toHex } from "../../../core/bytes.ts";
import { E } from "../../../core/fp.ts";
import { katzenpostGeometry } from "../../../core/sphinx/geometry.ts";
import {
  type Command,
  commandLengthLimit,
  decodeCommand,
  encodeCommand,
  messageCommandLength,
  revealStatus,
  voteStatus,
} from "../../../core/wire/commands.ts";
import { leftOf, rightOf } from "../noise/fixture.ts";
import { smallGeometry as geometry } from "./fixture.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const payload = fc.uint8Array({ maxLength: 100 });
const epoch = fc.maxSafeNat();
const byte = fc.nat(255);
const uint32 = fc.nat(0xffffffff);
const type = <T extends Command["type"]>(name: T) => fc.constant(name);
const key = bytes(32);
const ackLength = 16 + geometry.forwardPayloadLength;

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ type: type("NoOp") }),
  fc.record({ type: type("Disconnect") }),
  fc.record({ type: type("SendPacket"), packet: payload }),
  fc.record({ type: type("RetrieveMessage"), sequence: uint32 }),
  fc.record({
    type: type("Message"),
    queueSizeHint: byte,
    sequence: uint32,
    payload: bytes(geometry.userPayloadLength),
  }),
  fc.record({
    type: type("MessageAck"),
    queueSizeHint: byte,
    sequence: uint32,
    surbId: bytes(16),
    payload: bytes(ackLength),
  }),
  fc.record({ type: type("MessageEmpty"), sequence: uint32 }),
  fc.record({ type: type("GetConsensus"), epoch }),
  fc.record({ type: type("Consensus"), status: byte, payload }),
  fc.record({ type: type("PostDescriptor"), epoch, payload }),
  fc.record({ type: type("PostDescriptorStatus"), status: byte }),
  fc.record({ type: type("Vote"), epoch, identityKey: key, payload }),
  fc.record({ type: type("VoteStatus"), status: byte }),
  fc.record({ type: type("GetVote"), epoch, identityKey: key }),
  fc.record({ type: type("Reveal"), epoch, identityKey: key, payload }),
  fc.record({ type: type("RevealStatus"), status: byte }),
).map((one) => ({ ...one }));

test("[WIRE-2.2-03] what is encoded decodes to the same command, with zero padding too", () => {
  fc.assert(
    fc.property(command, fc.nat(40), (one, padding) => {
      const encoded = rightOf(encodeCommand(geometry, one));
      assert.deepEqual(rightOf(decodeCommand(geometry, encoded)), one);
      const padded = new Uint8Array(encoded.length + padding);
      padded.set(encoded);
      assert.deepEqual(rightOf(decodeCommand(geometry, padded)), one);
    }),
    { numRuns: 300 },
  );
});

test("[FAULT-14] what decodes without padding encodes to the same bytes; random bodies never throw", () => {
  const ids = fc.constantFrom(0, 1, 2, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 3, 27, 255);
  const body = fc.oneof(fc.uint8Array({ maxLength: 60 }), bytes(messageCommandLength(geometry) - 6));
  let accepted = 0;
  fc.assert(
    fc.property(ids, body, (id, content) => {
      const bytes = Uint8Array.from([id, 0, 0, 0, content.length >> 8, content.length & 255, ...content]);
      const decoded = decodeCommand(geometry, bytes);
      if (E.isLeft(decoded) || decoded.right.type === "NoOp") return;
      accepted++;
      assert.deepEqual(rightOf(encodeCommand(geometry, decoded.right)), bytes);
    }),
    { numRuns: 500 },
  );
  assert.ok(accepted > 50, `${accepted} accepted`);
});

test("[FAULT-14] a command cut off anywhere is refused", () => {
  fc.assert(fc.property(command, fc.nat(1_000_000), (one, seed) => {
    const encoded = rightOf(encodeCommand(geometry, one));
    const cut = encoded.slice(0, seed % encoded.length);
    assert.equal(leftOf(decodeCommand(geometry, cut)), cut.length < 6 ? "short" : "length");
  }));
});

test("[FAULT-14] a body that is a byte longer or shorter than its command's is refused, where the length is fixed", () => {
  const fixed = (one: Command): boolean => !("payload" in one) && one.type !== "SendPacket" && one.type !== "NoOp";
  fc.assert(fc.property(command.filter((one) => fixed(one) || one.type.startsWith("Message")), (one) => {
    const encoded = rightOf(encodeCommand(geometry, one));
    const change = (length: number): Uint8Array => {
      const changed = new Uint8Array(encoded.length + length);
      changed.set(encoded.subarray(0, changed.length));
      new DataView(changed.buffer).setUint32(2, changed.length - 6);
      return changed;
    };
    assert.equal(leftOf(decodeCommand(geometry, change(1))), "body");
    if (encoded.length > 6) assert.equal(leftOf(decodeCommand(geometry, change(-1))), "body");
  }));
});

test("[WIRE-2.2-01] [WIRE-2.2-02] [FAULT-14] the reserved byte, padding and unknown ids", () => {
  const left = (hex: string): string => leftOf(decodeCommand(geometry, fromHex(hex)!));
  assert.equal(left("000100000000"), "reserved");
  assert.equal(left("00000000000001"), "padding");
  assert.equal(left("0000000000000000ff"), "padding");
  for (let id = 0; id < 256; id++) {
    if ([0, 1, 2].includes(id) || (id >= 16 && id <= 26)) continue;
    assert.equal(left(`${toHex(Uint8Array.of(id))}0000000000`), "unknown");
  }
});

test("[WIRE-3.1-01] [WIRE-3.1-02] a NoOp is sent without data, and received data is discarded", () => {
  assert.equal(toHex(rightOf(encodeCommand(geometry, { type: "NoOp" }))), "000000000000");
  assert.deepEqual(rightOf(decodeCommand(geometry, fromHex("000000000002ffff")!)), { type: "NoOp" });
  assert.equal(leftOf(decodeCommand(geometry, fromHex("010000000002ffff")!)), "body");
});

test("[DECOY-2.2-01] [E2E-3.2.1-06] [E2E-3.2.1-07] ACK, message and empty are equally long; padding that is not zero is refused", () => {
  const messages: ReadonlyArray<Command> = [
    {
      type: "Message",
      queueSizeHint: 1,
      sequence: 2,
      payload: new Uint8Array(katzenpostGeometry.userPayloadLength).fill(1),
    },
    {
      type: "MessageAck",
      queueSizeHint: 1,
      sequence: 2,
      surbId: new Uint8Array(16),
      payload: new Uint8Array(51216).fill(1),
    },
    { type: "MessageEmpty", sequence: 2 },
  ];
  const encoded = messages.map((one) => rightOf(encodeCommand(katzenpostGeometry, one)));
  assert.deepEqual(encoded.map(({ length }) => length), [51244, 51244, 51244]);
  assert.equal(messageCommandLength(katzenpostGeometry), 51244);
  const kinds = encoded.map((bytes) => bytes[6]);
  assert.deepEqual(kinds, [0, 1, 2]);
  for (
    const [index, at] of [[0, 6 + 6 + katzenpostGeometry.userPayloadLength], [0, 51243], [2, 12], [2, 51243]] as const
  ) {
    const changed = encoded[index]!.slice();
    changed[at] = 1;
    assert.equal(leftOf(decodeCommand(katzenpostGeometry, changed)), "padding");
  }
  const unknownKind = encoded[2]!.slice();
  unknownKind[6] = 3;
  assert.equal(leftOf(decodeCommand(katzenpostGeometry, unknownKind)), "body");
});

test("[FAULT-51] an epoch of 2^53 or more is refused", () => {
  const decode = (hex: string) => decodeCommand(geometry, fromHex(`120000000008${hex}`)!);
  assert.deepEqual(rightOf(decode("001fffffffffffff")), { type: "GetConsensus", epoch: Number.MAX_SAFE_INTEGER });
  assert.equal(leftOf(decode("0020000000000000")), "body");
  assert.equal(leftOf(decode("ffffffffffffffff")), "body");
});

test("[FAULT-51] what a caller may not ask for is a value, not a throw", () => {
  const wrong: ReadonlyArray<Command> = [
    { type: "RetrieveMessage", sequence: 2 ** 32 },
    { type: "RetrieveMessage", sequence: 0.5 },
    { type: "GetConsensus", epoch: -1 },
    { type: "GetConsensus", epoch: 2 ** 53 },
    { type: "Consensus", status: 256, payload: new Uint8Array(0) },
    { type: "VoteStatus", status: -1 },
    { type: "GetVote", epoch: 1, identityKey: new Uint8Array(31) },
    { type: "Vote", epoch: 1, identityKey: new Uint8Array(33), payload: new Uint8Array(0) },
    { type: "Message", queueSizeHint: 0, sequence: 0, payload: new Uint8Array(geometry.userPayloadLength - 1) },
    { type: "Message", queueSizeHint: 256, sequence: 0, payload: new Uint8Array(geometry.userPayloadLength) },
    {
      type: "MessageAck",
      queueSizeHint: 0,
      sequence: 0,
      surbId: new Uint8Array(15),
      payload: new Uint8Array(ackLength),
    },
    {
      type: "MessageAck",
      queueSizeHint: 0,
      sequence: 0,
      surbId: new Uint8Array(16),
      payload: new Uint8Array(ackLength + 1),
    },
  ];
  for (const one of wrong) assert.equal(leftOf(encodeCommand(geometry, one)), "field", one.type);
});

test("[WIRE-2.2-03] the longest body has 1048554 bytes", () => {
  const ofLength = (length: number) => encodeCommand(geometry, { type: "SendPacket", packet: new Uint8Array(length) });
  assert.equal(rightOf(ofLength(1_048_554)).length, commandLengthLimit);
  assert.equal(leftOf(ofLength(1_048_555)), "long");
});

test("[PKI-3.2.3-01] status numbers are those of the wire: 1 too early, 2 too late; 9 and 12 for reveals", () => {
  assert.deepEqual([voteStatus.tooEarly, voteStatus.tooLate], [1, 2]);
  assert.deepEqual([revealStatus.tooEarly, revealStatus.tooLate], [9, 12]);
});
