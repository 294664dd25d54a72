/**
 * What a voting authority does as each phase of a round ends (specs/pki.rst §3, wire-facts §5.6; genesis and prior
 * shared random values as in the Go set of 2020).
 *
 * Departures from Go: a round is lost where the clock jumps over its end; a lost or too thin consensus names who was
 * missing.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { toHex } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { type Effect, log } from "../effects.ts";
import { E } from "../fp.ts";
import { absurd, type Context } from "../machine.ts";
import { draws } from "../random.ts";
import type { Command } from "../wire/commands.ts";
import { type Hex, peerName } from "./authority_config.ts";
import { type Errand, fetchDocument, recall } from "./authority_errands.ts";
import { keep, standingOf } from "./authority_keeping.ts";
import type { AuthorityRecord } from "./authority_records.ts";
import { andThen, type AuthorityState, knownDescriptors, only, type Outcome, secondsOf } from "./authority_state.ts";
import { decodeCertificate, sign, signedMessage } from "./cert.ts";
import { certificateExpiration, type Descriptor } from "./descriptor.ts";
import { type DocumentContext, encodeDocument, verifyBallot, verifyDocument } from "./document.ts";
import { epochAt, epochStart } from "./epoch.ts";
import {
  type ActiveRound,
  joinDeadlineMs,
  missingOf,
  noBallots,
  type Round,
  type TallyFailure,
} from "./authority_round.ts";
import { commitTo, lineageAtTabulation, lineageAtVote, noLineage } from "./shared_random.ts";
import {
  areEnough,
  combine,
  consensusFields,
  type Draft,
  type Nodes,
  sortNodes,
  tally,
  tallySharedRandom,
  voteFields,
} from "./authority_tally.ts";

type Phase<T extends Round["type"]> = Extract<Round, { readonly type: T }>;

const phaseLog = (round: Round): Effect =>
  log("INFO", "round", `The round for epoch ${round.votingEpoch} is in phase ${round.type}`, {
    epoch: round.votingEpoch,
    phase: round.type,
  });

export const enter = (state: AuthorityState, round: Round, ...effects: ReadonlyArray<Effect>): Outcome =>
  only({ ...state, round }, ...effects, phaseLog(round));

const contextFor = (context: Context, state: AuthorityState, epoch: number): DocumentContext => ({
  epoch,
  nowSeconds: secondsOf(context.wall),
  known: knownDescriptors(state, epoch),
});

/** Joins the round of this epoch if there is time, else waits for the next; looks for the documents it should have. */
const begin = (context: Context, state: AuthorityState): Outcome => {
  const { epoch, elapsedMs } = epochAt(state.config.clock, context.wall);
  const isLate = elapsedMs > joinDeadlineMs(state.config.clock);
  const round: Round = isLate
    ? { type: "waiting", votingEpoch: epoch + 2 }
    : { type: "descriptors", votingEpoch: epoch + 1, ballots: noBallots };
  return andThen(enter(state, round), (next) => fetchMissed(context, next, epoch));
};

/** Looks for the documents that are in use, where they are not there. */
export const fetchMissed = (context: Context, state: AuthorityState, epoch: number): Outcome =>
  andThen(fetchDocument(context, state, epoch - 1), (next) => fetchDocument(context, next, epoch));

/** Not for a document: brings something that only this round is interested in. */
const isSend = (_key: string, { purpose }: Errand): boolean => purpose !== "document";

/* The phases, each by how it ends */

const enrolled = (state: AuthorityState, epoch: number): Nodes =>
  sortNodes(state.descriptors.get(epoch, PersistentMap<Hex, Descriptor>()).values());

const draftOf = (state: AuthorityState, epoch: number): Omit<Draft, "nodes" | "parameters"> => ({
  epoch,
  layers: state.config.layers,
  lineage: state.lineage,
  previous: state.documents.get(epoch - 1)?.document ?? null,
});

const expirationOf = (context: Context, { config }: AuthorityState, epoch: number): number =>
  config.certificateExpiration === "go"
    ? certificateExpiration(config.clock, context.wall)
    : Math.ceil(epochStart(config.clock, epoch + 4) / 1000);

