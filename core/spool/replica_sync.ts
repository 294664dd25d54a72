/**
 * What a replica sends another one (drafts/dspool.rst §8.2): of every replica's spool what the other lacks by its
 * version
 * vector, mostly our own spool first, and the meta part before the data part that is judged by it, as much as fits one
 * message.
 *
 * @module
 */
import { toHex } from "../bytes.ts";
import { encodeProof } from "./equivocation.ts";
import { entriesFrom, headersOf, type PermissionedSpool } from "./permissioned.ts";
import { isFrozen } from "./durable.ts";
import { type KeepBound, type Kept, ownKey } from "./replica_keep.ts";
import { itemLength, type SyncItem } from "./replica_wire.ts";
import type { Part, SignedEntry } from "./signed.ts";
import { disagrees, noPositions, type VersionVector } from "./version_vector.ts";
import { contentId, decodeWrite } from "./write.ts";

/** An item, and the content whose body has to be read for it. */
export interface Planned {
  readonly item: SyncItem;
  readonly content: string | null;
}

/** Entries looked at for one message: small ones are a few hundred bytes. */
const itemsMax = 256;

/** The content whose body goes along with an entry: it is here, and not in the receiver's own spool as we know it. */
const bodyFor = (
  bound: KeepBound,
  kept: Kept,
  receiver: string,
  vector: VersionVector,
  { message }: SignedEntry,
): string | null => {
  const write = decodeWrite(message);
  const content = write?.kind === "message" ? contentId(bound.suite, kept.durable.spool, write) : null;
  if (content === null || !kept.held.has(content)) return null;
  const there = kept.durable.copies.get(receiver)?.contents.get(content);
  const known = (vector.get(receiver) ?? noPositions).data.length;
  return there !== undefined && there.index < known ? null : content;
};

/** Copies, ours first, then by key, from a place on; none of a replica that is convicted. */
const copiesOf = (
  bound: KeepBound,
  { durable }: Kept,
  first: number,
): ReadonlyArray<readonly [string, PermissionedSpool]> => {
  const own = toHex(ownKey(bound));
  const rank = (key: string): string => key === own ? "" : key;
  const copies = [...durable.copies].filter(([key]) => !isFrozen(durable, key))
    .sort(([a], [b]) => rank(a) < rank(b) ? -1 : 1);
  const at = first % Math.max(1, copies.length);
  return [...copies.slice(at), ...copies.slice(0, at)];
};

/** What to send a receiver whose vector is known, within `budget` bytes, from the copy at the place `first` on. */
export const planItems = (
  bound: KeepBound,
  kept: Kept,
  receiver: string,
  vector: VersionVector,
  budget: number,
  first: number,
): ReadonlyArray<Planned> => {
  const planned: Planned[] = [];
  let left = budget;
  for (const [key, copy] of copiesOf(bound, kept, first)) {
    for (const part of ["meta", "data"] as const satisfies ReadonlyArray<Part>) {
      for (const entry of lackedBy(copy, part, vector.get(key) ?? noPositions)) {
        const content = bodyFor(bound, kept, receiver, vector, entry);
        const item: SyncItem = { replica: copy.key, entry, body: null };
        const length = itemLength(item) + (content === null ? 0 : kept.held.get(content)!);
        if (length > left || planned.length >= itemsMax) break;
        left -= length;
        planned.push({ item, content });
      }
    }
  }
  return planned;
};

/** The entries after a position; where its mark differs from ours, our entry there too, which is evidence of a fork. */
const lackedBy = (
  copy: PermissionedSpool,
  part: Part,
  positions: Readonly<Record<Part, { readonly length: number; readonly mark: Uint8Array }>>,
): ReadonlyArray<SignedEntry> => {
  const position = positions[part];
  if (disagrees(copy, part, position)) return entriesFrom(copy, part, position.length - 1, 1);
  return headersOf(copy, part).size > position.length ? entriesFrom(copy, part, position.length, itemsMax) : [];
};

/** One of the proofs, another one each time. */
export const proofToSend = ({ durable: { proofs } }: Kept, turn: number): Uint8Array | null => {
  const known = [...proofs.values()];
  const proof = known[turn % Math.max(1, known.length)];
  return proof === undefined ? null : encodeProof(proof);
};
