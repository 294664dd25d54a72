/**
 * Signed discrete spool, SDS (drafts/dspool.rst §4): each message is signed by the spool key together with the
 * signature
 * before it, so that the spool is a chain which verifies from any point on.
 *
 * The draft signs (message, previous signature). Here the statement also names the spool, the key, the part, the index
 * and the epoch, and holds the message by its SHA-256: it can be checked without the message, serves as a receipt
 * (receipts.ts) and as evidence (equivocation.ts). Forgetting drops messages and keeps these statements.
 *
 * Two different signed statements for one index are the draft's strict mode: the spool key signed twice. The spool then
 * ends before that index and stays so (`fork`).
 *
 * @module
 */
import { List } from "../collections/list.ts";
import { compare, concat, equal, isZero } from "../bytes.ts";
import { encodeCbor } from "../codec/cbor.ts";
import type { Suite } from "../crypto/suite.ts";
import { E, type Either } from "../fp.ts";
import {
  appendDiscrete,
  type DiscreteSpool,
  emptyDiscrete,
  forgetDiscrete,
  mergeDiscrete,
  readDiscrete,
  truncateDiscrete,
} from "./discrete.ts";
import { domains } from "./domains.ts";

export type Part = "data" | "meta";

export interface ChainName {
  /** 32 bytes: the root key of the spool that this chain is a replica's copy of. */
  readonly spool: Uint8Array;
  /** The spool key: Ed25519, 32 bytes. */
  readonly key: Uint8Array;
  readonly part: Part;
}

/** What the spool key says of a position. */
export interface Statement {
  readonly index: number;
  /** The signature of the entry before, 64 bytes; zeros at index 0. */
  readonly previous: Uint8Array;
  /** SHA-256 of the message. */
  readonly digest: Uint8Array;
  /** In which it was written: never falls along a chain. */
  readonly epoch: number;
  /** In the data part: how long the meta part was then (permissioned.ts). */
  readonly meta: number;
}

export interface SignedHeader extends Statement {
  /** The spool_signature: Ed25519, 64 bytes. */
  readonly signature: Uint8Array;
}

/** Two entries for one index, in the order of their signatures. */
export type Fork = readonly [SignedHeader, SignedHeader];

export interface SignedSpool {
  readonly name: ChainName;
  readonly headers: List<SignedHeader>;
  /** The messages, at the same indexes. */
  readonly spool: DiscreteSpool;
  /** Null unless the key signed twice for the index `headers.size`. */
  readonly fork: Fork | null;
}

export interface SignedEntry {
  readonly header: SignedHeader;
  readonly message: Uint8Array;
}

export type AppendRefusal =
  | "full"
  | "too-long"
  /** Another index or previous signature than is next: others have written since. */
  | "stale"
  | "wrong-digest"
  | "wrong-signature"
  | "epoch-backwards"
  /** The key has signed twice. */
  | "frozen";

export const signatureLength = 64;

export const newSigned = (name: ChainName): SignedSpool => ({
  name,
  headers: List(),
  spool: emptyDiscrete,
  fork: null,
});

/** The signature that the next entry refers to. */
export const lastSignature = ({ headers }: SignedSpool): Uint8Array =>
  headers.last()?.signature ?? new Uint8Array(signatureLength);

const statementBytes = ({ spool, key, part }: ChainName, statement: Statement): Uint8Array => {
  const { index, previous, digest, epoch, meta } = statement;
  return encodeCbor([domains.entry, spool, key, part, index, previous, digest, epoch, meta]);
};

export const verifyHeader = (suite: Suite, name: ChainName, header: SignedHeader): boolean =>
  header.previous.length === signatureLength && (header.index > 0 || isZero(header.previous)) &&
  header.signature.length === signatureLength &&
  suite.ed25519Verify(name.key, statementBytes(name, header), header.signature);

/** The next entry, signed by the 64-byte spool key. */
export const signNext = (
  suite: Suite,
  privateKey: Uint8Array,
  spool: SignedSpool,
  message: Uint8Array,
  epoch: number,
  meta = 0,
): SignedHeader => {
  const statement = {
    index: spool.headers.size,
    previous: lastSignature(spool),
    digest: suite.sha256(message),
    epoch: Math.max(epoch, spool.headers.last()?.epoch ?? 0),
    meta,
  };
  return { ...statement, signature: suite.ed25519Sign(privateKey, statementBytes(spool.name, statement)) };
};

