/**
 * `client spool`: makes spools, writes to them and reads them, with descriptors in files (spool_files.ts). Who may do
 * what with replicated ones is in spool_members.ts, what is removed from them in spool_removal.ts.
 *
 * @module
 */
import { utf8 } from "../core/bytes.ts";
import type { WireVersion } from "../core/spool/service_types.ts";
import { usageError } from "./exit.ts";
import { refreshed, replicatedSpoolsOf } from "./replicated_client.ts";
import { spoolsOf } from "./spool_client.ts";
import {
  asRefusal,
  newFiles,
  providerOf,
  replicaFor,
  type SpoolCommandOptions,
  type SpoolWord,
  wrongFile,
} from "./spool_everywhere.ts";
import { readSpoolFile, writeSpoolFile } from "./spool_files.ts";
import { grant, purgeReplicated, revoke, roles } from "./spool_members.ts";
import { list, readToEnd, remove, showMessage } from "./spool_removal.ts";

export const spoolUsage = `  spool create NAME PROVIDER...
                              make a spool, with replicas where several Providers are named; NAME.write.json is for
                              whoever is to write, NAME.read.json for the reader; with replicas NAME.root.json is the
                              owner's, who gives and takes roles and deletes the spool
  spool append FILE TEXT      write to the spool of a NAME.write.json, --at one of its Providers
  spool read FILE             show what is new in the spool of a NAME.read.json, --at one of its Providers
  spool list FILE             show all that is in a spool with replicas, with ids and authors
  spool remove FILE [ID...]   delete messages from a spool with replicas: those that FILE, a NAME.read.json, has read,
                              or those of some IDs; for all readers
  spool roles FILE            show who may do what with a spool with replicas
  spool grant FILE ROLE NAME  make NAME.write.json for another writer, NAME.read.json for another reader, or canonical
                              reader (who also removes), or NAME.admin.json for another admin; FILE is a NAME.root.json
                              or NAME.admin.json; ROLE is writer, reader, canonical or admin
  spool revoke FILE WHO...    take all roles from WHO for good: a descriptor, or a key that "spool roles" shows
  spool purge FILE            delete the spool for good: of a NAME.read.json, with replicas of a NAME.root.json`;

const version1Hint = "; its service is of version 1 (memspool), whose requests can be repeated by whoever sees them";

/** What a Provider's spool service speaks: memspool, version 1, is the one that does not say. */
const versionAt = ({ client }: SpoolCommandOptions, provider: string): WireVersion => {
  const { kaetzchen } = client.document()?.providers.find(({ name }) => name === provider) ?? { kaetzchen: null };
  const service = kaetzchen?.get("spool");
  return service !== undefined && service.get("versions") === undefined ? 1 : 2;
};

/** How many epochs a spool lives after the last write, at the replica that lets it go first; null where none says. */
const lifeAt = ({ client }: SpoolCommandOptions, names: ReadonlyArray<string>): number | null => {
  const known = (client.document()?.providers ?? []).filter(({ name }) => names.includes(name))
    .map(({ kaetzchen }) => Number(kaetzchen?.get("spool")?.get("replica_epochs"))).filter((one) => one > 0);
  return known.length === 0 ? null : Math.min(...known);
};

const create: SpoolWord = ([name, ...providers]) => {
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
      const { admin, write, read } = await replicatedSpoolsOf(options).create(providers, { signal });
      writeSpoolFile(root, { kind: "replicated-admin", spool: admin, sequence: 0 });
      writeSpoolFile(writer, { kind: "replicated-writer", spool: write, sequence: 0 });
      writeSpoolFile(reader, { kind: "replicated-reader", spool: read, position: null, last: null, removals: 0 });
    }
    const hint = version === 1 ? version1Hint : "";
    const files = isReplicated ? [writer, reader, root] : [writer, reader];
    print(`made a spool at ${providers.join(", ")}: ${files.join(", ")}${hint}`);
    const life = isReplicated ? lifeAt(options, providers.map((name) => name.toLowerCase())) : null;
    if (life !== null) print(`a replica is deleted when nobody has written to the spool for ${life} epochs`);
  };
};

const append: SpoolWord = ([name, ...words]) => {
  if (name === undefined || words.length === 0) throw usageError("spool append expects a FILE and a text");
  const message = utf8(words.join(" "));
  const file = readSpoolFile(name);
  if (file.kind === "spool-writer") {
    return async (options) => {
      await spoolsOf(options).append(file.spool, message, { signal: options.signal });
      options.print(`appended at ${file.spool.provider}`);
    };
  }
  if (file.kind !== "replicated-writer") throw wrongFile(name, "for writing: take the .write.json");
  return async (options) => {
    const { signal, print } = options;
    const replica = replicaFor(file.spool, options.at);
    const spools = replicatedSpoolsOf(options);
    // Who reads may have changed: messages are encrypted to those who do now.
    const spool = refreshed(file.spool, await spools.members(file.spool, replica, { signal }));
    const prepared = spools.prepare(spool, file.sequence, message);
    // Before it is sent: a number must not be used for two messages.
    writeSpoolFile(name, { ...file, spool, sequence: file.sequence + 1 });
    const receipts = await spools.append(spool, replica, prepared, { signal });
    print(`appended at ${providerOf(replica)}: ${receipts.length} of ${spool.replicas.length} replicas hold it so far`);
  };
};

const read: SpoolWord = ([name]) => {
  if (name === undefined) throw usageError("spool read expects a FILE");
  const file = readSpoolFile(name);
  if (file.kind === "spool-reader") {
    return async (options) => {
      const spools = spoolsOf(options);
      let { next } = file;
      for (;; next++) {
        const message = await spools.read(file.spool, next, { signal: options.signal });
        if (message === null) break;
        options.print(showMessage(message));
      }
      writeSpoolFile(name, { ...file, next });
    };
  }
  if (file.kind !== "replicated-reader") throw wrongFile(name, "for reading: take the .read.json");
  return async (options) => {
    let { last } = file;
    const replica = replicaFor(file.spool, options.at);
    const position = await readToEnd(options, file.spool, replica, file.position, ({ id, message }) => {
      options.print(showMessage(message));
      last = id;
    });
    writeSpoolFile(name, { ...file, position, last });
  };
};

const purge: SpoolWord = ([name]) => {
  if (name === undefined) throw usageError("spool purge expects a FILE");
  const file = readSpoolFile(name);
  if (file.kind === "replicated-admin") return purgeReplicated(name, file);
  if (file.kind !== "spool-reader") {
    throw wrongFile(name, "the .read.json of a spool without replicas, nor the .root.json of one with replicas");
  }
  return async (options) => {
    await spoolsOf(options).purge(file.spool, { signal: options.signal });
    options.print(`purged at ${file.spool.provider}`);
  };
};

const commands: Readonly<Record<string, SpoolWord>> = {
  create,
  append,
  read,
  list,
  remove,
  roles,
  grant,
  revoke,
  purge,
};

/**
 * Throws a CommandError for what is wrong before there is a network; what it returns rejects with one, or with a
 * ClientError where the network did not answer.
 */
export const spoolCommand: SpoolWord = ([command = "", ...words]) => {
  if (!Object.hasOwn(commands, command)) throw usageError(`spool expects ${Object.keys(commands).join(", ")}`);
  const act = commands[command]!(words);
  return async (options) => {
    try {
      await act(options);
    } catch (error) {
      throw asRefusal(error);
    }
  };
};
