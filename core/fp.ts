/**
 * The only door to fp-ts. Its directory imports (`fp-ts/Either`) fail under plain Node ESM and under Deno; the files in
 * `fp-ts/lib` work everywhere.
 *
 * @module
 */
export * as E from "fp-ts/lib/Either.js";
export * as O from "fp-ts/lib/Option.js";
export * as RA from "fp-ts/lib/ReadonlyArray.js";
export * as Ord from "fp-ts/lib/Ord.js";
export { pipe } from "fp-ts/lib/function.js";
export type { Either } from "fp-ts/lib/Either.js";
export type { Option } from "fp-ts/lib/Option.js";
