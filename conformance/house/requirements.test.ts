/** The requirements that tests claim to cover exist, and the check that says so refuses a wrong id. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { coverageOf, marksOf, parseRequirements, readMarks, readRequirements, tableOf } from "../report.ts";
import { sourceOf } from "./sources.ts";

test("every id in the name of a test is a requirement, or the number of a class of faults", () => {
  const requirements = readRequirements();
  assert.ok(requirements.length > 600);
  const { covered, unknown } = coverageOf(requirements, readMarks());
  assert.ok(covered.size > 0, "some requirement is covered");
  assert.deepEqual(unknown, []);
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
  const requirements = parseRequirements(table);
  const coverage = coverageOf(requirements, marksOf(marked));
  assert.deepEqual(coverage.unknown.map(({ id }) => id), ["C-9-09", "D-1-02", "E-1-01", "F-1-01"]);
  assert.deepEqual(tableOf(requirements, coverage).map((line) => line.replace(/ +/g, " ")), [
    "a.rst 1 of 1",
    "b.rst 0 of 1",
    "all 1 of 2",
  ]);
});

test("a malformed table is refused", () => {
  assert.throws(() => parseRequirements("id\tdoc\n"), /columns/);
  assert.throws(() => parseRequirements(`${table}A-1-01\ta\t§\tMUST\tAgain.\tx\tno\n`), /line 4/);
  assert.throws(() => parseRequirements(`${columns}\nA-1-01\tshort\n`), /line 2/);
});
