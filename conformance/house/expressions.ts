/**
 * Regular expressions that a hostile text can make slow, found by their structure: a repeated group that repeats inside
 * (exponential), and one that is tried from each position, repeats at once and then wants more (quadratic).
 *
 * @module
 */
import ts from "typescript";
import { type Finding, finding, type Source, walk } from "./sources.ts";

interface Atom {
  /** Parts of a group, or null for a character, a class, an anchor. */
  readonly group: ReadonlyArray<Atom> | null;
  /** Without an upper bound. */
  readonly repeats: boolean;
  readonly isStart: boolean;
}

/** Reads a pattern as far as repetition goes; alternatives follow one another. */
const read = (pattern: string): ReadonlyArray<Atom> => {
  let at = 0;
  const quantified = (): boolean => {
    const found = /^(\*|\+|\?|\{[0-9]+(,[0-9]*)?\})\??/.exec(pattern.slice(at));
    at += found?.[0].length ?? 0;
    return found !== null && (found[1] === "*" || found[1] === "+" || found[2] === ",");
  };
  const classEnd = (): number => {
    let end = at + 1;
    while (end < pattern.length && pattern[end] !== "]") end += pattern[end] === "\\" ? 2 : 1;
    return end + 1;
  };
  const sequence = (): Atom[] => {
    const atoms: Atom[] = [];
    while (at < pattern.length && pattern[at] !== ")") {
      const first = pattern[at]!;
      let group: Atom[] | null = null;
      if (first === "(") {
        at += /^\((\?(:|=|!|<=|<!|<\w+>))?/.exec(pattern.slice(at))![0].length;
        group = sequence();
        at++;
      } else if (first === "[") at = classEnd();
      else {at += first === "\\"
          ? (/^\\(u\{?[0-9a-fA-F]+\}?|[pP]\{[^}]*\}|x..|.)/.exec(pattern.slice(at))![0].length)
          : 1;}
      if (first === "|") continue;
      atoms.push({ group, repeats: quantified(), isStart: first === "^" });
    }
    return atoms;
  };
  return sequence();
};

const repeatsInside = (atoms: ReadonlyArray<Atom>): boolean =>
  atoms.some(({ group, repeats }) => repeats || (group !== null && repeatsInside(group)));

const isNested = (atoms: ReadonlyArray<Atom>): boolean =>
  atoms.some(({ group, repeats }) => group !== null && ((repeats && repeatsInside(group)) || isNested(group)));

const isTriedEverywhere = (atoms: ReadonlyArray<Atom>): boolean =>
  atoms.length > 1 && (atoms[0]!.repeats || (atoms[0]!.group !== null && repeatsInside(atoms[0]!.group)));

/** Why an expression could be slow; null where it is not. */
export const slowness = (pattern: string): string | null => {
  const atoms = read(pattern);
  if (isNested(atoms)) return "repeats what repeats";
  return isTriedEverywhere(atoms) ? "begins with a repetition, unanchored" : null;
};

/** Expressions of a source that are slow, and those that cannot be judged because they are put together. */
export const slowExpressions = (source: Source): Finding[] => {
  const found: Finding[] = [];
  walk(source.tree, (node) => {
    if (ts.isNewExpression(node) && node.expression.getText(source.tree) === "RegExp") {
      found.push(finding(source, node, "an expression that is put together"));
    }
    if (node.kind !== ts.SyntaxKind.RegularExpressionLiteral) return;
    const text = node.getText(source.tree);
    const why = slowness(text.slice(1, text.lastIndexOf("/")));
    if (why !== null) found.push(finding(source, node, `${text} ${why}`));
  });
  return found;
};
