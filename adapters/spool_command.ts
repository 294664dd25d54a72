/**
 * `client spool`: makes spools, writes to them and reads them, with descriptors in files (spool_files.ts).
 *
 * @module
 */
import { fromUtf8, utf8 } from "../core/bytes.ts";
import type { EpochClock } from "../core/pki/epoch.ts";
import type { Suite } from "../core/crypto/suite.ts";
import type { ReplicaDescriptor } from "../core/spool/durable.ts";
import type { MixClient } from "./client_api.ts";
import { unavailableError, usageError } from "./exit.ts";
import { replicaAt, type ReplicatedPlace, replicatedSpoolsOf } from "./replicated_client.ts";
import { SpoolError, spoolsOf } from "./spool_client.ts";
import { readSpoolFile, writeSpoolFile } from "./spool_files.ts";

export const spoolUsage = `  spool create NAME PROVIDER...
                              make a spool, with replicas where several Providers are named; NAME.write.json is for
                              whoever is to write, NAME.read.json for the reader
  spool append FILE TEXT      write to the spool of a NAME.write.json, --at one of its Providers
  spool read FILE             show what is new in the spool of a NAME.read.json, --at one of its Providers
  spool purge FILE            delete the spool of a NAME.read.json, which has no replicas`;

export interface SpoolCommandOptions {
  readonly client: MixClient;
  readonly suite: Suite;
  readonly clock: EpochClock;
  /** The Provider whose replica is used; null: the first. */
  readonly at: string | null;
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
}

const replicaFor = (place: ReplicatedPlace, at: string | null): ReplicaDescriptor => {
  const replica = at === null ? place.replicas[0] : replicaAt(place, at);
  if (replica !== undefined) return replica;
  throw usageError(`the spool has no replica at ${at}; it has ${place.replicas.flatMap(({ addresses }) => addresses)}`);
};

const create = async (options: SpoolCommandOptions, [name, ...providers]: ReadonlyArray<string>): Promise<void> => {
  const { signal, print } = options;
  const [first] = providers;
  if (name === undefined || first === undefined) throw usageError("spool create expects a NAME and PROVIDERs");
  const [writer, reader] = [`${name}.write.json`, `${name}.read.json`];
  if (providers.length === 1) {
    const { write, read } = await spoolsOf(options).create(first.toLowerCase(), { signal });
    writeSpoolFile(writer, { kind: "spool-writer", spool: write });
    writeSpoolFile(reader, { kind: "spool-reader", spool: read, next: 1 });
  } else {
    const { rootKey, write, read } = await replicatedSpoolsOf(options).create(providers, { signal });
    writeSpoolFile(`${name}.root.json`, { kind: "replicated-root", rootKey });
    writeSpoolFile(writer, { kind: "replicated-writer", spool: write, sequence: 0 });
    writeSpoolFile(reader, { kind: "replicated-reader", spool: read, position: null });
  }
  print(`made a spool at ${providers.join(", ")}: ${writer}, ${reader}`);
};

const append = async (options: SpoolCommandOptions, [name, ...words]: ReadonlyArray<string>): Promise<void> => {
  const { signal, print, at } = options;
  if (name === undefined || words.length === 0) throw usageError("spool append expects a FILE and a text");
  const message = utf8(words.join(" "));
  const file = readSpoolFile(name);
  if (file.kind === "spool-writer") {
    await spoolsOf(options).append(file.spool, message, { signal });
    return print(`appended at ${file.spool.provider}`);
  }
  if (file.kind !== "replicated-writer") throw usageError(`${name} is not for writing: take the .write.json`);
  const replica = replicaFor(file.spool, at);
  const spools = replicatedSpoolsOf(options);
  const prepared = spools.prepare(file.spool, file.sequence, message);
  // Before it is sent: a number must not be used for two messages.
  writeSpoolFile(name, { ...file, sequence: file.sequence + 1 });
  const receipts = await spools.append(file.spool, replica, prepared, { signal });
  print(
    `appended at ${replica.addresses[0]}: ${receipts.length} of ${file.spool.replicas.length} replicas hold it so far`,
  );
};

const show = (message: Uint8Array | null): string =>
  message === null ? "(forgotten, or not for this reader)" : fromUtf8(message) ?? `(${message.length} bytes)`;

const read = async (options: SpoolCommandOptions, [name]: ReadonlyArray<string>): Promise<void> => {
  const { signal, print, at } = options;
  if (name === undefined) throw usageError("spool read expects a FILE");
  const file = readSpoolFile(name);
  if (file.kind === "spool-reader") {
    const spools = spoolsOf(options);
    let { next } = file;
    for (;; next++) {
      const message = await spools.read(file.spool, next, { signal });
      if (message === null) break;
      print(show(message));
    }
    return writeSpoolFile(name, { ...file, next });
  }
  if (file.kind !== "replicated-reader") throw usageError(`${name} is not for reading: take the .read.json`);
  const replica = replicaFor(file.spool, at);
  const result = await replicatedSpoolsOf(options).read(file.spool, replica, { after: file.position, signal });
  for (const { message } of result.messages) print(show(message));
  writeSpoolFile(name, { ...file, position: result.position });
};

const purge = async (options: SpoolCommandOptions, [name]: ReadonlyArray<string>): Promise<void> => {
  if (name === undefined) throw usageError("spool purge expects a FILE");
  const file = readSpoolFile(name);
  if (file.kind !== "spool-reader") throw usageError(`${name} is not the .read.json of a spool without replicas`);
  await spoolsOf(options).purge(file.spool, { signal: options.signal });
  options.print(`purged at ${file.spool.provider}`);
};

const commands: Readonly<Record<string, typeof create>> = { create, append, read, purge };

/** Rejects with a CommandError, or a ClientError where the network did not answer. */
export const runSpoolCommand = async (options: SpoolCommandOptions, words: ReadonlyArray<string>): Promise<void> => {
  const [command = "", ...rest] = words;
  if (!Object.hasOwn(commands, command)) throw usageError(`spool expects ${Object.keys(commands).join(", ")}`);
  try {
    await commands[command]!(options, rest);
  } catch (error) {
    throw error instanceof SpoolError ? unavailableError(error.message) : error;
  }
};
