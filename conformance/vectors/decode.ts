/**
 * Strict decoders for the JSON of reference vectors: an unknown field, a missing one or one of another type is refused,
 * with its path. What decodes has been looked at in full, so that no part of a vector goes unchecked unnoticed.
 *
 * @module
 */
import { fromBase64, fromHex } from "../../core/bytes.ts";
import { E, type Either } from "../../core/fp.ts";

/** Left: the path and what was expected there. */
export type Decoder<A> = (value: unknown, path: string) => Either<string, A>;
export type Decoded<D> = D extends Decoder<infer A> ? A : never;

type Fields = Readonly<Record<string, Decoder<unknown>>>;
type Flatten<A> = { readonly [K in keyof A]: A[K] };
type Required_<R extends Fields> = { [K in keyof R]: Decoded<R[K]> };
type Optional<O extends Fields> = { [K in keyof O]?: Decoded<O[K]> };

const refine = <A>(expected: string, test: (value: unknown) => value is A): Decoder<A> => (value, path) =>
  test(value) ? E.right(value) : E.left(`${path}: expected ${expected}`);

export const text: Decoder<string> = refine("a string", (value) => typeof value === "string");
export const flag: Decoder<boolean> = refine("a boolean", (value) => typeof value === "boolean");
export const number: Decoder<number> = refine("a number", (value) => typeof value === "number");
export const nothing: Decoder<null> = refine("null", (value) => value === null);
/** A non-negative safe integer. */
export const count: Decoder<number> = refine(
  "a non-negative integer",
  (value): value is number => Number.isSafeInteger(value) && (value as number) >= 0,
);

/** One of some strings. */
export const literal = <const A extends string>(...allowed: ReadonlyArray<A>): Decoder<A> =>
  refine(allowed.join(" or "), (value): value is A => (allowed as ReadonlyArray<unknown>).includes(value));

const bytes =
  (name: string, parse: (text: string) => Uint8Array | null) =>
  (length?: number): Decoder<Uint8Array> =>
  (value, path) => {
    const parsed = typeof value === "string" ? parse(value) : null;
    if (parsed === null) return E.left(`${path}: expected ${name}`);
    if (length !== undefined && parsed.length !== length) {
      return E.left(`${path}: expected ${length} bytes, got ${parsed.length}`);
    }
    return E.right(parsed);
  };

/** Bytes in hex, of any length or of the given one. */
export const hex = bytes("hex", fromHex);
/** Bytes in standard base64. */
export const base64 = bytes("base64", fromBase64);

export const nullable = <A>(item: Decoder<A>): Decoder<A | null> => (value, path) =>
  value === null ? E.right(null) : item(value, path);

export const list = <A>(item: Decoder<A>): Decoder<ReadonlyArray<A>> => (value, path) => {
  if (!Array.isArray(value)) return E.left(`${path}: expected a list`);
  const items: A[] = [];
  for (const [index, element] of value.entries()) {
    const decoded = item(element, `${path}[${index}]`);
    if (E.isLeft(decoded)) return decoded;
    items.push(decoded.right);
  }
  return E.right(items);
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** An object whose keys are data: entries in the order of the file. */
export const entries = <A>(item: Decoder<A>): Decoder<ReadonlyArray<readonly [string, A]>> => (value, path) => {
  if (!isObject(value)) return E.left(`${path}: expected an object`);
  const decodedEntries: (readonly [string, A])[] = [];
  for (const [key, element] of Object.entries(value)) {
    const decoded = item(element, `${path}.${key}`);
    if (E.isLeft(decoded)) return decoded;
    decodedEntries.push([key, decoded.right]);
  }
  return E.right(decodedEntries);
};

/** An object with exactly the required fields and, where present, the optional ones. */
export const object = <R extends Fields, O extends Fields = Record<never, never>>(
  required: R,
  optional?: O,
): Decoder<Flatten<Required_<R> & Optional<O>>> =>
(value, path) => {
  if (!isObject(value)) return E.left(`${path}: expected an object`);
  const fields = new Map<string, Decoder<unknown>>([...Object.entries(optional ?? {}), ...Object.entries(required)]);
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    if (!fields.has(key)) return E.left(`${path}: unknown field ${JSON.stringify(key)}`);
  }
  for (const [key, decoder] of fields) {
    if (!Object.hasOwn(value, key)) {
      if (Object.hasOwn(required, key)) return E.left(`${path}: missing field ${JSON.stringify(key)}`);
      continue;
    }
    const decoded = decoder(value[key], `${path}.${key}`);
    if (E.isLeft(decoded)) return decoded;
    result[key] = decoded.right;
  }
  return E.right(result as Flatten<Required_<R> & Optional<O>>);
};

/** The first decoder that accepts; where none does, all their complaints. */
export const oneOf =
  <D extends ReadonlyArray<Decoder<unknown>>>(...decoders: D): Decoder<Decoded<D[number]>> => (value, path) => {
    const complaints: string[] = [];
    for (const decoder of decoders) {
      const decoded = decoder(value, path);
      if (E.isRight(decoded)) return decoded as Either<string, Decoded<D[number]>>;
      complaints.push(decoded.left);
    }
    return E.left(complaints.join("; or "));
  };
