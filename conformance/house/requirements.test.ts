/** Every requirement has a test that names it, or a reason why there is none; the check that says so has been red. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  coverageOf,
  marksIn,
  marksOf,
  parseReasons,
  parseRequirements,
  readMarks,
  readReasons,
  readRequirements,
  tableOf,
} from "../report.ts";
import { sourceOf } from "./sources.ts";

const requirements = readRequirements();
const coverage = coverageOf(requirements, readMarks(), readReasons());

test("every id in the name of a test is a requirement, or the number of a class of faults", () => {
  assert.equal(requirements.length, 604);
  assert.deepEqual(coverage.unknown, []);
});

test("every requirement is named by a test or has a reason why not, and none has both", () => {
  assert.deepEqual(coverage.open, []);
  assert.deepEqual(coverage.both, []);
  assert.equal(coverage.covered.size + coverage.reasons.size, requirements.length);
});

test("a reason points to requirements that have tests", () => {
  for (const [id, why] of coverage.reasons) {
    for (const named of marksIn(why)) assert.equal(coverage.covered.has(named), true, `${id}: ${why}`);
  }
});

test("reasons stand in the order of the requirements", () => {
  const order = requirements.map(({ id }) => id).filter((id) => coverage.reasons.has(id));
  assert.deepEqual([...coverage.reasons.keys()], order);
});

const columns = "id\tdoc\tsection\tlevel\tstatement\ttest\tseed";
const table =
  `${columns}\nA-1-01\ta.rst\t§1\tMUST\tOne.\tproperty\tno\nB-2.1-01\tb.rst\t§2.1\tMAY\tTwo.\tproperty\tno\n`;

const marked = sourceOf(
  "conformance/properties/x.test.ts",
  `
  // [B-2.1-01] in a comment covers nothing
  test("[A-1-01] one", () => {});
  describe(\`[C-9-09] \${kind} [A-1-01, D-1-02]\`, () => {});
  test.skip("[E-1-01] [FAULT-07] [F-1-01] x", () => {});
  other("[B-2.1-01] not a test");
  test("an index [0] and [length] are no ids", () => {});
  `,
);

test("ids are read from the names of tests only", () => {
  assert.deepEqual(marksOf(marked).map(({ id }) => id), ["A-1-01", "C-9-09", "A-1-01", "D-1-02", "E-1-01", "F-1-01"]);
});

test("a wrong id is refused and a right one counted by its document", () => {
  const planted = parseRequirements(table);
  const found = coverageOf(planted, marksOf(marked), new Map([["B-2.1-01", "Later."], ["G-1-01", "Never."]]));
  assert.deepEqual(found.unknown.map(({ id }) => id), ["C-9-09", "D-1-02", "E-1-01", "F-1-01", "G-1-01"]);
  assert.deepEqual(tableOf(planted, found).map((line) => line.trim().replace(/ +/g, " ")), [
    "tested a reason of",
    "a.rst 1 0 1",
    "b.rst 0 1 1",
    "all 1 1 2",
  ]);
});

test("a requirement with neither a test nor a reason is found, and one with both", () => {
  const planted = parseRequirements(table);
  const judged = (...ids: ReadonlyArray<string>) =>
    coverageOf(planted, marksOf(marked), new Map(ids.map((id) => [id, "Later."])));
  assert.deepEqual([judged().open, judged().both], [["B-2.1-01"], []]);
  assert.deepEqual([judged("B-2.1-01").open, judged("B-2.1-01").both], [[], []]);
  assert.deepEqual([judged("A-1-01").open, judged("A-1-01").both], [["B-2.1-01"], ["A-1-01"]]);
});

test("a malformed table is refused", () => {
  assert.throws(() => parseRequirements("id\tdoc\n"), /columns/);
  assert.throws(() => parseRequirements(`${table}A-1-01\ta\t§\tMUST\tAgain.\tx\tno\n`), /line 4/);
  assert.throws(() => parseRequirements(`${columns}\nA-1-01\tshort\n`), /line 2/);
});

test("malformed reasons are refused", () => {
  const head = "id\tuntested because\n";
  assert.deepEqual([...parseReasons(`${head}A-1-01\tLater.\n`)], [["A-1-01", "Later."]]);
  assert.throws(() => parseReasons("id\twhy\n"), /columns/);
  for (const wrong of ["A-1-01", "A-1-01\t", "A-1-01\t ", "\tLater.", "A-1-01\tLater.\tMore."]) {
    assert.throws(() => parseReasons(`${head}${wrong}\n`), /line 2/, wrong);
  }
  assert.throws(() => parseReasons(`${head}A-1-01\tLater.\nA-1-01\tNever.\n`), /line 3/);
});
