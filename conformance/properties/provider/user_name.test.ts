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

test("[FAULT-39] names are lower case, narrow and composed, and nothing but letters, digits and printable ASCII", () => {
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

test("[FAULT-39] names have 1 to 64 bytes in their mapped form, and are UTF-8", () => {
  assert.equal(userName(rules, utf8("a".repeat(64)))?.length, 64);
  assert.equal(userName(rules, utf8("a".repeat(65))), null);
  assert.equal(userName(rules, utf8("é".repeat(33))), null);
  assert.equal(userName(rules, Uint8Array.of(0xff, 0xfe)), null);
  assert.equal(userName(rules, new Uint8Array(1_000_000).fill(97)), null);
});

test("[FAULT-39] mapping a name twice is mapping it once, and a login finds what a recipient finds", () => {
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

test("[FAULT-39] spellings of one name meet; names that only look alike do not", () => {
  const one = (...spellings: string[]): void => {
    const names = new Set(spellings.map((name) => text(userName(rules, utf8(name)))));
    assert.equal(names.size, 1, spellings.join(" "));
    assert.equal(names.has(null), false, spellings.join(" "));
  };
  one("alice", "ALICE", "aLiCe", "Ａｌｉｃｅ");
  one("émile", "Émile", "e\u0301mile", "E\u0301MILE");
  one("ångström", "\u212bngström", "A\u030angström");
  one("カナ", "ｶﾅ");
  const apart = ["alice", "аlice", "ali\u0441e", "alıce", "al1ce"].map((name) => text(userName(rules, utf8(name))));
  assert.equal(new Set(apart).size, apart.length);
  const preserved = { ...rules, caseSensitiveRecipients: true };
  assert.notEqual(text(userName(preserved, utf8("Alice"))), text(userName(preserved, utf8("alice"))));
});

test("[FAULT-39] what means something to a database or a shell is a name like others, or none", () => {
  const kept = [
    "x'or'1'='1",
    "a;drop--",
    'a"b',
    "a\\b",
    "`id`",
    "$(id)",
    "a%00b",
    "../../etc",
    "{{7}}",
    "<b>",
    "a%",
    "_",
  ];
  for (const name of kept) assert.equal(text(userName(rules, utf8(name))), name);
  for (const name of ["a\0", "a\nb", "'; DROP TABLE users", "a\tb", "\u2028", "a\u00adb", "\ufeffa"]) {
    assert.equal(userName(rules, utf8(name)), null, JSON.stringify(name));
  }
});

test("[FAULT-39] joiners, middle dots and digits of other scripts stand only where their rules allow", () => {
  const table: ReadonlyArray<readonly [string, boolean]> = [
    ["l·l", true],
    ["l·a", false],
    ["α\u0375α", true],
    ["α\u0375", false],
    ["א\u05f3", true],
    ["\u05f3א", false],
    ["カ\u30fbカ", true],
    ["a\u30fb", false],
    ["\u0628\u0661", true],
    ["\u0628\u0661\u06f1", false],
    ["\u0915\u094d\u200d\u0916", true],
    ["\u0915\u200d\u0916", false],
    ["\u0628\u200c\u0628", true],
    ["\u0627\u200c\u0628", false],
  ];
  for (const [name, isOne] of table) assert.equal(userName(rules, utf8(name)) !== null, isOne, JSON.stringify(name));
});

test("[FAULT-39] the Bidi Rule: scripts of two directions do not mix, and digits do not come first", () => {
  const table: ReadonlyArray<readonly [string, boolean]> = [
    ["אבג", true],
    ["אב1", true],
    ["1אב", false],
    ["אa", false],
    ["aא", false],
    ["אב-", false],
    ["א\u0661", true],
    ["א1\u0661", false],
    ["1a", true],
    ["a-", true],
    ["é1", true],
    ["1é", false],
  ];
  for (const [name, isOne] of table) assert.equal(userName(rules, utf8(name)) !== null, isOne, JSON.stringify(name));
});

test("[FAULT-39] any bytes are a name or none, and never an exception", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void userName(rules, bytes)), { numRuns: 200 });
});

test("[HB-MIX-4-01] a recipient is cut at the delimiter, unless that comes first", () => {
  const cut = { ...rules, recipientDelimiter: "+" };
  assert.equal(text(recipientName(cut, padded("Alice+lists"))), "alice");
  assert.equal(text(recipientName(cut, padded("alice+"))), "alice");
  assert.equal(text(recipientName(cut, padded("+alice"))), "+alice");
  assert.equal(text(recipientName(rules, padded("alice+lists"))), "alice+lists");
  assert.equal(text(recipientName({ ...cut, recipientDelimiter: "--" }, padded("alice--x--y"))), "alice");
  // What is wrong behind the delimiter is wrong all the same, as in Go: mapping comes first.
  assert.equal(recipientName(cut, padded("alice+a b")), null);
});

test("[HB-MIX-4-01] binary recipients are taken as they are", () => {
  const binary = { ...rules, binaryRecipients: true, recipientDelimiter: "+" };
  assert.deepEqual(recipientName(binary, padded("A+b")), padded("A+b"));
  assert.deepEqual(userName(binary, Uint8Array.of(0, 255, 32)), Uint8Array.of(0, 255, 32));
  assert.equal(userName(binary, new Uint8Array(0)), null);
  assert.equal(userName(binary, new Uint8Array(65)), null);
});
