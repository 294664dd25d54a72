/**
 * What an authority writes down, and the form that it has in the table `authority`:
 *
 *     kind 1 | epoch 8 | identity 32   (kinds 1, 3, 4, 5)   or   kind 1 | epoch 8   → version 1 | content
 *
 *     1 descriptor   its certificate                4 reveal      40 bytes
 *     2 document     its certificate                5 signature   the consensus with one signature
 *     3 vote         its certificate                6 secret      40 bytes: the reveal that our vote committed to
 *     7 standing     (epoch 0) last voted 8 | genesis epoch 8 | none or two prior shared random values, 32 each
 *
 * Descriptors are read back first: documents and votes that list them need no second look at them. A version that is
 * newer than ours is refused; version 1 is the first there is.
 *
 * @module
 */
import { concat, equal, fromHex, readUint64, toHex, uint64 } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import type { StoreWrite } from "../effects.ts";
import { E, type Either } from "../fp.ts";
import { absurd } from "../machine.ts";
import { type Hex, isListed, type Membership } from "./authority_config.ts";
import type { SignedConsensus, Vote } from "./authority_round.ts";
import type { Published } from "./authority_state.ts";
import { type Descriptor, verifyDescriptor } from "./descriptor.ts";
import { type DocumentContext, type KnownDescriptors, verifyBallot, verifyDocument } from "./document.ts";
import { epochOf, type Lineage, sharedRandomLength } from "./shared_random.ts";

/** What outlives rounds. */
export interface Standing {
  /** The latest epoch that we have voted for: whatever the clock says, there is no second vote for it. */
  readonly lastVoted: number;
  readonly lineage: Lineage;
}

export type AuthorityRecord =
  | { readonly type: "descriptor"; readonly epoch: number; readonly identity: Hex; readonly descriptor: Descriptor }
  | { readonly type: "document"; readonly epoch: number; readonly published: Published }
  | { readonly type: "vote"; readonly epoch: number; readonly identity: Hex; readonly vote: Vote }
  | { readonly type: "reveal"; readonly epoch: number; readonly identity: Hex; readonly reveal: Uint8Array }
  | { readonly type: "signature"; readonly epoch: number; readonly identity: Hex; readonly signed: SignedConsensus }
  | { readonly type: "secret"; readonly epoch: number; readonly reveal: Uint8Array }
  | { readonly type: "standing"; readonly standing: Standing };

export const authorityTable = "authority";
export const recordVersion = 1;

const kinds = { descriptor: 1, document: 2, vote: 3, reveal: 4, signature: 5, secret: 6, standing: 7 } as const;
const valueLength = 32;
const identityLength = 32;

const contentOf = (record: AuthorityRecord): Uint8Array => {
  switch (record.type) {
    case "descriptor":
      return record.descriptor.raw;
    case "document":
      return record.published.raw;
    case "vote":
      return record.vote.raw;
    case "signature":
      return record.signed.raw;
    case "reveal":
    case "secret":
      return record.reveal;
    case "standing": {
      const { lastVoted, lineage } = record.standing;
      return concat(uint64(lastVoted), uint64(lineage.genesisEpoch), ...lineage.priorSharedRandom);
    }
    default:
      return absurd(record);
  }
};

const keyOf = (record: AuthorityRecord): Uint8Array =>
  concat(
    Uint8Array.of(kinds[record.type]),
    uint64(record.type === "standing" ? 0 : record.epoch),
    "identity" in record ? fromHex(record.identity)! : new Uint8Array(0),
  );

export const encodeRecord = (record: AuthorityRecord): StoreWrite => ({
  table: authorityTable,
  key: keyOf(record),
  value: concat(Uint8Array.of(recordVersion), contentOf(record)),
});

/** The key of a record as it is in the store. */
export interface RecordKey {
  readonly type: AuthorityRecord["type"];
  readonly epoch: number;
  /** Null for kinds without one. */
  readonly identity: Hex | null;
}

