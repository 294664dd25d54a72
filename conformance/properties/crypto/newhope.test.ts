/** NewHope-Simple beyond its vectors: agreement, and what a hostile peer may send. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { newHopeSimple } from "../../../core/crypto/newhope.ts";
import { stream } from "../../../core/random.ts";

const randomOf = (seed: number) => stream(new Uint8Array(32).fill(seed));
const seed = fc.integer({ min: 0, max: 255 });

/** Sets the 14-bit coefficient number 0. */
const withCoefficient = (encoded: Uint8Array, value: number): Uint8Array => {
  const changed = encoded.slice();
  changed[0] = value & 255;
  changed[1] = (changed[1]! & 0xc0) | (value >> 8);
  return changed;
};

test("[WIRE-2-03] both sides agree on 32 bytes, and the public values have the lengths of the link protocol", () => {
  fc.assert(
    fc.property(seed, seed, (a, b) => {
      const { publicKey, privateKey } = newHopeSimple.generate(randomOf(a));
      const answer = newHopeSimple.encapsulate(randomOf(b), publicKey);
      assert.ok(answer !== null);
      assert.equal(publicKey.length, 1824);
      assert.equal(newHopeSimple.publicLength, 1824);
      assert.equal(answer.ciphertext.length, 2176);
      assert.equal(newHopeSimple.ciphertextLength, 2176);
      assert.equal(answer.shared.length, 32);
      assert.deepEqual(newHopeSimple.decapsulate(privateKey, answer.ciphertext), answer.shared);
    }),
    { numRuns: 20 },
  );
});

test("other randomness gives another secret", () => {
  const { publicKey } = newHopeSimple.generate(randomOf(1));
  const [one, two] = [2, 3].map((b) => newHopeSimple.encapsulate(randomOf(b), publicKey)!.shared);
  assert.notDeepEqual(one, two);
});

test("a public value or ciphertext of another length is refused", () => {
  const { publicKey, privateKey } = newHopeSimple.generate(randomOf(1));
  const { ciphertext } = newHopeSimple.encapsulate(randomOf(2), publicKey)!;
  for (const length of [0, 1, 1792, 1823]) {
    assert.equal(newHopeSimple.encapsulate(randomOf(2), publicKey.subarray(0, length)), null);
    assert.equal(newHopeSimple.decapsulate(privateKey, ciphertext.subarray(0, length)), null);
  }
  assert.equal(newHopeSimple.encapsulate(randomOf(2), new Uint8Array(1825)), null);
  assert.equal(newHopeSimple.decapsulate(privateKey, new Uint8Array(2177)), null);
});

test("a coefficient of q or more is refused, q - 1 is not", () => {
  const { publicKey, privateKey } = newHopeSimple.generate(randomOf(1));
  const { ciphertext } = newHopeSimple.encapsulate(randomOf(2), publicKey)!;
  for (const value of [12289, 16383]) {
    assert.equal(newHopeSimple.encapsulate(randomOf(2), withCoefficient(publicKey, value)), null);
    assert.equal(newHopeSimple.decapsulate(privateKey, withCoefficient(ciphertext, value)), null);
  }
  assert.notEqual(newHopeSimple.encapsulate(randomOf(2), withCoefficient(publicKey, 12288)), null);
  assert.notEqual(newHopeSimple.decapsulate(privateKey, withCoefficient(ciphertext, 12288)), null);
});

test("a changed polynomial of the responder gives the initiator another secret", () => {
  const { publicKey, privateKey } = newHopeSimple.generate(randomOf(1));
  const { ciphertext, shared } = newHopeSimple.encapsulate(randomOf(2), publicKey)!;
  for (const value of [0, 1, 6000]) {
    const secret = newHopeSimple.decapsulate(privateKey, withCoefficient(ciphertext, value));
    assert.ok(secret !== null);
    assert.notDeepEqual(secret, shared);
  }
});
