/** The JSON of documents: exact when written, strict and total when read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fromUtf8, utf8 } from "../../../core/bytes.ts";
import {
  encodeJson,
  type JsonError,
  jsonFloat,
  jsonInteger,
  type JsonValue,
  struct,
} from "../../../core/codec/json.ts";
import { decodeJson } from "../../../core/codec/json_reader.ts";
import { E } from "../../../core/fp.ts";

const text = fc.string({ unit: "grapheme", maxLength: 20 });
const float = fc.double({ noNaN: true, noDefaultInfinity: true });

const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", maxDepth: 6 },
    fc.constant(null),
    fc.boolean(),
    float,
    text,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.uniqueArray(fc.tuple(text, tie("value")), { selector: ([key]) => key, maxLength: 4 }).map((entries) =>
      new Map(entries)
    ),
  ),
}));

const read = (json: string) => decodeJson(utf8(json));
const errorOf = (json: string | Uint8Array): JsonError | null => {
  const decoded = decodeJson(typeof json === "string" ? utf8(json) : json);
  return E.isLeft(decoded) ? decoded.left : null;
};

/** The platform's objects as ours. */
const asMaps = (parsed: unknown): JsonValue => {
  if (Array.isArray(parsed)) return parsed.map(asMaps);
  if (typeof parsed === "object" && parsed !== null) {
    return new Map(Object.entries(parsed).map(([key, item]) => [key, asMaps(item)]));
  }
  return parsed as JsonValue;
};

test("what is written is read as it was", () => {
  fc.assert(fc.property(value, (some) => assert.deepEqual(decodeJson(encodeJson(some)), E.right(some))));
});

test("what is written, the platform reads alike", () => {
  fc.assert(fc.property(value, (some) => {
    assert.deepEqual(asMaps(JSON.parse(fromUtf8(encodeJson(some))!)), some);
  }));
});

test("JSON of any writer is read as the platform reads it, with any white space", () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 4, stringUnit: "grapheme" }),
      fc.constantFrom(0, 1, "\t", " \n"),
      (some, space) => {
        const json = JSON.stringify(some, null, space as number);
        const decoded = read(json);
        assert.deepEqual(decoded, E.right(asMaps(JSON.parse(json))));
      },
    ),
  );
});

test("hostile bytes never throw", () => {
  const soup = fc.array(fc.constantFrom(...'{}[]",:\\u00e9ffn1-.eE+truefalsenull \n\u0000\u007f'), { maxLength: 40 });
  fc.assert(fc.property(soup, (letters) => void decodeJson(utf8(letters.join("")))), { numRuns: 1000 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void decodeJson(bytes)));
});

test("what is read of soup, the platform reads too", () => {
  const soup = fc.array(
    fc.constantFrom("{", "}", "[", "]", '"a"', '"b"', ":", ",", "1", "-", "0", ".5", "e3", "true", "null", " "),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(soup, (tokens) => {
      const decoded = read(tokens.join(""));
      if (E.isRight(decoded)) assert.deepEqual(decoded.right, asMaps(JSON.parse(tokens.join(""))));
    }),
    { numRuns: 3000 },
  );
});

const refusals: ReadonlyArray<readonly [string, string | Uint8Array, JsonError]> = [
  ["nothing", "", "number"],
  ["a duplicate key", '{"a":1,"a":2}', "duplicate-key"],
  ["a duplicate key, once escaped", '{"a":1,"\\u0061":2}', "duplicate-key"],
  ["a key without quotes", "{a:1}", "syntax"],
  ["a trailing comma in an object", '{"a":1,}', "syntax"],
  ["a trailing comma in a list", "[1,]", "number"],
  ["a missing comma", "[1 2]", "syntax"],
  ["a missing colon", '{"a"1}', "syntax"],
  ["an open string", '"abc', "syntax"],
  ["a string that ends in a backslash", '"abc\\', "syntax"],
  ["a control character", '"a\u0001"', "syntax"],
  ["an unknown escape", '"\\x41"', "syntax"],
  ["a short escape", '"\\u00"', "syntax"],
  ["a lone surrogate", '"\\ud800"', "not-utf8"],
  ["a trailing surrogate alone", '"\\udc00a"', "not-utf8"],
  ["bytes that are no UTF-8", Uint8Array.of(0x22, 0xff, 0x22), "not-utf8"],
  ["a leading zero", "01", "number"],
  ["a leading plus", "+1", "number"],
  ["a bare point", "1.", "number"],
  ["infinity", "1e999", "number"],
  ["a hexadecimal number", "0x10", "trailing-bytes"],
  ["not a number", "NaN", "number"],
  ["two values", "1 2", "trailing-bytes"],
  ["a misspelt word", "trve", "syntax"],
  ["seventeen lists within one another", "[".repeat(17) + "]".repeat(17), "too-deep"],
  ["more than a command can carry", new Uint8Array(1_048_577).fill(0x20), "too-long"],
];

for (const [what, json, error] of refusals) {
  test(`refused as ${error}: ${what}`, () => assert.equal(errorOf(json), error));
}

test("a nesting of a hundred thousand lists is refused at once", () => {
  assert.equal(errorOf("[".repeat(100_000)), "too-deep");
  assert.equal(errorOf('{"a":'.repeat(100_000)), "too-deep");
});

test("[FAULT-51] keys of objects' prototypes are keys like any other", () => {
  const decoded = read('{"__proto__":{"polluted":true},"constructor":null}');
  assert.ok(E.isRight(decoded) && decoded.right instanceof Map);
  assert.deepEqual([...decoded.right.keys()], ["__proto__", "constructor"]);
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
});

test("a float is read back exactly, and is no integer's text below 2^52", () => {
  fc.assert(
    fc.property(float, (some) => {
      const written = jsonFloat(some);
      assert.ok(Object.is(Number(written), some), written);
      if (Math.abs(some) < 2 ** 52) assert.match(written, /[.e]/);
      assert.match(written, /^-?[0-9]+(\.[0-9]+)?(e[+-][0-9]{2,3})?$/);
    }),
    { numRuns: 1000 },
  );
});

test("floats at the edges of the notations", () => {
  const table = [
    [0.000001, "0.000001"],
    [0.00000099, "9.9e-07"],
    [2 ** 52 - 1, "4503599627370495.0"],
    [2 ** 52, "4503599627370496"],
    [1e-100, "1e-100"],
    [-0, "-0.0"],
  ] as const;
  for (const [some, written] of table) assert.equal(jsonFloat(some), written);
});

test("[FAULT-51] integers are decimal texts or numbers, below 2^53 and not negative", () => {
  for (const some of ["0", "7", "9007199254740991", 0, 7]) assert.equal(jsonInteger(some), Number(some));
  for (
    const some of [
      "",
      "07",
      "-1",
      "1.0",
      "9007199254740992",
      "18446744073709551616",
      " 1",
      "-0",
      "1e3",
      "0x10",
      "\u0661",
      -1,
      -0,
      1.5,
      2 ** 53,
      null,
      undefined,
      true,
      [],
    ]
  ) {
    assert.equal(jsonInteger(some), null);
  }
});

test("fields of a structure are sorted by the bytes of their names", () => {
  // In UTF-16 the last two would stand the other way round.
  const names = ["A", "a", "ab", "\uffff", "\u{1f600}"];
  const shuffled = Object.fromEntries([...names].reverse().map((name) => [name, null]));
  assert.deepEqual([...struct(shuffled).keys()], names);
});
