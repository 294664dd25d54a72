/**
 * Descriptors of spools as files: JSON with a kind and a version, bytes in base64. They hold secret keys: mode 0600.
 *
 * @module
 */
import { chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import * as t from "io-ts/lib/index.js";
import { fromBase64, toBase64 } from "../core/bytes.ts";
import { E } from "../core/fp.ts";
import { spoolIdLength } from "../core/spool/service_types.ts";
import { configurationError } from "./exit.ts";
import type { ReplicatedAdmin, ReplicatedReader, ReplicatedWriter } from "./replicated_client.ts";
import type { SpoolReader, SpoolWriter } from "./spool_client.ts";
import type { SpoolIndex } from "../core/spool/write.ts";

/** What a file may hold. */
export type SpoolFile =
  | { readonly kind: "spool-writer"; readonly spool: SpoolWriter }
  /** `next`: the id of the message that is read next. */
  | { readonly kind: "spool-reader"; readonly spool: SpoolReader; readonly next: number }
  /** `sequence`: the number of the message that is written next. */
  | { readonly kind: "replicated-writer"; readonly spool: ReplicatedWriter; readonly sequence: number }
  | ReplicatedReaderFile
  | ReplicatedAdminFile;

export interface ReplicatedReaderFile {
  readonly kind: "replicated-reader";
  readonly spool: ReplicatedReader;
  /** After which is read next. */
  readonly position: SpoolIndex | null;
  /** The last message that was read: 64 hexadecimal digits; null for none. */
  readonly last: string | null;
  /** The number of the tombstone that is written next. */
  readonly removals: number;
}

export interface ReplicatedAdminFile {
  readonly kind: "replicated-admin";
  readonly spool: ReplicatedAdmin;
  /** The number of the operation that is written next, unless a replica knows of later ones. */
  readonly sequence: number;
}

const formatVersion = 1;

const replacer = (_: string, value: unknown): unknown =>
  value instanceof Uint8Array ? { base64: toBase64(value) } : value;

const reviver = (_: string, value: unknown): unknown => {
  const text = (value as { readonly base64?: unknown } | null)?.base64;
  return typeof text === "string" ? fromBase64(text) ?? value : value;
};

const checked = <A>(name: string, is: (value: unknown) => value is A): t.Type<A, A, unknown> =>
  new t.Type(
    name,
    is,
    (value, context) => is(value) ? t.success(value) : t.failure(value, context),
    (value) => value,
  );
const bytes = (length: number): t.Type<Uint8Array, Uint8Array, unknown> =>
  checked(
    `${length} bytes in base64`,
    (value): value is Uint8Array => value instanceof Uint8Array && value.length === length,
  );
const count = checked(
  "a count",
  (value): value is number => Number.isSafeInteger(value) && (value as number) >= 0,
);
const contentId = checked(
  "64 hexadecimal digits",
  (value): value is string => typeof value === "string" && /^[0-9a-f]{64}$/.test(value),
);

const [publicKey, privateKey] = [bytes(32), bytes(64)];
const place = {
  provider: t.string,
  capability: t.string,
  id: bytes(spoolIdLength),
  version: t.union([t.literal(1), t.literal(2)]),
};
const replicatedPlace = {
  spool: publicKey,
  replicas: t.array(t.type({ key: publicKey, addresses: t.array(t.string) })),
};
const position = t.type({ replica: publicKey, index: count, signature: bytes(64) });

const codecs: Readonly<Record<SpoolFile["kind"], t.Decoder<unknown, SpoolFile>>> = {
  "spool-writer": t.type({
    kind: t.literal("spool-writer"),
    spool: t.type({ ...place, writeKey: t.union([privateKey, t.null]) }),
  }),
  "spool-reader": t.type({
    kind: t.literal("spool-reader"),
    spool: t.type({ ...place, ownerKey: privateKey }),
    next: count,
  }),
  "replicated-writer": t.type({
    kind: t.literal("replicated-writer"),
    spool: t.type({
      ...replicatedPlace,
      writeKey: privateKey,
      encryptTo: t.array(publicKey),
      retired: t.array(publicKey),
    }),
    sequence: count,
  }),
  "replicated-reader": t.type({
    kind: t.literal("replicated-reader"),
    spool: t.type({ ...replicatedPlace, readKey: privateKey, decryptionKey: bytes(32) }),
    position: t.union([position, t.null]),
    last: t.union([contentId, t.null]),
    removals: count,
  }),
  "replicated-admin": t.type({
    kind: t.literal("replicated-admin"),
    spool: t.type({ ...replicatedPlace, adminKey: privateKey }),
    sequence: count,
  }),
};

const isKind = (kind: unknown): kind is SpoolFile["kind"] => typeof kind === "string" && Object.hasOwn(codecs, kind);

/** What is wrong, and where, without what stands there: it may be a key. */
const problemIn = ([first]: t.Errors): string => {
  const path = first?.context.map(({ key }) => key).filter((key) => key !== "").join(".");
  return `${path} is not ${first?.context.at(-1)?.type.name}`;
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
  if (file?.version !== formatVersion || !isKind(file.kind)) {
    throw configurationError(`${name}: expected a spool descriptor, as "spool create" writes them`);
  }
  const decoded = codecs[file.kind].decode(file);
  if (E.isRight(decoded)) return decoded.right;
  throw configurationError(`${name}: ${problemIn(decoded.left)}`);
};
