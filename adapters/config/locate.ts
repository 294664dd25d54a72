/**
 * Where in a TOML file a key stands: good enough for messages, without a parser of its own. Keys of inline tables are
 * found at the line where the table is.
 *
 * @module
 */
import type { Path } from "./problems.ts";

const unquoted = (part: string): string => part.trim().replace(/^(["'])(.*)\1$/, "$2");

/** The line (from 1) of the key at `path`, of the nearest table around it, or null. */
export const lineOf = (toml: string, path: Path): number | null => {
  const positions = new Map<string, number>();
  let table = "";
  let best: { readonly line: number; readonly depth: number } | null = null;

  const consider = (place: string, line: number): void => {
    const parts = place === "" ? [] : place.split("\u0000");
    const isAround = parts.length <= path.length && parts.every((part, index) => part === String(path[index]));
    if (isAround && (best === null || parts.length > best.depth)) best = { line, depth: parts.length };
  };

  /** `a.b` within lists of tables becomes a, position, b: the last entry of each list is meant. */
  const resolve = (names: ReadonlyArray<string>): string => {
    let place = "";
    for (const one of names) {
      place = place === "" ? one : `${place}\u0000${one}`;
      const position = positions.get(place);
      if (position !== undefined) place = `${place}\u0000${position}`;
    }
    return place;
  };

  toml.split("\n").forEach((text, index) => {
    const header = /^\s*(\[\[?)([^\[\]]+)\]/.exec(text);
    const names = header?.[2]?.split(".").map(unquoted) ?? [];
    if (header?.[1] === "[[") {
      const parent = resolve(names.slice(0, -1));
      const place = parent === "" ? names.at(-1)! : `${parent}\u0000${names.at(-1)}`;
      positions.set(place, (positions.get(place) ?? -1) + 1);
    }
    if (header !== null) {
      table = resolve(names);
      return consider(table, index + 1);
    }
    const key = /^\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)\s*(=|\.)/.exec(text)?.[1];
    if (key !== undefined) consider(table === "" ? unquoted(key) : `${table}\u0000${unquoted(key)}`, index + 1);
  });
  return (best as { readonly line: number } | null)?.line ?? null;
};