/** Null for what this version never writes. */
export const decodeKey = (key: Uint8Array): RecordKey | null => {
  const type = (Object.keys(kinds) as ReadonlyArray<AuthorityRecord["type"]>).find((name) => kinds[name] === key[0]);
  const epoch = key.length >= 9 ? readUint64(key, 1) : null;
  if (type === undefined || epoch === null) return null;
  const hasIdentity = type === "descriptor" || type === "vote" || type === "reveal" || type === "signature";
  if (key.length !== 9 + (hasIdentity ? identityLength : 0)) return null;
  return { type, epoch, identity: hasIdentity ? toHex(key.subarray(9)) : null };
};

/** What records are checked against: the configuration may have changed since they were written. */
export interface RecordContext {
  readonly suite: Suite;
  readonly members: Membership;
  readonly known: (epoch: number) => KnownDescriptors;
}

/**
 * A record from its content (without the version), checked as when it first came but for expirations. Left: why it does
 * not hold.
 */
export const decodeRecord = (
  context: RecordContext,
  key: RecordKey,
  content: Uint8Array,
): Either<string, AuthorityRecord> => {
  const { epoch, identity } = key;
  switch (key.type) {
    case "descriptor":
      return decodeDescriptor(context, epoch, identity!, content);
    case "document":
      return decodePublished(context, epoch, content);
    case "vote":
    case "signature":
      return decodeBallot(context, key.type, epoch, identity!, content);
    case "reveal":
      return isReveal(content, epoch)
        ? E.right({ type: "reveal", epoch, identity: identity!, reveal: content })
        : E.left("malformed");
    case "secret":
      return isReveal(content, epoch) ? E.right({ type: "secret", epoch, reveal: content }) : E.left("malformed");
    case "standing":
      return decodeStanding(content);
    default:
      return absurd(key.type);
  }
};

const isReveal = (content: Uint8Array, epoch: number): boolean =>
  content.length === sharedRandomLength && epochOf(content) === BigInt(epoch);

const decodeDescriptor = (
  { suite, members }: RecordContext,
  epoch: number,
  identity: Hex,
  raw: Uint8Array,
): Either<string, AuthorityRecord> => {
  const verified = verifyDescriptor(suite, raw, epoch, null);
  if (E.isLeft(verified)) return verified;
  const descriptor = verified.right;
  if (!equal(descriptor.identityKey, fromHex(identity)!)) return E.left("other-node");
  return isListed(members, descriptor)
    ? E.right({ type: "descriptor", epoch, identity, descriptor })
    : E.left("not-listed");
};

const documentContext = ({ known }: RecordContext, epoch: number): DocumentContext => ({
  epoch,
  nowSeconds: null,
  known: known(epoch),
});

const decodePublished = (context: RecordContext, epoch: number, raw: Uint8Array): Either<string, AuthorityRecord> => {
  const { authorities, threshold } = context.members;
  const verified = verifyDocument(context.suite, { authorities, threshold }, raw, documentContext(context, epoch));
  return E.isLeft(verified)
    ? verified
    : E.right({ type: "document", epoch, published: { document: verified.right, raw } });
};

const decodeBallot = (
  context: RecordContext,
  type: "vote" | "signature",
  epoch: number,
  identity: Hex,
  raw: Uint8Array,
): Either<string, AuthorityRecord> => {
  const { suite, members } = context;
  if (identity !== members.self.hex && !members.peers.has(identity)) return E.left("not-listed");
  const verified = verifyBallot(suite, fromHex(identity)!, raw, documentContext(context, epoch));
  if (E.isLeft(verified)) return verified;
  const ballot = verified.right;
  if (ballot.type !== type) return E.left("malformed");
  return type === "vote"
    ? E.right({ type, epoch, identity, vote: { raw, document: ballot.document } })
    : E.right({ type, epoch, identity, signed: { raw, certificate: ballot.certificate } });
};

const decodeStanding = (content: Uint8Array): Either<string, AuthorityRecord> => {
  const [lastVoted, genesisEpoch] = content.length >= 16
    ? [readUint64(content, 0), readUint64(content, 8)]
    : [null, null];
  const values = content.length - 16;
  if (lastVoted === null || genesisEpoch === null || (values !== 0 && values !== 2 * valueLength)) {
    return E.left("malformed");
  }
  const priorSharedRandom = values === 0
    ? []
    : [content.subarray(16, 16 + valueLength), content.subarray(16 + valueLength)];
  return E.right({ type: "standing", standing: { lastVoted, lineage: { genesisEpoch, priorSharedRandom } } });
};
