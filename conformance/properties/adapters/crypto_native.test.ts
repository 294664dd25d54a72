/** The native provider against the portable one: the same results for every input, also for hostile ones. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createNativeSuite, nativeSuite, verifyInThread } from "../../../adapters/crypto_native.ts";
import { concat } from "../../../core/bytes.ts";
import { nobleSuite } from "../../../core/crypto/noble.ts";
import type { Suite } from "../../../core/crypto/suite.ts";
import { InvariantError } from "../../../core/machine.ts";
import { stream } from "../../../core/random.ts";

const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const suites = [nobleSuite, nativeSuite];

/** What both suites answer: plain bytes (a Buffer's `slice` would share memory), or null. */
const both = (call: (suite: Suite) => Uint8Array | null): Uint8Array | null => {
  const [noble, native] = suites.map(call) as [Uint8Array | null, Uint8Array | null];
  assert.deepEqual(native, noble);
  for (const result of [noble, native]) assert.ok(result === null || result.constructor === Uint8Array);
  return noble;
};

const prime = 2n ** 255n - 19n;
const topBit = 1n << 255n;
const encode = (u: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((u >> BigInt(8 * i)) & 255n));

/** The u-coordinates of points of order 1, 2, 4 and 8 on the curve and its twist, in every encoding of 32 bytes. */
const lowOrder = [
  0n,
  1n,
  prime - 1n,
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
  prime,
  prime + 1n,
].flatMap((u) => [encode(u), encode(u + topBit)]);

test("hashes, MACs and key derivation are the same", () => {
  fc.assert(
    fc.property(bytes(300), bytes(200), fc.nat({ max: 200 }), (message, key, length) => {
      both((suite) => suite.sha256(message));
      both((suite) => suite.sha512_256(message));
      both((suite) => suite.sha3_256(message));
      both((suite) => suite.blake2b512(message));
      both((suite) => suite.hmacSha256(key, message));
      both((suite) => suite.hmacBlake2b512(key, message));
      both((suite) => suite.hkdfExpandSha256(suite.sha256(key), message, length));
    }),
    { numRuns: 60 },
  );
});

test("stream ciphers are the same, also where the counter wraps around, and keep to their bytes", () => {
  const iv = fc.oneof(exactly(16), fc.constant(new Uint8Array(16).fill(255)));
  fc.assert(
    fc.property(exactly(16), iv, bytes(700), fc.nat({ max: 7 }), (key, counter, data, offset) => {
      both((suite) => {
        const buffer = new Uint8Array(offset + data.length + 2).fill(0xa5);
        const part = buffer.subarray(offset, offset + data.length);
        part.set(data);
        suite.aes128CtrInPlace(key, counter, part);
        return buffer;
      });
    }),
    { numRuns: 60 },
  );
  fc.assert(
    fc.property(exactly(32), exactly(8), fc.nat({ max: 5000 }), (key, nonce, length) => {
      both((suite) => suite.chacha20Keystream(key, nonce, length));
    }),
    { numRuns: 30 },
  );
});

test("a point that is rewritten where it lies is another point: a hop blinds the group element in place", () => {
  const [scalar, point, other] = [1, 2, 3].map((byte) => nobleSuite.x25519Public(new Uint8Array(32).fill(byte)));
  const rewritten = point!.slice();
  both((suite) => suite.x25519(scalar!, rewritten));
  rewritten.set(other!);
  assert.notDeepEqual(both((suite) => suite.x25519(scalar!, rewritten)), nobleSuite.x25519(scalar!, point!));
});

