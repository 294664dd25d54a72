/** The Unwrap effect, as every driver performs it: a frame is opened, and what it holds is unwrapped. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { concat } from "../../../core/bytes.ts";
import type { Unwrap } from "../../../core/effects.ts";
import { performUnwrap } from "../../../core/mix/unwrap_frame.ts";
import type { SealedMessage } from "../../../core/noise/cipher_state.ts";
import { newPacket } from "../../../core/sphinx/build.ts";
import { encodeCommand } from "../../../core/wire/commands.ts";
import { sealedCommand, sealedPacket } from "../sealed.ts";
import { buildRandom, flipped, pathOf, randomOf, rightOf, toy } from "../sphinx/fixture.ts";

const { suite, geometry } = toy;
const random = randomOf(1);
const path = pathOf(suite, random, 2);
const packet = (): Uint8Array =>
  rightOf(newPacket(toy, buildRandom(random), path, random.bytes(geometry.forwardPayloadLength)));
const keys: Unwrap["keys"] = [{ epoch: 6, privateKey: random.bytes(32) }, { epoch: 7, ...path[0]! }];

const resultOf = (sealed: SealedMessage) => performUnwrap(toy, { type: "Unwrap", id: 3, sealed, keys }).result;

test("a packet is unwrapped in the frame that it came in, in whatever pieces; the frame's key is wiped", () => {
  const { cipher, pieces } = sealedPacket(suite, geometry, packet());
  const frame = concat(...pieces);
  const sealed = { cipher, pieces: [frame.subarray(0, 9), frame.subarray(9, 10), frame.subarray(10)] };
  const { id, result } = performUnwrap(toy, { type: "Unwrap", id: 3, sealed, keys });
  assert.equal(id, 3);
  assert.ok(result.ok, "unwrapped");
  assert.equal(result.epoch, 7);
  assert.equal(result.packet?.length, geometry.packetLength);
  assert.deepEqual(result.commands.slice(0, 1), path[0]!.commands);
  assert.deepEqual(cipher.key, new Uint8Array(32));
});

test("a frame that was tampered with does not decrypt, wherever; its key is wiped, too", () => {
  const sealed = sealedPacket(suite, geometry, packet());
  const frame = concat(...sealed.pieces);
  for (const bit of [0, 8 * 3 + 1, 8 * 300, 8 * frame.length - 1]) {
    const { cipher } = sealedPacket(suite, geometry, packet());
    assert.deepEqual(resultOf({ cipher, pieces: [flipped(frame, bit)] }), { ok: false, reason: "frame" });
    assert.deepEqual(cipher.key, new Uint8Array(32));
  }
  const { cipher } = sealedPacket(suite, geometry, packet());
  assert.deepEqual(resultOf({ cipher, pieces: [] }), { ok: false, reason: "frame" });
});

test("a packet that no key fits fails by its MAC, in a frame that opens", () => {
  const damaged = flipped(packet(), 8 * 100);
  assert.deepEqual(resultOf(sealedPacket(suite, geometry, damaged)), { ok: false, reason: "mac" });
});

test("what is no packet of the network's length comes back as it was in the frame", () => {
  const commands = [
    { type: "RetrieveMessage", sequence: 5 },
    { type: "SendPacket", packet: new Uint8Array(geometry.packetLength - 1) },
    { type: "SendPacket", packet: new Uint8Array(geometry.packetLength + 1) },
  ] as const;
  for (const command of commands) {
    const bytes = rightOf(encodeCommand(geometry, command));
    assert.deepEqual(resultOf(sealedCommand(suite, geometry, command)), {
      ok: false,
      reason: "command",
      command: bytes,
    });
  }
});
