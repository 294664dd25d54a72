/** The toy suite keeps what protocols rely on: everything here holds for the real one too, and is checked for both. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { equal, isZero, toHex } from "../../core/bytes.ts";
import { nobleSuite } from "../../core/crypto/noble.ts";
import type { Suite } from "../../core/crypto/suite.ts";
import { type Random, stream } from "../../core/random.ts";
import { toySuite } from "./toy_suite.ts";

const both: ReadonlyArray<{ readonly suite: Suite; readonly runs: fc.Parameters<[number]> }> = [
  { suite: toySuite, runs: { numRuns: 100 } },
  { suite: nobleSuite, runs: { numRuns: 3, endOnFailure: true } },
];

const randomOf = (seed: number): Random => {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setUint32(0, seed);
  return stream(key);
};

const flipped = (bytes: Uint8Array, bit: number): Uint8Array => {
  const copy = bytes.slice();
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
};

const seeds = fc.nat(2 ** 31);

/** The part of the bytes that differ. */
const difference = (a: Uint8Array, b: Uint8Array): number =>
  a.reduce((n, byte, i) => n + (byte === b[i] ? 0 : 1), 0) / a.length;

const hashes = ["sha256", "sha512_256", "sha3_256", "blake2b512"] as const;

for (const { suite, runs } of both) {
  const check = (property: fc.IProperty<[number]>): void => fc.assert(property, runs);

  test(`Diffie-Hellman commutes, and blinds along a chain (${suite.name})`, () => {
    check(fc.property(seeds, (seed) => {
      const random = randomOf(seed);
      const [a, b, x, y] = [random.bytes(32), random.bytes(32), random.bytes(32), random.bytes(32)];
      const publicB = suite.x25519Public(b);
      const shared = suite.x25519(a, publicB)!;
      assert.deepEqual(shared, suite.x25519(b, suite.x25519Public(a)));
      assert.equal(shared.length, 32);
      const element = suite.x25519(y, suite.x25519(x, suite.x25519Public(a))!)!;
      assert.deepEqual(suite.x25519(b, element), suite.x25519(y, suite.x25519(x, shared)!));
      assert.notDeepEqual(shared, suite.x25519(random.bytes(32), publicB));
    }));
  });

  test(`the zero point gives null (${suite.name})`, () => {
    assert.equal(suite.x25519(randomOf(1).bytes(32), new Uint8Array(32)), null);
  });

  test(`sealed messages open with the same key, nonce and data only, and any flipped bit shows (${suite.name})`, () => {
    check(fc.property(seeds, (seed) => {
      const random = randomOf(seed);
      const [key, nonce, associated] = [random.bytes(32), random.bytes(12), random.bytes(5)];
      const message = random.bytes(1 + (seed % 70));
      const sealed = suite.chachaPolySeal(key, nonce, associated, message);
      assert.equal(sealed.length, message.length + 16);
      assert.deepEqual(suite.chachaPolyOpen(key, nonce, associated, sealed), message);
      const bit = seed % (8 * sealed.length);
      assert.equal(suite.chachaPolyOpen(key, nonce, associated, flipped(sealed, bit)), null);
      assert.equal(suite.chachaPolyOpen(flipped(key, seed % 256), nonce, associated, sealed), null);
      assert.equal(suite.chachaPolyOpen(key, flipped(nonce, seed % 96), associated, sealed), null);
      assert.equal(suite.chachaPolyOpen(key, nonce, flipped(associated, seed % 40), sealed), null);
      assert.equal(suite.chachaPolyOpen(key, nonce, associated, sealed.subarray(0, 15)), null);
    }));
  });

  test(`the payload cipher undoes itself in either order, and garbles all for any change (${suite.name})`, () => {
    check(fc.property(seeds, (seed) => {
      const random = randomOf(seed);
      const [key, nonce, message] = [random.bytes(48), random.bytes(16), random.bytes(100 + (seed % 100))];
      const data = message.slice();
      suite.aezEncryptInPlace(key, nonce, data);
      const bit = seed % (8 * data.length);
      const changed = flipped(data, bit);
      suite.aezDecryptInPlace(key, nonce, changed);
      assert.equal(difference(changed, message) > 0.9, true);
      assert.equal(!isZero(changed.subarray(0, 16)), true);
      suite.aezDecryptInPlace(key, nonce, data);
      assert.deepEqual(data, message);
      suite.aezDecryptInPlace(key, nonce, data);
      const again = flipped(data, bit);
      suite.aezEncryptInPlace(key, nonce, again);
      assert.equal(difference(again, message) > 0.9, true);
      suite.aezEncryptInPlace(key, nonce, data);
      assert.deepEqual(data, message);
      const other = message.slice();
      suite.aezEncryptInPlace(flipped(key, seed % 384), nonce, other);
      suite.aezDecryptInPlace(key, nonce, other);
      assert.equal(difference(other, message) > 0.9, true);
    }));
  });

  test(`the header cipher is a keystream: twice is nothing, and a prefix stays a prefix (${suite.name})`, () => {
    check(fc.property(seeds, (seed) => {
      const random = randomOf(seed);
      const [key, iv] = [random.bytes(16), random.bytes(16)];
      const [long, short] = [new Uint8Array(97), new Uint8Array(seed % 97)];
      suite.aes128CtrInPlace(key, iv, long);
      suite.aes128CtrInPlace(key, iv, short);
      assert.equal(equal(long.subarray(0, short.length), short), true);
      assert.equal(difference(long, new Uint8Array(97)) > 0.9, true);
      suite.aes128CtrInPlace(key, iv, long);
      assert.equal(isZero(long), true);
    }));
  });

  test(`signatures verify, and fail for another message, key or signature (${suite.name})`, () => {
    check(fc.property(seeds, (seed) => {
      const random = randomOf(seed);
      const secret = random.bytes(32);
      const publicKey = suite.ed25519Public(secret);
      const privateKey = new Uint8Array([...secret, ...publicKey]);
      const message = random.bytes(20);
      const signature = suite.ed25519Sign(privateKey, message);
      assert.equal(signature.length, 64);
      assert.equal(suite.ed25519Verify(publicKey, message, signature), true);
      assert.equal(!suite.ed25519Verify(publicKey, flipped(message, seed % 160), signature), true);
      assert.equal(!suite.ed25519Verify(publicKey, message, flipped(signature, seed % 512)), true);
      assert.equal(!suite.ed25519Verify(suite.ed25519Public(random.bytes(32)), message, signature), true);
      assert.deepEqual(
        suite.x25519Public(suite.ed25519PrivateToX25519(privateKey)),
        suite.ed25519PublicToX25519(publicKey),
      );
      assert.notDeepEqual(suite.ed25519PublicToX25519(publicKey), publicKey);
    }));
  });

  test(`both ends of the KEM share 32 bytes, and another key gives others (${suite.name})`, () => {
    const random = randomOf(4);
    const { publicKey, privateKey } = suite.kem.generate(random);
    const sent = suite.kem.encapsulate(random, publicKey)!;
    assert.deepEqual([publicKey.length, sent.ciphertext.length], [suite.kem.publicLength, suite.kem.ciphertextLength]);
    assert.equal(sent.shared.length, 32);
    assert.deepEqual(suite.kem.decapsulate(privateKey, sent.ciphertext), sent.shared);
    const other = suite.kem.generate(random);
    assert.notDeepEqual(suite.kem.decapsulate(other.privateKey, sent.ciphertext), sent.shared);
  });

  test(`hashes and MACs have their lengths, differ from one another, and change with any bit (${suite.name})`, () => {
    check(fc.property(seeds, (seed) => {
      const random = randomOf(seed);
      const message = random.bytes(1 + (seed % 200));
      const changed = flipped(message, seed % (8 * message.length));
      const key = random.bytes(32);
      const digests = (bytes: Uint8Array): ReadonlyArray<Uint8Array> => [
        ...hashes.map((name) => suite[name](bytes)),
        suite.hmacSha256(key, bytes),
        suite.hmacBlake2b512(key, bytes),
        suite.hkdfExpandSha256(key, bytes, 144),
      ];
      const [before, after] = [digests(message), digests(changed)];
      assert.deepEqual(before.map(({ length }) => length), [32, 32, 32, 64, 32, 64, 144]);
      assert.equal(new Set(before.map((bytes) => toHex(bytes.subarray(0, 32)))).size, before.length);
      for (const [i, bytes] of before.entries()) assert.equal(difference(bytes, after[i]!) > 0.6, true);
      assert.notDeepEqual(suite.hmacSha256(flipped(key, seed % 256), message), before[4]);
    }));
  });

  test(`a key of a wrong length is a bug of ours (${suite.name})`, () => {
    const bytes = (length: number): Uint8Array => new Uint8Array(length);
    assert.throws(() => suite.aes128CtrInPlace(bytes(15), bytes(16), bytes(1)));
    assert.throws(() => suite.chachaPolySeal(bytes(32), bytes(11), bytes(0), bytes(1)));
    assert.throws(() => suite.x25519(bytes(31), bytes(32)));
    assert.throws(() => suite.ed25519Sign(bytes(63), bytes(1)));
  });
}

