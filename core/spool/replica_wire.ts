/**
 * Requests to a replica and its replies, from clients (add, read) and from other replicas (sync): CBOR arrays that
 * begin
 * with their name and the spool. A sync carries what the sender has (a version vector), entries that the receiver is
 * thought to lack, and a proof against a replica; its reply carries the same the other way.
 *
 * @module
 */
import { type CborValue, decodeCbor, encodeCbor } from "../codec/cbor.ts";
import type { Suite } from "../crypto/suite.ts";
import { E } from "../fp.ts";
import { domains } from "./domains.ts";
import { encodeHead, type Head, headOf } from "./equivocation.ts";
import type { ReadRequest } from "./read.ts";
import { headerOf, headerValue, partFrom, type Receipt, receiptFrom, receiptValue } from "./receipts.ts";
import type { SignedEntry } from "./signed.ts";
import { vectorFrom, vectorValue, type VersionVector } from "./version_vector.ts";
import { decodeWrite, encodeWrite, type SpoolIndex, type Write } from "./write.ts";

/** An entry of a replica's spool, with the body of a message where the sender has it and thinks that it is needed. */
export interface SyncItem {
  readonly replica: Uint8Array;
  readonly entry: SignedEntry;
  readonly body: Uint8Array | null;
}

export interface Exchange {
  readonly vector: VersionVector;
  readonly items: ReadonlyArray<SyncItem>;
  /** Encoded, at most one: the others come another time. */
  readonly proof: Uint8Array | null;
}

export type Request =
  | { readonly type: "add"; readonly spool: Uint8Array; readonly write: Write; readonly body: Uint8Array | null }
  | { readonly type: "read"; readonly spool: Uint8Array; readonly read: ReadRequest }
  | SyncRequest;

export interface SyncRequest {
  readonly type: "sync";
  readonly spool: Uint8Array;
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly epoch: number;
  readonly exchange: Exchange;
  /** By `from`: entries are not for everybody to read. */
  readonly signature: Uint8Array;
}

/** `ok`, or why not: a WriteRefusal or one of the machine's own. */
export type Reply =
  /** No request, or none for a spool that is here: `malformed`, `unknown-spool`, `busy`. */
  | { readonly type: "refused"; readonly status: string }
  | { readonly type: "added"; readonly status: string; readonly receipts: ReadonlyArray<Receipt> }
  | {
    readonly type: "items";
    readonly status: string;
    readonly items: ReadonlyArray<SyncItem>;
    readonly head: Head | null;
  }
  | { readonly type: "synced"; readonly status: string; readonly exchange: Exchange }
  /** purge.ts. */
  | { readonly type: "purged"; readonly status: string; readonly signature: Uint8Array | null };

const isBytes = (value: CborValue | undefined, length: number): value is Uint8Array =>
  value instanceof Uint8Array && value.length === length;
const isCount = (value: CborValue | undefined): value is number => typeof value === "number" && value >= 0;
const isOptional = (value: CborValue | undefined): value is Uint8Array | null =>
  value === null || value instanceof Uint8Array;

const itemValue = ({ replica, entry, body }: SyncItem): CborValue => [
  replica,
  headerValue(entry.header),
  entry.message,
  body,
];

/** What an item takes of a message, beside its body. */
export const itemLength = (item: SyncItem): number => encodeCbor(itemValue({ ...item, body: null })).length + 4;

const itemOf = (value: CborValue): SyncItem | null => {
  if (!Array.isArray(value) || value.length !== 4) return null;
  const [replica, rawHeader, message, body] = value as ReadonlyArray<CborValue>;
  const header = headerOf(rawHeader);
  if (!isBytes(replica, 32) || header === null || !(message instanceof Uint8Array) || !isOptional(body)) return null;
  return { replica, entry: { header, message }, body };
};

const listOf = <A>(value: CborValue | undefined, item: (value: CborValue) => A | null): ReadonlyArray<A> | null => {
  if (!Array.isArray(value)) return null;
  const items = (value as ReadonlyArray<CborValue>).map(item);
  return items.some((one) => one === null) ? null : items as ReadonlyArray<A>;
};

const exchangeValues = ({ vector, items, proof }: Exchange): ReadonlyArray<CborValue> => [
  vectorValue(vector),
  items.map(itemValue),
  proof,
];

const exchangeOf = (values: ReadonlyArray<CborValue>): Exchange | null => {
  const [rawVector, rawItems, proof] = values;
  const [vector, items] = [vectorFrom(rawVector), listOf(rawItems, itemOf)];
  return vector === null || items === null || !isOptional(proof) ? null : { vector, items, proof };
};

const afterValue = (after: SpoolIndex | null): CborValue =>
  after === null ? null : [after.replica, after.index, after.signature];

const afterOf = (value: CborValue | undefined): SpoolIndex | null | undefined => {
  if (value === null) return null;
  if (!Array.isArray(value) || value.length !== 3) return undefined;
  const [replica, index, signature] = value as ReadonlyArray<CborValue>;
  return isBytes(replica, 32) && isCount(index) && isBytes(signature, 64) ? { replica, index, signature } : undefined;
};

/* Sync requests are signed */

