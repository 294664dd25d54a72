/**
 * What an authority does with a peer's Vote and Reveal commands (specs/pki.rst §3.2.3, §3.3.3, §5.2, wire-facts §2.6,
 * §5.6).
 *
 * A Vote command carries the peer's vote and, after tabulation, the consensus with its signature. Go tells them apart
 * by their order; here the commit tells, so that a signature counts although the vote was lost. The same bytes again
 * are accepted again, since an answer may have been lost; different ones are refused and logged as evidence.
 *
 * Other than in Go, a vote is too late once our reveal is out, and a reveal once we tabulate: otherwise a peer could
 * choose its commit after seeing the others' reveals.
 *
 * @module
 */
import { equal, fromHex, toHex } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { count, type Effect, log } from "../effects.ts";
import { E } from "../fp.ts";
import { type Command, revealStatus, voteStatus } from "../wire/commands.ts";
import { type Hex, peerName } from "./authority_config.ts";
import { recordUnderWay } from "./authority_keeping.ts";
import type { AuthorityRecord } from "./authority_records.ts";
import { type AuthorityState, knownDescriptors } from "./authority_state.ts";
import { verify } from "./cert.ts";
import { type Ballot, type DocumentError, verifyBallot } from "./document.ts";
import type { ActiveRound, Ballots } from "./authority_round.ts";
import { epochOf, keeps, sharedRandomLength } from "./shared_random.ts";

export type VoteCommand = Extract<Command, { readonly type: "Vote" }>;
export type RevealCommand = Extract<Command, { readonly type: "Reveal" }>;

/** What came of a command. */
export interface Receipt {
  readonly state: AuthorityState;
  readonly status: number;
  /** What to log; where something is accepted, once it is written down. */
  readonly effects: ReadonlyArray<Effect>;
  /** What was learnt, and has to be written down before the answer. */
  readonly accepted: AuthorityRecord | null;
}

/** Nothing was learnt. */
export const unchanged = (state: AuthorityState, status: number, ...effects: ReadonlyArray<Effect>): Receipt => ({
  state,
  status,
  effects,
  accepted: null,
});

const withBallots = (state: AuthorityState, round: ActiveRound, ballots: Ballots): AuthorityState => ({
  ...state,
  round: { ...round, ballots },
});

/** Evidence against a peer who signed two different things, once a round. */
const equivocated = (
  suite: Suite,
  state: AuthorityState,
  round: ActiveRound,
  peer: Hex,
  what: string,
  first: Uint8Array,
  second: Uint8Array,
  status: number,
): Receipt => {
  const { ballots, votingEpoch } = round;
  if (ballots.equivocators.has(peer)) return unchanged(state, status);
  const authority = peerName(state.members, peer);
  const fields = {
    epoch: votingEpoch,
    authority,
    what,
    first: toHex(suite.sha256(first)),
    second: toHex(suite.sha256(second)),
  };
  const line = log(
    "WARNING",
    "equivocation",
    `Authority ${authority} signed two different things as its ${what} for epoch ${votingEpoch}`,
    fields,
  );
  const noted = withBallots(state, round, { ...ballots, equivocators: ballots.equivocators.add(peer) });
  return unchanged(noted, status, line, count("equivocations", what));
};

/* Votes and signatures */

const signatureErrors: ReadonlySet<DocumentError> = new Set<DocumentError>([
  "bad-signature",
  "signer-missing",
  "expired",
  "duplicate-signer",
]);

const refusedVote = (state: AuthorityState, peer: Hex, epoch: number, error: DocumentError): Receipt => {
  const authority = peerName(state.members, peer);
  const line = log("WARNING", "vote-refused", `Refused what authority ${authority} sent as its vote: ${error}`, {
    epoch,
    authority,
    error,
  });
  const status = signatureErrors.has(error) ? voteStatus.notSigned : voteStatus.malformed;
  return unchanged(state, status, line, count("votes-refused", error));
};

export const receiveVote = (
  suite: Suite,
  state: AuthorityState,
  peer: Hex,
  command: VoteCommand,
  nowSeconds: number,
): Receipt => {
  const { round } = state;
  const answer = (status: number): Receipt => unchanged(state, status);
  if (toHex(command.identityKey) !== peer) return answer(voteStatus.notAuthorised);
  if (command.epoch < round.votingEpoch) return answer(voteStatus.tooLate);
  if (command.epoch > round.votingEpoch || round.type === "waiting") return answer(voteStatus.tooEarly);
  const { votes, signatures } = round.ballots;
  if (
    [votes.get(peer), signatures.get(peer)].some((received) =>
      received !== undefined && equal(received.raw, command.payload)
    )
  ) return answer(voteStatus.ok);
  const context = { epoch: command.epoch, nowSeconds, known: knownDescriptors(state, command.epoch) };
  const ballot = verifyBallot(suite, fromHex(peer)!, command.payload, context);
  if (E.isLeft(ballot)) return refusedVote(state, peer, command.epoch, ballot.left);
  return receiveBallot(suite, state, round, peer, command.payload, ballot.right);
};

