/** AEZ in WebAssembly against its readable twin: the same bytes for every length, and nothing left behind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { dataBytesMax } from "../../../adapters/aez_wasm/core.ts";
import { sboxConstant, substitute } from "../../../adapters/aez_wasm/sbox.ts";
import { aezModule, createWasmAez } from "../../../adapters/aez_wasm.ts";
import { nativeSuite } from "../../../adapters/crypto_native.ts";
import { equal, isZero } from "../../../core/bytes.ts";
import * as twin from "../../../core/crypto/aez.ts";

const aez = createWasmAez();

/** Bytes that differ from place to place and from one seed to the next; none of them stands alone. */
const pattern = (length: number, seed: number): Uint8Array => {
  let state = Math.imul(seed, 0x9e3779b1) + 1;
  return Uint8Array.from({ length }, () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5;
    return state >>> 24;
  });
};

const keyOf = (seed: number) => pattern(48, seed);
const nonceOf = (seed: number) => pattern(16, seed + 1);

/** `assert.deepEqual` of 50 KiB takes longer than AEZ. */
const assertEqual = (actual: Uint8Array, expected: Uint8Array, what: string) =>
  assert.ok(equal(actual, expected), `${what} differs at ${expected.length} bytes`);

const directions = ["encryptInPlace", "decryptInPlace"] as const;
const twinOf = { encryptInPlace: twin.aezEncryptInPlace, decryptInPlace: twin.aezDecryptInPlace };

/** Both directions of a view at some offset give what the twin gives, and the bytes beside it stay. */
const assertLikeTwin = (key: Uint8Array, nonce: Uint8Array, message: Uint8Array, offset = 0): void => {
  for (const direction of directions) {
    const expected = message.slice();
    twinOf[direction](key, nonce, expected);
    const buffer = new Uint8Array(offset + message.length + 3).fill(0xa5);
    const data = buffer.subarray(offset, offset + message.length);
    data.set(message);
    aez[direction](key, nonce, data);
    assertEqual(data, expected, direction);
    assert.ok(buffer.subarray(0, offset).every((byte) => byte === 0xa5), "the bytes before stay");
    assert.ok(buffer.subarray(offset + message.length).every((byte) => byte === 0xa5), "the bytes behind stay");
  }
};

const timesInField = (a: number, b: number): number => {
  let product = 0;
  for (let bit = 0; bit < 8; bit++) {
    if (((b >> bit) & 1) === 1) product ^= a << bit;
  }
  for (let bit = 14; bit >= 8; bit--) {
    if (((product >> bit) & 1) === 1) product ^= 0x11b << (bit - 8);
  }
  return product;
};

/** FIPS 197 §5.1.1: the inverse, by search, then the affine map. */
const sbox = (byte: number): number => {
  let inverse = 0;
  while (byte !== 0 && timesInField(byte, inverse) !== 1) inverse++;
  let image = 0x63;
  for (const turn of [0, 1, 2, 3, 4]) image ^= ((inverse << turn) | (inverse >> (8 - turn))) & 255;
  return image;
};

test("the circuit is the S-box of AES, with its constant, for every byte", () => {
  const gates = { xor: (a: number, b: number) => a ^ b, and: (a: number, b: number) => a & b };
  for (let byte = 0; byte < 256; byte++) {
    const bits = substitute(gates, Array.from({ length: 8 }, (_, k) => (byte >> k) & 1));
    assert.equal(bits.reduce((sum, bit, k) => sum | (bit << k), 0) ^ sboxConstant, sbox(byte));
  }
});

test("[MIXNET-3.1-04] every length from 0 to 600 bytes is as the twin's, both ways", () => {
  for (let length = 0; length <= 600; length++) {
    assertLikeTwin(keyOf(length), nonceOf(length), pattern(length, length + 2));
  }
});

test("[MIXNET-3.1-04] lengths around those of one and eight blocks and pairs are as the twin's", () => {
  for (const unit of [16, 32, 128, 256]) {
    for (const multiple of [5, 9, 17, 64, 101]) {
      for (const beside of [-1, 0, 1]) {
        const length = unit * multiple + beside;
        assertLikeTwin(keyOf(length), nonceOf(length), pattern(length, unit), multiple % 7);
      }
    }
  }
});