type UnsignedSync = Omit<SyncRequest, "signature" | "type">;

const syncBytes = (suite: Suite, { spool, from, to, epoch, exchange }: UnsignedSync): Uint8Array =>
  encodeCbor([domains.sync, spool, from, to, epoch, suite.sha256(encodeCbor(exchangeValues(exchange)))]);

/** A sync to another replica, by the 64-byte spool key of the sender. */
export const signSync = (suite: Suite, privateKey: Uint8Array, request: UnsignedSync): SyncRequest => ({
  type: "sync",
  ...request,
  signature: suite.ed25519Sign(privateKey, syncBytes(suite, request)),
});

export const verifySync = (suite: Suite, request: SyncRequest): boolean =>
  suite.ed25519Verify(request.from, syncBytes(suite, request), request.signature);

/* Requests */

export const encodeRequest = (request: Request): Uint8Array => {
  const { type, spool } = request;
  switch (type) {
    case "add":
      return encodeCbor([type, spool, encodeWrite(request.write), request.body]);
    case "read": {
      const { part, after, limit, reader, epoch, signature } = request.read;
      return encodeCbor([type, spool, part, afterValue(after), limit, reader, epoch, signature]);
    }
    case "sync": {
      const { from, to, epoch, exchange, signature } = request;
      return encodeCbor([type, spool, from, to, epoch, ...exchangeValues(exchange), signature]);
    }
  }
};

const arrayOf = (bytes: Uint8Array): ReadonlyArray<CborValue> | null => {
  const decoded = decodeCbor(bytes);
  return E.isRight(decoded) && Array.isArray(decoded.right) ? decoded.right as ReadonlyArray<CborValue> : null;
};

/** Null for what is no request. */
export const decodeRequest = (bytes: Uint8Array): Request | null => {
  const [type, spool, ...rest] = arrayOf(bytes) ?? [];
  if (!isBytes(spool, 32)) return null;
  if (type === "add") return addOf(spool, rest);
  if (type === "read") return readOf(spool, rest);
  return type === "sync" ? syncOf(spool, rest) : null;
};

const addOf = (spool: Uint8Array, rest: ReadonlyArray<CborValue>): Request | null => {
  const [rawWrite, body] = rest;
  const write = rawWrite instanceof Uint8Array ? decodeWrite(rawWrite) : null;
  if (rest.length !== 2 || write === null || !isOptional(body)) return null;
  return (write.kind === "message") === (body !== null) ? { type: "add", spool, write, body } : null;
};

const readOf = (spool: Uint8Array, rest: ReadonlyArray<CborValue>): Request | null => {
  const [name, rawAfter, limit, reader, epoch, signature] = rest;
  const [part, after] = [partFrom(name), afterOf(rawAfter)];
  if (rest.length !== 6 || part === null || after === undefined || !isCount(limit) || limit < 1) return null;
  if (!isBytes(reader, 32) || !isCount(epoch) || !isBytes(signature, 64)) return null;
  return { type: "read", spool, read: { part, after, limit, reader, epoch, signature } };
};

const syncOf = (spool: Uint8Array, rest: ReadonlyArray<CborValue>): Request | null => {
  const [from, to, epoch, vector, items, proof, signature] = rest;
  if (rest.length !== 7 || !isBytes(from, 32) || !isBytes(to, 32) || !isCount(epoch)) return null;
  const exchange = exchangeOf([vector ?? null, items ?? null, proof ?? null]);
  if (exchange === null || !isBytes(signature, 64)) return null;
  return { type: "sync", spool, from, to, epoch, exchange, signature };
};

/* Replies */

export const encodeReply = (reply: Reply): Uint8Array => {
  const { type, status } = reply;
  switch (type) {
    case "refused":
      return encodeCbor([type, status]);
    case "added":
      return encodeCbor([type, status, reply.receipts.map(receiptValue)]);
    case "items":
      return encodeCbor([
        type,
        status,
        reply.items.map(itemValue),
        reply.head === null ? null : encodeHead(reply.head),
      ]);
    case "synced":
      return encodeCbor([type, status, ...exchangeValues(reply.exchange)]);
    case "purged":
      return encodeCbor([type, status, reply.signature]);
  }
};

/** Null for what is no reply. */
export const decodeReply = (bytes: Uint8Array): Reply | null => {
  const [type, status, ...rest] = arrayOf(bytes) ?? [];
  if (typeof status !== "string") return null;
  if (type === "refused") return rest.length === 0 ? { type, status } : null;
  if (type === "added") {
    const receipts = listOf(rest[0], receiptFrom);
    return rest.length === 1 && receipts !== null ? { type, status, receipts } : null;
  }
  if (type === "items") {
    const [items, head] = [listOf(rest[0], itemOf), rest[1] === null ? null : headOf(rest[1])];
    return rest.length === 2 && items !== null ? { type, status, items, head } : null;
  }
  if (type === "purged") {
    const [signature] = rest;
    const isOne = rest.length === 1 && (signature === null || isBytes(signature, 64));
    return isOne ? { type, status, signature } : null;
  }
  const exchange = exchangeOf(rest);
  return type === "synced" && rest.length === 3 && exchange !== null ? { type, status, exchange } : null;
};
