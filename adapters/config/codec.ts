/**
 * What configuration files are made of: io-ts codecs of scalars with their ranges, lists, and tables that refuse
 * unknown keys.
 *
 * A table knows its keys with a line of description each, so that the nearest right key can be named (problems.ts) and
 * the reference written (reference.ts). Names of tables and keys are matched as the Go programs do: exactly, else by
 * letters alone.
 *
 * @module
 */
import * as t from "io-ts/lib/index.js";
import { keyFromText, linkKeyFromText } from "../../core/pki/text_key.ts";
import { ipVersion } from "../../core/pki/addresses.ts";
import { E } from "../../core/fp.ts";
import { invariant } from "../../core/machine.ts";
import { parseHostPort } from "../address.ts";

/** A codec of what TOML gives; only decoding is used. */
export type Codec<A> = t.Type<A, unknown, unknown>;

/** One key of a table. */
export interface Key<A> {
  readonly codec: Codec<A>;
  /** What stands for an absent key; null where it must be there. */
  readonly absent: { readonly value: A } | null;
  /** One line for the reference. */
  readonly about: string;
}

// deno-lint-ignore no-explicit-any
export type Keys = Readonly<Record<string, Key<any>>>;
export type TableOf<K extends Keys> = { readonly [P in keyof K]: K[P] extends Key<infer A> ? A : never };

export const required = <A>(codec: Codec<A>, about: string): Key<A> => ({ codec, absent: null, about });
export const optional = <A, const B>(codec: Codec<A>, value: B, about: string): Key<A | B> => ({
  codec: codec as Codec<A | B>,
  absent: { value },
  about,
});

/** A codec that says what it expects. */
const scalar = <A>(expected: string, read: (input: unknown) => A | undefined): Codec<A> =>
  new t.Type<A, unknown, unknown>(
    expected,
    (_input): _input is A => false,
    (input, context) => {
      const value = read(input);
      return value === undefined ? t.failure(input, context, `expected ${expected}`) : t.success(value);
    },
    () => {
      throw new Error("configuration is only read");
    },
  );

/** A codec of text with a meaning; `read` gives undefined for text without. */
const meaning = <A>(expected: string, read: (text: string) => A | undefined): Codec<A> =>
  scalar(expected, (input) => (typeof input === "string" ? read(input) : undefined));

export const flag: Codec<boolean> = scalar(
  "true or false",
  (input) => (typeof input === "boolean" ? input : undefined),
);

export const text: Codec<string> = meaning("text", (input) => input);

export const name: Codec<string> = meaning("text that is not empty", (input) => (input === "" ? undefined : input));

