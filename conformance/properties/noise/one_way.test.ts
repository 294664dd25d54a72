/** One-way messages: who can read them, who wrote them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../../../core/bytes.ts";
import { openOneWay, sealOneWay } from "../../../core/noise/one_way.ts";
import { patternK, patternX } from "../../../core/noise/pattern.ts";
import { createNoiseSuite } from "../../../core/noise/symmetric.ts";
import { leftOf, nativeSuite, nobleSuite, randomOf, rightOf, statics, toySuite } from "./fixture.ts";

const text = Uint8Array.of(5, 6, 7);

for (const suite of [toySuite, nobleSuite, nativeSuite]) {
  const noise = createNoiseSuite(suite, "25519_ChaChaPoly_BLAKE2b");
  const recipient = suite.x25519Public(statics.responder);
  const sender = suite.x25519Public(statics.initiator);

  test(`${suite.name}: X carries its sender's key, and only the recipient reads it`, () => {
    const { message } = rightOf(sealOneWay(noise, patternX, randomOf(1), statics.initiator, recipient, text));
    const opened = rightOf(openOneWay(noise, patternX, statics.responder, null, message));
    assert.deepEqual([opened.payload, opened.sender], [text, sender]);
    assert.equal(leftOf(openOneWay(noise, patternX, statics.initiator, null, message)), "decrypt");
    assert.equal(message.length, 96 + text.length);
  });

  test(`${suite.name}: [DEADDROP-3.1-03] a K token over nothing has 48 bytes and opens for the known sender only`, () => {
    const { message } = rightOf(
      sealOneWay(noise, patternK, randomOf(1), statics.initiator, recipient, new Uint8Array(0)),
    );
    assert.equal(message.length, 48);
    assert.deepEqual(
      rightOf(openOneWay(noise, patternK, statics.responder, sender, message)).payload,
      new Uint8Array(0),
    );
    assert.equal(leftOf(openOneWay(noise, patternK, statics.responder, recipient, message)), "decrypt");
  });
}

test("[SEED-2-03] the same payload gives another message each time", () => {
  const noise = createNoiseSuite(toySuite, "25519_ChaChaPoly_SHA256");
  const recipient = toySuite.x25519Public(statics.responder);
  const messages = [1, 2, 3].map((seed) =>
    toHex(rightOf(sealOneWay(noise, patternX, randomOf(seed), statics.initiator, recipient, text)).message)
  );
  assert.equal(new Set(messages).size, 3);
});

test("what a one-way message leaves behind is consumed: ephemeral, chaining and transport keys", () => {
  const noise = createNoiseSuite(toySuite, "25519_ChaChaPoly_SHA256");
  const drawn: Uint8Array[] = [];
  const random = { bytes: (length: number) => drawn[drawn.push(randomOf(1).bytes(length)) - 1]! };
  const recipient = toySuite.x25519Public(statics.responder);
  const sealed = rightOf(sealOneWay(noise, patternX, random, statics.initiator, recipient, text));
  assert.equal(drawn.length, 1);
  assert.ok(sealed.consumed.includes(drawn[0]!));
  const opened = rightOf(openOneWay(noise, patternX, statics.responder, null, sealed.message));
  assert.ok(opened.consumed.length >= 4);
  assert.equal(opened.consumed.includes(statics.responder), false);
});
