/**
 * Proofs that a replica lies (drafts/dspool.rst §4, "strict mode"; the answer to what §8 leaves open): two statements
 * under
 * its spool key that cannot both be true. Anybody can check them; they are spread among the replicas, and a replica
 * that
 * is convicted is frozen: nothing is taken from it, and its receipts do not count.
 *
 * A replica makes statements about positions: a header says which entry stands at an index; a head says which
 * signature a
 * spool of some length ends with, as of a question that named a position.
 *
 *     contradiction   two statements about one position with different signatures: a fork, a rewritten or reordered
 * spool
 *     rollback        a head that answers a question naming an entry which the replica signed, and does not reach it
 *
 * @module
 */
import { compare, equal } from "../bytes.ts";
import { type CborValue, decodeCbor, encodeCbor } from "../codec/cbor.ts";
import type { Suite } from "../crypto/suite.ts";
import { E } from "../fp.ts";
import { domains } from "./domains.ts";
import { headerOf, headerValue, partFrom } from "./receipts.ts";
import { type ChainName, type Part, type SignedHeader, verifyHeader } from "./signed.ts";

/** How long a replica says that its spool is. */
export interface Head {
  readonly length: number;
  /** The signature of the last entry; zeros for none. */
  readonly last: Uint8Array;
  readonly epoch: number;
  /** The signature that the question named as its position: what comes after it was asked for. Zeros for none. */
  readonly asked: Uint8Array;
  readonly signature: Uint8Array;
}

export type Claim =
  | { readonly type: "header"; readonly header: SignedHeader }
  | { readonly type: "head"; readonly head: Head };

export type Proof =
  & { readonly replica: Uint8Array; readonly part: Part }
  & (
    | { readonly type: "contradiction"; readonly a: Claim; readonly b: Claim }
    | { readonly type: "rollback"; readonly header: SignedHeader; readonly head: Head }
  );

const headBytes = ({ spool, key, part }: ChainName, { length, last, epoch, asked }: Omit<Head, "signature">) =>
  encodeCbor([domains.head, spool, key, part, length, last, epoch, asked]);

/** A head, signed by the 64-byte spool key. */
export const signHead = (
  suite: Suite,
  privateKey: Uint8Array,
  name: ChainName,
  head: Omit<Head, "signature">,
): Head => ({ ...head, signature: suite.ed25519Sign(privateKey, headBytes(name, head)) });

export const verifyHead = (suite: Suite, name: ChainName, head: Head): boolean =>
  suite.ed25519Verify(name.key, headBytes(name, head), head.signature);

const verifyClaim = (suite: Suite, name: ChainName, claim: Claim): boolean =>
  claim.type === "header" ? verifyHeader(suite, name, claim.header) : verifyHead(suite, name, claim.head);

/** The position of a claim, and the signature it says stands there; null for the head of an empty spool. */
export const positionOf = (claim: Claim): { readonly index: number; readonly signature: Uint8Array } | null => {
  if (claim.type === "header") return claim.header;
  return claim.head.length === 0 ? null : { index: claim.head.length - 1, signature: claim.head.last };
};

/** Do two claims of one replica about one part contradict each other? */
export const contradict = (a: Claim, b: Claim): boolean => {
  const [one, other] = [positionOf(a), positionOf(b)];
  return one !== null && other !== null && one.index === other.index && !equal(one.signature, other.signature);
};

/** Is it proof against the replica that it names? */
export const verifyProof = (suite: Suite, spool: Uint8Array, proof: Proof): boolean => {
  const name: ChainName = { spool, key: proof.replica, part: proof.part };
  if (proof.type === "contradiction") {
    return contradict(proof.a, proof.b) && verifyClaim(suite, name, proof.a) && verifyClaim(suite, name, proof.b);
  }
  const { header, head } = proof;
  return equal(head.asked, header.signature) && head.length <= header.index &&
    verifyHeader(suite, name, header) && verifyHead(suite, name, head);
};

/* Encoding */

const headValue = ({ length, last, epoch, asked, signature }: Head): CborValue => [
  length,
  last,
  epoch,
  asked,
  signature,
];

export const encodeHead = (head: Head): CborValue => headValue(head);

/** Null for what is no head. */
export const headOf = (value: CborValue | undefined): Head | null => {
  if (!Array.isArray(value) || value.length !== 5) return null;
  const [length, last, epoch, asked, signature] = value as ReadonlyArray<CborValue>;
  if (typeof length !== "number" || typeof epoch !== "number" || length < 0 || epoch < 0) return null;
  if (!isSignature(last) || !isSignature(asked) || !isSignature(signature)) return null;
  return { length, last, epoch, asked, signature };
};

const isSignature = (value: CborValue | undefined): value is Uint8Array =>
  value instanceof Uint8Array && value.length === 64;

const claimValue = (claim: Claim): CborValue =>
  claim.type === "header" ? ["header", headerValue(claim.header)] : ["head", headValue(claim.head)];

const claimOf = (value: CborValue | undefined): Claim | null => {
  if (!Array.isArray(value) || value.length !== 2) return null;
  const [type, body] = value as ReadonlyArray<CborValue>;
  const [header, head] = [type === "header" ? headerOf(body) : null, type === "head" ? headOf(body) : null];
  return header !== null ? { type: "header", header } : head !== null ? { type: "head", head } : null;
};

export const encodeProof = (proof: Proof): Uint8Array =>
  encodeCbor(
    proof.type === "contradiction"
      ? [proof.type, proof.replica, proof.part, claimValue(proof.a), claimValue(proof.b)]
      : [proof.type, proof.replica, proof.part, headerValue(proof.header), headValue(proof.head)],
  );

/** Null for what is no proof; it is not verified. */
export const decodeProof = (bytes: Uint8Array): Proof | null => {
  const decoded = decodeCbor(bytes);
  if (E.isLeft(decoded) || !Array.isArray(decoded.right) || decoded.right.length !== 5) return null;
  const [type, replica, name, one, other] = decoded.right as ReadonlyArray<CborValue>;
  const part = partFrom(name);
  if (!(replica instanceof Uint8Array) || replica.length !== 32 || part === null) return null;
  if (type === "contradiction") {
    const [a, b] = [claimOf(one), claimOf(other)];
    return a === null || b === null ? null : { type, replica, part, a, b };
  }
  const [header, head] = [headerOf(one), headOf(other)];
  return type === "rollback" && header !== null && head !== null ? { type, replica, part, header, head } : null;
};

/** Of two proofs against one replica, the one that everybody keeps. */
export const lesserProof = (a: Proof, b: Proof): Proof => compare(encodeProof(a), encodeProof(b)) <= 0 ? a : b;

/** Proof from two entries that one key signed for one index. */
export const forkProof = (replica: Uint8Array, part: Part, a: SignedHeader, b: SignedHeader): Proof => ({
  type: "contradiction",
  replica,
  part,
  a: { type: "header", header: a },
  b: { type: "header", header: b },
});