test("ChaCha20-Poly1305 is the same; what one seals the other opens; a changed bit is refused", () => {
  const text = bytes(600);
  fc.assert(
    fc.property(exactly(32), exactly(12), bytes(70), text, fc.nat(), (key, nonce, associated, plaintext, bit) => {
      const sealed = both((suite) => suite.chachaPolySeal(key, nonce, associated, plaintext))!;
      assert.deepEqual(both((suite) => suite.chachaPolyOpen(key, nonce, associated, sealed)), plaintext);
      const changed = sealed.slice();
      changed[(bit >> 3) % changed.length]! ^= 1 << (bit & 7);
      assert.equal(both((suite) => suite.chachaPolyOpen(key, nonce, associated, changed)), null);
      assert.equal(
        both((suite) => suite.chachaPolyOpen(key, nonce, concat(associated, Uint8Array.of(0)), sealed)),
        null,
      );
      assert.equal(both((suite) => suite.chachaPolyOpen(key, nonce, associated, sealed.subarray(0, bit % 16))), null);
    }),
    { numRuns: 60 },
  );
});

test("pieces are sealed to what they are sealed to together, and opened in whatever pieces they come", () => {
  const noData = new Uint8Array(0);
  const pieces = fc.array(bytes(90), { maxLength: 4 });
  fc.assert(
    fc.property(exactly(32), exactly(12), pieces, fc.nat(), (key, nonce, plaintext, at) => {
      const whole = concat(...plaintext);
      const sealed = both((suite) => concat(...suite.chachaPolySealPieces(key, nonce, plaintext)))!;
      assert.deepEqual(sealed, nobleSuite.chachaPolySeal(key, nonce, noData, whole));
      const cut = at % (sealed.length + 1);
      const halves = (of: Uint8Array) => [of.subarray(0, cut), of.subarray(cut)];
      for (const came of [[sealed], halves(sealed)]) {
        assert.deepEqual(both((suite) => suite.chachaPolyOpenPieces(key, nonce, came)), whole);
      }
      const changed = sealed.slice();
      changed[at % changed.length]! ^= 1;
      assert.equal(both((suite) => suite.chachaPolyOpenPieces(key, nonce, halves(changed))), null);
      assert.equal(both((suite) => suite.chachaPolyOpenPieces(key, nonce, [sealed.subarray(0, at % 16)])), null);
    }),
    { numRuns: 60 },
  );
});

test("what was opened from pieces is its receiver's, however long and whatever is opened next", () => {
  const [key, nonce] = [new Uint8Array(32).fill(1), new Uint8Array(12)];
  const opened = [200_000, 100_000].map((length) => {
    const sealed = concat(
      ...nativeSuite.chachaPolySealPieces(key, nonce, [new Uint8Array(length).fill(length / 1000)]),
    );
    return nativeSuite.chachaPolyOpenPieces(key, nonce, [sealed.subarray(0, 70_000), sealed.subarray(70_000)])!;
  });
  assert.deepEqual(opened, [new Uint8Array(200_000).fill(200), new Uint8Array(100_000).fill(100)]);
});

test("[MIXNET-3.1-05] X25519 is the same, two parties agree, and every scalar has a public key", () => {
  fc.assert(
    fc.property(exactly(32), exactly(32), exactly(32), (a, b, anything) => {
      const [publicA, publicB] = [a, b].map((scalar) => both((suite) => suite.x25519Public(scalar))!) as [
        Uint8Array,
        Uint8Array,
      ];
      assert.deepEqual(both((suite) => suite.x25519(a, publicB)), both((suite) => suite.x25519(b, publicA)));
      both((suite) => suite.x25519(a, anything));
    }),
    { numRuns: 8 },
  );
});

test("[FAULT-01] X25519 answers null for every point of low order, in every encoding", () => {
  for (const point of lowOrder) {
    for (const scalar of [new Uint8Array(32), new Uint8Array(32).fill(0x5a)]) {
      assert.equal(both((suite) => suite.x25519(scalar, point)), null);
    }
  }
});

test("X25519 reads u-coordinates modulo p and without the top bit", () => {
  const scalar = new Uint8Array(32).fill(0x77);
  const known = both((suite) => suite.x25519Public(scalar))!;
  for (const nine of [9n, 9n + prime, 9n + topBit, 9n + prime + topBit]) {
    assert.deepEqual(both((suite) => suite.x25519(scalar, encode(nine))), known);
  }
});

