/** End-to-end blocks: fragmenting, Noise X, and what a recipient refuses. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, equal, fromHex, toHex } from "../../../core/bytes.ts";
import { type Block, blockPayloadLength, fragmentMessage, openBlock, sealBlock } from "../../../core/client/block.ts";
import { sealOneWay } from "../../../core/noise/one_way.ts";
import { patternX } from "../../../core/noise/pattern.ts";
import { createNoiseSuite } from "../../../core/noise/symmetric.ts";
import { createGeometry, katzenpostGeometry } from "../../../core/sphinx/geometry.ts";
import {
  leftOf,
  lowOrderPoints,
  nativeSuite,
  nobleSuite,
  randomOf,
  rightOf,
  statics,
  toySuite,
} from "../noise/fixture.ts";

/** 60 bytes of a message in each block. */
const geometry = createGeometry(5, 2 + 556 + 96 + 24 + 60);
const messageId = new Uint8Array(16).fill(9);
const sender = toySuite.x25519Public(statics.initiator);
const recipient = toySuite.x25519Public(statics.responder);

const seal = (block: Block, seed = 1): Uint8Array =>
  rightOf(sealBlock(toySuite, geometry, randomOf(seed), statics.initiator, recipient, block)).ciphertext;
const open = (ciphertext: Uint8Array) => openBlock(toySuite, geometry, statics.responder, ciphertext);

/** Seals any plaintext, as a sender who keeps no rules would. */
const sealRaw = (plaintext: Uint8Array): Uint8Array => {
  const noise = createNoiseSuite(toySuite, "25519_ChaChaPoly_SHA256");
  return rightOf(sealOneWay(noise, patternX, randomOf(1), statics.initiator, recipient, plaintext)).message;
};

const plaintext = (total: number, id: number, length: number, rest: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(24 + 60);
  bytes.set(messageId);
  const view = new DataView(bytes.buffer);
  view.setUint16(16, total);
  view.setUint16(18, id);
  view.setUint32(20, length);
  bytes.set(rest, 24);
  return bytes;
};

test("[E2E-4-01] a block's lengths in the network: 50522 bytes of a message, 50642 of ciphertext", () => {
  assert.equal(blockPayloadLength(katzenpostGeometry), 50522);
  const [block] = rightOf(fragmentMessage(katzenpostGeometry, messageId, Uint8Array.of(1)));
  const sealed = rightOf(sealBlock(toySuite, katzenpostGeometry, randomOf(1), statics.initiator, recipient, block!));
  assert.equal(sealed.ciphertext.length, 50642);
});

test("[E2E-4-01] [CLIENT-4-02] a message of any length arrives: blocks numbered from 0, all but the last full", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400, size: "max" }), (message) => {
      const blocks = rightOf(fragmentMessage(geometry, messageId, message));
      assert.equal(blocks.length, Math.max(1, Math.ceil(message.length / 60)));
      const opened = blocks.map((block, index) => rightOf(open(seal(block, index))));
      opened.forEach((one, id) => {
        assert.deepEqual([one.block.id, one.block.total], [id, blocks.length]);
        assert.deepEqual([one.block.messageId, one.sender], [messageId, sender]);
        if (id < blocks.length - 1) assert.equal(one.block.payload.length, 60);
      });
      assert.deepEqual(concat(...opened.map(({ block }) => block.payload)), message);
    }),
    { numRuns: 60 },
  );
});

test("an empty message is one block; one of more than 65535 blocks is refused", () => {
  assert.equal(rightOf(fragmentMessage(geometry, messageId, new Uint8Array(0))).length, 1);
  assert.equal(rightOf(fragmentMessage(geometry, messageId, new Uint8Array(65535 * 60))).length, 65535);
  assert.equal(leftOf(fragmentMessage(geometry, messageId, new Uint8Array(65535 * 60 + 1))), "message-long");
});

test("[E2E-4-14] [CLIENT-5.1-01] a block that is sealed again has another ciphertext throughout", () => {
  const [block] = rightOf(fragmentMessage(geometry, messageId, Uint8Array.of(1)));
  const [first, second] = [seal(block!, 1), seal(block!, 2)];
  for (const [from, to] of [[0, 32], [32, 80], [80, 180]] as const) {
    assert.equal(equal(first.subarray(from, to), second.subarray(from, to)), false);
  }
});

test("[E2E-4-04] [E2E-4.2.1-04] a ciphertext that is changed, cut, longer or for someone else is refused", () => {
  const [block] = rightOf(fragmentMessage(geometry, messageId, Uint8Array.of(1)));
  const ciphertext = seal(block!);
  assert.equal(leftOf(open(ciphertext.slice(1))), "block-length");
  assert.equal(leftOf(open(concat(ciphertext, Uint8Array.of(0)))), "block-length");
  assert.equal(leftOf(openBlock(toySuite, geometry, statics.initiator, ciphertext)), "decrypt");
  fc.assert(fc.property(fc.nat(ciphertext.length * 8 - 1), (bit) => {
    const changed = ciphertext.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.ok(["decrypt", "point"].includes(leftOf(open(changed))));
  }));
});

for (const suite of [nobleSuite, nativeSuite]) {
  test(`${suite.name}: low-order keys are refused on both sides`, () => {
    const [block] = rightOf(fragmentMessage(geometry, messageId, Uint8Array.of(1)));
    for (const point of lowOrderPoints.map((text) => fromHex(text)!)) {
      const sealed = sealBlock(suite, geometry, randomOf(1), statics.initiator, point, block!);
      assert.equal(leftOf(sealed), "point", toHex(point));
      const hostile = new Uint8Array(geometry.userPayloadLength);
      hostile.set(point);
      assert.equal(leftOf(openBlock(suite, geometry, statics.responder, hostile)), "point");
    }
  });
}

const refused: ReadonlyArray<readonly [string, number, number, number, Uint8Array, string]> = [
  ["no blocks at all", 0, 0, 1, Uint8Array.of(1), "block-fields"],
  ["an id of total", 2, 2, 1, Uint8Array.of(1), "block-fields"],
  ["a length beyond the block", 1, 0, 61, new Uint8Array(60), "block-fields"],
  ["a length of 4 GiB", 1, 0, 0xffffffff, new Uint8Array(60), "block-fields"],
  ["a block before the last that is not full", 2, 0, 59, new Uint8Array(59), "block-fields"],
  ["an empty last block of several", 2, 1, 0, new Uint8Array(0), "block-fields"],
  ["padding that is not zero", 1, 0, 3, Uint8Array.of(1, 2, 3, 4), "block-padding"],
  ["padding that is not zero in an empty block", 1, 0, 0, Uint8Array.of(1), "block-padding"],
];

for (const [what, total, id, length, rest, reason] of refused) {
  test(`[E2E-4-02] ${what}: ${reason}`, () => {
    assert.equal(leftOf(open(sealRaw(plaintext(total, id, length, rest)))), reason);
  });
}

test("the same raw block with fitting numbers is taken", () => {
  const opened = rightOf(open(sealRaw(plaintext(2, 1, 3, Uint8Array.of(1, 2, 3)))));
  assert.deepEqual(opened.block, { messageId, total: 2, id: 1, payload: Uint8Array.of(1, 2, 3) });
});