/* What is brought to peers */

/** Our vote, or the consensus with our signature. */
export const voteCommand = ({ members }: AuthorityState, epoch: number, payload: Uint8Array): Command => ({
  type: "Vote",
  epoch,
  identityKey: members.self.identityKey,
  payload,
});

/** Valid until the end of the epoch; rounded up, since an epoch of a test network may be a second. */
export const revealCommand = (suite: Suite, state: AuthorityState, epoch: number, reveal: Uint8Array): Command => {
  const expiration = Math.ceil(epochStart(state.config.clock, epoch) / 1000);
  const payload = sign(suite, state.config.identityPrivate, reveal, expiration);
  return { type: "Reveal", epoch, identityKey: state.members.self.identityKey, payload };
};

/** P/2: casts the vote, if there is something to vote for. */
const castVote = (suite: Suite, context: Context, state: AuthorityState, round: Phase<"descriptors">): Outcome => {
  const { votingEpoch, ballots } = round;
  const nodes = enrolled(state, votingEpoch);
  if (!areEnough(nodes, state.config)) return sitOut(state, votingEpoch, nodes);
  // The clock was set back, or what we voted is lost: a second vote would be another one.
  if (votingEpoch <= state.lastVoted) return sitOut(state, votingEpoch, nodes, "voted-before");
  const previous = state.documents.get(votingEpoch - 1)?.document ?? null;
  const lineage = lineageAtVote(state.lineage, votingEpoch, previous);
  const ready: AuthorityState = { ...state, lineage, lastVoted: votingEpoch };
  const { commit, reveal } = commitTo(suite, draws(context.seed)("commit"), votingEpoch);
  const fields = voteFields(
    suite,
    { ...draftOf(ready, votingEpoch), nodes, parameters: state.config.parameters },
    commit,
  );
  const raw = sign(
    suite,
    state.config.identityPrivate,
    encodeDocument(fields),
    expirationOf(context, state, votingEpoch),
  );
  const { self } = state.members;
  const own = verifyBallot(suite, self.identityKey, raw, contextFor(context, state, votingEpoch));
  if (E.isLeft(own)) return sitOut(state, votingEpoch, nodes, own.left);
  const vote: AuthorityRecord = {
    type: "vote",
    epoch: votingEpoch,
    identity: self.hex,
    vote: { raw, document: own.right.document },
  };
  return andThen(enter(ready, { type: "votes", votingEpoch, ballots, reveal }), (next) =>
    keep(
      next,
      [vote, { type: "secret", epoch: votingEpoch, reveal }, standingOf(next)],
      [log("INFO", "vote", `Voting for epoch ${votingEpoch}`, { epoch: votingEpoch })],
      { type: "bring", purpose: "vote", epoch: votingEpoch, command: voteCommand(next, votingEpoch, raw) },
    ));
};

/** There are too few nodes for a document. */
const sitOut = (state: AuthorityState, epoch: number, nodes: Nodes, error = "too-few-descriptors"): Outcome => {
  const posted = state.descriptors.get(epoch, PersistentMap<Hex, Descriptor>());
  const missing = [
    ...[...state.members.mixes].filter((mix) => !posted.has(mix)).map((mix) => mix.slice(0, 16)),
    ...[...state.members.providers].filter(([provider]) => !posted.has(provider)).map(([, name]) => name),
  ];
  const fields = {
    epoch,
    phase: "descriptors",
    error,
    mixes: nodes.mixes.length,
    providers: nodes.providers.length,
    missingDescriptors: missing,
  };
  const counts = `${nodes.mixes.length} mixes and ${nodes.providers.length} Providers`;
  const message = `No vote for epoch ${epoch}: ${error}, ${counts}; missing ${missing.join(", ") || "none"}`;
  return enter(state, { type: "waiting", votingEpoch: epoch + 1 }, log("WARNING", "no-consensus", message, fields));
};

