/** The reader of CBOR that nobody signed: what it takes, what it refuses, and that nothing gets past its walk. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fromHex, toHex } from "../../../core/bytes.ts";
import { type CborItem, readCbor, readCborInPlace, readFirstCbor, writeCbor } from "../../../core/codec/cbor_reader.ts";
import { E } from "../../../core/fp.ts";

const read = (hex: string): unknown => {
  const item = readCbor(fromHex(hex)!);
  return E.isLeft(item) ? item.left : item.right;
};

const items: fc.Arbitrary<CborItem> = fc.letrec<{ item: CborItem }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    fc.string({ unit: "grapheme" }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("item"), { maxLength: 5 }),
    fc.array(fc.tuple(fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor")), tie("item")), {
      maxLength: 5,
    })
      .map((entries) => new Map(entries)),
  ),
})).item;

test("[FAULT-51] what is written is read back, keys like __proto__ included", () => {
  fc.assert(
    fc.property(items, (item) => {
      const decoded = readCbor(writeCbor(item));
      assert.equal(E.isRight(decoded), true);
      assert.deepEqual(E.isRight(decoded) ? decoded.right : null, item);
    }),
    { numRuns: 300 },
  );
});

test("byte strings are copies, or parts of what is handed over", () => {
  const bytes = writeCbor(new Map([["a", Uint8Array.of(1, 2, 3)]]));
  for (const [reader, isShared] of [[readCbor, false], [readCborInPlace, true]] as const) {
    const item = reader(bytes);
    const found = E.isRight(item) && item.right instanceof Map ? item.right.get("a") : null;
    assert.deepEqual(found, Uint8Array.of(1, 2, 3));
    assert.equal(found.buffer === bytes.buffer, isShared);
    assert.equal(found.constructor, Uint8Array, "no Buffer, whose slice shares memory");
  }
});

test("[FAULT-36] integers are written shortest and never as floats, and read exactly", () => {
  assert.equal(toHex(writeCbor(2 ** 32)), "1b0000000100000000");
  assert.equal(toHex(writeCbor(-(2 ** 40))), "3b000000ffffffffff");
  assert.equal(read("1b001fffffffffffff"), Number.MAX_SAFE_INTEGER);
  assert.equal(read("1bffffffffffffffff"), 2n ** 64n - 1n);
  // Not shortest, as some encoders write it.
  assert.equal(read("1b0000000000000007"), 7);
  assert.deepEqual(read("b90001614101"), new Map([["A", 1]]));
});

test("[FAULT-36] bombs and oddities are refused with a reason", () => {
  const cases: ReadonlyArray<readonly [hex: string, reason: string]> = [
    ["", "truncated"],
    ["81".repeat(17) + "01", "too-deep"],
    ["81".repeat(100_000), "too-deep"],
    ["a16141".repeat(20) + "01", "too-deep"],
    ["9f01ff", "indefinite"],
    ["5f4101ff", "indefinite"],
    ["bf614101ff", "indefinite"],
    ["ff", "indefinite"],
    ["5bffffffffffffffff00", "truncated"],
    ["9bffffffffffffffff00", "truncated"],
    ["bbffffffffffffffff00", "truncated"],
    ["7a7fffffff61", "truncated"],
    ["a2614101614102", "duplicate-key"],
    ["a10102", "key-type"],
    ["a1414102", "key-type"],
    ["f97e00", "float"],
    ["fb7ff8000000000000", "float"],
    ["fa00000000", "float"],
    ["c074", "tag"],
    ["d9010280", "tag"],
    ["f7", "simple"],
    ["f8ff", "simple"],
    ["1c", "reserved"],
    ["62c328", "not-utf8"],
    ["a162c32801", "not-utf8"],
    ["0101", "trailing-bytes"],
  ];
  for (const [hex, reason] of cases) assert.equal(read(hex), reason, hex.slice(0, 40));
});

test("[FAULT-36] any bytes are read or refused, never thrown at", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const [whole, first] = [readCbor(bytes), readFirstCbor(bytes)];
      if (E.isRight(whole)) assert.deepEqual(E.isRight(first) && first.right, whole.right);
    }),
    { numRuns: 3000 },
  );
});

test("the first item is read, whatever follows it", () => {
  const first = readFirstCbor(Uint8Array.of(0xa1, 0x61, 0x41, 0x01, 0, 0, 0xff));
  assert.deepEqual(E.isRight(first) && first.right, new Map([["A", 1]]));
});
