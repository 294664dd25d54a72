/**
 * What a non-voting authority keeps, and reading it back before it takes connections. Each value begins with its
 * version, 1; what a newer version has written is refused: the process ends.
 *
 *     nonvoting-documents     epoch 8                       -> version 1 | certificate
 *     nonvoting-descriptors   epoch 8 | identity key 32     -> version 1 | certificate
 *
 * As in Go, an entry that does not verify (another identity key, a node that is no longer listed) is left out.
 *
 * @module
 */
import { equal, readUint64, toHex } from "../bytes.ts";
import { log, type StoreEvent } from "../effects.ts";
import { E } from "../fp.ts";
import { isListed } from "./authority_config.ts";
import { verifyDescriptor } from "./descriptor.ts";
import { verifyDocument } from "./document.ts";
import { descriptorsOf, emit, takeId, type Turn, update } from "./nonvoting_state.ts";

export const documentsTable = "nonvoting-documents";
export const descriptorsTable = "nonvoting-descriptors";
export const storedVersion = 1;

export interface Restoring {
  /** Still to be read, the first of them now. */
  readonly tables: ReadonlyArray<string>;
  /** The last key that was read of it. */
  readonly after: Uint8Array | null;
  /** The request that is under way; null before the first. */
  readonly scan: number | null;
}

/** Entries read at once: documents have at most 1 MiB. */
const pageLength = 16;
/** sysexits: EX_UNAVAILABLE. */
const exitUnavailable = 69;

export const firstTable: Restoring = { tables: [documentsTable, descriptorsTable], after: null, scan: null };

/** Asks for the next page. */
export const scanNext = (turn: Turn): void => {
  const { restoring } = turn.state;
  const table = restoring?.tables[0];
  if (restoring === null || table === undefined) return;
  const id = takeId(turn);
  update(turn, { restoring: { ...restoring, scan: id } });
  emit(turn, { type: "Scan", id, table, after: restoring.after, limit: pageLength });
};

type Entries = Extract<StoreEvent, { type: "Scanned" }>["entries"];

/** A page: true when it was the last of the last table. */
export const onRestored = (turn: Turn, entries: Entries): boolean => {
  const { restoring } = turn.state;
  const table = restoring?.tables[0];
  if (restoring === null || table === undefined) return false;
  for (const { key, value } of entries) {
    if (value[0] !== storedVersion) return refuse(turn, `the table ${table} was written by another version`);
    restoreOne(turn, table, key, value.slice(1));
  }
  const last = entries.at(-1);
  const isRead = last === undefined || entries.length < pageLength;
  const tables = isRead ? restoring.tables.slice(1) : restoring.tables;
  update(turn, { restoring: tables.length === 0 ? null : { tables, after: isRead ? null : last.key, scan: null } });
  scanNext(turn);
  return tables.length === 0;
};

/** Without its documents and descriptors an authority does not start: it might sign another document for an epoch. */
export const onRestoreFailed = (turn: Turn, reason: string): void => {
  refuse(turn, `the store cannot be read: ${reason}`);
};

const refuse = (turn: Turn, message: string): false => {
  emit(turn, { type: "Exit", code: exitUnavailable, message });
  return false;
};

const restoreOne = (turn: Turn, table: string, key: Uint8Array, raw: Uint8Array): void => {
  const epoch = key.length >= 8 ? readUint64(key, 0) : null;
  const error = epoch === null
    ? "malformed"
    : table === documentsTable
    ? restoreDocument(turn, epoch, raw)
    : restoreDescriptor(turn, epoch, key.subarray(8), raw);
  if (error === null) return;
  const message = `Left out an entry of ${table}: ${error}`;
  emit(turn, log("WARNING", "restore", message, { table, error, ...(epoch === null ? {} : { epoch }) }));
};

const restoreDocument = (turn: Turn, epoch: number, raw: Uint8Array): string | null => {
  const { identityKey, documents } = turn.state;
  const verified = verifyDocument(turn.suite, { authorities: [identityKey] }, raw, { epoch, nowSeconds: null });
  if (E.isLeft(verified)) return verified.left;
  update(turn, { documents: documents.set(epoch, { document: verified.right, raw }) });
  return null;
};

const restoreDescriptor = (turn: Turn, epoch: number, identity: Uint8Array, raw: Uint8Array): string | null => {
  const verified = verifyDescriptor(turn.suite, raw, epoch, null);
  if (E.isLeft(verified)) return verified.left;
  const descriptor = verified.right;
  if (!equal(descriptor.identityKey, identity)) return "other-node";
  if (!isListed(turn.state.listed, descriptor)) return "not-listed";
  const ofEpoch = descriptorsOf(turn.state, epoch).set(toHex(identity), descriptor);
  update(turn, { descriptors: turn.state.descriptors.set(epoch, ofEpoch) });
  return null;
};
