/** CipherState: nonces, rekeying, the end of the counter. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nativeSuite } from "../../../adapters/crypto_native.ts";
import type { Suite } from "../../../core/crypto/suite.ts";
import { createCipher, nonceLimit, open, rekey, seal } from "../../../core/noise/cipher_state.ts";
import { deepFreeze, leftOf, nobleSuite, rightOf } from "./fixture.ts";

const key = Uint8Array.from({ length: 32 }, (_, i) => i);
const text = Uint8Array.of(1, 2, 3, 4);

/** A suite that notes the nonces that it is given. */
const noting = (): { readonly suite: Suite; readonly nonces: Uint8Array[] } => {
  const nonces: Uint8Array[] = [];
  const chachaPolySeal: Suite["chachaPolySeal"] = (...parts) => {
    nonces.push(parts[1].slice());
    return nobleSuite.chachaPolySeal(...parts);
  };
  return { suite: { ...nobleSuite, chachaPolySeal }, nonces };
};

test("a nonce is 4 zero bytes and the counter, little-endian, which a rekey leaves as it is", () => {
  const { suite, nonces } = noting();
  const first = rightOf(seal(suite, { key, nonce: 0x0102 }, text)).cipher;
  rightOf(seal(suite, rekey(suite, first), text));
  assert.deepEqual(nonces, [
    Uint8Array.of(0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0),
    Uint8Array.of(0, 0, 0, 0, 3, 1, 0, 0, 0, 0, 0, 0),
  ]);
});

test("a rekey is what ChaCha20-Poly1305 makes of 32 zero bytes under the nonce 2^64-1, without the tag", () => {
  const nonce = Uint8Array.of(0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255);
  for (const suite of [nobleSuite, nativeSuite]) {
    const sealed = suite.chachaPolySeal(key, nonce, new Uint8Array(0), new Uint8Array(32));
    assert.deepEqual(rekey(suite, { key, nonce: 5 }), { key: sealed.slice(0, 32), nonce: 5 });
  }
});

test("both ends stay in step over messages and rekeys", () => {
  let [sender, receiver] = [createCipher(key), createCipher(key)];
  for (let i = 0; i < 6; i++) {
    const sealed = rightOf(seal(nobleSuite, sender, text));
    const opened = rightOf(open(nobleSuite, deepFreeze(receiver), sealed.bytes));
    assert.deepEqual(opened.bytes, text);
    assert.equal(sealed.bytes.length, text.length + 16);
    [sender, receiver] = [sealed.cipher, opened.cipher];
    if (i % 2 === 1) [sender, receiver] = [rekey(nobleSuite, sender), rekey(nobleSuite, receiver)];
  }
});

test("an old, early, changed or short ciphertext does not open", () => {
  const first = rightOf(seal(nobleSuite, createCipher(key), text));
  const second = rightOf(seal(nobleSuite, first.cipher, text));
  assert.equal(leftOf(open(nobleSuite, createCipher(key), second.bytes)), "decrypt");
  assert.equal(leftOf(open(nobleSuite, first.cipher, first.bytes)), "decrypt");
  assert.equal(leftOf(open(nobleSuite, createCipher(key), first.bytes, Uint8Array.of(1))), "decrypt");
  for (let length = 0; length < first.bytes.length; length++) {
    assert.equal(leftOf(open(nobleSuite, createCipher(key), first.bytes.subarray(0, length))), "decrypt");
  }
});

test("the counter stops for good before the reserved nonce", () => {
  const last = rightOf(seal(nobleSuite, { key, nonce: nonceLimit - 1 }, text));
  assert.deepEqual(rightOf(open(nobleSuite, { key, nonce: nonceLimit - 1 }, last.bytes)).bytes, text);
  assert.equal(leftOf(seal(nobleSuite, last.cipher, text)), "nonces-exhausted");
  assert.equal(leftOf(open(nobleSuite, last.cipher, last.bytes)), "nonces-exhausted");
  assert.equal(leftOf(seal(nobleSuite, rekey(nobleSuite, last.cipher), text)), "nonces-exhausted");
});
