/** Every class of faults (conformance/faults.tsv) has tests, by its number in their names, or a reason why not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import ts from "typescript";
import { readText, type Source, sourceOf, sourcesBelow, walk } from "./sources.ts";

interface Fault {
  readonly row: number;
  /** Why there is no test; empty where there has to be one. */
  readonly untested: string;
}

const columns = "row\tclass\toutcome\tuntested because";

const parse = (text: string): Fault[] => {
  const [names, ...lines] = text.trimEnd().split("\n");
  assert.equal(names, columns);
  return lines.map((line, at) => {
    const [row, name, outcome, untested, ...more] = line.split("\t");
    assert.equal(Number(row), at + 1, `line ${at + 2} is row ${at + 1}`);
    assert.equal([name, outcome].every(Boolean) && untested !== undefined && more.length === 0, true, line);
    return { row: Number(row), untested: untested! };
  });
};

/** The rows in the texts of a source: names of tests, wherever they are made; comments count not. */
const rowsOf = ({ tree }: Source): number[] => {
  const found: number[] = [];
  walk(tree, (node) => {
    if (!ts.isStringLiteralLike(node) && !ts.isTemplateHead(node) && !ts.isTemplateMiddleOrTemplateTail(node)) return;
    for (const [, row] of node.text.matchAll(/\bFAULT-([0-9]{2})\b/g)) found.push(Number(row));
  });
  return found;
};

const missing = (faults: ReadonlyArray<Fault>, rows: ReadonlySet<number>): number[] =>
  faults.filter(({ row, untested }) => untested === "" && !rows.has(row)).map(({ row }) => row);

const faults = parse(readText("conformance/faults.tsv"));
const isTest = ({ path }: Source): boolean => path.endsWith(".test.ts") && !path.startsWith("conformance/house/faults");
const rows = new Set(sourcesBelow("conformance").filter(isTest).flatMap(rowsOf));

test("every class of faults has a test, or says why there is none", () => {
  assert.equal(faults.length, 52);
  assert.deepEqual(missing(faults, rows), []);
});

test("what a node has to survive has tests without excuse", () => {
  const survived = [...Array.from({ length: 24 }, (_, index) => index + 1), 26, 27, 40, 46, 48, 49, 51];
  assert.deepEqual(faults.filter(({ row, untested }) => survived.includes(row) && untested !== ""), []);
});

test("a test names a class that there is, and a class without tests is found", () => {
  const known = new Set(faults.map(({ row }) => row));
  assert.deepEqual([...rows].filter((row) => !known.has(row)), []);
  const planted = sourceOf(
    "a.test.ts",
    `// [FAULT-01]\nconst name = "[FAULT-03] x";\ntest(name); test(\`[FAULT-04] \${1}\`);`,
  );
  assert.deepEqual(rowsOf(planted), [3, 4]);
  const some = [1, 2, 3].map((row) => ({ row, untested: row === 2 ? "later" : "" }));
  assert.deepEqual(missing(some, new Set(rowsOf(planted))), [1]);
});
