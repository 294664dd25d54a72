/**
 * What a replica keeps, and the changes of it: writes of clients, entries of other replicas, proofs. Pure functions
 * from
 * one `Kept` to the next, with what has to be stored; the machine (replica.ts) decides when.
 *
 * Whatever another replica took and our own roles allow is appended to our own spool too (drafts/dspool.rst §8.2), once
 * its body is here: a receipt means that the message is held. What cannot be placed yet waits in `unplaced`.
 *
 * @module
 */
import { List } from "../collections/list.ts";
import { PersistentMap } from "../collections/map.ts";
import { equal, toHex } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { E, type Either } from "../fp.ts";
import { invariant } from "../machine.ts";
import { epochsAheadMax } from "./domains.ts";
import {
  acceptEntry,
  addProof,
  copyOf,
  type Durable,
  epochOf,
  forgetting,
  isFrozen,
  newDurable,
  replicasOf,
  withCopy,
} from "./durable.ts";
import { decodeProof, encodeProof, forkProof } from "./equivocation.ts";
import {
  appendWrite,
  entryAt,
  headersOf,
  newPermissioned,
  type PermissionedSpool,
  writeRefusal,
} from "./permissioned.ts";
import type { SyncItem } from "./replica_wire.ts";
import { decodeOperation } from "./set.ts";
import { sameHeader, type SignedEntry } from "./signed.ts";
import { contentId, decodeWrite, partOf, verifyWrite, type Write } from "./write.ts";

export interface Kept {
  readonly durable: Durable;
  /** Lengths of the bodies in the store, by content id. */
  readonly held: PersistentMap<string, number>;
  readonly heldBytes: number;
  /** None of them was written before this epoch. */
  readonly oldest: number;
  /** Contents whose bodies are forgotten, and still in the store. */
  readonly doomed: List<string>;
  /** Writes in other replicas' spools that are not in ours, by content id. */
  readonly unplaced: PersistentMap<string, Write>;
}

/** What has to be stored, and what is counted. */
export interface Changes {
  readonly entries: { readonly replica: Uint8Array; readonly entry: SignedEntry; readonly part: "data" | "meta" }[];
  readonly bodies: { readonly content: string; readonly body: Uint8Array | null }[];
  readonly proofs: { readonly replica: Uint8Array; readonly proof: Uint8Array }[];
  /** Why entries or proofs of others were refused. */
  readonly refused: string[];
}

/** Bodies deleted with one commit. */
const deletesMax = 6;

export interface KeepBound {
  readonly suite: Suite;
  readonly privateKey: Uint8Array;
  readonly bodyLengthMax: number;
  readonly bytesMax: number;
  /** Epochs for which the body of a message is kept, counted from the one that its author wrote it in. */
  readonly messageLifetimeEpochs: number;
}

export const noChanges = (): Changes => ({ entries: [], bodies: [], proofs: [], refused: [] });
export const isUnchanged = ({ entries, bodies, proofs }: Changes): boolean =>
  entries.length + bodies.length + proofs.length === 0;

export const ownKey = ({ privateKey }: KeepBound): Uint8Array => privateKey.subarray(32);

/** This replica's own spool: there from the start. */
export const ownSpool = (bound: KeepBound, { durable }: Kept): PermissionedSpool => {
  const own = durable.copies.get(toHex(ownKey(bound)));
  invariant(own !== undefined, "a replica has a spool of its own");
  return own;
};

/** Nothing yet. */
export const newKept = (bound: KeepBound, spool: Uint8Array): Kept => ({
  durable: withCopy(newDurable(spool), newPermissioned(spool, ownKey(bound))),
  held: PersistentMap(),
  heldBytes: 0,
  oldest: Infinity,
  doomed: List(),
  unplaced: PersistentMap(),
});

const place = (
  bound: KeepBound,
  kept: Kept,
  write: Write,
  epoch: number,
  changes: Changes,
  isKnown = false,
): Either<string, Kept> => {
  if (write.epoch > epoch + epochsAheadMax) return E.left("future-epoch");
  const own = ownSpool(bound, kept);
  const appended = appendWrite(bound.suite, bound.privateKey, own, write, epoch, isKnown);
  if (E.isLeft(appended)) return appended;
  const part = partOf(write);
  const [before, after] = [headersOf(own, part).size, headersOf(appended.right, part)];
  if (after.size > before) {
    const found = entryAt(appended.right, { part, index: before });
    if (found !== null) changes.entries.push({ replica: own.key, entry: found.entry, part });
  }
  return E.right({ ...kept, durable: withCopy(kept.durable, appended.right) });
};

