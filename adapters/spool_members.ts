/**
 * `client spool roles`, `grant`, `revoke`, and `purge` of replicated spools: who may do what with one, and its end.
 *
 * Each change is said to all replicas, so that one which keeps it to itself holds nothing up; its number and who has
 * which role come from all that answer.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { equal, toHex } from "../core/bytes.ts";
import { keyFromText } from "../core/pki/text_key.ts";
import type { RoleName } from "../core/spool/durable.ts";
import { unavailableError, usageError } from "./exit.ts";
import { entropy } from "./replicated_asking.ts";
import {
  type Change,
  type Granted,
  type Members,
  refreshed,
  type ReplicatedAdmin,
  type ReplicatedReader,
  replicatedSpoolsOf,
  type ReplicatedWriter,
} from "./replicated_client.ts";
import { newSigningKey } from "./spool_client.ts";
import {
  addEverywhere,
  everywhere,
  failureText,
  isStatus,
  newFiles,
  type Outcome,
  printFailures,
  type SpoolCommandOptions,
  type SpoolWord,
  succeeded,
  wrongFile,
} from "./spool_everywhere.ts";
import { readSpoolFile, type ReplicatedAdminFile, type SpoolFile, writeSpoolFile } from "./spool_files.ts";

const roleTexts: Readonly<Record<RoleName, string>> = {
  metaWriters: "admin",
  metaReaders: "sees roles",
  dataWriters: "writer",
  dataReaders: "reader",
  canonicalReaders: "canonical reader",
  dataEncryption: "messages are encrypted to it",
};

const hears = "it hears of it from the others";

type Place = ReplicatedAdmin | ReplicatedWriter | ReplicatedReader;

const membersAt = async (
  options: SpoolCommandOptions,
  place: Place,
): Promise<ReadonlyArray<Outcome<Members> & { readonly value: Members }>> => {
  const { signal } = options;
  const spools = replicatedSpoolsOf(options);
  return succeeded(await everywhere(place, options.at, (replica) => spools.members(place, replica, { signal })));
};

const adminFile = (name: string): ReplicatedAdminFile => {
  const file = readSpoolFile(name);
  if (file.kind === "replicated-admin") return file;
  throw wrongFile(name, "the .root.json or .admin.json of a spool with replicas");
};

/* Showing */

interface Line {
  readonly key: string;
  /** By role the Providers whose replicas have it so. */
  readonly roles: Map<RoleName, string[]>;
}

const linesOf = (found: Awaited<ReturnType<typeof membersAt>>): ReadonlyArray<Line> => {
  const lines = new Map<string, Line>();
  for (const { provider, value } of found) {
    for (const { role, key } of value.granted) {
      const line = lines.get(toHex(key)) ?? { key: toHex(key), roles: new Map() };
      lines.set(line.key, line);
      line.roles.set(role, [...line.roles.get(role) ?? [], provider]);
    }
  }
  return [...lines.values()];
};

export const roles: SpoolWord = ([name]) => {
  if (name === undefined) throw usageError("spool roles expects a FILE");
  const file = readSpoolFile(name);
  if (!("spool" in file) || !("replicas" in file.spool)) throw wrongFile(name, "of a spool with replicas");
  const place: Place = file.spool;
  return async (options) => {
    const found = await membersAt(options, place);
    for (const { key, roles } of linesOf(found)) {
      const texts = [...roles].map(([role, providers]) =>
        providers.length === found.length ? roleTexts[role] : `${roleTexts[role]} (only at ${providers.join(", ")})`
      );
      options.print(`${key}  ${texts.join(", ")}`);
    }
  };
};

/* Changing */

/** Says changes to all replicas, with numbers that none of them has seen yet. */
const apply = async (
  options: SpoolCommandOptions,
  name: string,
  file: ReplicatedAdminFile,
  found: Awaited<ReturnType<typeof membersAt>>,
  changes: ReadonlyArray<Change>,
) => {
  const sequence = Math.max(file.sequence, ...found.map(({ value }) => value.sequence));
  const writes = replicatedSpoolsOf(options).prepareChanges(file.spool, sequence, changes);
  // Before they are sent: a number must not be used twice.
  writeSpoolFile(name, { ...file, sequence: sequence + changes.length });
  return await addEverywhere(options, file.spool, writes);
};

interface Grant {
  readonly kind: "write" | "read" | "admin";
  readonly signing: ReadonlyArray<RoleName>;
  readonly isReader: boolean;
}

const grants: Readonly<Record<string, Grant>> = {
  writer: { kind: "write", signing: ["metaReaders", "dataWriters"], isReader: false },
  reader: { kind: "read", signing: ["metaReaders", "dataReaders"], isReader: true },
  canonical: { kind: "read", signing: ["metaReaders", "canonicalReaders"], isReader: true },
  admin: { kind: "admin", signing: ["metaWriters"], isReader: false },
};

/** The descriptor of a new member. */
const fileFor = (
  { kind }: Grant,
  { spool, replicas }: ReplicatedAdmin,
  found: ReadonlyArray<{ readonly value: Members }>,
  key: Uint8Array,
  decryptionKey: Uint8Array,
): SpoolFile => {
  const place = { spool, replicas };
  switch (kind) {
    case "write": {
      const bare: ReplicatedWriter = { ...place, writeKey: key, encryptTo: [], retired: [] };
      const writer = found.reduce((one, { value }) => refreshed(one, value), bare);
      return { kind: "replicated-writer", spool: writer, sequence: 0 };
    }
    case "read": {
      const reader: ReplicatedReader = { ...place, readKey: key, decryptionKey };
      return { kind: "replicated-reader", spool: reader, position: null, last: null, removals: 0 };
    }
    case "admin":
      return { kind: "replicated-admin", spool: { ...place, adminKey: key }, sequence: 0 };
  }
};

