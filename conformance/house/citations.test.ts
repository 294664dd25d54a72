/** What the sources cite of docs/ is there: sections and disagreements of "wire facts", open questions by number. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { filesBelow, type Finding, readText } from "./sources.ts";

/** Groups of citations; each is a list of one kind of name. */
const groups = [
  /wire[- ]facts((?:(?:,| and)? §[\d.]*\d)+)/g,
  /wire[- ]facts((?:(?:,| and)? D\d+)+)/g,
  /open questions?((?:(?:,| and)? G\d+)+)/g,
];

/** A comment's text goes on over its lines. */
const flowing = (text: string): string => text.replace(/\s*\n\s*(?:\*|\/\/)? ?/g, " ");

const citedIn = (text: string): ReadonlyArray<string> =>
  groups.flatMap((group) => [...flowing(text).matchAll(group)].flatMap(([, names]) => names!.match(/[§DG][\d.]+/g)!));

const headings = (path: string, heading: RegExp): ReadonlyArray<string> =>
  [...readText(path).matchAll(heading)].map(([, name]) => name!);

/** Everything that may be cited; a disagreement of two facts is written as D5/D6. */
const names = (): ReadonlySet<string> => {
  const facts = readText("docs/wire_facts.md");
  const index = facts.slice(facts.indexOf("## 14."));
  return new Set([
    ...headings("docs/wire_facts.md", /^#{2,3} ([\d.]*\d)\.? /gm).map((section) => `§${section}`),
    ...index.match(/\bD\d+\b/g)!,
    ...headings("docs/open_questions.md", /^## (G\d+)\. /gm),
  ]);
};

const missing = (path: string, text: string, known: ReadonlySet<string>): ReadonlyArray<Finding> =>
  citedIn(text).filter((name) => !known.has(name)).map((name) => `${path}: nothing in docs/ is called ${name}`);

test("what the sources cite of wire facts and open questions is in docs/", () => {
  const known = names();
  const paths = ["core", "adapters", "cmd", "conformance"].flatMap(filesBelow)
    .filter((path) => /\.(ts|md|tsv)$/.test(path) && !path.endsWith("/house/citations.test.ts"));
  const cited = paths.flatMap((path) => citedIn(readText(path)));
  assert.equal(cited.length > 200, true, `${cited.length} citations`);
  assert.deepEqual(paths.flatMap((path) => missing(path, readText(path), known)), []);
});

test("a citation of what is not there is found, also behind another one and on the next line", () => {
  const text = [
    "/**",
    " * (mixnet.rst §4.1, wire-facts §2.7,",
    " * §99.1): wire facts D25, D99; open question G7, open questions G2, G99",
    " */",
  ].join("\n");
  assert.deepEqual(missing("x.ts", text, names()).map((found) => found.replace(/^.* /, "")), ["§99.1", "D99", "G99"]);
});
