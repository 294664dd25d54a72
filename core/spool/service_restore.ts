/**
 * What the service reads back before it answers: spools, then the index of their messages.
 *
 * @module
 */
import { toHex } from "../bytes.ts";
import { createRestorer, type Entries, restoringOf } from "../restoring.ts";
import { decodeSpool, restoreIndexEntry, spoolIndexTable, spoolsTable } from "./service_spool.ts";
import { ownerKeyOf, type ServiceTurn, takeId, update } from "./service_state.ts";
import { type ServiceRestored, spoolIdLength } from "./service_types.ts";

/** Rows read at once: 40 KB. */
const pageLength = 512;

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

const restorer = createRestorer<ServiceTurn>({
  pageLength,
  takeId,
  put: (turn, restoring) => update(turn, { restoring }),
  restoreOne: (turn, table, key, value) =>
    table === spoolsTable ? restoreSpool(turn, key, value) : restoreMessage(turn, key, value),
});

export const startRestoring = (turn: ServiceTurn): void => {
  update(turn, { restoring: restoringOf([spoolsTable, spoolIndexTable]) });
  restorer.scanNext(turn);
};

export const onRestored = (turn: ServiceTurn, entries: Entries): void => {
  if (!restorer.onRestored(turn, entries)) return;
  turn.effects.push({ type: "Notify", event: { type: "ServiceRestored" } satisfies ServiceRestored });
};

export const { onRestoreFailed } = restorer;