export const grant: SpoolWord = ([name, role, newName]) => {
  const known = Object.keys(grants).join(", ");
  if (name === undefined || role === undefined || newName === undefined) {
    throw usageError(`spool grant expects a FILE, a role (${known}) and a NAME`);
  }
  if (!Object.hasOwn(grants, role)) throw usageError(`there is no role "${role}": expected ${known}`);
  const given = grants[role]!;
  const file = adminFile(name);
  const [newFile] = newFiles(newName, [given.kind]) as [string];
  return async (options) => {
    const { suite, print } = options;
    const [key, decryptionKey] = [newSigningKey(suite), entropy.bytes(32)];
    const changes: Change[] = given.signing.map((one) => ({ type: "add", role: one, key: key.slice(32) }));
    const encryption: Change = { type: "add", role: "dataEncryption", key: suite.x25519Public(decryptionKey) };
    const found = await membersAt(options, file.spool);
    const all = given.isReader ? [...changes, encryption] : changes;
    const { holders, outcomes } = await apply(options, name, file, found, all);
    writeSpoolFile(newFile, fileFor(given, file.spool, found, key, decryptionKey));
    const among = file.spool.replicas.length;
    print(
      `made ${newFile}, a ${role} with key ${toHex(key.slice(32))}: ${holders} of ${among} replicas know it so far`,
    );
    printFailures(options, outcomes, hears);
  };
};

/** Public keys that a descriptor stands for, or a text. */
const keysOf = (options: Pick<SpoolCommandOptions, "suite">, who: string): ReadonlyArray<Uint8Array> => {
  const key = keyFromText(who);
  if (key !== null) return [key];
  const file = readSpoolFile(who);
  switch (file.kind) {
    case "replicated-writer":
      return [file.spool.writeKey.slice(32)];
    case "replicated-reader":
      return [file.spool.readKey.slice(32), options.suite.x25519Public(file.spool.decryptionKey)];
    case "replicated-admin":
      return [file.spool.adminKey.slice(32)];
    default:
      throw wrongFile(who, "of a spool with replicas");
  }
};

/** What has to be taken from some keys, wherever any replica has them. */
const removalsOf = (
  found: ReadonlyArray<{ readonly value: Members }>,
  keys: ReadonlyArray<Uint8Array>,
): ReadonlyArray<Change> => {
  const held = found.flatMap(({ value }) => value.granted).filter(({ key }) => keys.some((one) => equal(one, key)));
  const isFirst = ({ role, key }: Granted, at: number): boolean =>
    held.findIndex((one) => one.role === role && equal(one.key, key)) === at;
  return held.filter(isFirst).map(({ role, key }) => ({ type: "remove", role, key }));
};

export const revoke: SpoolWord = ([name, ...whom]) => {
  if (name === undefined || whom.length === 0) {
    throw usageError("spool revoke expects a FILE, and whom: descriptors, or keys in base64 or hex");
  }
  const file = adminFile(name);
  const unknown = whom.find((who) => keyFromText(who) === null && !existsSync(who));
  if (unknown !== undefined) throw usageError(`${unknown} is neither a key in base64 or hex, nor a file`);
  return async (options) => {
    const keys = whom.map((who) => keysOf(options, who));
    const own = file.spool.adminKey.slice(32);
    if (keys.flat().some((key) => equal(key, own))) {
      throw usageError(`${name} cannot take its own roles: another admin can`);
    }
    const found = await membersAt(options, file.spool);
    const stranger = whom.find((_, at) => removalsOf(found, keys[at]!).length === 0);
    if (stranger !== undefined) throw usageError(`${stranger} has no role in this spool: "spool roles" shows who has`);
    const changes = removalsOf(found, keys.flat());
    const { holders, outcomes } = await apply(options, name, file, found, changes);
    const texts = [...new Set(changes.map(({ role }) => roleTexts[role]))].join(", ");
    options.print(`revoked (${texts}): ${holders} of ${file.spool.replicas.length} replicas know it so far`);
    printFailures(options, outcomes, hears);
  };
};

/** Deletes a replicated spool, at all replicas that can be reached. */
export const purgeReplicated = (name: string, { spool }: ReplicatedAdminFile) => {
  if (!equal(spool.adminKey.subarray(32), spool.spool)) {
    throw usageError(`${name} gives and takes roles: only the root key deletes the spool (NAME.root.json)`);
  }
  return async (options: SpoolCommandOptions): Promise<void> => {
    const spools = replicatedSpoolsOf(options);
    const outcomes = await everywhere(spool, options.at, async (replica) => {
      try {
        await spools.purge(spool, replica, { signal: options.signal });
      } catch (error) {
        // There is nothing left to delete.
        if (!isStatus(error, "unknown-spool", "purged")) throw error;
      }
    });
    const done = outcomes.filter(({ error }) => error === null).map(({ provider }) => provider);
    if (done.length > 0) options.print(`purged at ${done.join(", ")}`);
    const failures = outcomes.filter(({ error }) => error !== null)
      .map(({ provider, error }) => `not purged at ${provider}: ${failureText(error)}`);
    if (failures.length === 0) return;
    const hope = done.length === 0 ? [] : ["it is as soon as one that is asks another; say it again to make sure"];
    throw unavailableError([...failures, ...hope].join("\n"));
  };
};
