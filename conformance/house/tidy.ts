/**
 * The house's habits as checks over the sources: sizes, heads, names, and words that do not belong in a product.
 *
 * @module
 */
import ts from "typescript";
import type { Finding, Source } from "./sources.ts";

export const lineLengthMax = 120;
export const fileLengthMax = 400;

interface Banned {
  readonly pattern: RegExp;
  readonly why: string;
}

// Written apart, so that this file does not report itself.
const banned: ReadonlyArray<Banned> = [
  {
    pattern: new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"].join("|")})\\b`),
    why: "unfinished work",
  },
  {
    pattern: new RegExp(`(^|[\\s"'\`(])/(${["wo" + "rk", "ho" + "me", "ro" + "ot", "Us" + "ers"].join("|")})/`),
    why: "a path of one machine",
  },
  {
    pattern: new RegExp(["registry\\.npm" + "js", "regis" + "try\\.yarn", '://[^\\s"]*regis' + "try"].join("|")),
    why: "a registry's host",
  },
  { pattern: new RegExp('"resol' + 'ved": *"http'), why: "a lock file that names a host" },
  { pattern: /\.only\(|\bdebugger\b/, why: "left from debugging" },
];

/** What is wrong with the lines of any text file. */
export const untidyLines = (path: string, text: string): Finding[] =>
  text.split("\n").flatMap((line, at) =>
    banned.filter(({ pattern }) => pattern.test(line)).map(({ why }) => `${path}:${at + 1}: ${why}`)
  );

/** Names of tests are sentences, which nothing breaks. */
const isTestName = (line: string): boolean => /^\s*test\(["`]/.test(line);

// Code points, since editors count those.
const tooLong = (line: string): boolean =>
  line.length > lineLengthMax && [...line].length > lineLengthMax && !isTestName(line);

/** A comment at the top that says what the file is (a `#!` line may come before it). */
const hasHead = ({ tree, text }: Source): boolean => {
  const first = (ts.getLeadingCommentRanges(text, 0) ?? [])[0];
  return first !== undefined && text.startsWith("/**", first.pos) && tree.statements.length > 0;
};

/** What is wrong with a TypeScript source. */
export const untidySource = (source: Source): Finding[] => {
  const { path, text } = source;
  const lines = text.split("\n");
  const at = (line: number, what: string): Finding => `${path}:${line}: ${what}`;
  const found = lines.flatMap((line, index) => [
    ...(tooLong(line) ? [at(index + 1, `longer than ${lineLengthMax}`)] : []),
    ...(/[ \t]$/.test(line) ? [at(index + 1, "space at the end")] : []),
    ...(line.includes("\t") ? [at(index + 1, "a tab")] : []),
    ...(line.includes("\r") ? [at(index + 1, "a carriage return")] : []),
  ]);
  if (!text.endsWith("\n") || text.endsWith("\n\n")) found.push(at(lines.length, "ends with one newline"));
  if (lines.length - 1 > fileLengthMax) found.push(at(1, `${lines.length - 1} lines, more than ${fileLengthMax}`));
  if (!hasHead(source)) found.push(at(1, "does not say at its head what it is"));
  if (!/^[a-z0-9_]+(\.test)?\.ts$/.test(path.split("/").at(-1)!)) found.push(at(1, "is not named in snake_case"));
  return found;
};