test("a hundred thousand hashes do not collide", () => {
  const seen = new Set<string>();
  const message = new Uint8Array(32);
  const view = new DataView(message.buffer);
  for (let i = 0; i < 100_000; i++) {
    view.setUint32(8, i);
    seen.add(toHex(toySuite.sha512_256(message).subarray(0, 8)));
  }
  assert.equal(seen.size, 100_000);
});

test("every length can be enciphered, the shortest too", () => {
  const random = randomOf(5);
  const [key, nonce] = [random.bytes(48), random.bytes(16)];
  for (let length = 0; length < 70; length++) {
    const message = length === 0 ? new Uint8Array(0) : random.bytes(length);
    const data = message.slice();
    toySuite.aezEncryptInPlace(key, nonce, data);
    toySuite.aezDecryptInPlace(key, nonce, data);
    assert.deepEqual(data, message);
  }
});

test("the same on every machine and runtime: known values", () => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => 7 * i + 1);
  const values = [
    toySuite.x25519Public(key),
    toySuite.sha512_256(key.subarray(0, 31)),
    toySuite.chacha20Keystream(key, new Uint8Array(8), 19),
  ];
  assert.deepEqual(values.map(toHex), [
    "3449870251d93000994bbb0216a02602c3d67202a0ef9f03b2eaad01f4c79c00",
    "7adebd381ef735d8d15522e8bb50ef69f6134285fb4456e893d669b9e051af9c",
    "1e92f8f71801f9d105957fd51cc2a97b4cd5f9",
  ]);
});