/** 5P/8: opens what the vote committed to, if the vote was cast. */
const openReveal = (suite: Suite, state: AuthorityState, round: Phase<"votes">): Outcome => {
  const { votingEpoch, ballots, reveal } = round;
  const { hex } = state.members.self;
  const opened = andThen(recall(state, isSend), (next) => enter(next, { type: "reveals", votingEpoch, ballots }));
  if (!ballots.votes.has(hex)) return opened;
  return andThen(opened, (next) =>
    keep(
      next,
      [{ type: "reveal", epoch: votingEpoch, identity: hex, reveal }],
      [log("INFO", "reveal", `Revealing for epoch ${votingEpoch}`, { epoch: votingEpoch })],
      {
        type: "bring",
        purpose: "reveal",
        epoch: votingEpoch,
        command: revealCommand(suite, next, votingEpoch, reveal),
      },
    ));
};

/** 6P/8: makes a consensus of the votes that count, signs it and sends it to the peers. */
const tabulate = (suite: Suite, context: Context, state: AuthorityState, round: Phase<"reveals">): Outcome => {
  const { votingEpoch, ballots } = round;
  const { config, members } = state;
  const draft = draftOf(state, votingEpoch);
  const value = tallySharedRandom(suite, votingEpoch, ballots, draft.previous);
  const lineage = lineageAtTabulation(state.lineage, config.clock, votingEpoch, value);
  const tallied = tally(suite, members, config, votingEpoch, ballots);
  if (E.isLeft(tallied)) return untabulated({ ...state, lineage }, round, tallied.left);
  const fields = consensusFields(suite, { ...draft, lineage, ...tallied.right }, value);
  const raw = sign(suite, config.identityPrivate, encodeDocument(fields), expirationOf(context, state, votingEpoch));
  const own = verifyBallot(suite, members.self.identityKey, raw, contextFor(context, state, votingEpoch));
  // Peers vote for what they like: a document may come out too long, for instance.
  if (E.isLeft(own)) return untabulated({ ...state, lineage }, round, "not-well-formed");
  const signed: AuthorityRecord = {
    type: "signature",
    epoch: votingEpoch,
    identity: members.self.hex,
    signed: { raw, certificate: own.right.certificate },
  };
  const next: Round = { type: "signatures", votingEpoch, ballots, failure: null };
  const entered = andThen(recall({ ...state, lineage }, isSend), (recalled) => enter(recalled, next));
  return andThen(entered, (ready) =>
    keep(ready, [signed, standingOf(ready)], [], {
      type: "bring",
      purpose: "signature",
      epoch: votingEpoch,
      command: voteCommand(ready, votingEpoch, raw),
    }));
};

/** No consensus of our own: the peers' may still be one. */
const untabulated = (state: AuthorityState, round: ActiveRound, failure: TallyFailure): Outcome => {
  const { votingEpoch, ballots } = round;
  const recalled = andThen(recall(state, isSend), (next) => keep(next, [standingOf(next)]));
  return andThen(recalled, (next) =>
    enter(
      next,
      { type: "signatures", votingEpoch, ballots, failure },
      log("WARNING", "no-tally", `No consensus of our own for epoch ${votingEpoch}: ${failure}`, {
        epoch: votingEpoch,
        error: failure,
        ...missingFields(next, round),
      }),
    ));
};

const missingFields = (state: AuthorityState, round: ActiveRound): Record<string, ReadonlyArray<string>> => {
  const missing = missingOf(state.members, round.ballots);
  const names = (authorities: ReadonlyArray<Hex>): ReadonlyArray<string> =>
    authorities.map((authority) =>
      authority === state.members.self.hex ? `${state.config.identifier} (self)` : peerName(state.members, authority)
    );
  return {
    missingVotes: names(missing.votes),
    missingReveals: names(missing.reveals),
    missingSignatures: names(missing.signatures),
  };
};

