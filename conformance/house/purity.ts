/**
 * What may not occur in core/ (design.md 2): clocks, ambient randomness, asynchrony, I/O, exceptions, and arithmetic
 * that engines round differently. Each rule says what to use instead.
 *
 * @module
 */
import ts from "typescript";
import { type Finding, finding, type Import, importsOf, resolveImport, type Source, walk } from "./sources.ts";

export interface Rule {
  readonly name: string;
  /** True where the node breaks the rule. */
  readonly breaks: (node: ts.Node, path: string, declared: ReadonlySet<string>) => boolean;
}

/** The names that a source declares itself: a Poisson `process` is no platform. */
const declaredNames = (tree: ts.Node): ReadonlySet<string> => {
  const names = new Set<string>();
  walk(tree, (node) => {
    const isDeclaration = ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isBindingElement(node) ||
      ts.isFunctionDeclaration(node) || ts.isImportSpecifier(node);
    if (isDeclaration && node.name !== undefined && ts.isIdentifier(node.name)) names.add(node.name.text);
  });
  return names;
};

/** A name that is used as a value, and not as a property, a key or a declaration. */
const isReference = (node: ts.Node): node is ts.Identifier => {
  if (!ts.isIdentifier(node)) return false;
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) || ts.isQualifiedName(parent)) {
    return (ts.isPropertyAccessExpression(parent) ? parent.expression : parent.left) === node;
  }
  return !("name" in parent && parent.name === node) && !("propertyName" in parent && parent.propertyName === node);
};

const refersTo = (...names: ReadonlyArray<string>): Rule["breaks"] => {
  const banned = new Set(names);
  return (node, _path, declared) => isReference(node) && banned.has(node.text) && !declared.has(node.text);
};

const isMember = (node: ts.Node, object: string, names: ReadonlySet<string>): boolean =>
  ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === object &&
  names.has(node.name.text);

const mathOutsideRandom = new Set(
  "acos acosh asin asinh atan atan2 atanh cbrt cos cosh exp expm1 hypot log log10 log1p log2 pow sin sinh tan tanh"
    .split(" "),
);

const hasModifier = (node: ts.Node, kind: ts.SyntaxKind): boolean =>
  ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some((modifier) => modifier.kind === kind);

const enclosingFunction = (node: ts.Node): string | null => {
  for (let at = node.parent; at !== undefined; at = at.parent) {
    if (ts.isFunctionDeclaration(at)) return at.name?.text ?? null;
    if (ts.isVariableDeclaration(at) && ts.isIdentifier(at.name)) return at.name.text;
  }
  return null;
};

const mayThrow = (node: ts.Node, path: string): boolean =>
  path === "core/machine.ts" && ["absurd", "invariant"].includes(enclosingFunction(node) ?? "");

const isLiteralPower = (node: ts.BinaryExpression): boolean =>
  [node.left, node.right].every((side) => ts.isNumericLiteral(side) || ts.isBigIntLiteral(side));

const isTopLevelVariable = (node: ts.Node): boolean =>
  ts.isVariableStatement(node) && ts.isSourceFile(node.parent) &&
  (node.declarationList.flags & ts.NodeFlags.Const) === 0;

export const rules: ReadonlyArray<Rule> = [
  { name: "no clock: time comes with the context", breaks: refersTo("Date", "performance", "Temporal") },
  {
    name: "no ambient randomness: draw from the step's seed",
    breaks: (node) => isMember(node, "Math", new Set(["random"])),
  },
  { name: "no async: effects and events", breaks: (node) => hasModifier(node, ts.SyntaxKind.AsyncKeyword) },
  {
    name: "no await: effects and events",
    breaks: (node) => ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier !== undefined),
  },
  { name: "no Promise: effects and events", breaks: refersTo("Promise", "PromiseLike") },
  {
    name: "no timers: name a deadline in the state",
    breaks: refersTo("setTimeout", "setInterval", "setImmediate", "queueMicrotask"),
  },
  {
    name: "no platform: what is needed comes in as an argument",
    breaks: refersTo("process", "globalThis", "Deno", "Buffer"),
  },
  { name: "no console: Log effects", breaks: refersTo("console") },
  { name: "no code from text", breaks: refersTo("eval", "Function") },
  {
    name: "no dependence on collection or locale",
    breaks: refersTo("WeakRef", "FinalizationRegistry", "Intl", "Atomics", "SharedArrayBuffer"),
  },
  {
    name: "no throw outside absurd and invariant: errors are values",
    breaks: (node, path) => ts.isThrowStatement(node) && !mayThrow(node, path),
  },
  {
    name: "no try outside core/crypto/noble.ts: errors are values",
    breaks: (node, path) => ts.isTryStatement(node) && path !== "core/crypto/noble.ts",
  },
  {
    name: "no Math that engines round differently, outside core/random.ts",
    breaks: (node, path) => path !== "core/random.ts" && isMember(node, "Math", mathOutsideRandom),
  },
  {
    name: "no ** but of literals: engines round it differently",
    breaks: (node) =>
      ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.AsteriskAsteriskToken &&
      !isLiteralPower(node),
  },
  { name: "no variables of a module: state belongs to machines", breaks: isTopLevelVariable },
  {
    name: "no import.meta",
    breaks: (node) => ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword,
  },
];

const packagesAllowed = [
  /^@noble\/(ciphers|curves|hashes)\//,
  /^io-ts(\/|$)/,
  /^cbor-x\/(encode|decode)$/,
];

const importAllowed = (path: string, { specifier }: Import): boolean => {
  const target = resolveImport(path, specifier);
  if (target !== null) return target.startsWith("core/") && target.endsWith(".ts");
  if (specifier.startsWith("fp-ts/lib/")) return path === "core/fp.ts";
  return packagesAllowed.some((pattern) => pattern.test(specifier));
};

export const importRule = "no import outside the allow-list";

/** What a source of core/ does that it may not. */
export const impurities = (source: Source): Finding[] => {
  const found: Finding[] = [];
  const declared = declaredNames(source.tree);
  walk(source.tree, (node) => {
    for (const { name, breaks } of rules) {
      if (breaks(node, source.path, declared)) found.push(finding(source, node, name));
    }
  });
  for (const one of importsOf(source)) {
    if (!importAllowed(source.path, one)) found.push(finding(source, one.node, `${importRule}: ${one.specifier}`));
  }
  return found;
};
