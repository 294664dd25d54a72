/**
 * Reading back what the store holds, table by table, before a node listens to anybody: its keys and descriptors, and a
 * Provider's accounts and mailboxes. What a newer version has written is refused: the process ends.
 *
 * @module
 */
import { readUint64 } from "../bytes.ts";
import { mailboxTable } from "../provider/mailbox.ts";
import { restoreEntry, restoreUser } from "../provider/provider.ts";
import { usersTable } from "../provider/users.ts";
import { afterPage, type Entries, pageRequest, refuseToStart, type Restoring, restoringOf } from "../restoring.ts";
import { decodeMixKey, forgetKey, mixKeysTable } from "./keys.ts";
import { decodeStoredDescriptor, descriptorsTable } from "./publication.ts";
import { emit, takeId, type Turn, update } from "./turn.ts";

/** Entries read at once: a few MB of mailboxes. */
const pageLength = 64;

const nodeTables = [mixKeysTable, descriptorsTable];
const providerTables = [usersTable, mailboxTable];

export const firstTable = (isProvider: boolean): Restoring =>
  restoringOf(isProvider ? [...nodeTables, ...providerTables] : nodeTables);

/** Asks for the next page. */
export const scanNext = (turn: Turn): void => {
  const { restoring } = turn.state;
  if (restoring === null) return;
  const id = takeId(turn);
  update(turn, { restoring: { ...restoring, scan: id } });
  emit(turn, pageRequest(restoring, id, pageLength));
};

/** A page: true when it was the last of the last table. */
export const onRestored = (turn: Turn, entries: Entries): boolean => {
  const { restoring } = turn.state;
  const table = restoring?.tables[0];
  if (restoring === null || table === undefined) return false;
  for (const { key, value } of entries) {
    if (!restoreOne(turn, table, key, value)) return refuse(turn, `the table ${table} was written by another version`);
  }
  const next = afterPage(restoring, entries, pageLength);
  update(turn, { restoring: next });
  scanNext(turn);
  return next === null;
};

/** Without its accounts, messages and keys a node does not start. */
export const onRestoreFailed = (turn: Turn, reason: string): void => {
  refuse(turn, `the store cannot be read: ${reason}`);
};

const refuse = (turn: Turn, message: string): false => {
  emit(turn, refuseToStart(message));
  return false;
};

/** False for what this version cannot read. */
const restoreOne = (turn: Turn, table: string, key: Uint8Array, value: Uint8Array): boolean => {
  const { provider } = turn.state;
  if (table === mixKeysTable || table === descriptorsTable) {
    const epoch = key.length === 8 ? readUint64(key, 0) : null;
    return epoch !== null &&
      (table === mixKeysTable ? restoreKey(turn, epoch, value) : restoreDescriptor(turn, epoch, value));
  }
  if (provider === null) return false;
  const restored = table === usersTable
    ? restoreUser(provider, key, value)
    : restoreEntry(provider, turn.bound.geometry, key, value);
  if (restored !== null) update(turn, { provider: restored });
  return restored !== null;
};

const restoreKey = (turn: Turn, epoch: number, value: Uint8Array): boolean => {
  const key = decodeMixKey(turn.bound.suite, value);
  if (key === "destroyed") emit(turn, ...forgetKey(epoch, () => takeId(turn)));
  else if (key !== null) update(turn, { keys: turn.state.keys.set(epoch, key) });
  return key !== null;
};

const restoreDescriptor = (turn: Turn, epoch: number, value: Uint8Array): boolean => {
  const raw = decodeStoredDescriptor(value);
  if (raw !== null) update(turn, { publications: turn.state.publications.set(epoch, { raw, status: "due" }) });
  return raw !== null;
};
