/**
 * Every format of reference vectors that `cmd/conform.ts vectors` knows, one line each.
 *
 * @module
 */
import type { VectorFormat } from "./format.ts";
import { miscFormat } from "./misc.ts";
import { sphinxFormat } from "./sphinx.ts";

export const formats: ReadonlyArray<VectorFormat> = [
  miscFormat,
  sphinxFormat,
];