/** Why an entry cannot be the next one. */
const refusalOf = (suite: Suite, spool: SignedSpool, { header, message }: SignedEntry): AppendRefusal | null => {
  if (spool.fork !== null) return "frozen";
  if (header.index !== spool.headers.size || !equal(header.previous, lastSignature(spool))) return "stale";
  if (header.epoch < (spool.headers.last()?.epoch ?? 0)) return "epoch-backwards";
  if (!equal(suite.sha256(message), header.digest)) return "wrong-digest";
  return verifyHeader(suite, spool.name, header) ? null : "wrong-signature";
};

/** Appends what the spool key has signed as the next entry; its index is `header.index`. */
export const appendSigned = (
  suite: Suite,
  spool: SignedSpool,
  entry: SignedEntry,
): Either<AppendRefusal, SignedSpool> => {
  const refusal = refusalOf(suite, spool, entry);
  if (refusal !== null) return E.left(refusal);
  return E.map(({ spool: messages }: { readonly spool: DiscreteSpool }): SignedSpool => ({
    ...spool,
    headers: spool.headers.push(entry.header),
    spool: messages,
  }))(appendDiscrete(spool.spool, entry.message));
};

/** The entry at `index` and those after it, at most `limit`, all for 0. */
export const readSigned = (
  { headers, spool }: SignedSpool,
  index: number,
  limit = 1,
): Either<"forgotten", ReadonlyArray<SignedEntry>> =>
  E.map((messages: ReadonlyArray<Uint8Array>) =>
    messages.map((message, at) => ({ header: headers.get(index + at)!, message }))
  )(readDiscrete(spool, index, limit));

/** Only for the operator itself: it is not authenticated (§4). */
export const forgetSigned = (spool: SignedSpool, index: number): SignedSpool => ({
  ...spool,
  spool: forgetDiscrete(spool.spool, index),
});

/** Do headers follow one another, from the given signature on? */
export const verifyChain = (
  suite: Suite,
  name: ChainName,
  headers: Iterable<SignedHeader>,
  preceding: Uint8Array,
): boolean => {
  let previous = preceding;
  for (const header of headers) {
    if (!equal(header.previous, previous) || !verifyHeader(suite, name, header)) return false;
    previous = header.signature;
  }
  return true;
};

const identityOf = (header: SignedHeader): Uint8Array => {
  const { index, previous, digest, epoch, meta, signature } = header;
  return concat(signature, encodeCbor([index, previous, digest, epoch, meta]));
};

/** The one order of headers. */
export const compareHeaders = (a: SignedHeader, b: SignedHeader): number =>
  a === b ? 0 : compare(identityOf(a), identityOf(b));

export const sameHeader = (a: SignedHeader, b: SignedHeader): boolean => compareHeaders(a, b) === 0;

/** The length of what two chains share: equal entries have equal histories, so that it is found by halving. */
const sharedLength = (a: List<SignedHeader>, b: List<SignedHeader>): number => {
  let [low, high] = [0, Math.min(a.size, b.size)];
  if (high > 0 && sameHeader(a.get(high - 1)!, b.get(high - 1)!)) return high;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sameHeader(a.get(middle)!, b.get(middle)!)) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** The entries that a copy knows for an index. */
const entriesAt = ({ headers, fork }: SignedSpool, index: number): ReadonlyArray<SignedHeader> => {
  const header = headers.get(index);
  if (header !== undefined) return [header];
  return fork !== null && index === headers.size ? fork : [];
};

/**
 * The join of two copies of one spool: the longer where one continues the other; where they differ, what they share and
 * the two least of the entries that were signed for the first differing index.
 */
export const mergeSigned = (a: SignedSpool, b: SignedSpool): SignedSpool => {
  const shared = sharedLength(a.headers, b.headers);
  const longer = a.headers.size > b.headers.size || (a.headers.size === b.headers.size && a.fork !== null) ? a : b;
  const candidates = [...entriesAt(a, shared), ...entriesAt(b, shared)].sort(compareHeaders)
    .filter((header, at, all) => at === 0 || !sameHeader(header, all[at - 1]!));
  const [first, second] = candidates;
  const isForked = first !== undefined && second !== undefined;
  const headers = isForked ? longer.headers.take(shared) : longer.headers;
  const messages = truncateDiscrete(mergeDiscrete(a.spool, b.spool), headers.size);
  return { name: a.name, headers, spool: messages, fork: isForked ? [first, second] : longer.fork };
};
