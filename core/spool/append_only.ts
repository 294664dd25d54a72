/**
 * Append-only signed discrete spool, AOSDS (drafts/dspool.rst §4.1): a signed discrete spool without forgetting. There
 * is no function that forgets, and what is inside is read through this file.
 *
 * @module
 */
import type { List } from "../collections/list.ts";
import type { Suite } from "../crypto/suite.ts";
import { E, type Either } from "../fp.ts";
import {
  type AppendRefusal,
  appendSigned,
  type ChainName,
  type Fork,
  mergeSigned,
  newSigned,
  readSigned,
  type SignedEntry,
  type SignedHeader,
  type SignedSpool,
  signNext,
} from "./signed.ts";

export interface AppendOnlySpool {
  readonly log: SignedSpool;
}

export const newAppendOnly = (name: ChainName): AppendOnlySpool => ({ log: newSigned(name) });

export const appendOnlyHeaders = ({ log }: AppendOnlySpool): List<SignedHeader> => log.headers;
export const appendOnlyFork = ({ log }: AppendOnlySpool): Fork | null => log.fork;

export const appendTo = (
  suite: Suite,
  { log }: AppendOnlySpool,
  entry: SignedEntry,
): Either<AppendRefusal, AppendOnlySpool> =>
  E.map((next: SignedSpool): AppendOnlySpool => ({ log: next }))(appendSigned(suite, log, entry));

export const signNextOf = (
  suite: Suite,
  privateKey: Uint8Array,
  { log }: AppendOnlySpool,
  message: Uint8Array,
  epoch: number,
): SignedHeader => signNext(suite, privateKey, log, message, epoch);

/** The entry at `index` and those after it, at most `limit`, all for 0. Nothing is ever forgotten. */
export const readFrom = ({ log }: AppendOnlySpool, index: number, limit = 1): ReadonlyArray<SignedEntry> =>
  E.getOrElse((): ReadonlyArray<SignedEntry> => [])(readSigned(log, index, limit));

export const mergeAppendOnly = (a: AppendOnlySpool, b: AppendOnlySpool): AppendOnlySpool => ({
  log: mergeSigned(a.log, b.log),
});