const receiveBallot = (
  suite: Suite,
  state: AuthorityState,
  round: ActiveRound,
  peer: Hex,
  raw: Uint8Array,
  ballot: Ballot,
): Receipt => {
  const { ballots } = round;
  const epoch = round.votingEpoch;
  const earlier = ballot.type === "vote"
    ? ballots.votes.get(peer) ?? recordUnderWay(state, "vote", epoch, peer)?.vote
    : ballots.signatures.get(peer) ?? recordUnderWay(state, "signature", epoch, peer)?.signed;
  if (earlier !== undefined && !equal(earlier.raw, raw)) {
    return equivocated(suite, state, round, peer, ballot.type, earlier.raw, raw, voteStatus.alreadyReceived);
  }
  const accept = (accepted: AuthorityRecord): Receipt => ({ ...unchanged(state, voteStatus.ok), accepted });
  if (ballot.type === "signature") {
    return accept({ type: "signature", epoch, identity: peer, signed: { raw, certificate: ballot.certificate } });
  }
  const isOpen = round.type === "descriptors" || round.type === "votes";
  return isOpen
    ? accept({ type: "vote", epoch, identity: peer, vote: { raw, document: ballot.document } })
    : unchanged(state, voteStatus.tooLate);
};

/* Reveals */

const refusedReveal = (state: AuthorityState, peer: Hex, epoch: number, error: string): Receipt => {
  const authority = peerName(state.members, peer);
  const line = log("WARNING", "reveal-refused", `Refused what authority ${authority} sent as its reveal: ${error}`, {
    epoch,
    authority,
    error,
  });
  return unchanged(state, revealStatus.notAuthorised, line, count("reveals-refused", error));
};

export const receiveReveal = (
  suite: Suite,
  state: AuthorityState,
  peer: Hex,
  command: RevealCommand,
  nowSeconds: number,
): Receipt => {
  const { round } = state;
  const answer = (status: number): Receipt => unchanged(state, status);
  if (toHex(command.identityKey) !== peer) return answer(revealStatus.notAuthorised);
  if (command.epoch < round.votingEpoch) return answer(revealStatus.tooLate);
  if (command.epoch > round.votingEpoch || round.type === "waiting") return answer(revealStatus.tooEarly);
  const certified = verify(suite, fromHex(peer)!, command.payload, nowSeconds);
  if (E.isLeft(certified)) return refusedReveal(state, peer, command.epoch, certified.left);
  const reveal = certified.right;
  if (reveal.length !== sharedRandomLength) return refusedReveal(state, peer, command.epoch, "length");
  if (epochOf(reveal) !== BigInt(command.epoch)) {
    return answer(epochOf(reveal) < command.epoch ? revealStatus.tooLate : revealStatus.tooEarly);
  }
  return receiveOpened(suite, state, round, peer, reveal);
};

const receiveOpened = (
  suite: Suite,
  state: AuthorityState,
  round: ActiveRound,
  peer: Hex,
  reveal: Uint8Array,
): Receipt => {
  const { ballots, votingEpoch } = round;
  const answer = (status: number): Receipt => unchanged(state, status);
  const vote = ballots.votes.get(peer);
  const known = ballots.reveals.get(peer);
  const earlier = known ?? recordUnderWay(state, "reveal", votingEpoch, peer)?.reveal;
  if (earlier !== undefined && !equal(earlier, reveal)) {
    return equivocated(suite, state, round, peer, "reveal", earlier, reveal, revealStatus.alreadyReceived);
  }
  if (known !== undefined) return answer(revealStatus.ok);
  if (round.type === "signatures") return answer(revealStatus.tooLate);
  if (vote === undefined) return answer(revealStatus.tooEarly);
  if (!keeps(suite, vote.document.sharedRandomCommit, reveal)) {
    return refusedReveal(state, peer, votingEpoch, "commit-not-kept");
  }
  const accepted = { type: "reveal", epoch: votingEpoch, identity: peer, reveal } as const;
  return { ...unchanged(state, revealStatus.ok), accepted };
};
