/** Ed25519 under both providers, on honest signatures and on those crafted with points of small order. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { nativeSuite } from "../../../adapters/crypto_native.ts";
import { concat, fromHex } from "../../../core/bytes.ts";
import { isCanonicalPoint } from "../../../core/crypto/ed25519.ts";
import { nobleSuite } from "../../../core/crypto/noble.ts";

const { Point } = ed25519;
const order = Point.Fn.ORDER;
const prime = Point.Fp.ORDER;
const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });

const littleEndian = (value: bigint, length = 32): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
const numberOf = (encoded: Uint8Array): bigint => encoded.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

/** Both providers' verdict, which is one. */
const verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => {
  const [noble, native] = [nobleSuite, nativeSuite].map((suite) => suite.ed25519Verify(publicKey, message, signature));
  assert.equal(native, noble, "the providers decide alike");
  return noble!;
};

/** A generator of the eight points of small order. */
const order8 = Point.fromBytes(fromHex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")!);
const torsion = Array.from({ length: 8 }, (_, n) => order8.multiplyUnsafe(BigInt(n)));

test("both providers sign alike and accept each other's signatures; a changed bit is refused", () => {
  fc.assert(
    fc.property(bytes, fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 511 }), (seed, message, bit) => {
      const publicKey = nobleSuite.ed25519Public(seed);
      assert.deepEqual(nativeSuite.ed25519Public(seed), publicKey);
      const privateKey = concat(seed, publicKey);
      const signature = nobleSuite.ed25519Sign(privateKey, message);
      assert.deepEqual(nativeSuite.ed25519Sign(privateKey, message), signature);
      assert.ok(verify(publicKey, message, signature));
      const changed = signature.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      assert.ok(!verify(publicKey, message, changed));
      assert.ok(!verify(publicKey, concat(message, Uint8Array.of(0)), signature));
    }),
    { numRuns: 15 },
  );
});

test("points of small order in key and commitment must cancel without the cofactor", () => {
  const message = Uint8Array.of(1, 2, 3);
  let accepted = 0;
  for (let n = 0; n < 64; n++) {
    const [inKey, inCommitment] = [torsion[n >> 3]!, torsion[n & 7]!];
    const [a, r] = [BigInt(1000 + n), BigInt(2000 + n)];
    const publicKey = Point.BASE.multiply(a).add(inKey).toBytes();
    const commitment = Point.BASE.multiply(r).add(inCommitment).toBytes();
    const k = numberOf(sha512(concat(commitment, publicKey, message))) % order;
    const signature = concat(commitment, littleEndian((r + k * a) % order));
    const cancels = inCommitment.add(inKey.multiplyUnsafe(k)).is0();
    assert.equal(verify(publicKey, message, signature), cancels, `${n}`);
    assert.ok(ed25519.verify(signature, message, publicKey), "with the cofactor all are valid");
    if (cancels) accepted++;
  }
  assert.ok(accepted > 0 && accepted < 64);
});

test("S of L or more is refused", () => {
  const seed = new Uint8Array(32).fill(9);
  const publicKey = nobleSuite.ed25519Public(seed);
  const signature = nobleSuite.ed25519Sign(concat(seed, publicKey), seed);
  const s = numberOf(signature.subarray(32));
  for (const other of [s + order, s + 2n * order, order]) {
    assert.ok(!verify(publicKey, seed, concat(signature.subarray(0, 32), littleEndian(other))));
  }
});

test("keys in another than the canonical encoding, no points and wrong lengths are refused", () => {
  const sign = 1n << 255n;
  const canonical = [0n, 1n, prime - 1n, 0n + sign, 5n + sign, (1n << 254n) + 3n];
  const others = [prime, prime + 1n, prime + 18n, 1n + sign, prime - 1n + sign, prime + 1n + sign];
  for (const y of canonical) assert.ok(isCanonicalPoint(littleEndian(y)), `${y}`);
  for (const y of others) {
    assert.ok(!isCanonicalPoint(littleEndian(y)), `${y}`);
    // S = 0, R = A of small order: valid for some messages in the lenient reading.
    for (let n = 0; n < 8; n++) {
      for (const point of torsion) {
        assert.ok(!verify(littleEndian(y), Uint8Array.of(n), concat(point.toBytes(), new Uint8Array(32))));
      }
    }
  }
  const noPoint = littleEndian(2n);
  assert.ok(!verify(noPoint, noPoint, new Uint8Array(64)));
  assert.ok(!verify(new Uint8Array(31), noPoint, new Uint8Array(64)));
  assert.ok(!verify(nobleSuite.ed25519Public(noPoint), noPoint, new Uint8Array(63)));
  assert.ok(!verify(nobleSuite.ed25519Public(noPoint), noPoint, new Uint8Array(65)));
});

test("the X25519 forms of a key pair belong together; no point, or the neutral one, has none", () => {
  fc.assert(
    fc.property(bytes, (seed) => {
      const publicKey = nativeSuite.ed25519Public(seed);
      const scalar = nativeSuite.ed25519PrivateToX25519(concat(seed, publicKey));
      assert.deepEqual(nativeSuite.ed25519PublicToX25519(publicKey), nativeSuite.x25519Public(scalar));
      assert.deepEqual(nobleSuite.ed25519PublicToX25519(publicKey), nativeSuite.x25519Public(scalar));
    }),
    { numRuns: 10 },
  );
  for (const none of [littleEndian(2n), littleEndian(1n), littleEndian(prime), new Uint8Array(31)]) {
    assert.equal(nobleSuite.ed25519PublicToX25519(none), null);
    assert.equal(nativeSuite.ed25519PublicToX25519(none), null);
  }
});
