/**
 * What a non-voting authority keeps, and reading it back before it takes connections. Each value begins with its
 * version, 1.
 *
 *     nonvoting-documents     epoch 8                       -> version 1 | certificate
 *     nonvoting-descriptors   epoch 8 | identity key 32     -> version 1 | certificate
 *
 * As in Go, an entry that does not verify (another identity key, a node that is no longer listed) is left out.
 *
 * @module
 */
import { equal, readUint64, toHex } from "../bytes.ts";
import { log } from "../effects.ts";
import { E } from "../fp.ts";
import { createRestorer, type Restoring, restoringOf } from "../restoring.ts";
import { isListed } from "./authority_config.ts";
import { verifyDescriptor } from "./descriptor.ts";
import { verifyDocument } from "./document.ts";
import { descriptorsOf, emit, takeId, type Turn, update } from "./nonvoting_state.ts";

export const documentsTable = "nonvoting-documents";
export const descriptorsTable = "nonvoting-descriptors";
export const storedVersion = 1;

/** Entries read at once: documents have at most 1 MiB. */
const pageLength = 16;

export const firstTable: Restoring = restoringOf([documentsTable, descriptorsTable]);

/** False for what this version cannot read. */
const restoreOne = (turn: Turn, table: string, key: Uint8Array, value: Uint8Array): boolean => {
  if (value[0] !== storedVersion) return false;
  restoreEntry(turn, table, key, value.slice(1));
  return true;
};

const restoreEntry = (turn: Turn, table: string, key: Uint8Array, raw: Uint8Array): void => {
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

/** Without its documents and descriptors an authority does not start: it might sign another document for an epoch. */
export const { scanNext, onRestored, onRestoreFailed } = createRestorer<Turn>({
  pageLength,
  takeId,
  put: (turn, restoring) => update(turn, { restoring }),
  restoreOne,
});
