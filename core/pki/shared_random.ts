/**
 * The shared random value of an epoch, by commit and reveal (specs/pki.rst §4.3, wire-facts §5.4), and what of it
 * outlives the epoch: the genesis epoch and the two prior values (releases.md of the Go set of 2020).
 *
 * Reveals are hashed in descending order, as Go does, not ascending as the document says: otherwise mixed sets of
 * authorities never agree.
 *
 * @module
 */
import { compare, concat, equalConstantTime, uint64, utf8, viewOf } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import type { Random } from "../random.ts";
import type { EpochClock } from "./epoch.ts";

export const sharedRandomLength = 40;

/**
 * What an authority promises by its vote and what keeps the promise, 40 bytes each. The reveal is secret until it is
 * due.
 */
export interface CommitReveal {
  readonly commit: Uint8Array;
  readonly reveal: Uint8Array;
}

/** Reads 32 bytes. REVEAL = epoch | H(random), COMMIT = epoch | H(REVEAL). */
export const commitTo = (suite: Suite, random: Random, epoch: number): CommitReveal => {
  const reveal = concat(uint64(epoch), suite.sha3_256(random.bytes(32)));
  return { commit: concat(uint64(epoch), suite.sha3_256(reveal)), reveal };
};

/** The epoch that a commit or reveal is for, as it stands there. */
export const epochOf = (bytes: Uint8Array): bigint => viewOf(bytes).getBigUint64(0);

/** Whether a reveal keeps the promise of a commit. */
export const keeps = (suite: Suite, commit: Uint8Array, reveal: Uint8Array): boolean =>
  commit.length === sharedRandomLength && reveal.length === sharedRandomLength && epochOf(commit) === epochOf(reveal) &&
  equalConstantTime(commit.subarray(8), suite.sha3_256(reveal));

/** What one authority revealed: identity key 32 bytes, reveal 40. */
export interface Revealed {
  readonly identityKey: Uint8Array;
  readonly reveal: Uint8Array;
}

/**
 * The value of an epoch, 32 bytes, from the valid reveals in any order and the previous epoch's value, if there was
 * one.
 */
export const sharedRandomValue = (
  suite: Suite,
  epoch: number,
  revealed: ReadonlyArray<Revealed>,
  previous: Uint8Array | null,
): Uint8Array => {
  // Whoever copies another's commit can reveal the same: the order must not depend on who came first.
  const sorted = [...revealed].sort((a, b) => compare(b.reveal, a.reveal) || compare(a.identityKey, b.identityKey));
  const parts = sorted.flatMap(({ identityKey, reveal }) => [identityKey, reveal]);
  return suite.sha3_256(concat(utf8("shared-random"), uint64(epoch), ...parts, previous ?? new Uint8Array(32)));
};

/** What an authority carries from round to round. Genesis 0 stands for unknown. */
export interface Lineage {
  readonly genesisEpoch: number;
  /** Empty or two values of 32 bytes, the latest first. */
  readonly priorSharedRandom: ReadonlyArray<Uint8Array>;
}

/** Before the first round, and after a failed one. */
export const noLineage: Lineage = { genesisEpoch: 0, priorSharedRandom: [] };

/**
 * As an authority votes: the lineage of the document before the voting epoch, or its own where there is none, or a new
 * one. Go keeps its own where it has one, which is the same unless it was in a minority or sat a round out.
 */
export const lineageAtVote = (lineage: Lineage, votingEpoch: number, previous: Lineage | null): Lineage => {
  if (previous !== null) return { genesisEpoch: previous.genesisEpoch, priorSharedRandom: previous.priorSharedRandom };
  return lineage.genesisEpoch === 0 ? { ...lineage, genesisEpoch: votingEpoch } : lineage;
};

const weekMs = 7 * 24 * 60 * 60 * 1000;

/** Epochs from one rotation of the prior values to the next: a week, at least one. */
const epochsPerWeek = (clock: EpochClock): number => Math.max(1, Math.floor(weekMs / clock.periodMs));

/**
 * As an authority tabulates: the first value is both prior values; later ones move in weekly, by Go's unsigned
 * arithmetic.
 */
export const lineageAtTabulation = (
  lineage: Lineage,
  clock: EpochClock,
  votingEpoch: number,
  value: Uint8Array,
): Lineage => {
  const [latest] = lineage.priorSharedRandom;
  if (latest === undefined) return { ...lineage, priorSharedRandom: [value, value] };
  const distance = BigInt.asUintN(64, BigInt(lineage.genesisEpoch) - BigInt(votingEpoch));
  const rotates = distance % BigInt(epochsPerWeek(clock)) === 0n;
  return rotates ? { ...lineage, priorSharedRandom: [value, latest] } : lineage;
};
