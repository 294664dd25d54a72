/**
 * A deterministic, strict, depth-limited codec for the part of CBOR (RFC 7049) that signed bytes use: integers, byte
 * and text strings, arrays, maps with text keys, true, false and null, all of definite and shortest length (wire-facts
 * §13).
 *
 * Maps keep their order: Go wrote structures with sorted keys in 2019 and in declaration order in 2020 (releases.md),
 * so that whoever writes decides, and `encodeCbor(decodeCbor(b))` is `b`. Signatures are checked over received bytes,
 * never over these.
 *
 * @module
 */
import { concat, fromUtf8, utf8, viewOf } from "../bytes.ts";
import { E, type Either } from "../fp.ts";
import { absurd, invariant } from "../machine.ts";

/** Numbers are safe integers. */
export type CborValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | ReadonlyArray<CborValue>
  | ReadonlyMap<string, CborValue>;

export type CborError =
  | "truncated"
  | "trailing-bytes"
  | "not-shortest"
  | "indefinite"
  | "unsupported"
  | "integer-range"
  | "not-utf8"
  | "key-type"
  | "duplicate-key"
  | "too-deep";

/** What is signed or hashed here is flat: a certificate nests three deep. */
const depthMax = 8;

const major = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const;
const simple = { false: 20, true: 21, null: 22 } as const;

/** The shortest head of a major type and an argument. */
const head = (type: number, argument: number): Uint8Array => {
  const first = type << 5;
  if (argument < 24) return Uint8Array.of(first | argument);
  const size = argument < 0x100 ? 1 : argument < 0x1_0000 ? 2 : argument < 0x1_0000_0000 ? 4 : 8;
  const bytes = new Uint8Array(1 + size);
  bytes[0] = first | (24 + [1, 2, 4, 8].indexOf(size));
  const view = viewOf(bytes);
  if (size === 1) view.setUint8(1, argument);
  else if (size === 2) view.setUint16(1, argument);
  else if (size === 4) view.setUint32(1, argument);
  else view.setBigUint64(1, BigInt(argument));
  return bytes;
};

/** What stands before a byte string of so many bytes: for strings that follow without being copied. */
export const cborBytesHead = (length: number): Uint8Array => head(major.bytes, length);

const write = (value: CborValue, out: Uint8Array[]): void => {
  if (value === null) out.push(head(major.simple, simple.null));
  else if (typeof value === "boolean") out.push(head(major.simple, value ? simple.true : simple.false));
  else if (typeof value === "number") writeInteger(value, out);
  else if (typeof value === "string") writeString(major.text, utf8(value), out);
  else if (value instanceof Uint8Array) writeString(major.bytes, value, out);
  else if (value instanceof Map) writeMap(value, out);
  else writeArray(value as ReadonlyArray<CborValue>, out);
};

const writeInteger = (value: number, out: Uint8Array[]): void => {
  invariant(Number.isSafeInteger(value), "CBOR numbers are safe integers");
  out.push(value >= 0 ? head(major.unsigned, value) : head(major.negative, -1 - value));
};

const writeString = (type: number, bytes: Uint8Array, out: Uint8Array[]): void => {
  out.push(head(type, bytes.length), bytes);
};

const writeArray = (items: ReadonlyArray<CborValue>, out: Uint8Array[]): void => {
  out.push(head(major.array, items.length));
  for (const item of items) write(item, out);
};

const writeMap = (map: ReadonlyMap<string, CborValue>, out: Uint8Array[]): void => {
  out.push(head(major.map, map.size));
  for (const [key, value] of map) {
    writeString(major.text, utf8(key), out);
    write(value, out);
  }
};

/** The one encoding of a value; maps are written in their own order. */
export const encodeCbor = (value: CborValue): Uint8Array => {
  const out: Uint8Array[] = [];
  write(value, out);
  return concat(...out);
};

/** Where the reader stands. `error` is set once and ends the reading. */
interface Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
  error: CborError | null;
}

const fail = (reader: Reader, error: CborError): null => {
  reader.error ??= error;
  return null;
};

