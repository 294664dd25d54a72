/**
 * What a format of reference vectors is: a name, a strict decoder of whole files, and the cases of a decoded file. A
 * format lives in `conformance/vectors/<name>.ts`, exports one `VectorFormat`, and stands in the list of registry.ts.
 *
 * @module
 */
import type { Suite } from "../../core/crypto/suite.ts";
import { E, type Either } from "../../core/fp.ts";
import type { Differences } from "./compare.ts";
import type { Decoder } from "./decode.ts";

/** One case of a file, for instance one element of its `vectors`. */
export interface VectorCase {
  /** Its place in the file: `vectors[3]`. */
  readonly label: string;
  /** What differs under a crypto provider; empty when it passed. May throw: that is a failure too. */
  readonly check: (suite: Suite) => Differences;
}

export interface VectorFormat {
  /** The base name of its files, without `.json`. */
  readonly name: string;
  /** The cases of a file, or what is wrong with its shape. */
  readonly decode: (json: unknown) => Either<string, ReadonlyArray<VectorCase>>;
}

/** Cases of one list of a file, labelled by their place in it. */
export const eachCase = <A>(
  label: string,
  items: ReadonlyArray<A>,
  check: (suite: Suite, item: A) => Differences,
): ReadonlyArray<VectorCase> =>
  items.map((item, index) => ({ label: `${label}[${index}]`, check: (suite) => check(suite, item) }));

/** A case that a file has once. */
export const singleCase = (label: string, check: (suite: Suite) => Differences): VectorCase => ({ label, check });

/** A format from the decoder of its files and the cases of a decoded file. */
export const defineFormat = <A>(
  name: string,
  file: Decoder<A>,
  cases: (file: A) => ReadonlyArray<VectorCase>,
): VectorFormat => ({
  name,
  decode: (json) => E.map(cases)(file(json, "$")),
});
