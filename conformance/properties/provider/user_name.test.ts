/** The one form of a user's name, at login, as a recipient and at registration. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fromUtf8, utf8 } from "../../../core/bytes.ts";
import { type NameRules, recipientName, userName } from "../../../core/provider/user_name.ts";

const rules: NameRules = { binaryRecipients: false, caseSensitiveRecipients: false, recipientDelimiter: "" };

const text = (name: Uint8Array | null): string | null => (name === null ? null : fromUtf8(name));

const padded = (name: string): Uint8Array => {
  const recipient = new Uint8Array(64);
  recipient.set(utf8(name));
  return recipient;
};

test("names are lower case, narrow and composed, and nothing but letters, digits and printable ASCII", () => {
  const table: ReadonlyArray<readonly [string, string | null]> = [
    ["alice", "alice"],
    ["Alice", "alice"],
    ["ALICE-99_x.y", "alice-99_x.y"],
    ["+loop", "+loop"],
    ["ＡｌｉｃＥ", "alice"],
    ["E\u0301milie", "émilie"],
    ["ΣΙΣΥΦΟΣ", "σισυφοσ"],
    ["日本", "日本"],
    ["", null],
    ["a b", null],
    ["a\u00a0b", null],
    ["a\u3000b", null],
    ["a\u0000b", null],
    ["a\u007fb", null],
    ["a\u200db", null],
    ["ﬁsh", null],
    ["x²", null],
    ["Ⅳ", null],
    ["☺", null],
    ["a\u202eb", null],
    ["\ud800", null],
    ["ᄀ", null],
  ];
  for (const [name, expected] of table) assert.equal(text(userName(rules, utf8(name))), expected, JSON.stringify(name));
  const preserved = { ...rules, caseSensitiveRecipients: true };
  assert.equal(text(userName(preserved, utf8("ＡlicE"))), "AlicE");
});

test("names have 1 to 64 bytes in their mapped form, and are UTF-8", () => {
  assert.equal(userName(rules, utf8("a".repeat(64)))?.length, 64);
  assert.equal(userName(rules, utf8("a".repeat(65))), null);
  assert.equal(userName(rules, utf8("é".repeat(33))), null);
  assert.equal(userName(rules, Uint8Array.of(0xff, 0xfe)), null);
  assert.equal(userName(rules, new Uint8Array(1_000_000).fill(97)), null);
});

test("mapping a name twice is mapping it once, and a login finds what a recipient finds", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 12 }), (name) => {
      const once = userName(rules, utf8(name));
      if (once === null) return;
      assert.deepEqual(userName(rules, once), once);
      const recipient = new Uint8Array(64);
      recipient.set(once);
      assert.deepEqual(recipientName(rules, recipient), once);
      if (utf8(name).length <= 64) assert.deepEqual(recipientName(rules, padded(name)), once);
    }),
    { numRuns: 300 },
  );
});

test("any bytes are a name or none, and never an exception", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void userName(rules, bytes)), { numRuns: 200 });
});

test("a recipient is cut at the delimiter, unless that comes first", () => {
  const cut = { ...rules, recipientDelimiter: "+" };
  assert.equal(text(recipientName(cut, padded("Alice+lists"))), "alice");
  assert.equal(text(recipientName(cut, padded("alice+"))), "alice");
  assert.equal(text(recipientName(cut, padded("+alice"))), "+alice");
  assert.equal(text(recipientName(rules, padded("alice+lists"))), "alice+lists");
  assert.equal(text(recipientName({ ...cut, recipientDelimiter: "--" }, padded("alice--x--y"))), "alice");
  // What is wrong behind the delimiter is wrong all the same, as in Go: mapping comes first.
  assert.equal(recipientName(cut, padded("alice+a b")), null);
});

test("binary recipients are taken as they are", () => {
  const binary = { ...rules, binaryRecipients: true, recipientDelimiter: "+" };
  assert.deepEqual(recipientName(binary, padded("A+b")), padded("A+b"));
  assert.deepEqual(userName(binary, Uint8Array.of(0, 255, 32)), Uint8Array.of(0, 255, 32));
  assert.equal(userName(binary, new Uint8Array(0)), null);
  assert.equal(userName(binary, new Uint8Array(65)), null);
});
