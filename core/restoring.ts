/**
 * Reading tables back from the store, page by page, before a machine listens to anybody: where the reading stands, as a
 * value. What an entry means is the machine's own matter.
 *
 * @module
 */
import type { Exit, Scan, StoreEvent } from "./effects.ts";

export interface Restoring {
  /** Still to be read, the first of them now. */
  readonly tables: ReadonlyArray<string>;
  /** The last key that was read of it. */
  readonly after: Uint8Array | null;
  /** The request that is under way; null before the first. */
  readonly scan: number | null;
}

export type Entries = Extract<StoreEvent, { type: "Scanned" }>["entries"];

/** Before the first page of the first table. */
export const restoringOf = (tables: ReadonlyArray<string>): Restoring => ({ tables, after: null, scan: null });

/** The request for the next page of at most `limit` entries. */
export const pageRequest = ({ tables, after }: Restoring, id: number, limit: number): Scan => ({
  type: "Scan",
  id,
  table: tables[0]!,
  after,
  limit,
});

/** Where the reading stands after a page of at most `limit` entries; null after the last page of the last table. */
export const afterPage = ({ tables }: Restoring, entries: Entries, limit: number): Restoring | null => {
  const last = entries.at(-1);
  if (last !== undefined && entries.length >= limit) return { tables, after: last.key, scan: null };
  return tables.length > 1 ? restoringOf(tables.slice(1)) : null;
};

/** sysexits: EX_UNAVAILABLE. */
const exitUnavailable = 69;

/** A machine that cannot read what it has promised does not start. */
export const refuseToStart = (message: string): Exit => ({ type: "Exit", code: exitUnavailable, message });
