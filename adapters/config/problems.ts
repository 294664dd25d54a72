/**
 * What is wrong with a configuration file, in lines that people can act upon:
 *
 *     mix.toml:3: [Server] IsProvder: unknown key (did you mean IsProvider?)
 *     mix.toml:9: [[PKI.Voting.Peers]] 2 LinkPublicKey: expected a key of 32 bytes in base64, got "abc"
 *
 * @module
 */
import type { Errors, ValidationError } from "io-ts/lib/index.js";
import { type Keys, ListCodec, TableCodec, unknownKey } from "./codec.ts";

/** From the file's root to the key: names, and positions in lists from 0. */
export type Path = ReadonlyArray<string | number>;

export interface Problem {
  readonly path: Path;
  readonly message: string;
}

/** Keys of other versions, and what became of them (wire-facts §11, D26, D32). */
const renamed: Readonly<Record<string, string>> = {
  MixLambda: "Mu",
  MixMaxDelay: "MuMaxDelay",
  SendLambda: "LambdaP",
  SendMaxInterval: "LambdaPMaxDelay",
  MixLoopLambda: "LambdaM",
  MixLoopMaxInterval: "LambdaMMaxDelay",
  DropLambda: "LambdaD",
  LoopLambda: "LambdaL",
  ExternUserDB: "UserDB.Extern",
  PluginKaetzchen: "CBORPluginKaetzchen",
  DisableDecoyLoops: "DisableDecoyTraffic",
  PreferredTransports: "PreferedTransports",
};

/** Insertions, deletions, replacements and swaps of neighbours between two texts. */
export const editDistance = (a: string, b: string): number => {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + same);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) next[j] = Math.min(next[j]!, before[j - 2]! + 1);
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
};

interface Candidate {
  readonly table: string;
  readonly key: string;
}

/** All keys of a table and of those within it. */
const keysWithin = (codec: unknown, path: string): Candidate[] => {
  if (codec instanceof ListCodec) return keysWithin(codec.item, path);
  if (!(codec instanceof TableCodec)) return [];
  return Object.entries((codec as TableCodec<Keys>).keys).flatMap(([key, inner]) => [
    { table: path, key },
    ...keysWithin(inner.codec, path === "" ? key : `${path}.${key}`),
  ]);
};

const qualified = ({ table, key }: Candidate): string => (table === "" ? `[${key}]` : `[${table}] ${key}`);

const nearestIn = (key: string, candidates: ReadonlyArray<Candidate>): Candidate | null => {
  const limit = Math.max(1, Math.floor(key.length / 3));
  let nearest: { readonly candidate: Candidate; readonly distance: number } | null = null;
  for (const candidate of candidates) {
    const distance = editDistance(key.toLowerCase(), candidate.key.toLowerCase());
    if (distance <= limit && (nearest === null || distance < nearest.distance)) nearest = { candidate, distance };
  }
  return nearest?.candidate ?? null;
};

/** What was probably meant: a key of the same table, or the very key of another. */
const suggestionFor = (root: unknown, table: unknown, key: string): string => {
  const own = keysWithin(table, "").filter((candidate) => candidate.table === "");
  const all = keysWithin(root, "");
  const successor = Object.hasOwn(renamed, key) ? renamed[key] : undefined;
  if (successor !== undefined && all.some((candidate) => candidate.key === successor.split(".")[0])) {
    return ` (now called ${successor})`;
  }
  const near = nearestIn(key, own);
  if (near !== null) return ` (did you mean ${near.key}?)`;
  const elsewhere = all.find((candidate) => candidate.key.toLowerCase() === key.toLowerCase());
  return elsewhere === undefined ? "" : ` (did you mean ${qualified(elsewhere)}?)`;
};

const secretKey = /password|secret|private|datasourcename/i;
const shownLengthMax = 40;

const shown = (key: string, value: unknown): string => {
  if (value === undefined) return "";
  if (typeof value === "object") return Array.isArray(value) ? ", got a list" : ", got a table";
  if (secretKey.test(key)) return "";
  const text = JSON.stringify(value);
  return `, got ${text.length > shownLengthMax ? `${text.slice(0, shownLengthMax)}…` : text}`;
};

const pathOf = ({ context }: ValidationError): Path =>
  context.slice(1).map(({ key }, index) => (context[index]!.type instanceof ListCodec ? Number(key) : key));

const problemOf = (root: unknown, error: ValidationError): Problem => {
  const path = pathOf(error);
  const key = String(path.at(-1) ?? "");
  const message = error.message ?? "is invalid";
  if (message !== unknownKey) {
    return { path, message: `${message}${message.startsWith("expected") ? shown(key, error.value) : ""}` };
  }
  return { path, message: `${unknownKey}${suggestionFor(root, error.context.at(-2)?.type, key)}` };
};

export const problemsOf = (root: unknown, errors: Errors): Problem[] => errors.map((error) => problemOf(root, error));

/** `[Server] IsProvider`, `[[Mixes]] 2 IdentityKey` (counted from 1), `[Server] Addresses 1`. */
export const formatPath = (path: Path): string => {
  const position = path.findIndex((part) => typeof part === "number");
  if (position > 0 && position < path.length - 1) {
    return `[[${path.slice(0, position).join(".")}]] ${Number(path[position]) + 1} ${
      keyText(path.slice(position + 1))
    }`;
  }
  const last = position > 0 ? position - 1 : path.length - 1;
  const table = path.slice(0, last).join(".");
  return `${table === "" ? "" : `[${table}] `}${keyText(path.slice(last))}`;
};

const keyText = (path: Path): string =>
  path.map((part) => (typeof part === "number" ? ` ${part + 1}` : `.${part}`)).join("").slice(1);

export const unsupported = (path: ReadonlyArray<string>, what: string): Problem => ({
  path,
  message: `${what} is not supported in this version`,
});
