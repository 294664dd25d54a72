/**
 * The strict, bounded reader of the JSON dialect of core/codec/json.ts (RFC 8259 without duplicate keys and lone
 * surrogates).
 *
 * It reads bytes, not text, since nearly all of a document is base64 that needs no decoding of UTF-8.
 *
 * @module
 */
import { fromUtf8 } from "../bytes.ts";
import { E, type Either } from "../fp.ts";
import type { JsonError, JsonValue } from "./json.ts";

/** A command of the link protocol is no longer (wire-facts §2.5). */
const lengthMax = 1_048_576;
/** A document nests three deep; parameters of a Kaetzchen may go deeper. */
const depthMax = 16;

interface Reader {
  readonly bytes: Uint8Array;
  at: number;
  error: JsonError | null;
}

const fail = (reader: Reader, error: JsonError): null => {
  reader.error ??= error;
  return null;
};

const code = {
  quote: 0x22,
  comma: 0x2c,
  minus: 0x2d,
  colon: 0x3a,
  backslash: 0x5c,
  openArray: 0x5b,
  closeArray: 0x5d,
  open: 0x7b,
  close: 0x7d,
} as const;

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** The next byte that is no white space, without taking it; -1 at the end. */
const peek = (reader: Reader): number => {
  while (reader.at < reader.bytes.length && isSpace(reader.bytes[reader.at]!)) reader.at++;
  return reader.bytes[reader.at] ?? -1;
};

/** Takes the next byte that is no white space if it is the given one. */
const take = (reader: Reader, byte: number): boolean => {
  if (peek(reader) !== byte) return false;
  reader.at++;
  return true;
};

const takeWord = <A>(reader: Reader, word: string, value: A): A | null => {
  for (let i = 0; i < word.length; i++) {
    if (reader.bytes[reader.at + i] !== word.charCodeAt(i)) return fail(reader, "syntax");
  }
  reader.at += word.length;
  return value;
};

const ascii = (bytes: Uint8Array): string => {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
};

/** A string whose opening quote has been taken. */
const readString = (reader: Reader): string | null => {
  const { bytes, at } = reader;
  let [end, plain, escapes] = [at, true, false];
  for (; end < bytes.length && bytes[end] !== code.quote; end++) {
    const byte = bytes[end]!;
    if (byte < 0x20) return fail(reader, "syntax");
    if (byte >= 0x80) plain = false;
    if (byte === code.backslash) {
      escapes = true;
      end++;
    }
  }
  if (end >= bytes.length) return fail(reader, "syntax");
  reader.at = end + 1;
  const raw = bytes.subarray(at, end);
  const text = plain ? ascii(raw) : fromUtf8(raw);
  if (text === null) return fail(reader, "not-utf8");
  return escapes ? unescape(reader, text) : text;
};

const unescaped: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

const unescape = (reader: Reader, text: string): string | null => {
  let [result, at] = ["", 0];
  for (let next = text.indexOf("\\"); next >= 0; next = text.indexOf("\\", at)) {
    result += text.slice(at, next);
    const letter = text[next + 1] ?? "";
    const digits = text.slice(next + 2, next + 6);
    if (letter === "u" && /^[0-9a-fA-F]{4}$/.test(digits)) {
      result += String.fromCharCode(Number.parseInt(digits, 16));
      at = next + 6;
    } else if (Object.hasOwn(unescaped, letter)) {
      result += unescaped[letter]!;
      at = next + 2;
    } else return fail(reader, "syntax");
  }
  result += text.slice(at);
  return /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(result)
    ? fail(reader, "not-utf8")
    : result;
};

const isNumberByte = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2d || byte === 0x2e || byte === 0x45 || byte === 0x65;

const readNumber = (reader: Reader): number | null => {
  const from = reader.at;
  while (reader.at < reader.bytes.length && reader.at - from < 40 && isNumberByte(reader.bytes[reader.at]!)) {
    reader.at++;
  }
  const digits = ascii(reader.bytes.subarray(from, reader.at));
  if (!/^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/.test(digits)) return fail(reader, "number");
  const value = Number(digits);
  return Number.isFinite(value) ? value : fail(reader, "number");
};

const readArray = (reader: Reader, depth: number): JsonValue => {
  const items: JsonValue[] = [];
  if (take(reader, code.closeArray)) return items;
  while (reader.error === null) {
    items.push(readValue(reader, depth));
    if (reader.error !== null || take(reader, code.closeArray)) break;
    if (!take(reader, code.comma)) return fail(reader, "syntax");
  }
  return items;
};

const readObject = (reader: Reader, depth: number): JsonValue => {
  const object = new Map<string, JsonValue>();
  if (take(reader, code.close)) return object;
  while (reader.error === null) {
    if (!take(reader, code.quote)) return fail(reader, "syntax");
    const key = readString(reader);
    if (key === null) return null;
    if (object.has(key)) return fail(reader, "duplicate-key");
    if (!take(reader, code.colon)) return fail(reader, "syntax");
    object.set(key, readValue(reader, depth));
    if (reader.error !== null || take(reader, code.close)) break;
    if (!take(reader, code.comma)) return fail(reader, "syntax");
  }
  return object;
};

/** One value; its worth means nothing once `reader.error` is set. */
const readValue = (reader: Reader, depth: number): JsonValue => {
  if (depth > depthMax) return fail(reader, "too-deep");
  switch (peek(reader)) {
    case code.open:
      reader.at++;
      return readObject(reader, depth + 1);
    case code.openArray:
      reader.at++;
      return readArray(reader, depth + 1);
    case code.quote:
      reader.at++;
      return readString(reader);
    case 0x6e:
      return takeWord(reader, "null", null);
    case 0x74:
      return takeWord(reader, "true", true);
    case 0x66:
      return takeWord(reader, "false", false);
    default:
      return readNumber(reader);
  }
};

/** The value of exactly these bytes; white space may stand between tokens and around. */
export const decodeJson = (bytes: Uint8Array): Either<JsonError, JsonValue> => {
  if (bytes.length > lengthMax) return E.left("too-long");
  const reader: Reader = { bytes, at: 0, error: null };
  const value = readValue(reader, 1);
  if (reader.error !== null) return E.left(reader.error);
  return peek(reader) === -1 ? E.right(value) : E.left("trailing-bytes");
};
