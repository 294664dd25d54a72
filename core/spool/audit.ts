/**
 * What a writer or reader checks of the replicas it uses (drafts/dspool.rst §1: a malicious replica can only deny
 * service,
 * easily detectable). It remembers what each replica has signed: receipts, entries and heads; whatever contradicts that
 * later is a proof. Two readers who compare what they remember find the replica that shows them different spools.
 *
 * What cannot be proved, since a replica need not answer at all, is told as a finding: the reader asks another replica,
 * and the writer appends what is lost again (`lostOf` in durable.ts).
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { equal, fromHex, isZero, toHex } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { entriesMax } from "./domains.ts";
import { type Claim, contradict, type Head, positionOf, type Proof, verifyHead } from "./equivocation.ts";
import { askedOf, type ReadRequest } from "./read.ts";
import { type Receipt, verifyReceipt } from "./receipts.ts";
import { type Part, type SignedHeader, verifyHeader } from "./signed.ts";
import { contentId, encodeWrite, verifyWrite, type Write } from "./write.ts";

/** Claims of one part of one replica by position. */
type Claims = PersistentMap<number, Claim>;

export interface Audit {
  readonly spool: Uint8Array;
  /** By replica (spool key in hex) and part. */
  readonly claims: PersistentMap<string, Claims>;
  readonly proofs: PersistentMap<string, Proof>;
}

export type Finding =
  /** Something is not signed by whom it should be, or not over what was sent. */
  | "altered"
  /** An entry is missing between two others, or they come in another order. */
  | "gap"
  /** One write stands twice in one spool. */
  | "duplicate"
  /** The spool ends before an entry that the replica has signed. */
  | "rollback"
  /** The replica has signed two things that cannot both be true. */
  | "fork";

/** An item of an answer: an entry, its write, and the body of a message. */
export interface ReadItem {
  readonly header: SignedHeader;
  readonly write: Write;
  readonly body: Uint8Array | null;
}

export interface Audited {
  readonly audit: Audit;
  /** The first thing that is wrong; null where nothing is. */
  readonly finding: Finding | null;
}

export const newAudit = (spool: Uint8Array): Audit => ({ spool, claims: PersistentMap(), proofs: PersistentMap() });

const fine = (audit: Audit): Audited => ({ audit, finding: null });

const claimsKey = (replica: Uint8Array, part: Part): string => `${part}/${toHex(replica)}`;

/** Remembers a verified claim; a contradiction of what is remembered becomes a proof. */
const remember = (audit: Audit, replica: Uint8Array, part: Part, claim: Claim): Audited => {
  const position = positionOf(claim);
  const key = claimsKey(replica, part);
  const claims = audit.claims.get(key) ?? PersistentMap<number, Claim>();
  if (position === null || position.index >= entriesMax) return fine(audit);
  const known = claims.get(position.index);
  if (known !== undefined && contradict(known, claim)) {
    return convict(audit, { type: "contradiction", replica, part, a: known, b: claim }, "fork");
  }
  // A header says more than a head: it names the entry.
  if (known?.type === "header") return fine(audit);
  return fine({ ...audit, claims: audit.claims.set(key, claims.set(position.index, claim)) });
};

const convict = (audit: Audit, proof: Proof, finding: Finding): Audited => ({
  audit: { ...audit, proofs: audit.proofs.set(toHex(proof.replica), proof) },
  finding,
});

/** A receipt for a write of one's own. */
export const observeReceipt = (suite: Suite, audit: Audit, write: Write, receipt: Receipt): Audited =>
  verifyReceipt(suite, audit.spool, write, receipt)
    ? remember(audit, receipt.replica, receipt.part, { type: "header", header: receipt.header })
    : { audit, finding: "altered" };

/** The remembered entry that a request named as its position. */
const askedHeader = (audit: Audit, replica: Uint8Array, part: Part, asked: Uint8Array): SignedHeader | null => {
  const claims = audit.claims.get(claimsKey(replica, part));
  const found = claims?.find((claim) => claim.type === "header" && equal(claim.header.signature, asked));
  return found?.type === "header" ? found.header : null;
};

/** The head of an answer. */
export const observeHead = (suite: Suite, audit: Audit, replica: Uint8Array, part: Part, head: Head): Audited => {
  if (!verifyHead(suite, { spool: audit.spool, key: replica, part }, head)) return { audit, finding: "altered" };
  const header = isZero(head.asked) ? null : askedHeader(audit, replica, part, head.asked);
  if (header !== null && head.length <= header.index) {
    return convict(audit, { type: "rollback", replica, part, header, head }, "rollback");
  }
  return remember(audit, replica, part, { type: "head", head });
};

/** Is an item what it says, by the replica's and the author's signature and the body's hash? */
const isGenuine = (suite: Suite, audit: Audit, replica: Uint8Array, part: Part, item: ReadItem): boolean => {
  const { header, write, body } = item;
  return equal(header.digest, suite.sha256(encodeWrite(write))) &&
    verifyHeader(suite, { spool: audit.spool, key: replica, part }, header) &&
    verifyWrite(suite, audit.spool, write) && (body === null || equal(suite.sha256(body), write.digest));
};

/** What is wrong with the order of items: of a replica's own continuation they follow one another. */
const orderFinding = (
  suite: Suite,
  audit: Audit,
  items: ReadonlyArray<ReadItem>,
  continues: { readonly index: number; readonly signature: Uint8Array } | null,
): Finding | null => {
  const seen = new Set<string>();
  let before = continues;
  for (const { header, write } of items) {
    const id = contentId(suite, audit.spool, write);
    if (seen.has(id)) return "duplicate";
    seen.add(id);
    const isNext = before === null || (header.index === before.index + 1 && equal(header.previous, before.signature));
    if (!isNext) return "gap";
    before = header;
  }
  return null;
};

/** The position that an answer has to continue without a gap; null where the question was about another's spool. */
const continued = (replica: Uint8Array, { after }: ReadRequest) => {
  if (after === null) return { index: -1, signature: new Uint8Array(64) };
  return equal(after.replica, replica) ? after : null;
};

/** An answer to a read, all of it: the items, then the head. */
export const observeAnswer = (
  suite: Suite,
  audit: Audit,
  replica: Uint8Array,
  request: ReadRequest,
  answer: { readonly items: ReadonlyArray<ReadItem>; readonly head: Head },
): Audited => {
  const { items, head } = answer;
  const isHonest = equal(head.asked, askedOf(request)) &&
    items.every((item) => isGenuine(suite, audit, replica, request.part, item));
  if (!isHonest) return { audit, finding: "altered" };
  let state = audit;
  for (const { header } of items) {
    const { audit: next, finding } = remember(state, replica, request.part, { type: "header", header });
    if (finding !== null) return { audit: next, finding };
    state = next;
  }
  const observed = observeHead(suite, state, replica, request.part, head);
  if (observed.finding !== null) return observed;
  return { audit: observed.audit, finding: orderFinding(suite, audit, items, continued(replica, request)) };
};

/** What two have seen, together: a replica that showed them different spools is convicted. */
export const compareAudits = (a: Audit, b: Audit): Audited => {
  let state: Audited = fine({ ...a, proofs: a.proofs.merge(b.proofs) });
  for (const [key, claims] of b.claims) {
    const [part, replica] = [key.startsWith("data/") ? "data" : "meta" as const, key.slice(5)];
    for (const claim of claims.values()) {
      const { audit, finding } = remember(state.audit, fromHex(replica)!, part as Part, claim);
      state = { audit, finding: state.finding ?? finding };
    }
  }
  return state;
};
