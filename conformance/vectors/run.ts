/**
 * Checks files of reference vectors under crypto providers and counts. Nothing passes by being overlooked: a file of no
 * known format, a field that the format does not know, a file without cases and an empty set of files are failures.
 *
 * @module
 */
import type { Suite } from "../../core/crypto/suite.ts";
import { E, type Either } from "../../core/fp.ts";
import type { Differences } from "./compare.ts";
import type { VectorCase, VectorFormat } from "./format.ts";
import { formats } from "./registry.ts";

export interface VectorFile {
  /** Base name, with `.json`. */
  readonly name: string;
  readonly content: string;
}

export interface Counts {
  /** Cases times providers. */
  readonly passed: number;
  readonly failed: number;
}

export type Report = (line: string) => void;

interface Recognised {
  readonly format: VectorFormat;
  readonly cases: ReadonlyArray<VectorCase>;
}

/** The format whose name the file's name is, or begins with: `sphinx_crypto-2.json` is sphinx_crypto and not sphinx. */
const formatByName = (stem: string): VectorFormat | undefined =>
  formats
    .filter(({ name }) => stem === name || (stem.startsWith(name) && !/[a-z0-9]/i.test(stem[name.length]!)))
    .sort((a, b) => b.name.length - a.name.length)[0];

const formatsByShape = (json: unknown): ReadonlyArray<Recognised> =>
  formats.flatMap((format) => {
    const cases = format.decode(json);
    return E.isRight(cases) ? [{ format, cases: cases.right }] : [];
  });

const parse = (content: string): Either<string, unknown> =>
  E.tryCatch(() => JSON.parse(content) as unknown, () => "is no JSON");

/** By name where the shape agrees, else by shape alone. The complaint is that of the format it is named after. */
const recognise = ({ name, content }: VectorFile): Either<string, Recognised> => {
  const json = parse(content);
  if (E.isLeft(json)) return json;
  const named = name.endsWith(".json") ? formatByName(name.slice(0, -".json".length)) : undefined;
  const decoded = named?.decode(json.right);
  if (named !== undefined && decoded !== undefined && E.isRight(decoded)) {
    return E.right({ format: named, cases: decoded.right });
  }
  const [only, ...others] = formatsByShape(json.right);
  if (only !== undefined && others.length === 0) return E.right(only);
  return E.left(decoded !== undefined && E.isLeft(decoded) ? decoded.left : "is of no known format");
};

const messageOf = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error);

/** A case that throws has failed. */
const check = (vectorCase: VectorCase, suite: Suite): Differences => {
  try {
    return vectorCase.check(suite);
  } catch (error) {
    return [messageOf(error)];
  }
};

/** The cases of one file under one provider; the result is how many passed. */
const checkCases = (file: VectorFile, cases: ReadonlyArray<VectorCase>, suite: Suite, report: Report): number => {
  let passed = 0;
  for (const vectorCase of cases) {
    const differences = check(vectorCase, suite);
    if (differences.length === 0) passed++;
    for (const line of differences) report(`FAIL ${file.name} ${vectorCase.label} (${suite.name}): ${line}`);
  }
  return passed;
};

const checkFile = (file: VectorFile, suites: ReadonlyArray<Suite>, report: Report): Counts => {
  const recognised = recognise(file);
  if (E.isLeft(recognised) || recognised.right.cases.length === 0) {
    report(`FAIL ${file.name}: ${E.isLeft(recognised) ? recognised.left : "has no cases"}`);
    return { passed: 0, failed: 1 };
  }
  const { format, cases } = recognised.right;
  const passes = suites.map((suite) => ({ name: suite.name, passed: checkCases(file, cases, suite, report) }));
  report(
    `${file.name}: ${format.name}, ${cases.length} cases: ${passes.map((p) => `${p.name} ${p.passed}`).join(", ")}`,
  );
  const passed = passes.reduce((sum, p) => sum + p.passed, 0);
  return { passed, failed: cases.length * suites.length - passed };
};

/** Checks every file under every provider, reporting a line a file and a line a difference. */
export const runVectors = (files: ReadonlyArray<VectorFile>, suites: ReadonlyArray<Suite>, report: Report): Counts => {
  if (files.length === 0) {
    report("FAIL there are no vector files");
    return { passed: 0, failed: 1 };
  }
  let [passed, failed] = [0, 0];
  for (const file of files) {
    const counts = checkFile(file, suites, report);
    passed += counts.passed;
    failed += counts.failed;
  }
  return { passed, failed };
};
