/** The tree is tidy, and the check that says so sees each untidiness. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { denoPath, run } from "./runtimes.ts";
import { filesBelow, readText, sourceOf, sourcesBelow } from "./sources.ts";
import { fileLengthMax, untidyLines, untidySource } from "./tidy.ts";

const isText = (path: string): boolean => /\.(ts|mjs|js|json|jsonc|md|toml|tsv|yml|yaml)$|\/run$|^\.[a-z]+$/.test(path);

test("sources are short, headed, named in snake_case and without trailing space", () => {
  const sources = sourcesBelow("core", "adapters", "cmd", "conformance");
  assert.ok(sources.length > 30);
  assert.deepEqual(sources.flatMap(untidySource), []);
});

test("no file holds unfinished work, paths of a machine or hosts of a registry", () => {
  const texts = filesBelow("").filter(isText);
  assert.ok(texts.length > 40);
  // The reference's own configuration files and documents, quoted in vectors, keep what they say.
  const ours = texts.filter((path) => !path.startsWith("spec-vectors/"));
  assert.deepEqual(ours.flatMap((path) => untidyLines(path, readText(path))), []);
});

const head = "/** What it is. */\n";
const body = "export const a = 1;\n";

const untidy: ReadonlyArray<readonly [what: RegExp, path: string, text: string]> = [
  [/longer than 120/, "core/a.ts", `${head}// ${"x".repeat(118)}\n${body}`],
  [/space at the end/, "core/a.ts", `${head}export const a = 1; \n`],
  [/a tab/, "core/a.ts", `${head}\t${body}`],
  [/ends with one newline/, "core/a.ts", `${head}export const a = 1;`],
  [/ends with one newline/, "core/a.ts", `${head}${body}\n`],
  [/lines, more than/, "core/a.ts", head + body.repeat(fileLengthMax)],
  [/does not say at its head/, "core/a.ts", body],
  [/does not say at its head/, "core/a.ts", `import "./b.ts";\n${head}${body}`],
  [/snake_case/, "core/someFile.ts", head + body],
];

for (const [what, path, text] of untidy) {
  test(`a planted untidiness is reported once: ${what.source} (${text.length} characters)`, () => {
    const found = untidySource(sourceOf(path, text));
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0]!, what);
  });
}

test("a tidy source trips nothing, a long line of 120 letters beyond the basic plane included", () => {
  assert.deepEqual(
    untidySource(sourceOf("cmd/a_b2.ts", `#!/usr/bin/env node\n${head}// ${"𝛌".repeat(117)}\n${body}`)),
    [],
  );
});

test("planted words are reported once each", () => {
  const planted = [
    "// TO" + "DO later",
    "see /wo" + "rk/notes",
    "https://regis" + "try.example/x",
    '"resol' + 'ved": "http://x"',
  ];
  for (const line of planted) assert.ok(untidyLines("a", line).length >= 1, line);
  assert.deepEqual(untidyLines("a", "the network is at work / at home; todo lists are data"), []);
});

test("deno fmt has nothing to change", () => {
  const { status, stderr } = run(denoPath(), ["fmt", "--check"]);
  assert.equal(status, 0, stderr);
});
