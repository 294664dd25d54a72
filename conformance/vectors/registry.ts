/**
 * Every format of reference vectors that `cmd/conform.ts vectors` knows, one line each.
 *
 * @module
 */
import type { VectorFormat } from "./format.ts";
import { miscFormat } from "./misc.ts";

export const formats: ReadonlyArray<VectorFormat> = [
  miscFormat,
];
