/** Randomness as a capability: streams by label, and distributions that every engine computes alike. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chacha20 } from "@noble/ciphers/chacha.js";
import { concat, toHex } from "../../core/bytes.ts";
import { chacha20Keystream } from "../../core/crypto/chacha20.ts";
import { type Context, InvariantError, mono, wall } from "../../core/machine.ts";
import {
  deriveSeed,
  draws,
  drawsOf,
  exponentialMs,
  pick,
  type Random,
  shuffle,
  stream,
  uniformInteger,
  uniformUnit,
} from "../../core/random.ts";

const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
const zeros = new Uint8Array(32);

/** Gives the recorded reads, and fails on any other length. */
const replay = (...reads: ReadonlyArray<Uint8Array>): Random => {
  const rest = [...reads];
  return {
    bytes: (length) => {
      const read = rest.shift();
      assert.equal(read?.length, length);
      return read!;
    },
  };
};

const word = (value: number): Uint8Array => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);

test("a stream depends on its label and seed alone, not on other draws", () => {
  fc.assert(fc.property(seed, fc.string(), fc.string(), (bytes, a, b) => {
    fc.pre(a !== b);
    const alone = toHex(draws(bytes)(a).bytes(16));
    const draw = draws(bytes);
    draw(b).bytes(100);
    assert.equal(toHex(draw(a).bytes(16)), alone);
    assert.notEqual(toHex(draw(b).bytes(16)), alone);
  }));
});

test("a step that draws nothing does not ask for its seed", () => {
  let asked = 0;
  const context: Context = {
    now: mono(0),
    wall: wall(0),
    get seed() {
      asked++;
      return zeros;
    },
  };
  const draw = drawsOf(context);
  assert.equal(asked, 0);
  assert.equal(toHex(draw("label").bytes(8)), toHex(draws(zeros)("label").bytes(8)));
  assert.equal(asked, 1);
});

test("the reads of one stream differ from one another, and longer reads begin like shorter ones", () => {
  const one = stream(zeros);
  const reads = Array.from({ length: 100 }, () => toHex(one.bytes(16)));
  assert.equal(new Set(reads).size, 100);
  assert.ok(toHex(stream(zeros).bytes(64)).startsWith(reads[0]!));
});

test("the keystream of draws is the library's ChaCha20, whatever its length", () => {
  const nonce = fc.uint8Array({ minLength: 12, maxLength: 12 });
  fc.assert(fc.property(seed, nonce, fc.nat(300), (key, nonce, length) => {
    const expected = chacha20(key, nonce, new Uint8Array(length));
    assert.equal(toHex(chacha20Keystream(key, nonce, length)), toHex(expected));
  }));
  assert.throws(() => chacha20Keystream(new Uint8Array(31), new Uint8Array(12), 1), InvariantError);
});

test("the expansion of a seed is fixed: recorded runs depend on it", () => {
  assert.equal(toHex(deriveSeed(zeros, "label")), "f39756e21a29b4d8e0c0e86422b2a957cb93248d85141e2cf227d04ae112e584");
  assert.equal(toHex(stream(zeros).bytes(8)), "76b8e0ada0f13d90");
});

test("a seed of another length is a broken invariant", () => {
  assert.throws(() => deriveSeed(new Uint8Array(31), "x"), InvariantError);
});

test("uniform integers are below their bound; what would favour some is drawn again", () => {
  fc.assert(fc.property(seed, fc.integer({ min: 1, max: 2 ** 32 }), (bytes, bound) => {
    const value = uniformInteger(stream(bytes), bound);
    assert.ok(Number.isInteger(value) && value >= 0 && value < bound);
  }));
  // 2^32 mod 3 is 1, so the one value 2^32-1 is refused.
  assert.equal(uniformInteger(replay(word(2 ** 32 - 1), word(2 ** 32 - 2)), 3), (2 ** 32 - 2) % 3);
  assert.equal(uniformInteger(replay(word(2 ** 32 - 1)), 2 ** 32), 2 ** 32 - 1);
  for (const bound of [0, -1, 1.5, 2 ** 32 + 1]) {
    assert.throws(() => uniformInteger(stream(zeros), bound), InvariantError);
  }
});

test("every item is picked, and of none there is no pick", () => {
  const random = stream(zeros);
  assert.equal(new Set(Array.from({ length: 200 }, () => pick(random, ["a", "b", "c"]))).size, 3);
  assert.throws(() => pick(random, []), InvariantError);
});

test("a shuffle is a permutation, leaves its argument alone, and reaches every order", () => {
  fc.assert(fc.property(seed, fc.array(fc.nat()), (bytes, items) => {
    const before = [...items];
    const shuffled = shuffle(stream(bytes), items);
    assert.deepEqual(items, before);
    assert.deepEqual(shuffled.toSorted((a, b) => a - b), before.toSorted((a, b) => a - b));
  }));
  const random = stream(zeros);
  const counts = new Map<string, number>();
  for (let i = 0; i < 2400; i++) {
    const order = shuffle(random, ["a", "b", "c", "d"]).join("");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  // 100 are expected of each of 24; a count this far off would be a one in a million event.
  assert.equal(counts.size, 24);
  for (const count of counts.values()) assert.ok(count > 50 && count < 160, String(count));
});

test("a uniform unit is in (0, 1] and has 53 bits", () => {
  assert.equal(uniformUnit(replay(new Uint8Array(8))), 2 ** -53);
  assert.equal(uniformUnit(replay(new Uint8Array(8).fill(255))), 1);
});

/** The unit whose 53 bits are those of `numerator`. */
const unit = (numerator: bigint): Random => {
  const bits = (numerator - 1n) << 11n;
  return replay(concat(word(Number(bits >> 32n)), word(Number(bits & 0xffffffffn))));
};

test("exponential samples are floor(-ln u / rate), as the platform's logarithm has it up to rounding", () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 1n, max: 2n ** 53n }),
      fc.double({ min: 1e-7, max: 10, noNaN: true }),
      (numerator, rate) => {
        const exact = -Math.log(Number(numerator) / 2 ** 53) / rate;
        const sample = exponentialMs(unit(numerator), rate, 0);
        assert.ok(
          Math.abs(sample - Math.floor(exact)) <= 1 && Math.abs(sample - exact) < 1 + exact * 1e-14,
          `${sample} ${exact}`,
        );
      },
    ),
    { numRuns: 1000 },
  );
});

test("exponential samples are whole, clamped (not drawn again), and 0 where u is 1", () => {
  assert.equal(exponentialMs(unit(2n ** 53n), 0.001, 0), 0);
  assert.equal(exponentialMs(unit(1n), 0.001, 0), 36736);
  assert.equal(exponentialMs(unit(1n), 0.001, 5000), 5000);
  assert.equal(exponentialMs(unit(1n), 1e-300, 0), Number.MAX_SAFE_INTEGER);
  for (const rate of [0, -1, NaN, Infinity]) assert.throws(() => exponentialMs(stream(zeros), rate, 0), InvariantError);
});

test("the mean of exponential samples is 1/rate", () => {
  const random = stream(zeros);
  const count = 4000;
  let sum = 0;
  for (let i = 0; i < count; i++) sum += exponentialMs(random, 0.001, 0);
  // The standard deviation of this mean is 1000 / sqrt(4000), about 16 ms.
  assert.ok(Math.abs(sum / count - 1000) < 80, String(sum / count));
});
