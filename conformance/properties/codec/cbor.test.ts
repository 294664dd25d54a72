/** The deterministic CBOR codec: total on hostile bytes, exact on its own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, fromHex, toHex } from "../../../core/bytes.ts";
import { type CborError, type CborValue, decodeCbor, encodeCbor } from "../../../core/codec/cbor.ts";
import { E } from "../../../core/fp.ts";

const bytes = fc.uint8Array({ maxLength: 40 });

const { value } = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", maxDepth: 5 },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.string({ unit: "grapheme", maxLength: 20 }),
    bytes,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.uniqueArray(fc.tuple(fc.string({ maxLength: 8 }), tie("value")), { selector: ([key]) => key, maxLength: 4 })
      .map((entries) => new Map(entries)),
  ),
}));

/** Bytes that begin as CBOR does, so that the reader gets somewhere. */
const nearlyCbor = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc.tuple(value, fc.nat(), fc.nat(255)).map(([some, at, byte]) => {
    const encoded = encodeCbor(some);
    encoded[at % encoded.length] = byte;
    return encoded;
  }),
);

const errorOf = (encoded: Uint8Array): CborError | null => {
  const decoded = decodeCbor(encoded);
  return E.isLeft(decoded) ? decoded.left : null;
};

test("what is encoded is decoded as it was", () => {
  fc.assert(fc.property(value, (some) => assert.deepEqual(decodeCbor(encodeCbor(some)), E.right(some))));
});

test("hostile bytes never throw, and what decodes has this one encoding", () => {
  fc.assert(
    fc.property(nearlyCbor, (encoded) => {
      const decoded = decodeCbor(encoded);
      if (E.isRight(decoded)) assert.equal(toHex(encodeCbor(decoded.right)), toHex(encoded));
    }),
    { numRuns: 1000 },
  );
});

test("a truncated value and a value with one more byte are refused", () => {
  fc.assert(
    fc.property(value, fc.nat(255), (some, byte) => {
      const encoded = encodeCbor(some);
      for (let length = 0; length < encoded.length; length++) {
        assert.notEqual(errorOf(encoded.subarray(0, length)), null);
      }
      assert.equal(errorOf(concat(encoded, Uint8Array.of(byte))), "trailing-bytes");
    }),
    { numRuns: 50 },
  );
});

const refusals: ReadonlyArray<readonly [string, string, CborError]> = [
  ["nothing", "", "truncated"],
  ["an integer that fits its head in a byte", "1817", "not-shortest"],
  ["an integer in two bytes that fits one", "1900ff", "not-shortest"],
  ["an integer in four bytes that fits two", "1a0000ffff", "not-shortest"],
  ["an integer in eight bytes that fits four", "1b00000000ffffffff", "not-shortest"],
  ["a length that is longer than it has to be", "580161", "not-shortest"],
  ["2^53", "1b0020000000000000", "integer-range"],
  ["-2^53", "3b001fffffffffffff", "integer-range"],
  ["a byte string of 2^64-1 bytes", "5bffffffffffffffff", "integer-range"],
  ["a byte string of 4 GiB", "5affffffff00", "truncated"],
  ["an array of 2^32-1 items", "9affffffff00", "truncated"],
  ["a map of 2^32-1 entries", "baffffffff00", "truncated"],
  ["an indefinite byte string", "5f4100ff", "indefinite"],
  ["an indefinite text", "7f6161ff", "indefinite"],
  ["an indefinite array", "9f00ff", "indefinite"],
  ["an indefinite map", "bf616100ff", "indefinite"],
  ["a lone break", "ff", "indefinite"],
  ["a reserved length", "1c", "unsupported"],
  ["a tag", "c11a00000001", "unsupported"],
  ["a half float", "f93c00", "unsupported"],
  ["a double", "fb3ff0000000000000", "unsupported"],
  ["undefined", "f7", "unsupported"],
  ["a simple value in two bytes", "f820", "unsupported"],
  ["a duplicate key", "a2616100616101", "duplicate-key"],
  ["a key that is a number", "a10000", "key-type"],
  ["a key that is a byte string", "a1416100", "key-type"],
  ["text with an overlong form", "62c080", "not-utf8"],
  ["text with a surrogate", "63eda080", "not-utf8"],
  ["nine arrays within one another", "818181818181818181", "too-deep"],
  ["two values", "0000", "trailing-bytes"],
];

for (const [what, encoded, error] of refusals) {
  test(`refused as ${error}: ${what}`, () => assert.equal(errorOf(fromHex(encoded)!), error));
}

test("a nesting of ten thousand arrays is refused at once", () => {
  assert.equal(errorOf(new Uint8Array(10_000).fill(0x81)), "too-deep");
});

test("maps keep their order, so that both orders of a certificate survive", () => {
  const declared = new Map<string, CborValue>([["Version", 0], ["Expiration", 1]]);
  const sorted = new Map<string, CborValue>([["Expiration", 1], ["Version", 0]]);
  for (const map of [declared, sorted]) {
    const decoded = decodeCbor(encodeCbor(map));
    assert.ok(E.isRight(decoded) && decoded.right instanceof Map);
    assert.deepEqual([...decoded.right.keys()], [...map.keys()]);
  }
});
