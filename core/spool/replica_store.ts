/**
 * How a replica lies in the store, each key beginning with the root key of its spool:
 *
 *     dspool-entries   spool 32 | replica 32 | part 1 (0 meta, 1 data) | index 8 -> version 1 | CBOR [header, message]
 *     dspool-held      spool 32 | content 32 -> version 1 | length 4
 *     dspool-bodies    spool 32 | content 32 -> version 1 | body
 *     dspool-proofs    spool 32 | replica 32 -> version 1 | proof
 *
 * @module
 */
import { concat, equal, fromHex, toHex, uint32, uint64, viewOf } from "../bytes.ts";
import { decodeCbor, encodeCbor } from "../codec/cbor.ts";
import type { Suite } from "../crypto/suite.ts";
import type { StoreWrite } from "../effects.ts";
import { E } from "../fp.ts";
import { acceptEntry, addProof } from "./durable.ts";
import { decodeProof } from "./equivocation.ts";
import { headerOf, headerValue } from "./receipts.ts";
import { type Changes, type KeepBound, type Kept, ownKey, ownSpool } from "./replica_keep.ts";
import { contentId, decodeWrite } from "./write.ts";

export const bodiesTable = "dspool-bodies";
/** In the order in which they are read back. */
export const restoredTables = ["dspool-entries", "dspool-held", "dspool-proofs"] as const;
const [entriesTable, heldTable, proofsTable] = restoredTables;

const version = Uint8Array.of(1);

export const bodyKey = (spool: Uint8Array, content: string): Uint8Array => concat(spool, fromHex(content)!);

/** The greatest key of the same length below one: a Scan begins above it. */
export const keyBelow = (key: Uint8Array): Uint8Array => {
  const below = key.slice();
  for (let at = below.length - 1; at >= 0; at--) {
    const byte = below[at]!;
    below[at] = (byte + 255) & 255;
    if (byte !== 0) break;
  }
  return below;
};

/** The body of a row; null for another version. */
export const decodeBody = (value: Uint8Array): Uint8Array | null => value[0] === version[0] ? value.subarray(1) : null;

export const writesOf = (spool: Uint8Array, { entries, bodies, proofs }: Changes): ReadonlyArray<StoreWrite> => [
  ...entries.map(({ replica, part, entry: { header, message } }): StoreWrite => ({
    table: entriesTable,
    key: concat(spool, replica, Uint8Array.of(part === "meta" ? 0 : 1), uint64(header.index)),
    value: concat(version, encodeCbor([headerValue(header), message])),
  })),
  ...bodies.flatMap(({ content, body }): ReadonlyArray<StoreWrite> => {
    const key = bodyKey(spool, content);
    const length = body === null ? null : concat(version, uint32(body.length));
    const value = body === null ? null : concat(version, body);
    return [{ table: heldTable, key, value: length }, { table: bodiesTable, key, value }];
  }),
  ...proofs.map(({ replica, proof }): StoreWrite => ({
    table: proofsTable,
    key: concat(spool, replica),
    value: concat(version, proof),
  })),
];

/** Is a row of the given spool? */
export const isRowOf = (spool: Uint8Array, key: Uint8Array): boolean => equal(key.subarray(0, spool.length), spool);

/** What was verified before it was stored is not verified again. */
const trusting = (suite: Suite): Suite => ({ ...suite, ed25519Verify: () => true });

const restoreEntry = (bound: KeepBound, kept: Kept, replica: Uint8Array, value: Uint8Array): Kept | null => {
  const decoded = decodeCbor(value);
  if (E.isLeft(decoded) || !Array.isArray(decoded.right)) return null;
  const [header, message] = [headerOf(decoded.right[0]), decoded.right[1]];
  if (header === null || !(message instanceof Uint8Array)) return null;
  const accepted = acceptEntry(trusting(bound.suite), kept.durable, replica, { header, message }, true);
  return E.isRight(accepted) ? { ...kept, durable: accepted.right } : null;
};

/** A row put back; null for what this version cannot read. */
export const restoreRow = (
  bound: KeepBound,
  kept: Kept,
  table: string,
  key: Uint8Array,
  row: Uint8Array,
): Kept | null => {
  const name = key.slice(32, 64);
  if (row[0] !== version[0]) return null;
  const value = row.slice(1);
  if (table === entriesTable) return restoreEntry(bound, kept, name, value);
  if (table === heldTable) {
    const length = viewOf(value).getUint32(0);
    return { ...kept, held: kept.held.set(toHex(name), length), heldBytes: kept.heldBytes + length, oldest: 0 };
  }
  const proof = decodeProof(value);
  return proof === null ? null : { ...kept, durable: addProof(trusting(bound.suite), kept.durable, proof) };
};

/** What follows from the rows: which writes of others are not in our spool. */
export const afterRestoring = (bound: KeepBound, kept: Kept): Kept => {
  const own = ownSpool(bound, kept);
  let { unplaced } = kept;
  for (const [key, copy] of kept.durable.copies) {
    if (key === toHex(ownKey(bound))) continue;
    const entries = [...copy.meta.log.log.spool.items, ...copy.data.spool.items];
    for (const message of entries) {
      const write = decodeWrite(message);
      const content = write === null ? "" : contentId(bound.suite, kept.durable.spool, write);
      if (write !== null && !own.contents.has(content)) unplaced = unplaced.set(content, write);
    }
  }
  return { ...kept, unplaced };
};