export const integer = (min: number, max: number): Codec<number> => {
  const isIn = (input: unknown): input is number =>
    Number.isSafeInteger(input) && (input as number) >= min && (input as number) <= max;
  const range = max === Number.MAX_SAFE_INTEGER ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`;
  const expected = min === Number.MIN_SAFE_INTEGER ? "an integer" : range;
  // TOML has a negative zero: as a sum it is 0.
  return scalar(expected, (input) => (isIn(input) ? input + 0 : undefined));
};

/** The Go programs take 0 and less for their default. */
export const count: Codec<number> = integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);

export const rate: Codec<number> = scalar(
  "a number of at least 0",
  (input) => (typeof input === "number" && Number.isFinite(input) && input >= 0 ? input + 0 : undefined),
);

export const choice = <A extends string>(...choices: ReadonlyArray<A>): Codec<A> =>
  meaning(choices.map((one) => `"${one}"`).join(" or "), (input) => choices.find((one) => one === input));

/** In upper or lower case, as the Go programs take it; empty is the default. */
export const logLevel: Codec<"DEBUG" | "INFO" | "NOTICE" | "WARNING" | "ERROR"> = meaning(
  `"DEBUG", "INFO", "NOTICE", "WARNING" or "ERROR"`,
  (input) =>
    (["DEBUG", "INFO", "NOTICE", "WARNING", "ERROR"] as const).find((level) =>
      level === (input.toUpperCase() || "NOTICE")
    ),
);

export const absolutePath: Codec<string> = meaning(
  "an absolute path",
  (input) => (input.startsWith("/") ? input : undefined),
);

/** A literal IP address and a port. */
export const ipPort: Codec<string> = meaning(`an IP address and port, as "127.0.0.1:3219" or "[::1]:3219"`, (input) => {
  const parsed = parseHostPort(input);
  return parsed !== null && parsed.port > 0 && ipVersion(parsed.host) !== null ? input : undefined;
});

export const hostPort: Codec<string> = meaning(`a host and port, as "mix.example.org:3219"`, (input) => {
  const parsed = parseHostPort(input);
  return parsed !== null && parsed.port > 0 ? input : undefined;
});

export const httpUrl: Codec<string> = meaning("an http or https URL", (input) => {
  const url = URL.canParse(input) ? new URL(input) : null;
  return url?.protocol === "http:" || url?.protocol === "https:" ? input : undefined;
});

/** 32 bytes. */
export const publicKey: Codec<Uint8Array> = meaning(
  "a key of 32 bytes in base64 or hex",
  (input) => keyFromText(input) ?? undefined,
);

/** 32 bytes; the Go programs take an authority's link key in base64 only. */
export const linkPublicKey: Codec<Uint8Array> = meaning(
  "a key of 32 bytes in base64",
  (input) => linkKeyFromText(input) ?? undefined,
);

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** ms of a duration as Go writes it. */
export const parseDuration = (input: string): number | null => {
  if (!/^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/.test(input)) return null;
  let ms = 0;
  for (const [, amount, unit] of input.matchAll(/([0-9.]+)(ms|s|m|h)/g)) ms += Number(amount) * unitsMs[unit!]!;
  return Number.isSafeInteger(ms) ? ms : null;
};

/** In ms, between two bounds that are written the same way. */
export const duration = (min: string, max: string): Codec<number> => {
  const [least, most] = [parseDuration(min)!, parseDuration(max)!];
  return meaning(`a duration from ${min} to ${max}, as "20m" or "1m30s"`, (input) => {
    const ms = parseDuration(input);
    return ms !== null && ms >= least && ms <= most ? ms : undefined;
  });
};

/** In ms since 1970. */
export const instant: Codec<number> = scalar(`a time with its zone, as "2017-06-01T00:00:00Z"`, (input) => {
  const written = input instanceof Date ? input.toISOString() : input;
  if (typeof written !== "string" || !/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(written)) return undefined;
  const ms = Date.parse(written);
  return Number.isSafeInteger(ms) && ms >= 0 ? ms : undefined;
});

/** More entries than any network has. */
const listLengthMax = 10_000;

/** A list; a problem of an item is reported at its place. */
export class ListCodec<A> extends t.Type<ReadonlyArray<A>, unknown, unknown> {
  readonly item: Codec<A>;
  constructor(item: Codec<A>) {
    super(
      `a list of ${item.name}`,
      (_input): _input is ReadonlyArray<A> => false,
      (input, context) => {
        if (!Array.isArray(input)) return t.failure(input, context, "expected a list");
        if (input.length > listLengthMax) return t.failure(input, context, `expected at most ${listLengthMax} entries`);
        return collect(
          input.map((one, index) => item.validate(one, t.appendContext(context, String(index), item, one))),
        );
      },
      () => [],
    );
    this.item = item;
  }
}

export const list = <A>(item: Codec<A>): Codec<ReadonlyArray<A>> => new ListCodec(item);

/** All values, or all problems. */
const collect = <A>(validations: ReadonlyArray<t.Validation<A>>): t.Validation<ReadonlyArray<A>> => {
  const errors = validations.flatMap((validation) => (E.isLeft(validation) ? validation.left : []));
  return errors.length > 0
    ? t.failures(errors)
    : t.success(validations.flatMap((one) => (E.isRight(one) ? [one.right] : [])));
};

const isTable = (input: unknown): input is Record<string, unknown> =>
  typeof input === "object" && input !== null && !Array.isArray(input) && !(input instanceof Date);

/** A table with keys of the operator's choice. */
export const mapping = <A>(item: Codec<A>): Codec<ReadonlyMap<string, A>> =>
  new t.Type<ReadonlyMap<string, A>, unknown, unknown>(
    `a table of ${item.name}`,
    (_input): _input is ReadonlyMap<string, A> => false,
    (input, context) => {
      if (!isTable(input)) return t.failure(input, context, "expected a table");
      const read = ([key, one]: [string, unknown]) => item.validate(one, t.appendContext(context, key, item, one));
      const values = collect(Object.entries(input).map(read));
      return E.isLeft(values)
        ? values
        : t.success(new Map(Object.keys(input).map((key, index) => [key, values.right[index]!])));
    },
    () => ({}),
  );

/** What plugins and services are told as they please. */
export const anything: Codec<unknown> = t.unknown;

export const unknownKey = "unknown key";

/** A table of known keys, and no others. */
export class TableCodec<K extends Keys> extends t.Type<TableOf<K>, unknown, unknown> {
  readonly keys: K;
  constructor(keys: K) {
    super(
      "a table",
      (_input): _input is TableOf<K> => false,
      (input, context) => validateTable(keys, input, context),
      () => ({}),
    );
    this.keys = keys;
  }
}

export const table = <K extends Keys>(keys: K): TableCodec<K> => new TableCodec(keys);

/** The table's own name for a key of the file: the same, or the same but for case where there is no exact one. */
const ownName = (keys: Keys, input: Record<string, unknown>, key: string): string | null => {
  if (Object.hasOwn(keys, key)) return key;
  const folded = Object.keys(keys).find((own) => own.toLowerCase() === key.toLowerCase());
  return folded === undefined || Object.hasOwn(input, folded) ? null : folded;
};

const validateTable = <K extends Keys>(keys: K, input: unknown, context: t.Context): t.Validation<TableOf<K>> => {
  if (!isTable(input)) return t.failure(input, context, "expected a table");
  const given = new Map<string, { readonly written: string; readonly value: unknown }>();
  const errors: t.ValidationError[] = [];
  for (const [written, value] of Object.entries(input)) {
    const own = ownName(keys, input, written);
    if (own !== null) given.set(own, { written, value });
    else errors.push({ value, context: t.appendContext(context, written, t.unknown, value), message: unknownKey });
  }
  const decoded: Record<string, unknown> = {};
  for (const [own, { codec, absent }] of Object.entries(keys)) {
    const found = given.get(own);
    if (found === undefined && absent !== null) {
      decoded[own] = absent.value;
      continue;
    }
    const place = t.appendContext(context, found?.written ?? own, codec, found?.value);
    const validation = found === undefined
      ? t.failure(undefined, place, "is missing")
      : codec.validate(found.value, place);
    if (E.isLeft(validation)) errors.push(...validation.left);
    else decoded[own] = validation.right;
  }
  return errors.length > 0 ? t.failures(errors) : t.success(decoded as TableOf<K>);
};

/** A key for a table that may be absent, since none of its keys has to be there. */
export const section = <K extends Keys>(codec: TableCodec<K>, about: string): Key<TableOf<K>> => {
  const empty = codec.decode({});
  invariant(E.isRight(empty), "a section has no required key");
  return { codec, absent: { value: empty.right }, about };
};
