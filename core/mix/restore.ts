/**
 * What a node reads back before it listens to anybody: its keys and descriptors, and a Provider's accounts and
 * mailboxes.
 *
 * @module
 */
import { readUint64 } from "../bytes.ts";
import { mailboxTable } from "../provider/mailbox.ts";
import { restoreEntry, restoreUser } from "../provider/provider.ts";
import { usersTable } from "../provider/users.ts";
import { createRestorer, type Restoring, restoringOf } from "../restoring.ts";
import { decodeMixKey, forgetKey, mixKeysTable } from "./keys.ts";
import { decodeStoredDescriptor, descriptorsTable } from "./publication.ts";
import { emit, takeId, type Turn, update } from "./turn.ts";

/** Entries read at once: a few MB of mailboxes. */
const pageLength = 64;

const nodeTables = [mixKeysTable, descriptorsTable];
const providerTables = [usersTable, mailboxTable];

export const firstTable = (isProvider: boolean): Restoring =>
  restoringOf(isProvider ? [...nodeTables, ...providerTables] : nodeTables);

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

export const { scanNext, onRestored, onRestoreFailed } = createRestorer<Turn>({
  pageLength,
  takeId,
  put: (turn, restoring) => update(turn, { restoring }),
  restoreOne,
});
