/**
 * A round of voting as a value: which phase it is in, what has arrived, and when the phase ends (specs/pki.rst §2.1.1,
 * wire-facts §5.6). The round for an epoch is held in the epoch before it: descriptors until P/2, votes until 5P/8,
 * reveals until 6P/8, signatures until 7P/8.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { PersistentSet } from "../collections/set.ts";
import { absurd, type Wall, wall } from "../machine.ts";
import type { Hex, Membership } from "./authority_config.ts";
import type { Certificate } from "./cert.ts";
import type { Document } from "./document.ts";
import { type EpochClock, epochStart } from "./epoch.ts";

export interface Vote {
  /** The certificate as received. */
  readonly raw: Uint8Array;
  readonly document: Document;
}

export interface SignedConsensus {
  /** As received. */
  readonly raw: Uint8Array;
  /** With the one signature. */
  readonly certificate: Certificate;
}

/**
 * What authorities have sent for a round, by identity key, our own included. A peer's clock may be ahead: any of it
 * may be early.
 */
export interface Ballots {
  readonly votes: PersistentMap<Hex, Vote>;
  /** 40 bytes each, and as the vote's commit promised. */
  readonly reveals: PersistentMap<Hex, Uint8Array>;
  /** The consensus as each authority signed it. */
  readonly signatures: PersistentMap<Hex, SignedConsensus>;
  /** Who was seen to sign two different things; told once. */
  readonly equivocators: PersistentSet<Hex>;
}

export const noBallots: Ballots = {
  votes: PersistentMap(),
  reveals: PersistentMap(),
  signatures: PersistentMap(),
  equivocators: PersistentSet(),
};

/** Why this authority has no consensus of its own to sign. */
export type TallyFailure =
  | "too-few-votes"
  | "too-few-reveals"
  | "parameters-disagree"
  | "too-few-mixes"
  | "no-providers"
  | "not-well-formed";

export type Round =
  /** Sits out until the epoch before `votingEpoch` begins. */
  | { readonly type: "waiting"; readonly votingEpoch: number }
  | { readonly type: "descriptors"; readonly votingEpoch: number; readonly ballots: Ballots }
  /** Our vote is cast; `reveal` (40 bytes) is secret until the phase ends. */
  | { readonly type: "votes"; readonly votingEpoch: number; readonly ballots: Ballots; readonly reveal: Uint8Array }
  | { readonly type: "reveals"; readonly votingEpoch: number; readonly ballots: Ballots }
  | {
    readonly type: "signatures";
    readonly votingEpoch: number;
    readonly ballots: Ballots;
    readonly failure: TallyFailure | null;
  };

export type ActiveRound = Exclude<Round, { readonly type: "waiting" }>;

/** Eighths of the epoch at which the phases end. */
const endEighths = { descriptors: 4, votes: 5, reveals: 6, signatures: 7 } as const;

/** ms into an epoch at which a phase ends. */
const phaseEndMs = (clock: EpochClock, phase: keyof typeof endEighths): number =>
  Math.ceil((clock.periodMs * endEighths[phase]) / 8);

/** After this many ms of an epoch it is too late to join the round for the next. */
export const joinDeadlineMs = (clock: EpochClock): number => phaseEndMs(clock, "descriptors");

/** After this many ms of an epoch votes for the next are too late. */
export const votesDeadlineMs = (clock: EpochClock): number => phaseEndMs(clock, "votes");

/** After this many ms of an epoch the document of the next one is there, or never will be. */
export const publishDeadlineMs = (clock: EpochClock): number => phaseEndMs(clock, "signatures");

/** The instant at which a round's phase ends. */
export const phaseEnd = (clock: EpochClock, round: Round): Wall => {
  const start = epochStart(clock, round.votingEpoch - 1);
  switch (round.type) {
    case "waiting":
      return start;
    case "descriptors":
    case "votes":
    case "reveals":
    case "signatures":
      return wall(start + phaseEndMs(clock, round.type));
    default:
      return absurd(round);
  }
};

/** The instants at which the phases of the round for an epoch end. */
export const phasesEnd = (clock: EpochClock, votingEpoch: number): Readonly<Record<keyof typeof endEighths, Wall>> => {
  const end = (phase: keyof typeof endEighths): Wall =>
    wall(epochStart(clock, votingEpoch - 1) + phaseEndMs(clock, phase));
  return {
    descriptors: end("descriptors"),
    votes: end("votes"),
    reveals: end("reveals"),
    signatures: end("signatures"),
  };
};

/** Whose vote, reveal and signature is not there. */
export interface Missing {
  readonly votes: ReadonlyArray<Hex>;
  readonly reveals: ReadonlyArray<Hex>;
  readonly signatures: ReadonlyArray<Hex>;
}

export const missingOf = (members: Membership, { votes, reveals, signatures }: Ballots): Missing => {
  const all = [members.self.hex, ...members.peers.keys()];
  return {
    votes: all.filter((authority) => !votes.has(authority)),
    reveals: all.filter((authority) => !reveals.has(authority)),
    signatures: all.filter((authority) => !signatures.has(authority)),
  };
};
