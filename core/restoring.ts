/**
 * Reading tables back from the store, page by page, before a machine listens to anybody. What an entry means is the
 * machine's own matter; what a newer version has written is refused: the process ends.
 *
 * @module
 */
import type { Effect, Exit, Scan, StoreEvent } from "./effects.ts";

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

/** A step's turn of a machine whose state says where the reading stands; null: everything has been read. */
export interface RestoringTurn {
  readonly state: { readonly restoring: Restoring | null };
  readonly effects: Effect[];
}

export interface RestorerOptions<T extends RestoringTurn> {
  /** Entries read at once. */
  readonly pageLength: number;
  /** A number that no request of the machine has had. */
  readonly takeId: (turn: T) => number;
  readonly put: (turn: T, restoring: Restoring | null) => void;
  /** False for what this version cannot read. */
  readonly restoreOne: (turn: T, table: string, key: Uint8Array, value: Uint8Array) => boolean;
}

export interface Restorer<T> {
  /** Asks for the next page. */
  readonly scanNext: (turn: T) => void;
  /** A page: true when it was the last of the last table. */
  readonly onRestored: (turn: T, entries: Entries) => boolean;
  /** Without what it has promised a machine does not start. */
  readonly onRestoreFailed: (turn: T, reason: string) => void;
}

/** How a machine of turns reads its tables. */
export const createRestorer = <T extends RestoringTurn>(options: RestorerOptions<T>): Restorer<T> => {
  const { pageLength, takeId, put, restoreOne } = options;
  const scanNext = (turn: T): void => {
    const { restoring } = turn.state;
    if (restoring === null) return;
    const scan = takeId(turn);
    put(turn, { ...restoring, scan });
    turn.effects.push(pageRequest(restoring, scan, pageLength));
  };
  return {
    scanNext,
    onRestored: (turn, entries) => {
      const { restoring } = turn.state;
      const table = restoring?.tables[0];
      if (restoring === null || table === undefined) return false;
      if (!entries.every(({ key, value }) => restoreOne(turn, table, key, value))) {
        turn.effects.push(refuseToStart(`the table ${table} was written by another version`));
        return false;
      }
      const next = afterPage(restoring, entries, pageLength);
      put(turn, next);
      scanNext(turn);
      return next === null;
    },
    onRestoreFailed: (turn, reason) => {
      turn.effects.push(refuseToStart(`the store cannot be read: ${reason}`));
    },
  };
};
