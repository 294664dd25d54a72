/**
 * The only door to fp-ts: the functions of Either that are used, and no others, so that a browser's bundle holds no
 * others either (package.json's `browser` gives bundlers the same file as an ES module). The directory imports
 * (`fp-ts/Either`) fail under plain Node ESM and under Deno; the files in `fp-ts/lib` work everywhere.
 *
 * @module
 */
import { getOrElse, isLeft, isRight, left, map, right, toUnion, tryCatch } from "fp-ts/lib/Either.js";

export const E = { getOrElse, isLeft, isRight, left, map, right, toUnion, tryCatch } as const;
export type { Either } from "fp-ts/lib/Either.js";
