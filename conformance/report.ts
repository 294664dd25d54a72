/**
 * Which requirements of the specifications have tests, and why the others have none: the names of tests carry ids,
 * `[SPHINX-5.1-01] …`, requirements.tsv lists every id with its document, section, level and statement, and
 * untested.tsv has a reason for each that no test names.
 *
 *     npx tsx conformance/report.ts [--uncovered]
 *
 * prints by document how many have tests, how many a reason, and how many there are; or the requirements without a
 * test, each with its reason. A requirement with neither or with both, and an id that is not in the list, are errors.
 *
 * @module
 */
import ts from "typescript";
import { answersHelp } from "../adapters/help.ts";
import { filesBelow, readText, type Source, sourceOf, walk } from "./house/sources.ts";

export interface Requirement {
  readonly id: string;
  readonly document: string;
  readonly section: string;
  readonly level: string;
  readonly statement: string;
}

const columns = ["id", "doc", "section", "level", "statement", "test", "seed"];

/** The requirements of a table with a line of column names; throws where a line is malformed or an id comes twice. */
export const parseRequirements = (text: string): Requirement[] => {
  const [names, ...lines] = text.trimEnd().split("\n").map((line) => line.split("\t"));
  if (names?.join() !== columns.join()) throw new Error(`the columns are ${columns.join(", ")}`);
  const seen = new Set<string>();
  return lines.map((fields, at) => {
    const [id, document, section, level, statement] = fields;
    if (fields.length !== columns.length || id === "" || seen.has(id!)) {
      throw new Error(`line ${at + 2} is malformed or comes twice`);
    }
    seen.add(id!);
    return { id: id!, document: document!, section: section!, level: level!, statement: statement! };
  });
};

export interface Mark {
  readonly id: string;
  readonly path: string;
}

const testFunctions = new Set(["test", "it", "describe", "suite"]);

/** `[A-1-01]`, also several: `[A-1-01, B-2-02]`. Classes of faults have a list and a check of their own, faults.tsv. */
export const marksIn = (name: string): string[] =>
  [...name.matchAll(/\[([A-Z0-9]+-[^\]\s]+(?:,? +[A-Z0-9]+-[^\]\s]+)*)\]/g)].flatMap(([, ids]) => ids!.split(/,? +/))
    .filter((id) => !/^FAULT-[0-9]{2}$/.test(id));

const isTestCall = (node: ts.Node): node is ts.CallExpression => {
  if (!ts.isCallExpression(node)) return false;
  const called = ts.isPropertyAccessExpression(node.expression) ? node.expression.expression : node.expression;
  const method = ts.isPropertyAccessExpression(node.expression) ? node.expression.name : node.expression;
  return [called, method].some((part) => ts.isIdentifier(part) && testFunctions.has(part.text));
};

/** The ids in the names of a source's tests. Names made of parts count with their constant parts. */
export const marksOf = (source: Source): Mark[] => {
  const found: Mark[] = [];
  walk(source.tree, (node) => {
    const name = isTestCall(node) ? node.arguments[0] : undefined;
    if (name === undefined) return;
    walk(name, (part) => {
      if (!ts.isStringLiteralLike(part) && !ts.isTemplateHead(part) && !ts.isTemplateMiddleOrTemplateTail(part)) return;
      for (const id of marksIn(part.text)) found.push({ id, path: source.path });
    });
  });
  return found;
};

/** Why requirements have no test, by their ids; throws where a line is malformed or an id comes twice. */
export const parseReasons = (text: string): ReadonlyMap<string, string> => {
  const [names, ...lines] = text.trimEnd().split("\n");
  if (names !== "id\tuntested because") throw new Error("the columns are id, untested because");
  const reasons = new Map<string, string>();
  for (const [at, line] of lines.entries()) {
    const [id, why, ...more] = line.split("\t");
    if (!id || !why?.trim() || more.length > 0 || reasons.has(id)) {
      throw new Error(`line ${at + 2} is malformed or comes twice`);
    }
    reasons.set(id, why);
  }
  return reasons;
};