/** The argument of a head, whose first byte has been read; null after an error. */
const readArgument = (reader: Reader, information: number): number | null => {
  if (information < 24) return information;
  if (information === 31) return fail(reader, "indefinite");
  if (information > 27) return fail(reader, "unsupported");
  const size = 1 << (information - 24);
  if (reader.at + size > reader.bytes.length) return fail(reader, "truncated");
  const { view, at } = reader;
  reader.at += size;
  const value = size === 1
    ? view.getUint8(at)
    : size === 2
    ? view.getUint16(at)
    : size === 4
    ? view.getUint32(at)
    : Number(view.getBigUint64(at));
  const least = size === 1 ? 24 : size === 2 ? 0x100 : size === 4 ? 0x1_0000 : 0x1_0000_0000;
  if (value < least) return fail(reader, "not-shortest");
  // From 2^53 on the conversion above may have rounded.
  return Number.isSafeInteger(value) ? value : fail(reader, "integer-range");
};

const readString = (reader: Reader, length: number): Uint8Array | null => {
  if (length > reader.bytes.length - reader.at) return fail(reader, "truncated");
  reader.at += length;
  return reader.bytes.slice(reader.at - length, reader.at);
};

const readText = (reader: Reader, length: number): string | null => {
  const bytes = readString(reader, length);
  return bytes === null ? null : fromUtf8(bytes) ?? fail(reader, "not-utf8");
};

const readArray = (reader: Reader, length: number, depth: number): CborValue => {
  // Every item takes a byte at least: a claimed length is checked before anything is kept for it.
  if (length > reader.bytes.length - reader.at) return fail(reader, "truncated");
  const items: CborValue[] = [];
  for (let i = 0; i < length && reader.error === null; i++) items.push(readValue(reader, depth));
  return items;
};

const readMap = (reader: Reader, length: number, depth: number): CborValue => {
  if (2 * length > reader.bytes.length - reader.at) return fail(reader, "truncated");
  const map = new Map<string, CborValue>();
  for (let i = 0; i < length && reader.error === null; i++) {
    const key = readValue(reader, depth);
    if (reader.error !== null) break;
    if (typeof key !== "string") return fail(reader, "key-type");
    if (map.has(key)) return fail(reader, "duplicate-key");
    map.set(key, readValue(reader, depth));
  }
  return map;
};

const readSimple = (reader: Reader, information: number): CborValue => {
  switch (information) {
    case simple.false:
      return false;
    case simple.true:
      return true;
    case simple.null:
      return null;
    case 31:
      return fail(reader, "indefinite");
    default:
      return fail(reader, "unsupported");
  }
};

/** One value; its worth means nothing once `reader.error` is set. */
const readValue = (reader: Reader, depth: number): CborValue => {
  if (depth > depthMax) return fail(reader, "too-deep");
  if (reader.at >= reader.bytes.length) return fail(reader, "truncated");
  const first = reader.bytes[reader.at++]!;
  const type = (first >> 5) as 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;
  if (type === major.simple) return readSimple(reader, first & 31);
  if (type === major.tag) return fail(reader, "unsupported");
  const argument = readArgument(reader, first & 31);
  if (argument === null) return null;
  switch (type) {
    case major.unsigned:
      return argument;
    case major.negative:
      return argument < Number.MAX_SAFE_INTEGER ? -1 - argument : fail(reader, "integer-range");
    case major.bytes:
      return readString(reader, argument);
    case major.text:
      return readText(reader, argument);
    case major.array:
      return readArray(reader, argument, depth + 1);
    case major.map:
      return readMap(reader, argument, depth + 1);
    default:
      return absurd(type);
  }
};

/** The value of exactly these bytes. Byte strings are copies. */
export const decodeCbor = (bytes: Uint8Array): Either<CborError, CborValue> => {
  const reader: Reader = { bytes, view: viewOf(bytes), at: 0, error: null };
  const value = readValue(reader, 1);
  if (reader.error !== null) return E.left(reader.error);
  return reader.at === bytes.length ? E.right(value) : E.left("trailing-bytes");
};
