/**
 * How often a packet is copied within a mix, from the bytes of a socket to the bytes for the next one: the list is in
 * core/mix/README.md. Counted are the bytes that go through `set` and `slice` of byte strings.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nativeSuite as suite } from "../../../adapters/crypto_native.ts";
import { createPacketBuffers } from "../../../adapters/packet_buffers.ts";
import { concat } from "../../../core/bytes.ts";
import { newPacket } from "../../../core/sphinx/build.ts";
import { katzenpostGeometry as geometry } from "../../../core/sphinx/geometry.ts";
import { performUnwrap } from "../../../core/mix/unwrap_frame.ts";
import { createCipher } from "../../../core/noise/cipher_state.ts";
import { append, emptyByteQueue } from "../../../core/wire/byte_queue.ts";
import { commandHeaderLength, commandPieces } from "../../../core/wire/commands.ts";
import { createReceiver, openNext, passNext, sealFrame } from "../../../core/wire/framing.ts";
import { buildRandom, pathOf, randomOf, rightOf } from "../sphinx/fixture.ts";

/** Together from a link, into AEZ and out of it. */
const copiesPromised = 3;
/** Headers, keys and tags. */
const slack = 0.05;

const sphinx = { suite, geometry };
const commandLengthMax = commandHeaderLength + geometry.packetLength;
const linkKey = new Uint8Array(32).fill(7);

const frameOf = (packet: Uint8Array): ReadonlyArray<Uint8Array> =>
  rightOf(sealFrame(suite, createCipher(linkKey), rightOf(commandPieces(geometry, { type: "SendPacket", packet }))))
    .pieces;

/** As it may come, wherever the sender's pieces ended. */
const arriving = (sent: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> => {
  const frame = concat(...sent);
  return [frame.subarray(0, 30_000), frame.subarray(30_000)];
};

/** The packet in a frame, for the next hop. */
const receive = (pieces: ReadonlyArray<Uint8Array>, privateKey: Uint8Array): Uint8Array => {
  const queue = pieces.reduce(append, emptyByteQueue);
  const header = rightOf(openNext(suite, createReceiver(createCipher(linkKey.slice())), queue, commandLengthMax))!;
  const { sealed } = rightOf(passNext(suite, header.receiver, header.rest))!;
  const { result } = performUnwrap(sphinx, { type: "Unwrap", id: 1, sealed, keys: [{ epoch: 1, privateKey }] });
  return result.ok && result.packet !== null ? result.packet : assert.fail("not forwarded");
};

/** The bytes that are copied while something is done. */
const copiedBy = (work: () => void): number => {
  const { set, slice } = Uint8Array.prototype;
  let copied = 0;
  Uint8Array.prototype.set = function (from: ArrayLike<number>, at?: number): void {
    copied += from.length;
    set.call(this, from, at);
  };
  Uint8Array.prototype.slice = function (from?: number, to?: number) {
    const bytes = slice.call(this, from, to);
    copied += bytes.length;
    return bytes;
  };
  try {
    work();
  } finally {
    Object.assign(Uint8Array.prototype, { set, slice });
  }
  return copied;
};

test("a forwarded packet is copied three times from the bytes of a link to those of the next", () => {
  const random = randomOf(1);
  const path = pathOf(suite, random, 5);
  const packets = [1, 2].map(() =>
    rightOf(newPacket(sphinx, buildRandom(random), path, random.bytes(geometry.forwardPayloadLength)))
  );
  const frames = packets.map((packet) => arriving(frameOf(packet)));
  const forward = (frame: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> =>
    frameOf(receive(frame, path[0]!.privateKey));
  // Whatever is made once, for all packets.
  forward(frames[0]!);
  const copies = copiedBy(() => forward(frames[1]!)) / geometry.packetLength;
  assert.equal(Math.abs(copies - copiesPromised) <= slack, true, `${copies} copies`);
});

test("workers get a packet by one copy, into memory that they share", () => {
  const buffers = createPacketBuffers(geometry.packetLength);
  const packet = randomOf(2).bytes(geometry.packetLength);
  for (let n = 0; n < 2; n++) {
    let kept: Uint8Array = new Uint8Array(0);
    assert.equal(
      copiedBy(() => (kept = buffers.keep([packet.subarray(0, 9000), packet.subarray(9000)]))),
      geometry.packetLength,
    );
    assert.deepEqual([kept, kept.buffer instanceof SharedArrayBuffer], [packet, true]);
    buffers.release(kept);
  }
});
