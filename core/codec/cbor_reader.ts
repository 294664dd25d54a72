/**
 * The one door for CBOR that comes from outside and that nobody signed: bodies of plugins and of requests to services
 * (wire-facts §8.2, §8.4, §13). cbor-x decodes only what has been walked through before: well-formed, of definite
 * lengths that the input can hold, of bounded depth, in UTF-8, with text keys that occur once, without tags, floats and
 * other simple values than true, false and null.
 *
 * Lengths and integers need not be shortest, since encoders in the field write some that are not. What is signed or
 * hashed is read and written by cbor.ts.
 *
 * The two halves of cbor-x are imported by themselves: its whole loads native code and reads the environment.
 *
 * Maps become Maps, so that a key such as `__proto__` is a key like any other.
 *
 * @module
 */
import { Decoder } from "cbor-x/decode";
import { Encoder } from "cbor-x/encode";
import { fromUtf8, viewOf } from "../bytes.ts";
import { E, type Either } from "../fp.ts";
import { invariant } from "../machine.ts";

/** Integers are numbers where these are exact, else bigints. */
export type CborItem =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | ReadonlyArray<CborItem>
  | ReadonlyMap<string, CborItem>;

export type CborReadError =
  | "truncated"
  | "trailing-bytes"
  | "reserved"
  | "indefinite"
  | "tag"
  | "float"
  | "simple"
  | "key-type"
  | "duplicate-key"
  | "not-utf8"
  | "too-deep";

/** Deeper than any body that is exchanged: they nest two or three deep. */
const depthMax = 16;

const major = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const;
const firstFloat = 25;
const [simpleFalse, simpleNull] = [20, 22];
const indefinite = 31;

/** Where the walk stands. `error` is set once and ends it. */
interface Walk {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
  error: CborReadError | null;
}

const fail = (walk: Walk, error: CborReadError): null => {
  walk.error ??= error;
  return null;
};

/** The argument of a head whose first byte has been read. What is beyond 2^53 may be rounded. */
const walkArgument = (walk: Walk, information: number): number | null => {
  if (information < 24) return information;
  if (information === indefinite) return fail(walk, "indefinite");
  if (information > 27) return fail(walk, "reserved");
  const size = 1 << (information - 24);
  if (size > walk.bytes.length - walk.at) return fail(walk, "truncated");
  const { view, at } = walk;
  walk.at += size;
  if (size === 1) return view.getUint8(at);
  if (size === 2) return view.getUint16(at);
  return size === 4 ? view.getUint32(at) : Number(view.getBigUint64(at));
};

const walkSimple = (walk: Walk, information: number): void => {
  if (information >= simpleFalse && information <= simpleNull) return;
  if (information === indefinite) fail(walk, "indefinite");
  else fail(walk, information >= firstFloat && information <= 27 ? "float" : "simple");
};

const walkString = (walk: Walk, type: number, length: number): void => {
  if (length > walk.bytes.length - walk.at) return void fail(walk, "truncated");
  walk.at += length;
  if (type === major.text && fromUtf8(walk.bytes.subarray(walk.at - length, walk.at)) === null) fail(walk, "not-utf8");
};

const walkArray = (walk: Walk, length: number, depth: number): void => {
  // Every item takes a byte at least: what is claimed is bounded by what is there.
  if (length > walk.bytes.length - walk.at) return void fail(walk, "truncated");
  for (let i = 0; i < length && walk.error === null; i++) walkItem(walk, depth + 1);
};

const walkMap = (walk: Walk, length: number, depth: number): void => {
  if (2 * length > walk.bytes.length - walk.at) return void fail(walk, "truncated");
  const keys = new Set<string>();
  for (let i = 0; i < length && walk.error === null; i++) {
    const key = walkKey(walk);
    if (key === null) return;
    if (keys.has(key)) return void fail(walk, "duplicate-key");
    keys.add(key);
    walkItem(walk, depth + 1);
  }
};