test("X25519 ignores the bits of a scalar that clamping sets", () => {
  const scalar = new Uint8Array(32).fill(0x10);
  const [low, high] = [scalar.slice(), scalar.slice()];
  low[0]! ^= 7;
  high[31]! ^= 0xc0;
  const publicKey = both((suite) => suite.x25519Public(scalar))!;
  for (const other of [low, high]) assert.deepEqual(both((suite) => suite.x25519Public(other)), publicKey);
});

test("keys that were forgotten, or whose buffer was used again, give the right results", () => {
  const suite = createNativeSuite();
  const scalars = Array.from({ length: 40 }, (_, n) => new Uint8Array(32).fill(n + 1));
  const publics = scalars.map((scalar) => suite.x25519Public(scalar));
  scalars.forEach((scalar, n) => {
    suite.forget(scalar);
    assert.deepEqual(suite.x25519Public(scalar), publics[n]);
  });
  const reused = scalars[0]!.slice();
  suite.x25519Public(reused);
  reused.set(scalars[1]!);
  assert.deepEqual(suite.x25519Public(reused), publics[1]);
});

test("a signature is right in a thread when it is right here", async () => {
  const seed = new Uint8Array(32).fill(7);
  const key = nativeSuite.ed25519Public(seed);
  const message = new Uint8Array(100).fill(1);
  const signature = nativeSuite.ed25519Sign(concat(seed, key), message);
  const changed = (of: Uint8Array): Uint8Array => of.map((byte, at) => at === 3 ? byte ^ 1 : byte);
  const notCanonical = new Uint8Array(32).fill(0xff);
  const cases: ReadonlyArray<readonly [Uint8Array, Uint8Array, Uint8Array]> = [
    [key, message, signature],
    [changed(key), message, signature],
    [key, changed(message), signature],
    [key, message, changed(signature)],
    [key.subarray(1), message, signature],
    [key, message, signature.subarray(1)],
    [notCanonical, message, signature],
    [new Uint8Array(32), message, signature],
  ];
  const answers = cases.map((one) => new Promise<boolean>((resolve) => verifyInThread(...one, resolve)));
  const expected = cases.map((one) => nobleSuite.ed25519Verify(...one));
  assert.deepEqual(expected, [true, false, false, false, false, false, false, false]);
  assert.deepEqual(await Promise.all(answers), expected);
});

test("wrong lengths given by our own code throw", () => {
  const short = new Uint8Array(31);
  const right = new Uint8Array(32);
  for (const suite of suites) {
    assert.throws(() => suite.x25519(short, right), InvariantError);
    assert.throws(() => suite.x25519(right, short), InvariantError);
    assert.throws(() => suite.x25519Public(short), InvariantError);
    assert.throws(() => suite.ed25519Public(short), InvariantError);
    assert.throws(() => suite.ed25519Sign(right, right), InvariantError);
    assert.throws(() => suite.aes128CtrInPlace(right, right, right), InvariantError);
    assert.throws(() => suite.chachaPolySeal(right, right, right, right), InvariantError);
    assert.throws(() => suite.chachaPolyOpen(short, right, right, right), InvariantError);
    assert.throws(() => suite.chacha20Keystream(right, right, 10), InvariantError);
  }
});

test("[WIRE-2-03] NewHope-Simple over the platform's primitives is the portable one", () => {
  const [portable, native] = [nobleSuite.kem, nativeSuite.kem];
  fc.assert(
    fc.property(exactly(32), exactly(32), (ours, theirs) => {
      const keys = native.generate(stream(ours));
      assert.deepEqual(keys, portable.generate(stream(ours)));
      const answer = native.encapsulate(stream(theirs), keys.publicKey)!;
      assert.deepEqual(answer, portable.encapsulate(stream(theirs), keys.publicKey));
      assert.deepEqual(native.decapsulate(keys.privateKey, answer.ciphertext), answer.shared);
      assert.deepEqual(portable.decapsulate(keys.privateKey, answer.ciphertext), answer.shared);
    }),
    { numRuns: 10 },
  );
});