test("[MIXNET-3.1-04] any key, nonce and length up to 52000 bytes is as the twin's, at any offset", () => {
  const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const key = fc.oneof(exactly(48), fc.constantFrom(new Uint8Array(48), new Uint8Array(48).fill(255)));
  const [length, offset] = [fc.nat({ max: 52000 }), fc.nat({ max: 17 })];
  fc.assert(
    fc.property(key, exactly(16), length, fc.nat(), offset, (key, nonce, length, seed, offset) => {
      assertLikeTwin(key, nonce, pattern(length, seed), offset);
    }),
    { numRuns: 40 },
  );
});

test("[MIXNET-3.1-04] the payload of the 2019 network: decryption undoes encryption, also through the suite", () => {
  const message = pattern(51216, 7);
  const data = message.slice();
  nativeSuite.aezEncryptInPlace(keyOf(7), nonceOf(7), data);
  aez.decryptInPlace(keyOf(7), nonceOf(7), data);
  assertEqual(data, message, "decrypted");
  assertLikeTwin(keyOf(8), nonceOf(8), message);
});

test("lengths without WebAssembly's help are the twin's: other keys and nonces, and messages beyond the memory", () => {
  for (const keyLength of [0, 16, 47, 49]) assertLikeTwin(pattern(keyLength, 3), nonceOf(3), pattern(100, 3));
  for (const nonceLength of [0, 12, 17]) assertLikeTwin(keyOf(4), pattern(nonceLength, 4), pattern(100, 4));
  assertLikeTwin(keyOf(5), nonceOf(5), pattern(dataBytesMax, 5));
  assertLikeTwin(keyOf(6), nonceOf(6), pattern(dataBytesMax + 65536, 6));
});

test("[SPHINX-2-02] a changed bit of the ciphertext changes every block of the plaintext", () => {
  fc.assert(
    fc.property(fc.integer({ min: 64, max: 700 }), fc.nat(), (length, position) => {
      const message = pattern(length, position);
      const data = message.slice();
      aez.encryptInPlace(keyOf(length), nonceOf(length), data);
      data[(position >> 3) % length]! ^= 1 << (position & 7);
      aez.decryptInPlace(keyOf(length), nonceOf(length), data);
      for (let at = 0; at + 16 <= length; at += 16) {
        assert.ok(!equal(data.subarray(at, at + 16), message.subarray(at, at + 16)), `block at ${at}`);
      }
    }),
    { numRuns: 40 },
  );
});

test("after a call the whole memory is zeros, and it has not grown", () => {
  const memory = new Uint8Array(aez.memory().buffer);
  assert.equal(memory.length, 17 * 65536);
  for (const length of [32, 33, 63, 64, 95, 287, 288, 320, 4095, 51216, dataBytesMax]) {
    for (const direction of directions) {
      aez[direction](keyOf(length), nonceOf(length), pattern(length, 9));
      assert.ok(isZero(memory), `${direction} of ${length} bytes`);
    }
  }
  assert.equal(aez.memory().buffer.byteLength, memory.length);
});

test("key and nonce are left as they were", () => {
  const [key, nonce] = [keyOf(1), nonceOf(1)];
  aez.encryptInPlace(key, nonce, pattern(1000, 1));
  assert.deepEqual([key, nonce], [keyOf(1), nonceOf(1)]);
});

test("the module is compiled once, has no imports, and instances of it share nothing", () => {
  assert.equal(aezModule(), aezModule());
  const other = createWasmAez(aezModule);
  assert.notEqual(other.memory(), aez.memory());
  const [mine, theirs] = [pattern(500, 2), pattern(500, 2)];
  aez.encryptInPlace(keyOf(2), nonceOf(2), mine);
  other.encryptInPlace(keyOf(2), nonceOf(2), theirs);
  assertEqual(theirs, mine, "the other instance");
});

/** In plain JavaScript, since a worker of TypeScript needs a loader on Node 20. */
const workerSource = `
  const { parentPort, workerData } = require("node:worker_threads");
  parentPort.postMessage(Object.keys(new WebAssembly.Instance(workerData).exports).sort());
`;

test("the compiled module goes to a worker", async () => {
  const worker = new Worker(workerSource, { eval: true, workerData: aezModule() });
  const names = await new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  await worker.terminate();
  assert.deepEqual(names, ["expandKey", "firstPass", "four", "memory", "secondPass", "ten"]);
});
