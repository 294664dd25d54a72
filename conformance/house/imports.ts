/**
 * The direction of imports (design.md 1): cmd -> adapters -> core, conformance -> all, spec-vectors -> nothing. Inside
 * core a file imports its own layer and lower ones, and the four roles never import one another: they meet on the wire.
 *
 * @module
 */
import { type Finding, finding, importsOf, resolveImport, type Source } from "./sources.ts";

/** Layers of core, lowest first; the first pattern that fits a path decides. */
const layers: ReadonlyArray<readonly [rank: number, group: string, pattern: RegExp]> = [
  [0, "base", /^core\/(machine|bytes|heap|random|fp|token_bucket)\.ts$|^core\/(codec|collections|crypto)\//],
  [2, "links", /^core\/(effects|system|restoring)\.ts$|^core\/wire\/|^core\/pki\/(directory|fetch)/],
  [3, "authority", /^core\/pki\/(authority|nonvoting)/],
  [1, "documents", /^core\/(sphinx|noise|pki)\//],
  [2, "ratchet", /^core\/ratchet\//],
  [4, "spool plugin", /^core\/spool\/(system|carrier)\.ts$/],
  [2, "spool", /^core\/spool\//],
  [2, "management", /^core\/management\//],
  [3, "mix", /^core\/mix\//],
  [3, "provider", /^core\/provider\//],
  [3, "client", /^core\/client\//],
];

/** What a machine speaks: types of these may be named anywhere. */
const vocabulary = /^core\/(effects|system)\.ts$/;

/** Providers are mixes in one process: the mix's system holds the Provider's machines. */
const rolesMayImport: Readonly<Record<string, ReadonlyArray<string>>> = { mix: ["provider"] };

interface Place {
  readonly rank: number;
  readonly group: string;
}

const placeOf = (path: string): Place | null => {
  const found = layers.find(([, , pattern]) => pattern.test(path));
  return found === undefined ? null : { rank: found[0], group: found[1] };
};

const insideCore = (from: string, to: string, typeOnly: boolean): string | null => {
  if (typeOnly && vocabulary.test(to)) return null;
  const [importer, imported] = [placeOf(from), placeOf(to)];
  if (importer === null || imported === null) return `no layer is known for ${importer === null ? from : to}`;
  if (imported.rank > importer.rank) return `${importer.group} is below ${imported.group}`;
  const bothRoles = importer.rank === 3 && imported.rank === 3;
  if (!bothRoles || importer.group === imported.group) return null;
  const may = rolesMayImport[importer.group]?.includes(imported.group) ?? false;
  return may ? null : `${importer.group} and ${imported.group} meet on the wire`;
};

const toySuite = "conformance/sim/toy_suite.ts";

/** Programs that are made of conformance's parts. */
const conformancePrograms = /^cmd\/(sim|conform)\.ts$/;

const folderOf = (path: string): string => path.split("/")[0]!;

const reachable: Readonly<Record<string, ReadonlyArray<string>>> = {
  core: ["core"],
  adapters: ["adapters", "core"],
  cmd: ["cmd", "adapters", "core"],
  conformance: ["conformance", "cmd", "adapters", "core", "spec-vectors"],
  "spec-vectors": [],
};

/** Why one file may not import another, or null. */
const objection = (from: string, to: string, typeOnly: boolean): string | null => {
  const [importer, imported] = [folderOf(from), folderOf(to)];
  if (imported === "conformance" && conformancePrograms.test(from)) return null;
  if (to === toySuite && importer !== "conformance") return "the toy suite is for simulations";
  if (!(reachable[importer] ?? []).includes(imported)) return `${importer} does not import ${imported}`;
  return importer === "core" ? insideCore(from, to, typeOnly) : null;
};

interface Edge {
  readonly to: string;
  readonly typeOnly: boolean;
}

export interface Graph {
  readonly modules: number;
  readonly edges: number;
  readonly findings: ReadonlyArray<Finding>;
}

/** The import graph of some sources and what is wrong with it. */
export const importGraph = (sources: ReadonlyArray<Source>): Graph => {
  const known = new Set(sources.map(({ path }) => path));
  const findings: Finding[] = [];
  const graph = new Map<string, Edge[]>();
  for (const source of sources) {
    const edges: Edge[] = [];
    for (const { node, specifier, typeOnly } of importsOf(source)) {
      const to = resolveImport(source.path, specifier);
      if (to === null) continue;
      edges.push({ to, typeOnly });
      const why = objection(source.path, to, typeOnly) ??
        (to.endsWith(".ts") && !known.has(to) ? "there is no such file" : null);
      if (why !== null) findings.push(finding(source, node, `imports ${to}: ${why}`));
    }
    graph.set(source.path, edges);
  }
  const edges = [...graph.values()].reduce((sum, { length }) => sum + length, 0);
  return { modules: sources.length, edges, findings: [...findings, ...cycles(graph)] };
};

/** Files that import one another in a circle when run. */
const cycles = (graph: ReadonlyMap<string, ReadonlyArray<Edge>>): Finding[] => {
  const found: Finding[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: ReadonlyArray<string>): void => {
    const at = trail.indexOf(path);
    if (at !== -1) found.push(`${path}:1: in a circle: ${[...trail.slice(at), path].join(" -> ")}`);
    if (at !== -1 || done.has(path)) return;
    for (const { to, typeOnly } of graph.get(path) ?? []) if (!typeOnly) visit(to, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
};