const withBody = (kept: Kept, write: Write, content: string, body: Uint8Array, changes: Changes): Kept => {
  if (kept.held.has(content)) return kept;
  changes.bodies.push({ content, body });
  const held = kept.held.set(content, body.length);
  return { ...kept, held, heldBytes: kept.heldBytes + body.length, oldest: Math.min(kept.oldest, write.epoch) };
};

/** Is a message forgotten: by a tombstone, or as too old? Both are the same at all replicas that have its entry. */
const forgottenIn = (
  { messageLifetimeEpochs }: KeepBound,
  { durable }: Kept,
  epoch: number,
): (content: string) => boolean => {
  const isRemoved = forgetting(durable);
  return (content) => isRemoved(content) || isOld(epochOf(durable, content), epoch, messageLifetimeEpochs);
};

const isOld = (written: number | null, epoch: number, lifetime: number): boolean =>
  written !== null && written + lifetime < epoch;

/** Without the bodies that are forgotten: nobody is given them from now on. */
const dropForgotten = (kept: Kept, isForgotten: (content: string) => boolean): Kept => {
  const gone = kept.held.filter((_, content) => isForgotten(content));
  if (gone.isEmpty()) return kept;
  return {
    ...kept,
    held: kept.held.deleteAll(gone.keys()),
    heldBytes: kept.heldBytes - gone.reduce((sum, length) => sum + length, 0),
    doomed: [...gone.keys()].reduce((doomed, content) => doomed.push(content), kept.doomed),
  };
};

/** Without the bodies that are too old in an epoch. */
export const keepLate = (bound: KeepBound, kept: Kept, epoch: number): Kept => {
  if (!isOld(kept.oldest, epoch, bound.messageLifetimeEpochs)) return kept;
  const next = dropForgotten(kept, forgottenIn(bound, kept, epoch));
  const oldest = next.held.reduce(
    (least, _, content) => Math.min(least, epochOf(next.durable, content) ?? least),
    Infinity,
  );
  return { ...next, oldest };
};

/** Deletes some of the bodies that are forgotten: a full disk has room for no more (adapters/store_lmdb_room.ts). */
export const deleteDoomed = (kept: Kept, changes: Changes): Kept => {
  const now = kept.doomed.take(deletesMax);
  for (const content of now) changes.bodies.push({ content, body: null });
  return now.isEmpty() ? kept : { ...kept, doomed: kept.doomed.skip(now.size) };
};

/* Clients */

/** {data,meta}_add and forget (§8): `ok`, or why not. The same write again changes nothing and is `ok`. */
export const keepWrite = (
  bound: KeepBound,
  kept: Kept,
  { write, body }: { readonly write: Write; readonly body: Uint8Array | null },
  epoch: number,
  changes: Changes,
): { readonly kept: Kept; readonly status: string } => {
  const { suite, bodyLengthMax, bytesMax } = bound;
  const { spool } = kept.durable;
  const refuse = (status: string) => ({ kept, status });
  const content = contentId(suite, spool, write);
  if (ownSpool(bound, kept).contents.has(content)) return { kept, status: "ok" };
  if (write.epoch > epoch + epochsAheadMax) return refuse("future-epoch");
  const refusal = writeRefusal(ownSpool(bound, kept), write);
  if (refusal !== null) return refuse(refusal);
  const isLate = isOld(write.epoch, epoch, bound.messageLifetimeEpochs) || forgetting(kept.durable)(content);
  if (body !== null && isLate) return refuse("forgotten");
  if (body !== null && body.length > bodyLengthMax) return refuse("too-long");
  if (body !== null && !equal(suite.sha256(body), write.digest)) return refuse("wrong-digest");
  if (!verifyWrite(suite, spool, write)) return refuse("wrong-write-signature");
  if (body !== null && kept.heldBytes + body.length > bytesMax) return refuse("full");
  const placed = place(bound, kept, write, epoch, changes);
  if (E.isLeft(placed)) return refuse(placed.left);
  const holding = body === null ? placed.right : withBody(placed.right, write, content, body, changes);
  if (write.kind !== "tombstone") return { kept: holding, status: "ok" };
  return { kept: dropForgotten(holding, forgetting(holding.durable)), status: "ok" };
};

/* Other replicas */