const walkKey = (walk: Walk): string | null => {
  if (walk.at >= walk.bytes.length) return fail(walk, "truncated");
  const first = walk.bytes[walk.at++]!;
  if (first >> 5 !== major.text) return fail(walk, "key-type");
  const length = walkArgument(walk, first & 31);
  if (length === null) return null;
  if (length > walk.bytes.length - walk.at) return fail(walk, "truncated");
  walk.at += length;
  return fromUtf8(walk.bytes.subarray(walk.at - length, walk.at)) ?? fail(walk, "not-utf8");
};

const walkItem = (walk: Walk, depth: number): void => {
  if (depth > depthMax) return void fail(walk, "too-deep");
  if (walk.at >= walk.bytes.length) return void fail(walk, "truncated");
  const first = walk.bytes[walk.at++]!;
  const type = first >> 5;
  if (type === major.simple) return walkSimple(walk, first & 31);
  if (type === major.tag) return void fail(walk, "tag");
  const argument = walkArgument(walk, first & 31);
  if (argument === null) return;
  if (type === major.bytes || type === major.text) walkString(walk, type, argument);
  else if (type === major.array) walkArray(walk, argument, depth);
  else if (type === major.map) walkMap(walk, argument, depth);
};

const decoder = new Decoder({ mapsAsObjects: false, useRecords: false });

type BytesOf = (bytes: Uint8Array) => Uint8Array;
const copied: BytesOf = (bytes) => new Uint8Array(bytes);
const viewed: BytesOf = ({ buffer, byteOffset, length }) => new Uint8Array(buffer, byteOffset, length);

/** What cbor-x gives, in our types: it has platform buffers, and bigints for whatever takes eight bytes. */
const plain = (value: unknown, bytesOf: BytesOf): CborItem => {
  if (value instanceof Uint8Array) return bytesOf(value);
  if (value instanceof Map) {
    const map = new Map<string, CborItem>();
    for (const [key, item] of value) map.set(key as string, plain(item, bytesOf));
    return map;
  }
  if (Array.isArray(value)) return value.map((item) => plain(item, bytesOf));
  if (typeof value !== "bigint") return value as CborItem;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
};

const walkFirst = (bytes: Uint8Array): Walk => {
  const walk: Walk = { bytes, view: viewOf(bytes), at: 0, error: null };
  walkItem(walk, 1);
  return walk;
};

const readWith = (bytesOf: BytesOf) => (bytes: Uint8Array): Either<CborReadError, CborItem> => {
  const { at, error } = walkFirst(bytes);
  if (error !== null) return E.left(error);
  return at === bytes.length ? E.right(plain(decoder.decode(bytes), bytesOf)) : E.left("trailing-bytes");
};

/** The value of exactly these bytes. Byte strings are copies. */
export const readCbor = readWith(copied);
/** The same; byte strings are parts of `bytes`, which are handed over. */
export const readCborInPlace = readWith(viewed);

/** The value at the beginning, whatever follows: replies of services carry no length (wire-facts §8.3). */
export const readFirstCbor = (bytes: Uint8Array): Either<CborReadError, CborItem> => {
  const { at, error } = walkFirst(bytes);
  return error === null ? E.right(plain(decoder.decode(bytes.subarray(0, at)), copied)) : E.left(error);
};

const encoder = new Encoder({ mapsAsObjects: false, useRecords: false, tagUint8Array: false });

/** From here on cbor-x writes numbers as floats, but bigints as integers. */
const floatFrom = 2 ** 32;

const writable = (value: CborItem): unknown => {
  if (typeof value === "number") {
    invariant(Number.isSafeInteger(value), "CBOR numbers are safe integers");
    return Math.abs(value) < floatFrom ? value : BigInt(value);
  }
  if (value instanceof Uint8Array || typeof value !== "object" || value === null) return value;
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, writable(item as CborItem)]));
  return (value as ReadonlyArray<CborItem>).map(writable);
};

/** The encoding of a value, as Go's encoders of the time write it; maps in their own order. */
export const writeCbor = (value: CborItem): Uint8Array => new Uint8Array(encoder.encode(writable(value)));
