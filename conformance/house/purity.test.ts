/** Core is pure, and the check that says so sees each impurity. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import ts from "typescript";
import { importRule, impurities, rules } from "./purity.ts";
import { root, sourceOf, sourcesBelow } from "./sources.ts";

const found = (text: string, path = "core/planted.ts"): string[] => impurities(sourceOf(path, text));

test("core has no clock, randomness, I/O, asynchrony or exceptions of its own", () => {
  const sources = sourcesBelow("core");
  assert.ok(sources.length > 10, "the check saw the sources");
  assert.deepEqual(sources.flatMap(impurities), []);
});

const planted: ReadonlyArray<readonly [rule: string, text: string]> = [
  ["no clock", "export const at = () => Date.now();"],
  ["no clock", "const now = performance.now;"],
  ["no ambient randomness", "export const draw = () => Math.random();"],
  ["no async", "export const f = async () => 1;"],
  ["no await", "for await (const x of []) { f(x); }"],
  ["no Promise", "export const f = () => Promise.resolve(1);"],
  ["no timers", "setTimeout(() => 1, 10);"],
  ["no platform", "export const f = () => process.exit(1);"],
  ["no platform", "export const f = globalThis;"],
  ["no console", "console.log(1);"],
  ["no code from text", "export const f = new Function('return 1');"],
  ["no code from text", "eval('1');"],
  ["no dependence on collection", "export const r = new WeakRef({});"],
  ["no throw", "export const f = () => { throw 1; };"],
  ["no try", "try { f(); } finally { g(); }"],
  ["no Math that engines", "export const l = Math.log(2);"],
  ["no ** but", "export const f = (x: number) => 2 ** x;"],
  ["no variables of a module", "let counter = 0;"],
  ["no import.meta", "export const u = import.meta;"],
];

for (const [rule, text] of planted) {
  test(`a planted ${text} is reported once: ${rule}`, () => {
    const findings = found(text);
    assert.equal(findings.length, 1, findings.join("\n"));
    assert.ok(findings[0]!.startsWith(`core/planted.ts:1: ${rule}`), findings[0]);
  });
}

test("every rule has been seen red", () => {
  const seen = rules.filter(({ name }) => planted.some(([rule]) => name.startsWith(rule)));
  assert.deepEqual(seen, rules);
});

for (
  const specifier of [
    "node:fs",
    "../adapters/tcp.ts",
    "fp-ts/lib/Either.js",
    "fp-ts/Either",
    "lodash",
    "./data.json",
    "undici",
  ]
) {
  test(`an import of ${specifier} is reported`, () => {
    assert.deepEqual(found(`import { a } from "${specifier}";`), [`core/planted.ts:1: ${importRule}: ${specifier}`]);
    assert.deepEqual(found(`export const a = import("${specifier}");`).length, 1);
  });
}

test("comments, strings, property names and what is allowed trip nothing", () => {
  const text = `
    /** Date.now(), Math.random(), async, throw */
    import { sha256 } from "@noble/hashes/sha2.js";
    import { invariant } from "./machine.ts";
    export const words = ["Date.now()", \`process.exit\`, 'await'];
    export interface Record { readonly process: number; readonly Date: string }
    export const of = (r: Record) => r.process + Math.floor(2 ** 53) + r.Date.length;
    export const eager = { console: 1, setTimeout: 2 };
    export const poisson = (process: Record) => [process].map(({ process }) => process);
  `;
  assert.deepEqual(found(text), []);
});

test("absurd and invariant may throw, the noble provider may catch, random may take logarithms", () => {
  assert.deepEqual(found("export const absurd = () => { throw 1; };", "core/machine.ts"), []);
  assert.equal(found("export const other = () => { throw 1; };", "core/machine.ts").length, 1);
  assert.deepEqual(found("try { f(); } catch { g(); }", "core/crypto/noble.ts"), []);
  assert.deepEqual(found("export const l = Math.log(2);", "core/random.ts"), []);
});

test("core compiles without the platform's types, and a planted console does not", () => {
  const config = ts.getParsedCommandLineOfConfigFile(join(root, "core/tsconfig.json"), {}, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: (diagnostic) =>
      assert.fail(ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n")),
  });
  assert.ok(config !== undefined);
  const planted = join(root, "core/planted.ts");
  const host = ts.createCompilerHost(config.options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => path === planted || fileExists(path);
  host.readFile = (path) => (path === planted ? "console.log(1);" : readFile(path));
  host.getSourceFile = (path, options) =>
    path === planted ? ts.createSourceFile(path, "console.log(1);", options, true) : getSourceFile(path, options);
  const program = ts.createProgram([...config.fileNames, planted], config.options, host);
  const complaints = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) =>
    `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`
  );
  assert.equal(complaints.length, 1, complaints.join("\n"));
  assert.match(complaints[0]!, /planted\.ts: Cannot find name 'console'/);
});
