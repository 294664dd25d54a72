/**
 * Reads a configuration file: TOML, decoded by the codec of its kind, then checked as a whole. What is wrong ends the
 * command with exit code 78 and one line a problem.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { parse, TomlError } from "smol-toml";
import { E } from "../../core/fp.ts";
import { configurationError, exitCode } from "../exit.ts";
import type { Codec } from "./codec.ts";
import { lineOf } from "./locate.ts";
import { formatPath, type Problem, problemsOf } from "./problems.ts";

/** A kind of configuration file. */
export interface FileKind<A> {
  readonly codec: Codec<A>;
  /** What the codecs of single keys cannot see. */
  readonly check: (file: A) => ReadonlyArray<Problem>;
}

const problemsMax = 20;

const report = (name: string, toml: string, problems: ReadonlyArray<Problem>): Error => {
  const lines = problems.slice(0, problemsMax).map(({ path, message }) => {
    const line = path.length === 0 ? null : lineOf(toml, path);
    return `${name}${line === null ? "" : `:${line}`}: ${path.length === 0 ? "" : `${formatPath(path)}: `}${message}`;
  });
  const more = problems.length > problemsMax ? [`${name}: and ${problems.length - problemsMax} more`] : [];
  return configurationError([...lines, ...more].join("\n"));
};

const parseToml = (name: string, toml: string): unknown => {
  try {
    return parse(toml);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const cause = error.message.split("\n")[0]!.replace(/^Invalid TOML document: /, "");
    throw configurationError(`${name}:${error.line}: not TOML: ${cause}`);
  }
};

/** Decodes the text of a file; `name` is what messages call it. Throws a CommandError. */
export const readConfig = <A>(kind: FileKind<A>, name: string, toml: string): A => {
  const decoded = kind.codec.decode(parseToml(name, toml));
  if (E.isLeft(decoded)) throw report(name, toml, problemsOf(kind.codec, decoded.left));
  const problems = kind.check(decoded.right);
  if (problems.length > 0) throw report(name, toml, problems);
  return decoded.right;
};

const readText = (file: string): string => {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw configurationError(`cannot read ${file}: ${(error as NodeJS.ErrnoException).code ?? "failed"}`);
  }
};

/** Throws a CommandError. */
export const loadConfig = <A>(kind: FileKind<A>, file: string): A => readConfig(kind, file, readText(file));

/** The names of a file's tables and keys outside of tables. Throws a CommandError. */
export const tablesOf = (file: string): ReadonlyArray<string> =>
  Object.keys(parseToml(file, readText(file)) as Readonly<Record<string, unknown>>);

/**
 * Only reads a file, and says on standard output that it is right, or what deserves a warning. Exit code 0; throws a
 * CommandError that names all that is wrong.
 */
export const validateConfig = <A>(
  kind: FileKind<A>,
  file: string,
  warningsOf: (file: A) => ReadonlyArray<string>,
): number => {
  const warnings = warningsOf(loadConfig(kind, file));
  for (const warning of warnings) console.log(`${file}: warning: ${warning}`);
  console.log(`${file}: valid`);
  return exitCode.ok;
};
