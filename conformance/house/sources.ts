/**
 * The tree as the house checks see it: its files, and TypeScript sources as syntax trees, so that comments and strings
 * trip nothing.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** A finding, as `path:line: what`. */
export type Finding = string;

export interface Source {
  /** Below the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

const skipped = new Set(["node_modules", "dist", ".git"]);

/** Paths of all files below a folder of the tree, sorted, without what is installed or built. */
export const filesBelow = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true })
    .filter(({ name }) => !skipped.has(name))
    .flatMap((entry) => {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      return entry.isDirectory() ? filesBelow(path) : [path];
    })
    .sort();

export const readText = (path: string): string => readFileSync(join(root, path), "utf8");

/** A source from its text: planted ones in the checks of the checks. */
export const sourceOf = (path: string, text: string): Source => ({
  path,
  text,
  tree: ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true),
});

/** The TypeScript sources below some folders. */
export const sourcesBelow = (...folders: ReadonlyArray<string>): Source[] =>
  folders.flatMap(filesBelow).filter((path) => path.endsWith(".ts")).map((path) => sourceOf(path, readText(path)));

/** Visits every node of a tree. */
export const walk = (node: ts.Node, visit: (node: ts.Node) => void): void => {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
};

export const finding = ({ path, tree }: Source, node: ts.Node, what: string): Finding =>
  `${path}:${tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1}: ${what}`;

export interface Import {
  readonly node: ts.Node;
  readonly specifier: string;
  /** Erased when run: `import type`, or only `type` names. */
  readonly typeOnly: boolean;
}

const isTypeOnlyClause = (clause: ts.ImportClause | undefined): boolean => {
  if (clause === undefined) return false;
  if (clause.isTypeOnly) return true;
  const names = clause.namedBindings;
  return clause.name === undefined && names !== undefined && ts.isNamedImports(names) &&
    names.elements.length > 0 && names.elements.every(({ isTypeOnly }) => isTypeOnly);
};

/** Imports, re-exports, `import()` and import types of a source, in order. */
export const importsOf = ({ tree }: Source): Import[] => {
  const found: Import[] = [];
  const add = (node: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean): void => {
    if (specifier !== undefined && ts.isStringLiteral(specifier)) {
      found.push({ node, specifier: specifier.text, typeOnly });
    }
  };
  walk(tree, (node) => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, isTypeOnlyClause(node.importClause));
    else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node, node.arguments[0], false);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node, node.argument.literal, true);
  });
  return found;
};

/** The path below the root that a relative specifier means, or null for a package. */
export const resolveImport = (from: string, specifier: string): string | null =>
  specifier.startsWith(".") ? relative(root, join(root, dirname(from), specifier)).split(sep).join("/") : null;