/** Takes one entry of another replica's spool; what is known already changes nothing. */
const keepEntry = (bound: KeepBound, kept: Kept, item: SyncItem, epoch: number, changes: Changes): Kept => {
  const { replica, entry } = item;
  const write = decodeWrite(entry.message);
  const copy = copyOf(kept.durable, replica);
  const refuse = (reason: string): Kept => {
    changes.refused.push(reason);
    return kept;
  };
  if (write === null || copy === null) return refuse("malformed");
  const part = partOf(write);
  const known = headersOf(copy, part).get(entry.header.index);
  if (known !== undefined) {
    return sameHeader(known, entry.header)
      ? kept
      : keepProof(bound, kept, forkProof(replica, part, known, entry.header), changes);
  }
  if (entry.header.index > headersOf(copy, part).size) return refuse("gap");
  if (entry.header.epoch > epoch + epochsAheadMax) return refuse("future-epoch");
  const accepted = acceptEntry(bound.suite, kept.durable, replica, entry);
  if (E.isLeft(accepted)) return refuse(accepted.left);
  changes.entries.push({ replica, entry, part });
  const content = contentId(bound.suite, kept.durable.spool, write);
  const isOurs = equal(replica, ownKey(bound)) || ownSpool(bound, kept).contents.has(content);
  const unplaced = isOurs ? kept.unplaced : kept.unplaced.set(content, write);
  return { ...kept, durable: accepted.right, unplaced };
};

/** The body of an item, where it is wanted and is what was signed. */
const keepBody = (
  bound: KeepBound,
  kept: Kept,
  { entry, body }: SyncItem,
  isForgotten: (content: string) => boolean,
  changes: Changes,
): Kept => {
  const write = body === null ? null : decodeWrite(entry.message);
  if (body === null || write === null || write.kind !== "message") return kept;
  const content = contentId(bound.suite, kept.durable.spool, write);
  const isWanted = kept.unplaced.has(content) || ownSpool(bound, kept).contents.has(content);
  if (!isWanted || kept.held.has(content) || body.length > bound.bodyLengthMax) return kept;
  if (!equal(bound.suite.sha256(body), write.digest) || isForgotten(content)) return kept;
  if (kept.heldBytes + body.length <= bound.bytesMax) return withBody(kept, write, content, body, changes);
  changes.refused.push("full");
  return kept;
};

const keepProof = (
  bound: KeepBound,
  kept: Kept,
  proof: Parameters<typeof addProof>[2],
  changes: Changes,
): Kept => {
  const durable = addProof(bound.suite, kept.durable, proof);
  if (durable === kept.durable) return kept;
  const found = durable.proofs.get(toHex(proof.replica));
  if (found !== undefined) changes.proofs.push({ replica: proof.replica, proof: encodeProof(found) });
  return { ...kept, durable };
};

/** Roles that are given come before what is done with them, and that before roles that are taken. */
const rankOf = ({ kind, body }: Write): number => {
  if (kind !== "meta" || body === null) return 1;
  return decodeOperation(body)?.type === "remove" ? 2 : 0;
};

/** Appends to our own spool what others took. */
const placeAll = (bound: KeepBound, kept: Kept, epoch: number, changes: Changes): Kept => {
  const isForgotten = forgottenIn(bound, kept, epoch);
  let next = kept;
  for (const [content, write] of [...kept.unplaced].sort(([, a], [, b]) => rankOf(a) - rankOf(b))) {
    const hasBody = write.kind !== "message" || next.held.has(content) || isForgotten(content);
    const placed = hasBody ? place(bound, next, write, epoch, changes, true) : E.left("no-body");
    if (E.isRight(placed)) next = { ...placed.right, unplaced: next.unplaced.delete(content) };
  }
  return next;
};

/** Takes what another replica sent: entries of any spools that we follow, bodies, a proof. */
export const keepExchange = (
  bound: KeepBound,
  kept: Kept,
  { items, proof }: { readonly items: ReadonlyArray<SyncItem>; readonly proof: Uint8Array | null },
  epoch: number,
  changes: Changes,
): Kept => {
  const followed = new Set(replicasOf(ownSpool(bound, kept)).map(({ key }) => toHex(key)));
  const claim = proof === null ? null : decodeProof(proof);
  // As of before: what the new entries forget goes at the end.
  const isForgotten = forgottenIn(bound, kept, epoch);
  let next = claim === null ? kept : keepProof(bound, kept, claim, changes);
  for (const item of items) {
    const key = toHex(item.replica);
    if (!followed.has(key) || isFrozen(next.durable, key)) {
      changes.refused.push("not-followed");
      continue;
    }
    next = keepBody(bound, keepEntry(bound, next, item, epoch, changes), item, isForgotten, changes);
  }
  if (next === kept) return kept;
  const placed = placeAll(bound, next, epoch, changes);
  return dropForgotten(placed, forgetting(placed.durable));
};
