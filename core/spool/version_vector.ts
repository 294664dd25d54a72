/**
 * Version vectors: how much of each replica's spool somebody has (drafts/dspool.rst §8.2; the answer to how replicas
 * subscribe to one another). Of each part its length, and a mark, the first 16 bytes of the last signature: where marks
 * differ at one length, the replica has signed two spools.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { equal, fromHex, toHex } from "../bytes.ts";
import type { CborValue } from "../codec/cbor.ts";
import { entriesMax, replicasMax } from "./domains.ts";
import { headersOf, type PermissionedSpool } from "./permissioned.ts";
import type { Part } from "./signed.ts";

export interface Position {
  readonly length: number;
  /** 16 bytes; empty at length 0. */
  readonly mark: Uint8Array;
}

export type Positions = Readonly<Record<Part, Position>>;

/** By spool key in hex. */
export type VersionVector = PersistentMap<string, Positions>;

const markLength = 16;
const nowhere: Position = { length: 0, mark: new Uint8Array(0) };
export const noPositions: Positions = { meta: nowhere, data: nowhere };

const positionIn = (copy: PermissionedSpool, part: Part): Position => {
  const headers = headersOf(copy, part);
  const last = headers.last();
  return last === undefined ? nowhere : { length: headers.size, mark: last.signature.slice(0, markLength) };
};

export const vectorOf = (copies: PersistentMap<string, PermissionedSpool>): VersionVector =>
  copies.map((copy) => ({ meta: positionIn(copy, "meta"), data: positionIn(copy, "data") }));

/** Does a copy have another entry where somebody else's ends? */
export const disagrees = (copy: PermissionedSpool, part: Part, position: Position): boolean => {
  const header = position.length === 0 ? undefined : headersOf(copy, part).get(position.length - 1);
  return header !== undefined && !equal(header.signature.subarray(0, markLength), position.mark);
};

const positionValue = ({ length, mark }: Position): CborValue => [length, mark];

const positionOf = (value: CborValue | undefined): Position | null => {
  if (!Array.isArray(value) || value.length !== 2) return null;
  const [length, mark] = value as ReadonlyArray<CborValue>;
  if (typeof length !== "number" || length < 0 || length > entriesMax || !(mark instanceof Uint8Array)) return null;
  return mark.length === (length === 0 ? 0 : markLength) ? { length, mark } : null;
};

/** In the order of the keys. */
export const vectorValue = (vector: VersionVector): CborValue =>
  [...vector.entries()].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([key, { meta, data }]): CborValue => [fromHex(key)!, positionValue(meta), positionValue(data)]);

/** Null for what is no vector, or one of more than `replicasMax` replicas. */
export const vectorFrom = (value: CborValue | undefined): VersionVector | null => {
  if (!Array.isArray(value) || value.length > replicasMax) return null;
  let vector: VersionVector = PersistentMap();
  for (const row of value as ReadonlyArray<CborValue>) {
    if (!Array.isArray(row) || row.length !== 3) return null;
    const [key, rawMeta, rawData] = row as ReadonlyArray<CborValue>;
    const [meta, data] = [positionOf(rawMeta), positionOf(rawData)];
    if (!(key instanceof Uint8Array) || key.length !== 32 || meta === null || data === null) return null;
    vector = vector.set(toHex(key), { meta, data });
  }
  return vector;
};
