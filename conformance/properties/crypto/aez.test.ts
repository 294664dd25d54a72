/** AEZ v5 beyond its vectors: what an enciphering scheme promises for every length, key, nonce and associated data. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat } from "../../../core/bytes.ts";
import { aezDecrypt, aezDecryptInPlace, aezEncrypt, aezEncryptInPlace } from "../../../core/crypto/aez.ts";

const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

const input = fc.record({
  key: fc.oneof(exactly(48), bytes(64)),
  nonce: fc.oneof(exactly(16), bytes(40)),
  associated: fc.array(bytes(40), { maxLength: 3 }),
  tau: fc.constantFrom(0, 1, 8, 16, 20, 32),
  message: fc.oneof(bytes(40), bytes(300)),
});

const encrypt = (
  v: { key: Uint8Array; nonce: Uint8Array; associated: Uint8Array[]; tau: number; message: Uint8Array },
) => aezEncrypt(v.key, v.nonce, v.associated, v.tau, v.message);

test("[MIXNET-3.1-04] decryption inverts encryption, tau bytes longer, and leaves its arguments alone", () => {
  fc.assert(
    fc.property(input, (v) => {
      const before = { ...structuredClone(v) };
      const ciphertext = encrypt(v);
      assert.equal(ciphertext.length, v.message.length + v.tau);
      const sealed = ciphertext.slice();
      assert.deepEqual(aezDecrypt(v.key, v.nonce, v.associated, v.tau, ciphertext), v.message);
      assert.deepEqual(ciphertext, sealed);
      assert.deepEqual({ ...v }, before);
    }),
    { numRuns: 300 },
  );
});

test("with tau 0 every string is a ciphertext, and encryption inverts decryption", () => {
  fc.assert(
    fc.property(input, (v) => {
      const plaintext = aezDecrypt(v.key, v.nonce, v.associated, 0, v.message);
      assert.ok(plaintext !== null);
      assert.deepEqual(aezEncrypt(v.key, v.nonce, v.associated, 0, plaintext), v.message);
    }),
    { numRuns: 150 },
  );
});

test("with tau 16 a changed bit, nonce or associated data is refused", () => {
  fc.assert(
    fc.property(input, fc.nat(), (v, position) => {
      const ciphertext = encrypt({ ...v, tau: 16 });
      const changed = ciphertext.slice();
      changed[(position >> 3) % changed.length]! ^= 1 << (position & 7);
      assert.equal(aezDecrypt(v.key, v.nonce, v.associated, 16, changed), null);
      assert.equal(aezDecrypt(v.key, concat(v.nonce, Uint8Array.of(0)), v.associated, 16, ciphertext), null);
      assert.equal(aezDecrypt(v.key, v.nonce, [...v.associated, new Uint8Array(0)], 16, ciphertext), null);
      assert.equal(aezDecrypt(v.key, v.nonce, v.associated, 15, ciphertext), null);
    }),
    { numRuns: 150 },
  );
});

test("a ciphertext shorter than tau is refused", () => {
  assert.equal(aezDecrypt(new Uint8Array(48), new Uint8Array(16), [], 16, new Uint8Array(15)), null);
});

test("[SPHINX-2-02] [FAULT-05] a changed byte of the ciphertext changes every block of the plaintext", () => {
  const message = fc.uint8Array({ minLength: 64, maxLength: 400 });
  fc.assert(
    fc.property(
      exactly(48),
      exactly(16),
      message,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (key, nonce, plain, at, mask) => {
        const data = plain.slice();
        aezEncryptInPlace(key, nonce, data);
        data[at % data.length]! ^= mask;
        aezDecryptInPlace(key, nonce, data);
        for (let block = 0; block + 16 <= plain.length; block += 16) {
          assert.notDeepEqual(data.subarray(block, block + 16), plain.subarray(block, block + 16));
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("the in-place form is the general one without associated data and tau, at any offset of a buffer", () => {
  const offsets = fc.nat({ max: 7 });
  fc.assert(
    fc.property(exactly(48), exactly(16), bytes(200), offsets, (key, nonce, message, offset) => {
      const buffer = new Uint8Array(offset + message.length + 3).fill(0xa5);
      const data = buffer.subarray(offset, offset + message.length);
      data.set(message);
      aezEncryptInPlace(key, nonce, data);
      assert.deepEqual(data, aezEncrypt(key, nonce, [], 0, message));
      aezDecryptInPlace(key, nonce, data);
      assert.deepEqual(data, message);
      assert.ok(buffer.every((byte, at) => (at >= offset && at < offset + message.length) || byte === 0xa5));
    }),
    { numRuns: 150 },
  );
});