/** 7P/8: publishes what enough authorities signed. */
const publish = (suite: Suite, context: Context, state: AuthorityState, round: Phase<"signatures">): Outcome => {
  const { votingEpoch, ballots, failure } = round;
  const { authorities, threshold } = state.members;
  const { combined, dissenters } = combine(state.members, ballots);
  const verified = combined === null
    ? null
    : verifyDocument(suite, { authorities, threshold }, combined.raw, contextFor(context, state, votingEpoch));
  if (combined === null || verified === null || E.isLeft(verified)) {
    return fail(state, round, failure ?? "too-few-signatures");
  }
  const document = verified.right;
  const fields = {
    epoch: votingEpoch,
    signatures: combined.signers.length,
    of: authorities.length,
    mixes: document.topology.flat().length,
    providers: document.providers.length,
    ...missingFields(state, round),
  };
  const made = log(
    "NOTICE",
    "consensus",
    `Consensus for epoch ${votingEpoch} with ${fields.signatures} of ${fields.of} signatures`,
    fields,
  );
  const partition = dissenters.length === 0 ? [] : [partitionLog(suite, state, round, combined.raw, dissenters)];
  const published: AuthorityRecord = {
    type: "document",
    epoch: votingEpoch,
    published: { document, raw: combined.raw },
  };
  const recalled = andThen(recall(state, isSend), (ready) => keep(ready, [published], [made, ...partition]));
  const next: Round = { type: "descriptors", votingEpoch: votingEpoch + 1, ballots: noBallots };
  return andThen(recalled, (ready) => enter(ready, next));
};

/** Who signed another document than the one that most signed; with the hashes of what was signed, as evidence. */
const partitionLog = (
  suite: Suite,
  state: AuthorityState,
  { votingEpoch: epoch, ballots }: ActiveRound,
  winner: Uint8Array,
  dissenters: ReadonlyArray<Hex>,
): Effect => {
  const names = dissenters.map((authority) =>
    authority === state.members.self.hex ? `${state.config.identifier} (self)` : peerName(state.members, authority)
  );
  const hashOf = (raw: Uint8Array): string => {
    const certificate = decodeCertificate(raw);
    return E.isRight(certificate) ? toHex(suite.sha256(signedMessage(certificate.right))) : "";
  };
  return log("WARNING", "partition", `Authorities signed different documents for epoch ${epoch}: ${names.join(", ")}`, {
    epoch,
    authorities: names,
    consensus: hashOf(winner),
    others: dissenters.map((authority) => hashOf(ballots.signatures.get(authority)!.raw)),
  });
};

/** The round is lost: genesis and prior values are forgotten, the next round may be joined. */
const fail = (state: AuthorityState, round: ActiveRound, error: string): Outcome => {
  const { votingEpoch, ballots } = round;
  const { threshold, authorities } = state.members;
  const missing = missingFields(state, round);
  const named = Object.entries(missing).filter(([, names]) => names.length > 0).map(([what, names]) =>
    `${what}: ${names.join(", ")}`
  ).join("; ");
  const fields = {
    epoch: votingEpoch,
    phase: round.type,
    error,
    signatures: ballots.signatures.size,
    threshold,
    of: authorities.length,
    ...missing,
  };
  const message =
    `No consensus for epoch ${votingEpoch}: ${error}; ${ballots.signatures.size} signatures, ${threshold} needed; ${
      named || "nobody missing"
    }`;
  const recalled = recall({ ...state, lineage: noLineage }, isSend);
  return andThen(
    andThen(recalled, (next) => keep(next, [standingOf(next)])),
    (next) =>
      enter(next, { type: "waiting", votingEpoch: votingEpoch + 1 }, log("WARNING", "no-consensus", message, fields)),
  );
};

/** Ends the phase whose time is over; the next one ends later. */
export const turn = (suite: Suite, context: Context, state: AuthorityState): Outcome => {
  const { round } = state;
  if (round.type === "waiting") return begin(context, state);
  if (epochAt(state.config.clock, context.wall).epoch !== round.votingEpoch - 1) {
    return andThen(fail(state, round, "clock-jumped"), (next) => begin(context, next));
  }
  switch (round.type) {
    case "descriptors":
      return castVote(suite, context, state, round);
    case "votes":
      return openReveal(suite, state, round);
    case "reveals":
      return tabulate(suite, context, state, round);
    case "signatures":
      return publish(suite, context, state, round);
    default:
      return absurd(round);
  }
};
