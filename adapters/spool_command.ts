/**
 * `client spool`: makes spools, writes to them and reads them, with descriptors in files (spool_files.ts).
 *
 * @module
 */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { fromUtf8, utf8 } from "../core/bytes.ts";
import type { EpochClock } from "../core/pki/epoch.ts";
import type { Suite } from "../core/crypto/suite.ts";
import type { ReplicaDescriptor } from "../core/spool/durable.ts";
import type { WireVersion } from "../core/spool/service_types.ts";
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

/** What a command does once there is a client. What is wrong with its words or files is said before. */
type Action = (options: SpoolCommandOptions) => Promise<void>;

type Command = (words: ReadonlyArray<string>) => Action;

const replicaFor = (place: ReplicatedPlace, at: string | null): ReplicaDescriptor => {
  const replica = at === null ? place.replicas[0] : replicaAt(place, at);
  if (replica !== undefined) return replica;
  throw usageError(`the spool has no replica at ${at}; it has ${place.replicas.flatMap(({ addresses }) => addresses)}`);
};

/** The files that `create` makes: none may be there, since with a descriptor its spool's keys would be lost. */
const newFiles = (name: string, kinds: ReadonlyArray<string>): string[] => {
  const files = kinds.map((kind) => `${name}.${kind}.json`);
  for (const file of files) if (existsSync(file)) throw usageError(`${file} is there already: take another NAME`);
  const folder = dirname(name);
  if (!existsSync(folder)) throw usageError(`there is no folder ${folder}`);
  return files;
};

const version1Hint = "; its service is of version 1 (memspool), whose requests can be repeated by whoever sees them";

/** What a Provider's spool service speaks: memspool, version 1, is the one that does not say. */
const versionAt = ({ client }: SpoolCommandOptions, provider: string): WireVersion => {
  const { kaetzchen } = client.document()?.providers.find(({ name }) => name === provider) ?? { kaetzchen: null };
  const service = kaetzchen?.get("spool");
  return service !== undefined && service.get("versions") === undefined ? 1 : 2;
};

const create: Command = ([name, ...providers]) => {
  const [first] = providers;
  if (name === undefined || first === undefined) throw usageError("spool create expects a NAME and PROVIDERs");
  const [writer, reader, root] = newFiles(name, ["write", "read", "root"]) as [string, string, string];
  return async (options) => {
    const { signal, print } = options;
    const isReplicated = providers.length > 1;
    const version = isReplicated ? 2 : versionAt(options, first.toLowerCase());
    if (!isReplicated) {
      const { write, read } = await spoolsOf(options).create(first.toLowerCase(), { signal, version });
      writeSpoolFile(writer, { kind: "spool-writer", spool: write });
      writeSpoolFile(reader, { kind: "spool-reader", spool: read, next: 1 });
    } else {
      const { rootKey, write, read } = await replicatedSpoolsOf(options).create(providers, { signal });
      writeSpoolFile(root, { kind: "replicated-root", rootKey });
      writeSpoolFile(writer, { kind: "replicated-writer", spool: write, sequence: 0 });
      writeSpoolFile(reader, { kind: "replicated-reader", spool: read, position: null });
    }
    const hint = version === 1 ? version1Hint : "";
    print(`made a spool at ${providers.join(", ")}: ${writer}, ${reader}${hint}`);
  };
};

const append: Command = ([name, ...words]) => {
  if (name === undefined || words.length === 0) throw usageError("spool append expects a FILE and a text");
  const message = utf8(words.join(" "));
  const file = readSpoolFile(name);
  if (file.kind === "spool-writer") {
    return async (options) => {
      await spoolsOf(options).append(file.spool, message, { signal: options.signal });
      options.print(`appended at ${file.spool.provider}`);
    };
  }
  if (file.kind !== "replicated-writer") throw usageError(`${name} is not for writing: take the .write.json`);
  return async (options) => {
    const { signal, print } = options;
    const replica = replicaFor(file.spool, options.at);
    const spools = replicatedSpoolsOf(options);
    const prepared = spools.prepare(file.spool, file.sequence, message);
    // Before it is sent: a number must not be used for two messages.
    writeSpoolFile(name, { ...file, sequence: file.sequence + 1 });
    const receipts = await spools.append(file.spool, replica, prepared, { signal });
    const among = file.spool.replicas.length;
    print(`appended at ${replica.addresses[0]}: ${receipts.length} of ${among} replicas hold it so far`);
  };
};

const show = (message: Uint8Array | null): string =>
  message === null ? "(forgotten, or not for this reader)" : fromUtf8(message) ?? `(${message.length} bytes)`;

const read: Command = ([name]) => {
  if (name === undefined) throw usageError("spool read expects a FILE");
  const file = readSpoolFile(name);
  if (file.kind === "spool-reader") {
    return async (options) => {
      const spools = spoolsOf(options);
      let { next } = file;
      for (;; next++) {
        const message = await spools.read(file.spool, next, { signal: options.signal });
        if (message === null) break;
        options.print(show(message));
      }
      writeSpoolFile(name, { ...file, next });
    };
  }
  if (file.kind !== "replicated-reader") throw usageError(`${name} is not for reading: take the .read.json`);
  return async (options) => {
    const { signal, print } = options;
    const replica = replicaFor(file.spool, options.at);
    const result = await replicatedSpoolsOf(options).read(file.spool, replica, { after: file.position, signal });
    for (const { message } of result.messages) print(show(message));
    writeSpoolFile(name, { ...file, position: result.position });
  };
};

const purge: Command = ([name]) => {
  if (name === undefined) throw usageError("spool purge expects a FILE");
  const file = readSpoolFile(name);
  if (file.kind !== "spool-reader") throw usageError(`${name} is not the .read.json of a spool without replicas`);
  return async (options) => {
    await spoolsOf(options).purge(file.spool, { signal: options.signal });
    options.print(`purged at ${file.spool.provider}`);
  };
};

const commands: Readonly<Record<string, Command>> = { create, append, read, purge };

/**
 * Throws a CommandError for what is wrong before there is a network; what it returns rejects with one, or with a
 * ClientError where the network did not answer.
 */
export const spoolCommand: Command = ([command = "", ...words]) => {
  if (!Object.hasOwn(commands, command)) throw usageError(`spool expects ${Object.keys(commands).join(", ")}`);
  const act = commands[command]!(words);
  return async (options) => {
    try {
      await act(options);
    } catch (error) {
      throw error instanceof SpoolError ? unavailableError(error.message) : error;
    }
  };
};
