/**
 * Descriptors of spools as files: JSON with a kind and a version, bytes in base64. They hold secret keys: mode 0600.
 *
 * @module
 */
import { chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { fromBase64, toBase64 } from "../core/bytes.ts";
import { configurationError } from "./exit.ts";
import type { ReplicatedReader, ReplicatedWriter } from "./replicated_client.ts";
import type { SpoolReader, SpoolWriter } from "./spool_client.ts";
import type { SpoolIndex } from "../core/spool/write.ts";

/** What a file may hold. */
export type SpoolFile =
  | { readonly kind: "spool-writer"; readonly spool: SpoolWriter }
  /** `next`: the id of the message that is read next. */
  | { readonly kind: "spool-reader"; readonly spool: SpoolReader; readonly next: number }
  /** `sequence`: the number of the message that is written next. */
  | { readonly kind: "replicated-writer"; readonly spool: ReplicatedWriter; readonly sequence: number }
  /** `position`: after which is read next. */
  | { readonly kind: "replicated-reader"; readonly spool: ReplicatedReader; readonly position: SpoolIndex | null }
  | { readonly kind: "replicated-root"; readonly rootKey: Uint8Array };

const kinds: ReadonlySet<unknown> = new Set<SpoolFile["kind"]>([
  "spool-writer",
  "spool-reader",
  "replicated-writer",
  "replicated-reader",
  "replicated-root",
]);
const formatVersion = 1;

const replacer = (_: string, value: unknown): unknown =>
  value instanceof Uint8Array ? { base64: toBase64(value) } : value;

const reviver = (_: string, value: unknown): unknown => {
  const text = (value as { readonly base64?: unknown } | null)?.base64;
  return typeof text === "string" ? fromBase64(text) ?? value : value;
};

/** Replaces a file of that name in one step. */
export const writeSpoolFile = (name: string, file: SpoolFile): void => {
  const text = `${JSON.stringify({ version: formatVersion, ...file }, replacer, 2)}\n`;
  writeFileSync(`${name}.new`, text, { mode: 0o600 });
  chmodSync(`${name}.new`, 0o600);
  renameSync(`${name}.new`, name);
};

/** Throws a CommandError that names the file. */
export const readSpoolFile = (name: string): SpoolFile => {
  let file: { readonly kind?: unknown; readonly version?: unknown };
  try {
    file = JSON.parse(readFileSync(name, "utf8"), reviver) as typeof file;
  } catch (error) {
    throw configurationError(`cannot read the spool descriptor ${name}: ${(error as Error).message}`);
  }
  if (typeof file?.version === "number" && file.version > formatVersion) {
    throw configurationError(`${name}: its format is version ${file.version}: a newer program wrote it`);
  }
  if (file?.version !== formatVersion || !kinds.has(file.kind)) {
    throw configurationError(`${name}: expected a spool descriptor, as "spool create" writes them`);
  }
  return file as unknown as SpoolFile;
};