export interface Coverage {
  readonly covered: ReadonlySet<string>;
  readonly reasons: ReadonlyMap<string, string>;
  /** Ids that tests or reasons name and the list does not. */
  readonly unknown: ReadonlyArray<Mark>;
  /** Neither a test nor a reason. */
  readonly open: ReadonlyArray<string>;
  /** A test, and a reason why there is none. */
  readonly both: ReadonlyArray<string>;
}

const reasonsPath = "conformance/untested.tsv";

export const coverageOf = (
  requirements: ReadonlyArray<Requirement>,
  marks: ReadonlyArray<Mark>,
  reasons: ReadonlyMap<string, string>,
): Coverage => {
  const ids = requirements.map(({ id }) => id);
  const known = new Set(ids);
  const covered = new Set(marks.map(({ id }) => id).filter((id) => known.has(id)));
  const named = [...marks, ...[...reasons.keys()].map((id): Mark => ({ id, path: reasonsPath }))];
  return {
    covered,
    reasons,
    unknown: named.filter(({ id }) => !known.has(id)),
    open: ids.filter((id) => !covered.has(id) && !reasons.has(id)),
    both: ids.filter((id) => covered.has(id) && reasons.has(id)),
  };
};

/** With a test, with a reason and total by document, as lines of a table. */
export const tableOf = (requirements: ReadonlyArray<Requirement>, { covered, reasons }: Coverage): string[] => {
  const documents = [...new Set(requirements.map(({ document }) => document))].sort();
  const line = (name: string, ...counts: ReadonlyArray<string | number>): string =>
    `${name.padEnd(36)} ${counts.map((count) => String(count).padStart(9)).join(" ")}`.trimEnd();
  const row = (name: string, among: ReadonlyArray<Requirement>): string => {
    const tested = among.filter(({ id }) => covered.has(id)).length;
    const excused = among.filter(({ id }) => !covered.has(id) && reasons.has(id)).length;
    return line(name, tested, excused, among.length);
  };
  return [
    line("", "tested", "a reason", "of"),
    ...documents.map((document) => row(document, requirements.filter((one) => one.document === document))),
    row("all", requirements),
  ];
};

export const readRequirements = (): Requirement[] => parseRequirements(readText("conformance/requirements.tsv"));

export const readMarks = (): Mark[] =>
  filesBelow("conformance").filter((path) => path.endsWith(".test.ts")).flatMap((path) =>
    marksOf(sourceOf(path, readText(path)))
  );

export const readReasons = (): ReadonlyMap<string, string> => parseReasons(readText(reasonsPath));

const usage = `usage: report [--uncovered]

How many requirements of each document have tests, and how many a reason why not.

      --uncovered   those without a test, each with its reason
  -h, --help        this text
      --version     of samtpfote`;

const main = (arguments_: ReadonlyArray<string>): number => {
  if (answersHelp(arguments_, usage)) return 0;
  const requirements = readRequirements();
  const coverage = coverageOf(requirements, readMarks(), readReasons());
  const { covered, reasons, unknown, open, both } = coverage;
  const lines = arguments_.includes("--uncovered")
    ? requirements.filter(({ id }) => !covered.has(id)).map(({ id, level, statement }) =>
      `${id} ${level} ${statement}\n    ${reasons.get(id) ?? "NO REASON"}`
    )
    : tableOf(requirements, coverage);
  console.log(lines.join("\n"));
  const errors = [
    ...unknown.map(({ id, path }) => `${path}: no requirement is called ${id}`),
    ...open.map((id) => `${id} has neither a test nor a reason`),
    ...both.map((id) => `${id} has a test, and a reason why it has none`),
  ];
  for (const error of errors) console.error(error);
  return errors.length === 0 ? 0 : 1;
};

if (process.argv[1]?.endsWith("report.ts")) process.exitCode = main(process.argv.slice(2));
