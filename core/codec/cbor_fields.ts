/**
 * io-ts codecs over what cbor_reader.ts gives: structures as maps with text keys (wire-facts §13). Fields that are not
 * known are ignored, in any order, as Go's decoders do; a missing one is refused.
 *
 * @module
 */
import * as t from "io-ts/lib/index.js";
import type { CborItem } from "./cbor_reader.ts";

/** Only decoding is used. */
type Codec<A> = t.Type<A, CborItem, unknown>;

const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array;

/** A byte string. Go writes a nil slice as null: an empty one here. */
export const cborBytes: Codec<Uint8Array> = new t.Type<Uint8Array, CborItem, unknown>(
  "bytes",
  isBytes,
  (value, context) =>
    isBytes(value) ? t.success(value) : value === null ? t.success(new Uint8Array(0)) : t.failure(value, context),
  (bytes) => bytes,
);

/** An integer from 0 to 2^64-1; a bigint from 2^53 on. */
export const cborUnsigned: Codec<number | bigint> = new t.Type<number | bigint, CborItem, unknown>(
  "unsigned",
  (value): value is number | bigint => (typeof value === "number" || typeof value === "bigint") && value >= 0,
  (value, context) =>
    (typeof value === "number" || typeof value === "bigint") && value >= 0
      ? t.success(value)
      : t.failure(value, context),
  (value) => value,
);

export const cborFlag = t.boolean;

const isTexts = (value: unknown): value is ReadonlyMap<string, string> =>
  value instanceof Map && [...value.values()].every((item) => typeof item === "string");

/** A map from text to text. Go writes a nil map as null: an empty one here. */
export const cborTexts: Codec<ReadonlyMap<string, string>> = new t.Type<
  ReadonlyMap<string, string>,
  CborItem,
  unknown
>(
  "texts",
  isTexts,
  (value, context) =>
    isTexts(value) ? t.success(value) : value === null ? t.success(new Map()) : t.failure(value, context),
  (texts) => texts,
);

/** Without a prototype: a key is a field and nothing else. */
const recordOf = (map: ReadonlyMap<string, CborItem>): Readonly<Record<string, unknown>> => {
  const record = Object.create(null) as Record<string, unknown>;
  for (const [key, item] of map) record[key] = item;
  return record;
};

const fieldsOf = new t.Type<Readonly<Record<string, unknown>>, CborItem, unknown>(
  "map",
  (_value): _value is Readonly<Record<string, unknown>> => false,
  (value, context) => value instanceof Map ? t.success(recordOf(value)) : t.failure(value, context),
  () => null,
);

/** A structure of these fields. */
export const cborStruct = <P extends t.Props>(fields: P): t.Decoder<unknown, t.TypeOf<t.TypeC<P>>> =>
  fieldsOf.pipe(t.type(fields) as t.Type<t.TypeOf<t.TypeC<P>>, Readonly<Record<string, unknown>>, unknown>);
