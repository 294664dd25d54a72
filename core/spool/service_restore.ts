/**
 * Reading back what the store holds before the service answers: spools, then the index of their messages. What a newer
 * version has written is refused: the process ends.
 *
 * @module
 */
import { toHex } from "../bytes.ts";
import { afterPage, type Entries, pageRequest, refuseToStart, type Restoring, restoringOf } from "../restoring.ts";
import { decodeSpool, restoreIndexEntry, spoolIndexTable, spoolsTable } from "./service_spool.ts";
import { ownerKeyOf, type ServiceTurn, takeId, update } from "./service_state.ts";
import { type ServiceRestored, spoolIdLength } from "./service_types.ts";

/** Rows read at once: 40 KB. */
const pageLength = 512;

export const startRestoring = (turn: ServiceTurn): void => scan(turn, restoringOf([spoolsTable, spoolIndexTable]));

const scan = (turn: ServiceTurn, restoring: Restoring): void => {
  const id = takeId(turn);
  update(turn, { restoring: { ...restoring, scan: id } });
  turn.effects.push(pageRequest(restoring, id, pageLength));
};

export const onRestored = (turn: ServiceTurn, entries: Entries): void => {
  const { restoring } = turn.state;
  if (restoring === null) return;
  const [table] = restoring.tables;
  for (const { key, value } of entries) {
    const isRead = table === spoolsTable ? restoreSpool(turn, key, value) : restoreMessage(turn, key, value);
    if (!isRead) return refuse(turn, `the table ${table} was written by another version`);
  }
  const next = afterPage(restoring, entries, pageLength);
  if (next !== null) return scan(turn, next);
  update(turn, { restoring: null });
  turn.effects.push({ type: "Notify", event: { type: "ServiceRestored" } satisfies ServiceRestored });
};

/** Without its spools the service does not start. */
export const onRestoreFailed = (turn: ServiceTurn, reason: string): void =>
  refuse(turn, `the store cannot be read: ${reason}`);

const refuse = (turn: ServiceTurn, message: string): void => {
  turn.effects.push(refuseToStart(message));
};

const restoreSpool = (turn: ServiceTurn, key: Uint8Array, value: Uint8Array): boolean => {
  const spool = decodeSpool(key, value);
  if (spool === null) return false;
  const { spools, owners } = turn.state;
  const id = toHex(key);
  update(turn, { spools: spools.set(id, spool), owners: owners.set(ownerKeyOf(spool), id) });
  return true;
};

const restoreMessage = (turn: ServiceTurn, key: Uint8Array, value: Uint8Array): boolean => {
  const id = toHex(key.subarray(0, spoolIdLength));
  const spool = turn.state.spools.get(id);
  const restored = spool === undefined ? null : restoreIndexEntry(spool, key, value);
  if (spool === undefined || restored === null) return false;
  const { spools, messages, bytes } = turn.state;
  update(turn, {
    spools: spools.set(id, restored),
    messages: messages + 1,
    bytes: bytes + restored.bytes - spool.bytes,
  });
  return true;
};
