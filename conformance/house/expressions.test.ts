/** No text of a peer or a file makes an expression slow, and secrets are compared in constant time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import ts from "typescript";
import { slowExpressions, slowness } from "./expressions.ts";
import { type Finding, finding, type Source, sourceOf, sourcesBelow, walk } from "./sources.ts";

/** What the structure does not show, with why it is linear all the same. */
const linear: ReadonlyMap<string, string> = new Map([
  ["/([0-9a-z]*)([^0-9a-z])/g", "over a table of our own"],
  ["/(\\w+)=(\\w+)([+*])(\\w+)/g", "over a circuit of our own"],
  ["/^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$/", "each round ends with a unit, which no number begins with"],
  ["/([0-9.]+)(ms|s|m|h)/g", "only over what the expression above has taken"],
]);

const sources = sourcesBelow("core", "adapters", "cmd");

test("[FAULT-51] regular expressions are linear by their structure, or listed with a reason", () => {
  const isListed = (found: Finding): boolean => [...linear.keys()].some((text) => found.includes(`: ${text} `));
  assert.deepEqual(sources.flatMap(slowExpressions).filter((found) => !isListed(found)), []);
});

test("planted expressions are judged", () => {
  const slow = ["(a+)+", "^(a|b*)*$", "^((x{2,})y?)*", "\\s+$", "(\\0*)x", "([^)]*\\])+", "(?:a*b?)+"];
  for (const pattern of slow) assert.notEqual(slowness(pattern), null, pattern);
  const fast = [
    "^a+$",
    "^(a{1,4}:){0,7}b$",
    "[+*)]+",
    "^(?:\\u0000|[\\]*+]{2,3})?x*",
    "x[0-9]+y",
    "\\p{L}x",
    "(a|b)c*",
  ];
  for (const pattern of fast) assert.equal(slowness(pattern), null, pattern);
  const source = sourceOf("a.ts", "const a = /(a+)+/g; const b = 1 / 2; const c = new RegExp(a);");
  assert.equal(slowExpressions(source).length, 2);
});

/* Comparisons */

const secretWords =
  /(^|[^a-z])(mac|secret|private|password|passphrase|token|reveal|shared|ephemeral)|Mac\b|Private|Secret/;

/** Public halves and published values that are named like secrets. */
const publicValues: ReadonlySet<string> = new Set([
  "equal(privateKey.subarray(32), publicKey)",
  "equal(earlier, reveal)",
  "compare(b.reveal, a.reveal)",
]);

const comparing = new Set(["equal", "compare", "toHex", "toBase64", "timingSafeEqual"]);

/** Comparisons that end at the first difference, of what is named like a secret. */
const leakyComparisons = (source: Source): Finding[] => {
  const found: Finding[] = [];
  walk(source.tree, (node) => {
    const isCall = ts.isCallExpression(node) && ts.isIdentifier(node.expression);
    if (!isCall || !comparing.has(node.expression.text)) return;
    const isText = node.expression.text.startsWith("to");
    const isCompared = !isText ||
      (ts.isBinaryExpression(node.parent) && /[=!]==/.test(node.parent.operatorToken.getText()));
    const text = node.getText(source.tree);
    const words = node.arguments.map((argument) => argument.getText(source.tree)).join(" ");
    if (isCompared && secretWords.test(words) && !publicValues.has(text)) found.push(finding(source, node, text));
  });
  return found;
};

test("[SPHINX-6.2-06] [SPHINX-6.1-03] [FAULT-06] what is secret is compared in constant time", () => {
  assert.deepEqual(sources.flatMap(leakyComparisons), []);
  const constant = sources.filter(({ path, text }) => path !== "core/bytes.ts" && text.includes("equalConstantTime("));
  assert.equal(constant.length >= 5, true, "MACs, link keys, commits and decoys' recipients");
  const planted = sourceOf(
    "a.ts",
    "equal(mac, b); equal(publicKey, b); toHex(keys.linkPrivate) === c; toHex(reveal); compare(opened.headerMac, x);",
  );
  assert.equal(leakyComparisons(planted).length, 3);
});
