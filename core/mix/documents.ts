/**
 * The documents that a node holds, of the epochs now-2 to now+1, and what they say of its neighbours at a moment
 * (wire-facts §2.7, §5.7).
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { equalConstantTime } from "../bytes.ts";
import type { Descriptor } from "../pki/descriptor.ts";
import type { Document } from "../pki/document.ts";
import type { EpochTime, Schedule } from "../pki/epoch.ts";
import { type Command, consensusStatus } from "../wire/commands.ts";
import type { Neighbours } from "./neighbours.ts";

export interface KnownDocument {
  readonly document: Document;
  /** As it came: clients are served these bytes. */
  readonly raw: Uint8Array;
  /** Null where the node is not listed. */
  readonly neighbours: Neighbours | null;
}

export interface Documents {
  readonly known: PersistentMap<number, KnownDocument>;
  /** Epochs for which the authorities say that there never will be one. */
  readonly gone: PersistentMap<number, true>;
}

export const noDocuments: Documents = { known: PersistentMap(), gone: PersistentMap() };

/** Keys are published three epochs ahead, so a document of two epochs ago still leads to live ones. */
const epochsBack = 2;

const epochsKept = (epoch: number): ReadonlyArray<number> =>
  [epoch + 1, epoch, epoch - 1, epoch - 2].filter((e) => e >= 0);

export const pruneDocuments = (documents: Documents, epoch: number): Documents => {
  const isKept = (_: unknown, of: number): boolean => of >= epoch - epochsBack && of <= epoch + 1;
  return { known: documents.known.filter(isKept), gone: documents.gone.filter(isKept) };
};

/**
 * The epochs whose documents are wanted, newest first: the next one when it is due, this one, and once this one is
 * there those before, which mean nothing without it.
 */
export const missingDocuments = (
  { known, gone }: Documents,
  { epoch }: EpochTime,
  nextIsDue: boolean,
): ReadonlyArray<number> => {
  const isWanted = (of: number): boolean => (of > epoch ? nextIsDue : of === epoch || known.has(epoch));
  return epochsKept(epoch).filter((of) => !known.has(of) && !gone.has(of) && isWanted(of));
};

/** The documents by which peers are judged: the next one shortly before its epoch, then this one and those before. */
const judging = (
  { known }: Documents,
  { epoch, remainingMs }: EpochTime,
  { earlyConnectMs }: Schedule,
): ReadonlyArray<KnownDocument> => {
  const found: KnownDocument[] = [];
  for (let of = remainingMs <= earlyConnectMs ? epoch + 1 : epoch; of >= epoch - epochsBack; of--) {
    const document = known.get(of);
    if (document !== undefined) found.push(document);
  }
  return found;
};
/**
 * Whom to hold connections to: neighbours of this epoch, those of the next early, and those of the past that are still
 * listed.
 */
export const destinations = (
  documents: Documents,
  time: EpochTime,
  schedule: Schedule,
): ReadonlyMap<string, Descriptor> => {
  const wanted = new Map<string, Descriptor>();
  const current = documents.known.get(time.epoch)?.neighbours ?? null;
  for (const { document, neighbours } of judging(documents, time, schedule)) {
    for (const [id, descriptor] of neighbours?.outgoing ?? []) {
      if (!wanted.has(id) && (document.epoch >= time.epoch || current?.all.has(id) === true)) {
        wanted.set(id, descriptor);
      }
    }
  }
  return wanted;
};

/** `may-connect`: it is a neighbour, but its packets are not taken yet. */
export type Standing = "may-send" | "may-connect" | "unknown";

/**
 * What an incoming node (identity key in hex, link key) may do. It may send when it is listed for this epoch, or for
 * the next one within the keys' grace, or in an older document while this one still lists it somewhere. The link key is
 * that of the document or of the newest descriptor.
 */
export const standingOf = (
  documents: Documents,
  time: EpochTime,
  schedule: Schedule,
  id: string,
  linkKey: Uint8Array,
): Standing => {
  const current = documents.known.get(time.epoch)?.neighbours ?? null;
  let newest: Descriptor | null = null;
  let standing: Standing = "unknown";
  for (const { document, neighbours } of judging(documents, time, schedule)) {
    const descriptor = neighbours?.incoming.get(id);
    if (descriptor === undefined) continue;
    newest ??= descriptor;
    if (!equalConstantTime(descriptor.linkKey, linkKey) && !equalConstantTime(newest.linkKey, linkKey)) continue;
    if (document.epoch > time.epoch) {
      if (time.remainingMs < schedule.keyGraceMs) return "may-send";
      standing = "may-connect";
    } else if (document.epoch === time.epoch || current?.all.has(id) === true) return "may-send";
  }
  return standing;
};

/** Whether a node that may connect is said to be at this address (remote_address.ts), by any document that is held. */
export const isPeerAddress = ({ known }: Documents, address: string): boolean =>
  known.some(({ neighbours }) => neighbours?.incomingAddresses.has(address) === true);

/** The answer to a client's request for a document: held, never to come, or not there yet. */
export const consensusAnswer = ({ known, gone }: Documents, current: number, epoch: number): Command => {
  const held = known.get(epoch);
  if (held !== undefined) return { type: "Consensus", status: consensusStatus.ok, payload: held.raw };
  const status = gone.has(epoch) || epoch < current - 1 ? consensusStatus.gone : consensusStatus.notFound;
  return { type: "Consensus", status, payload: new Uint8Array(0) };
};
