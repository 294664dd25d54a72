/**
 * `conform vectors [DIR]`: checks every reference vector in DIR (default: spec-vectors) with both crypto providers, and
 * ends with `N passed, M failed`. A check is one case under one provider. Exit code 1 when something failed, 64 for
 * wrong usage.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../adapters/command.ts";
import { nativeSuite } from "../adapters/crypto_native.ts";
import { exitCode, usageError } from "../adapters/exit.ts";
import { runVectors, type VectorFile } from "../conformance/vectors/run.ts";
import { nobleSuite } from "../core/crypto/noble.ts";

const usage = `usage: conform vectors [DIR]

Checks every reference vector in DIR (default: spec-vectors) with both crypto providers.

  -h, --help     this text
      --version  of samtpfote`;
const defaultDirectory = fileURLToPath(new URL("../spec-vectors", import.meta.url));
const notVectors = "MANIFEST.json";

/** The text of a file; of what cannot be read (a directory), text that is no vector. */
const readText = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

/** Every entry counts as a file of vectors: what is none shows as a failure. A directory that is not there has none. */
const readDirectory = (directory: string): ReadonlyArray<VectorFile> => {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => name !== notVectors)
    .sort()
    .map((name) => ({ name, content: readText(join(directory, name)) }));
};

const vectors = (directory: string): number => {
  const { passed, failed } = runVectors(readDirectory(directory), [nobleSuite, nativeSuite], console.log);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? exitCode.ok : exitCode.failure;
};

await runCommand({
  name: "conform",
  usage,
  options: {},
  run: async (_, [command, directory, ...rest]) => {
    if (command === "vectors" && rest.length === 0) return vectors(directory ?? defaultDirectory);
    throw usageError("vectors and at most one folder are expected");
  },
});
