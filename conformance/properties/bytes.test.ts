/** Byte strings against the platform's own encoders. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import {
  compare,
  concat,
  equal,
  equalConstantTime,
  fromBase64,
  fromHex,
  fromUtf8,
  isZero,
  readUint64,
  toBase64,
  toHex,
  uint32,
  uint64,
  utf8,
  viewOf,
  wipe,
  xorInPlace,
} from "../../core/bytes.ts";

const bytes = fc.uint8Array({ maxLength: 70 });

test("two equalities agree with the platform's order", () => {
  fc.assert(fc.property(bytes, bytes, fc.boolean(), (a, other, same) => {
    const b = same ? a.slice() : other;
    assert.equal(equal(a, b), Buffer.compare(a, b) === 0);
    assert.equal(equalConstantTime(a, b), Buffer.compare(a, b) === 0);
    assert.equal(Math.sign(compare(a, b)), Buffer.compare(a, b));
  }));
});

test("a difference in any one bit is seen", () => {
  for (let bit = 0; bit < 32 * 8; bit++) {
    const changed = new Uint8Array(32);
    changed[bit >> 3] = 1 << (bit & 7);
    assert.equal(equalConstantTime(changed, new Uint8Array(32)), false);
    assert.equal(isZero(changed), false);
  }
  assert.equal(isZero(new Uint8Array(32)), true);
});

test("a byte that is not zero is seen wherever it is, and what is around the bytes is not", () => {
  for (const from of [0, 1, 2, 3]) {
    for (const length of [65, 66, 67, 68, 81, 100]) {
      const around = new Uint8Array(128).fill(255);
      const part = around.subarray(from, from + length).fill(0);
      assert.equal(isZero(part), true, `${from} ${length}`);
      for (let at = 0; at < length; at++) {
        part[at] = 1;
        assert.equal(isZero(part), false, `${from} ${length} ${at}`);
        part[at] = 0;
      }
    }
  }
});

test("joined bytes are all the parts, in a buffer of their own", () => {
  fc.assert(fc.property(fc.array(bytes), (parts) => {
    const joined = concat(...parts);
    assert.deepEqual([...joined], parts.flatMap((part) => [...part]));
    if (parts.length === 1) assert.notEqual(joined.buffer, parts[0]!.buffer);
  }));
});

test("xor changes the target alone, and twice gives it back; wiping leaves zeros", () => {
  const [target, mask] = [Uint8Array.of(1, 2, 255), Uint8Array.of(255, 2, 15, 99)];
  xorInPlace(target, mask);
  assert.deepEqual([...target], [254, 0, 240]);
  xorInPlace(target, mask);
  assert.deepEqual([...target], [1, 2, 255]);
  assert.deepEqual([...mask], [255, 2, 15, 99]);
  wipe(target, mask);
  assert.ok(isZero(target) && isZero(mask));
});

test("hex is the platform's, reads either case and nothing else", () => {
  fc.assert(fc.property(bytes, (value) => {
    assert.equal(toHex(value), Buffer.from(value).toString("hex"));
    assert.deepEqual(fromHex(toHex(value).toUpperCase()), value);
  }));
  for (const bad of ["0", "0g", " 00", "0x00", "00\n"]) assert.equal(fromHex(bad), null, bad);
});

test("[FAULT-51] base64 is the platform's and is read strictly: one text for one value", () => {
  fc.assert(fc.property(bytes, (value) => {
    assert.equal(toBase64(value), Buffer.from(value).toString("base64"));
    assert.deepEqual(fromBase64(toBase64(value)), value);
  }));
  const letters = fc.string({ unit: fc.constantFrom(..."AB+/9z=- \n"), maxLength: 9 });
  fc.assert(
    fc.property(letters, (text) => {
      const value = fromBase64(text);
      if (value !== null) assert.equal(toBase64(value), text);
    }),
    { numRuns: 500 },
  );
  for (const bad of ["A", "AA", "AAA", "AA==AA==", "AB==", "AAB=", "A===", "====", "AA-_", "AA= ", "AAAA="]) {
    assert.equal(fromBase64(bad), null, bad);
  }
});

test("UTF-8 is the platform's, lone surrogates become U+FFFD", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.deepEqual(utf8(text), new Uint8Array(new TextEncoder().encode(text)));
    assert.equal(fromUtf8(utf8(text)), text);
  }));
  assert.deepEqual([...utf8("a\ud800b")], [...new TextEncoder().encode("a\ud800b")]);
});

test("UTF-8 is read exactly where the platform reads it", () => {
  const decode = (value: Uint8Array): string | null => {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
    } catch {
      return null;
    }
  };
  const near = fc.constantFrom(
    0,
    0x41,
    0x7f,
    0x80,
    0x8f,
    0x90,
    0x9f,
    0xa0,
    0xbf,
    0xc0,
    0xc1,
    0xc2,
    0xdf,
    0xe0,
    0xed,
    0xef,
    0xf0,
    0xf4,
    0xf5,
    0xff,
  );
  fc.assert(
    fc.property(fc.array(near, { maxLength: 5 }), (list) => {
      const value = Uint8Array.from(list);
      assert.equal(fromUtf8(value), decode(value), toHex(value));
    }),
    { numRuns: 3000 },
  );
});

test("integers are big-endian, and those above 2^53 are told apart", () => {
  assert.equal(toHex(uint32(0x01020304)), "01020304");
  assert.equal(toHex(uint64(0x0102030405)), "0000000102030405");
  fc.assert(
    fc.property(
      fc.maxSafeNat(),
      (value) => assert.equal(readUint64(concat(Uint8Array.of(9), uint64(value)), 1), value),
    ),
  );
  assert.equal(readUint64(fromHex("001fffffffffffff")!, 0), Number.MAX_SAFE_INTEGER);
  assert.equal(readUint64(fromHex("0020000000000000")!, 0), null);
  assert.equal(readUint64(new Uint8Array(8).fill(255), 0), null);
});

test("a view begins where the bytes begin in their buffer", () => {
  assert.equal(viewOf(Uint8Array.of(1, 2, 3, 4).subarray(2)).getUint16(0), 0x0304);
});
