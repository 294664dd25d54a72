/**
 * Which requirements of the specifications the tests say they cover: the names of tests carry ids, `[SPHINX-5.1-01] …`,
 * and requirements.tsv lists every id with its document, section, level and statement.
 *
 *     npx tsx conformance/report.ts [--uncovered]
 *
 * prints covered and total by document, or the uncovered requirements. An id that is not in the list is an error.
 *
 * @module
 */
import ts from "typescript";
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

/** `[A-1-01]`, also several: `[A-1-01, B-2-02]`. Classes of faults have a list and a check of their own (faults.tsv). */
const marksIn = (name: string): string[] =>
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

export interface Coverage {
  readonly covered: ReadonlySet<string>;
  /** Ids that tests name and the list does not. */
  readonly unknown: ReadonlyArray<Mark>;
}

export const coverageOf = (requirements: ReadonlyArray<Requirement>, marks: ReadonlyArray<Mark>): Coverage => {
  const known = new Set(requirements.map(({ id }) => id));
  return {
    covered: new Set(marks.map(({ id }) => id).filter((id) => known.has(id))),
    unknown: marks.filter(({ id }) => !known.has(id)),
  };
};

/** Covered and total by document, as lines of a table. */
export const tableOf = (requirements: ReadonlyArray<Requirement>, { covered }: Coverage): string[] => {
  const documents = [...new Set(requirements.map(({ document }) => document))].sort();
  const row = (name: string, among: ReadonlyArray<Requirement>): string => {
    const count = among.filter(({ id }) => covered.has(id)).length;
    return `${name.padEnd(40)} ${String(count).padStart(4)} of ${String(among.length).padStart(4)}`;
  };
  return [
    ...documents.map((document) => row(document, requirements.filter((one) => one.document === document))),
    row("all", requirements),
  ];
};

export const readRequirements = (): Requirement[] => parseRequirements(readText("conformance/requirements.tsv"));

export const readMarks = (): Mark[] =>
  filesBelow("conformance").filter((path) => path.endsWith(".test.ts")).flatMap((path) =>
    marksOf(sourceOf(path, readText(path)))
  );

const main = (arguments_: ReadonlyArray<string>): number => {
  const requirements = readRequirements();
  const coverage = coverageOf(requirements, readMarks());
  const open = requirements.filter(({ id }) => !coverage.covered.has(id));
  const lines = arguments_.includes("--uncovered")
    ? open.map(({ id, level, statement }) => `${id} ${level} ${statement}`)
    : tableOf(requirements, coverage);
  console.log(lines.join("\n"));
  for (const { id, path } of coverage.unknown) console.error(`${path}: no requirement is called ${id}`);
  return coverage.unknown.length === 0 ? 0 : 1;
};

if (process.argv[1]?.endsWith("report.ts")) process.exitCode = main(process.argv.slice(2));
