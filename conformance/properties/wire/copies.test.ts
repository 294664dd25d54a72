/**
 * How often a packet is copied within a mix, from the bytes of a socket to the bytes for the next one: the list is in
 * core/mix/README.md. Counted are the bytes that go through `set` and `slice` of byte strings.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nativeSuite as suite } from "../../../adapters/crypto_native.ts";
import { createPacketBuffers, place } from "../../../adapters/packet_buffers.ts";
import { concat } from "../../../core/bytes.ts";
import { newPacket } from "../../../core/sphinx/build.ts";
import { katzenpostGeometry as geometry } from "../../../core/sphinx/geometry.ts";
import { performUnwrap } from "../../../core/mix/unwrap_frame.ts";
import { createCipher, type SealedMessage, tagLength } from "../../../core/noise/cipher_state.ts";
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

/** What a session reports of a frame. */
const bodyOf = (pieces: ReadonlyArray<Uint8Array>): SealedMessage => {
  const queue = pieces.reduce(append, emptyByteQueue);
  const header = rightOf(openNext(suite, createReceiver(createCipher(linkKey.slice())), queue, commandLengthMax))!;
  return rightOf(passNext(suite, header.receiver, header.rest))!.sealed;
};

/** The packet in it, for the next hop. */
const unwrapIn = (sealed: SealedMessage, privateKey: Uint8Array): Uint8Array => {
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
    frameOf(unwrapIn(bodyOf(frame), path[0]!.privateKey));
  // Whatever is made once, for all packets.
  forward(frames[0]!);
  const copies = copiedBy(() => forward(frames[1]!)) / geometry.packetLength;
  assert.equal(Math.abs(copies - copiesPromised) <= slack, true, `${copies} copies`);
});

test("with workers it is copied four times: the memory that they share is neither AEZ's nor the cipher's", () => {
  const buffers = createPacketBuffers(commandHeaderLength + geometry.packetLength + tagLength);
  const random = randomOf(2);
  const path = pathOf(suite, random, 5);
  const { privateKey } = path[0]!;
  const fresh = (): Uint8Array =>
    rightOf(newPacket(sphinx, buildRandom(random), path, random.bytes(geometry.forwardPayloadLength)));
  // As adapters/unwrap_pool.ts and adapters/unwrap_worker.ts do in turn.
  const forward = (frame: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> => {
    const { cipher, pieces } = bodyOf(frame);
    const kept = buffers.keep(pieces);
    const unwrapped = place(new Uint8Array(kept.buffer), [unwrapIn({ cipher, pieces: [kept] }, privateKey)]);
    const sent = frameOf(unwrapped);
    buffers.release(unwrapped);
    return sent;
  };
  forward(arriving(frameOf(fresh())));
  const frame = arriving(frameOf(fresh()));
  const copies = copiedBy(() => forward(frame)) / geometry.packetLength;
  assert.equal(Math.abs(copies - 4) <= slack, true, `${copies} copies`);
});

test("shared memory is copied by words: the longest piece lies as it lay, wherever the pieces were cut", () => {
  const buffers = createPacketBuffers(1000);
  const bytes = randomOf(3).bytes(1000);
  for (let from = 0; from < 8; from++) {
    for (const cut of [0, 3, 400, 700, 1000 - from]) {
      const parts = [bytes.subarray(from, from + cut), bytes.subarray(from + cut)];
      const kept = buffers.keep(parts);
      assert.deepEqual(kept, bytes.slice(from));
      const longest = parts[0]!.length > parts[1]!.length ? 0 : parts[0]!.length;
      assert.equal((kept.byteOffset + longest - bytes.byteOffset - from - longest) % 8, 0);
      buffers.release(kept);
    }
  }
});
