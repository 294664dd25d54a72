/**
 * Long-term keys in PEM files (wire-facts §3): `identity.private.pem`, `identity.public.pem`, `link.private.pem`,
 * `link.public.pem` in a folder of mode 0700; made on the first start.
 *
 * @module
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { concat, equal, fromBase64, toBase64 } from "../core/bytes.ts";
import type { Suite } from "../core/crypto/suite.ts";
import { systemRandom } from "./entropy.ts";
import { configurationError } from "./exit.ts";

/** The keys of an authority, a mix or a Provider. */
export interface NodeKeys {
  /** Ed25519, 64 bytes (seed | public). */
  readonly identityPrivate: Uint8Array;
  readonly identityKey: Uint8Array;
  /** X25519, 32 bytes. */
  readonly linkPrivate: Uint8Array;
  readonly linkKey: Uint8Array;
}

/** The keys of a client, X25519 all. */
export interface ClientKeys {
  /** Logs in at the Provider. */
  readonly linkPrivate: Uint8Array;
  readonly linkKey: Uint8Array;
  /** Decrypts messages of other users. */
  readonly identityPrivate: Uint8Array;
  readonly identityKey: Uint8Array;
}

interface Algorithm {
  readonly name: "ED25519" | "X25519";
  readonly privateLength: number;
  readonly generate: (suite: Suite) => Uint8Array;
  readonly publicOf: (suite: Suite, privateKey: Uint8Array) => Uint8Array;
}

const ed25519: Algorithm = {
  name: "ED25519",
  privateLength: 64,
  generate: (suite) => {
    const seed = systemRandom.bytes(32);
    return concat(seed, suite.ed25519Public(seed));
  },
  publicOf: (suite, privateKey) => suite.ed25519Public(privateKey.slice(0, 32)),
};

const x25519: Algorithm = {
  name: "X25519",
  privateLength: 32,
  generate: () => systemRandom.bytes(32),
  publicOf: (suite, privateKey) => suite.x25519Public(privateKey),
};

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? "failed";

const modeOf = (folder: string): number => {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return statSync(folder).mode & 0o777;
  } catch (error) {
    throw configurationError(`cannot use DataDir ${folder}: ${codeOf(error)}`);
  }
};

/** Makes the folder where it is missing; another mode than 0700 is refused, as the Go programs do. */
export const ensureDataDir = (folder: string): void => {
  const mode = modeOf(folder);
  if (process.platform === "win32" || mode === 0o700) return;
  const written = mode.toString(8).padStart(4, "0");
  throw configurationError(`DataDir ${folder} has mode ${written}: others could read its keys (chmod 700 ${folder})`);
};

export const encodePem = (label: string, bytes: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${(toBase64(bytes).match(/.{1,64}/g) ?? []).join("\n")}\n-----END ${label}-----\n`;

/** The bytes of a file that is one PEM block of the label and nothing else; null for any other. */
export const decodePem = (label: string, pem: string): Uint8Array | null => {
  const match = /^-----BEGIN ([A-Z0-9 ]+)-----\r?\n([A-Za-z0-9+/=\r\n]*?)\r?\n-----END ([A-Z0-9 ]+)-----\r?\n?$/.exec(
    pem,
  );
  if (match === null || match[1] !== label || match[3] !== label) return null;
  return fromBase64(match[2]!.replace(/[\r\n]/g, ""));
};

const readPem = (file: string, label: string, length: number): Uint8Array | null => {
  let pem: string;
  try {
    pem = readFileSync(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw configurationError(`cannot read ${file}: ${codeOf(error)}`);
  }
  const bytes = decodePem(label, pem);
  if (bytes?.length === length) return bytes;
  throw configurationError(`${file} is not one PEM block "${label}" of ${length} bytes`);
};

const writePem = (file: string, label: string, bytes: Uint8Array): void => {
  try {
    writeFileSync(file, encodePem(label, bytes), { mode: 0o600, flag: "wx" });
  } catch (error) {
    throw configurationError(`cannot write ${file}: ${codeOf(error)}`);
  }
};

interface KeyPair {
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

const loadOrMake = (suite: Suite, folder: string, role: "identity" | "link", algorithm: Algorithm): KeyPair => {
  const [privateFile, publicFile] = [join(folder, `${role}.private.pem`), join(folder, `${role}.public.pem`)];
  const [privateLabel, publicLabel] = [`${algorithm.name} PRIVATE KEY`, `${algorithm.name} PUBLIC KEY`];
  const stored = readPem(privateFile, privateLabel, algorithm.privateLength);
  const written = readPem(publicFile, publicLabel, 32);
  if (stored === null && written !== null) throw configurationError(`${publicFile} is there, but not ${privateFile}`);
  const privateKey = stored ?? algorithm.generate(suite);
  const publicKey = algorithm.publicOf(suite, privateKey);
  if (algorithm === ed25519 && !equal(privateKey.subarray(32), publicKey)) {
    throw configurationError(`${privateFile} is damaged`);
  }
  if (written !== null && !equal(written, publicKey)) {
    throw configurationError(`${publicFile} does not belong to ${privateFile}`);
  }
  if (stored === null) writePem(privateFile, privateLabel, privateKey);
  if (written === null) writePem(publicFile, publicLabel, publicKey);
  return { privateKey, publicKey };
};

const loadKeys = (suite: Suite, folder: string, identityAlgorithm: Algorithm): NodeKeys => {
  ensureDataDir(folder);
  const identity = loadOrMake(suite, folder, "identity", identityAlgorithm);
  const link = loadOrMake(suite, folder, "link", x25519);
  return {
    identityPrivate: identity.privateKey,
    identityKey: identity.publicKey,
    linkPrivate: link.privateKey,
    linkKey: link.publicKey,
  };
};

/** Reads the keys in a DataDir, making folder and keys on the first start. Throws a CommandError. */
export const loadNodeKeys = (suite: Suite, folder: string): NodeKeys => loadKeys(suite, folder, ed25519);

/** The same for a client. */
export const loadClientKeys = (suite: Suite, folder: string): ClientKeys => loadKeys(suite, folder, x25519);
