/**
 * The JSON dialect of descriptors and documents (wire-facts §5.1): what Go's ugorji codec writes with canonical order
 * and all integers as decimal strings. The writer gives those bytes; the reader is strict, bounded and takes integers
 * either way.
 *
 * Objects are Maps, so that a key such as `__proto__` is a key like any other. Numbers are floats: whoever writes an
 * integer writes its decimal text. Maps keep their order; `struct` gives the order of Go's structures.
 *
 * @module
 */
import { compare, utf8 } from "../bytes.ts";
import { invariant } from "../machine.ts";

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | ReadonlyArray<JsonValue>
  | ReadonlyMap<string, JsonValue>;

export type JsonObject = ReadonlyMap<string, JsonValue>;

export type JsonError = "too-long" | "too-deep" | "syntax" | "not-utf8" | "number" | "duplicate-key" | "trailing-bytes";

/** The fields of a Go structure, or the entries of a map with text keys, in bytewise order of their names. */
export const struct = (fields: Readonly<Record<string, JsonValue>>): JsonObject => {
  const entries = Object.entries(fields).map(([name, value]) => ({ name, value, bytes: utf8(name) }));
  entries.sort((a, b) => compare(a.bytes, b.bytes));
  return new Map(entries.map(({ name, value }) => [name, value]));
};

/* Writing */

/**
 * A float as the Go codec writes it: whole numbers below 2^52 with `.0`, larger ones up to 1e21 in full and without,
 * the rest of them shortest, with an exponent only below 1e-6 and from 1e21.
 */
export const jsonFloat = (value: number): string => {
  invariant(Number.isFinite(value), "JSON has no infinities");
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-6 || magnitude >= 1e21)) return withExponent(value);
  const sign = Object.is(value, -0) ? "-" : "";
  return Number.isInteger(value) && magnitude < 2 ** 52 ? `${sign}${value}.0` : String(value);
};

// Go writes at least two digits of an exponent.
const withExponent = (value: number): string => value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");

const shortEscapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

// deno-lint-ignore no-control-regex
const escaped = /["\\<>&\u0000-\u001f\u2028\u2029]/g;

const jsonString = (text: string): string =>
  `"${
    text.replace(
      escaped,
      (letter) => shortEscapes[letter] ?? `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
    )
  }"`;

const text = (value: JsonValue): string => {
  if (value === null) return "null";
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value === "number") return jsonFloat(value);
  if (typeof value === "string") return jsonString(value);
  if (value instanceof Map) {
    return `{${[...value as JsonObject].map(([key, item]) => `${jsonString(key)}:${text(item)}`).join(",")}}`;
  }
  return `[${(value as ReadonlyArray<JsonValue>).map(text).join(",")}]`;
};

/** The UTF-8 bytes of a value; objects are written in their own order. */
export const encodeJson = (value: JsonValue): Uint8Array => utf8(text(value));

/* What the values of an object mean */

/** A uint64 given as a decimal string or a number, if it is a safe integer; else null, as for a negative zero. */
export const jsonInteger = (value: JsonValue | undefined): number | null => {
  const number = typeof value === "string" && /^(0|[1-9][0-9]{0,15})$/.test(value) ? Number(value) : value;
  if (typeof number !== "number" || !Number.isSafeInteger(number)) return null;
  return number < 0 || Object.is(number, -0) ? null : number;
};
