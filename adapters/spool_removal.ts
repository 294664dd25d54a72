/**
 * `client spool list` and `remove`: what there is in a replicated spool, and tombstones by a canonical reader.
 *
 * @module
 */
import { equal, fromUtf8, toHex } from "../core/bytes.ts";
import type { ReplicaDescriptor } from "../core/spool/durable.ts";
import type { SpoolIndex } from "../core/spool/write.ts";
import { usageError } from "./exit.ts";
import { type ReadMessage, type Removal, type ReplicatedReader, replicatedSpoolsOf } from "./replicated_client.ts";
import {
  addEverywhere,
  printFailures,
  replicaFor,
  type SpoolCommandOptions,
  type SpoolWord,
  wrongFile,
} from "./spool_everywhere.ts";
import { readSpoolFile, type ReplicatedReaderFile, writeSpoolFile } from "./spool_files.ts";

/** Of an id as it is shown. */
const shownLength = 16;

export const showMessage = (message: Uint8Array | null): string =>
  message === null ? "(removed, too old, or not for this reader)" : fromUtf8(message) ?? `(${message.length} bytes)`;

/**
 * Everything that a replica has after a position, and where it ends. After another replica's position one answer is
 * all, since what follows from there on was mostly seen at the other one.
 */
export const readToEnd = async (
  options: SpoolCommandOptions,
  reader: ReplicatedReader,
  replica: ReplicaDescriptor,
  after: SpoolIndex | null,
  show: (message: ReadMessage) => void,
): Promise<SpoolIndex | null> => {
  const spools = replicatedSpoolsOf(options);
  for (let position = after;;) {
    const next = await spools.read(reader, replica, { after: position, signal: options.signal });
    next.messages.forEach(show);
    position = next.position;
    if (!next.hasMore || (after !== null && !equal(after.replica, replica.key))) return position;
  }
};

const readerFile = (name: string): ReplicatedReaderFile => {
  const file = readSpoolFile(name);
  if (file.kind === "replicated-reader") return file;
  throw wrongFile(name, "the .read.json of a spool with replicas");
};

export const list: SpoolWord = ([name]) => {
  if (name === undefined) throw usageError("spool list expects a FILE");
  const { spool } = readerFile(name);
  return async (options) => {
    await readToEnd(
      options,
      spool,
      replicaFor(spool, options.at),
      null,
      ({ id, author, message }) =>
        options.print(
          `${id.slice(0, shownLength)}  by ${toHex(author).slice(0, shownLength)}  ${showMessage(message)}`,
        ),
    );
  };
};

/** The ids that begin with what was said. */
const resolve = async (
  options: SpoolCommandOptions,
  spool: ReplicatedReader,
  said: ReadonlyArray<string>,
): Promise<ReadonlyArray<Removal>> => {
  const ids: string[] = [];
  await readToEnd(options, spool, replicaFor(spool, options.at), null, ({ id }) => ids.push(id));
  return said.map((beginning) => {
    const [id, ...others] = ids.filter((one) => one.startsWith(beginning));
    if (id === undefined) throw usageError(`there is no message ${beginning}: "spool list" shows which there are`);
    if (others.length > 0) throw usageError(`several messages begin with ${beginning}: say more of its id`);
    return { message: id };
  });
};

const isBeginning = (text: string): boolean => /^[0-9a-f]{8,64}$/.test(text);

export const remove: SpoolWord = ([name, ...said]) => {
  if (name === undefined) throw usageError('spool remove expects a FILE, and IDs as "spool list" shows them');
  const file = readerFile(name);
  const wrong = said.find((one) => !isBeginning(one));
  if (wrong !== undefined) throw usageError(`"${wrong}" is no ID: expected 8 to 64 hexadecimal digits`);
  const { spool, position, last } = file;
  if (said.length === 0 && position === null) {
    throw usageError(`nothing was read with ${name}: say which IDs to remove`);
  }
  // The one at the position stays (dspool §3), so it is named besides.
  const read = position === null ? [] : [{ before: position }, ...(last === null ? [] : [{ message: last }])];
  return async (options) => {
    const removals = said.length === 0 ? read : await resolve(options, spool, said);
    const spools = replicatedSpoolsOf(options);
    const writes = removals.map((removal, at) => spools.prepareRemoval(spool, file.removals + at, removal));
    // Before they are sent: a number must not be used twice.
    writeSpoolFile(name, { ...file, removals: file.removals + writes.length });
    const { holders, outcomes } = await addEverywhere(options, spool, writes);
    const what = said.length === 0 ? "what was read" : said.length === 1 ? "1 message" : `${said.length} messages`;
    options.print(`removed ${what}: ${holders} of ${spool.replicas.length} replicas know it so far`);
    printFailures(options, outcomes, "it hears of it from the others");
  };
};
