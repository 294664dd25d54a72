/**
 * Reading back what an authority wrote down, before it listens to anybody, and going on from there: in the phase that
 * it was in, with the vote, the reveal and the signature that it has given already.
 *
 * Records that no longer hold (a node or an authority was taken from the configuration) are passed over, and told. What
 * a newer version wrote is refused: the process ends.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import type { Suite } from "../crypto/suite.ts";
import { log, type StoreEvent } from "../effects.ts";
import { E } from "../fp.ts";
import { absurd, type Context } from "../machine.ts";
import { afterPage, pageRequest, refuseToStart, type Restoring as Reading, restoringOf } from "../restoring.ts";
import { bringToPeers } from "./authority_errands.ts";
import { remember, withBallot } from "./authority_kept.ts";
import { withKey, withStorage } from "./authority_keeping.ts";
import { enter, fetchMissed, revealCommand, voteCommand } from "./authority_phases.ts";
import {
  type AuthorityRecord,
  authorityTable,
  decodeKey,
  decodeRecord,
  type RecordKey,
  recordVersion,
} from "./authority_records.ts";
import { type Ballots, noBallots, phaseEnd, type Round, votesDeadlineMs } from "./authority_round.ts";
import { andThen, type AuthorityState, knownDescriptors, only, type Outcome } from "./authority_state.ts";
import { epochAt } from "./epoch.ts";

/** What was given and received for an epoch, before it is known which round is on. */
interface RestoredRound {
  readonly ballots: Ballots;
  /** What our vote committed to. */
  readonly secret: Uint8Array | null;
  /** Something that we have said cannot be read: we say nothing more. */
  readonly isSpoiled: boolean;
}

export interface Restoring {
  readonly reading: Reading;
  readonly rounds: PersistentMap<number, RestoredRound>;
}

export const notRestored: Restoring = { reading: restoringOf([authorityTable]), rounds: PersistentMap() };

const noRound: RestoredRound = { ballots: noBallots, secret: null, isSpoiled: false };

/** Records read at once: documents may be a MiB long each. */
const pageLength = 64;

/** Asks for the next page. */
export const scanNext = (state: AuthorityState): Outcome => {
  const { restoring, nextId } = state.storage;
  if (restoring === null) return only(state);
  const reading = { ...restoring.reading, scan: nextId };
  return only(
    withStorage(state, { restoring: { ...restoring, reading }, nextId: nextId + 1 }),
    pageRequest(reading, nextId, pageLength),
  );
};

const refuse = (state: AuthorityState, message: string): Outcome => only(state, refuseToStart(message));

/** A page, or that it cannot be read: without its memory an authority might contradict itself, so it does not start. */
export const onScan = (
  suite: Suite,
  context: Context,
  state: AuthorityState,
  event: Extract<StoreEvent, { readonly type: "Scanned" | "ScanFailed" }>,
): Outcome => {
  const { restoring } = state.storage;
  if (restoring === null || restoring.reading.scan !== event.id) return only(state);
  if (event.type === "ScanFailed") return refuse(state, `the store cannot be read: ${event.reason}`);
  let outcome = only(state);
  for (const { key, value } of event.entries) {
    const version = value[0];
    const known = decodeKey(key);
    if (version !== recordVersion || known === null) return refuse(state, refusal(version));
    const restored = restore(suite, outcome.state, known, key, value.subarray(1));
    if (restored === null) return refuse(state, `the table ${authorityTable} of the store is corrupt: ${known.type}`);
    outcome = { state: restored.state, effects: [...outcome.effects, ...restored.effects] };
  }
  const reading = afterPage(restoring.reading, event.entries, pageLength);
  return andThen(
    outcome,
    (next) =>
      reading === null
        ? resume(suite, context, next)
        : scanNext(withStorage(next, { restoring: { ...next.storage.restoring!, reading } })),
  );
};

const refusal = (version: number | undefined): string =>
  version === recordVersion || version === undefined
    ? `the table ${authorityTable} of the store holds records of an unknown kind`
    : `the table ${authorityTable} of the store has format version ${version}; ` +
      `this program reads version ${recordVersion}`;

/** Null where what stands for the past is unreadable. */
const restore = (
  suite: Suite,
  state: AuthorityState,
  key: RecordKey,
  raw: Uint8Array,
  content: Uint8Array,
): Outcome | null => {
  const keyed = key.type === "standing" ? state : { ...state, storage: withKey(state.storage, key.epoch, raw) };
  const known = (epoch: number) => knownDescriptors(keyed, epoch);
  const decoded = decodeRecord({ suite, members: state.members, known }, key, content);
  if (E.isRight(decoded)) return only(place(keyed, decoded.right));
  if (key.type === "standing") return null;
  const isOwn = key.type === "secret" || key.identity === state.members.self.hex;
  const fields = { epoch: key.epoch, record: key.type, identity: key.identity ?? "", error: decoded.left };
  const message = `Passed over a ${key.type} for epoch ${key.epoch} in the store: ${decoded.left}`;
  return only(
    isOwn ? inRound(keyed, key.epoch, (round) => ({ ...round, isSpoiled: true })) : keyed,
    log("WARNING", "not-restored", message, fields),
  );
};

const inRound = (
  state: AuthorityState,
  epoch: number,
  change: (round: RestoredRound) => RestoredRound,
): AuthorityState => {
  const restoring = state.storage.restoring!;
  return withStorage(state, { restoring: { ...restoring, rounds: restoring.rounds.update(epoch, noRound, change) } });
};

const place = (state: AuthorityState, record: AuthorityRecord): AuthorityState => {
  switch (record.type) {
    case "descriptor":
    case "document":
      return remember(state, record);
    case "standing":
      return { ...state, ...record.standing };
    case "secret":
      return inRound(state, record.epoch, (round) => ({ ...round, secret: record.reveal }));
    case "vote":
    case "reveal":
    case "signature":
      return inRound(state, record.epoch, (round) => ({ ...round, ballots: withBallot(round.ballots, record) }));
    default:
      return absurd(record);
  }
};

/* Going on */

/** The round that was on when the authority stopped, as far as it is still on; else it joins as a new one does. */
const resume = (suite: Suite, context: Context, state: AuthorityState): Outcome => {
  const { epoch, elapsedMs } = epochAt(state.config.clock, context.wall);
  const isPublished = state.documents.has(epoch + 1);
  const votingEpoch = isPublished ? epoch + 2 : epoch + 1;
  const isOpen = isPublished || elapsedMs < votesDeadlineMs(state.config.clock);
  const restored = state.storage.restoring!.rounds.get(votingEpoch);
  const ready = withStorage(state, { restoring: null });
  const told = log("NOTICE", "ready", `Authority ${state.config.identifier} is ready`, {
    epoch,
    documents: state.documents.size,
    descriptors: state.descriptors.reduce((sum, of) => sum + of.size, 0),
  });
  const round = roundOf(state, votingEpoch, restored ?? noRound, isOpen);
  if (round === null) return only(ready, told);
  const entered = andThen(only(ready, told), (next) => enter(next, round));
  const fetching = andThen(entered, (next) => fetchMissed(context, next, epoch));
  return phaseEnd(state.config.clock, round) > context.wall
    ? andThen(fetching, (next) => bringAgain(suite, context, next))
    : fetching;
};

/** Null where there is nothing to go on from. */
const roundOf = (
  { members, documents, descriptors }: AuthorityState,
  votingEpoch: number,
  { ballots, secret, isSpoiled }: RestoredRound,
  isOpen: boolean,
): Round | null => {
  const { hex } = members.self;
  if (isSpoiled) return { type: "waiting", votingEpoch: votingEpoch + 1 };
  if (ballots.signatures.has(hex)) return { type: "signatures", votingEpoch, ballots, failure: null };
  if (ballots.reveals.has(hex)) return { type: "reveals", votingEpoch, ballots };
  if (ballots.votes.has(hex) && secret !== null) return { type: "votes", votingEpoch, ballots, reveal: secret };
  const isOn = ballots.votes.size > 0 || descriptors.has(votingEpoch) || documents.has(votingEpoch - 1);
  return isOn && isOpen ? { type: "descriptors", votingEpoch, ballots } : null;
};

/** A peer may have missed what was said before the crash: the same again. */
const bringAgain = (suite: Suite, context: Context, state: AuthorityState): Outcome => {
  const { round, members: { self } } = state;
  switch (round.type) {
    case "votes": {
      const command = voteCommand(state, round.votingEpoch, round.ballots.votes.get(self.hex)!.raw);
      return bringToPeers(context, state, "vote", round.votingEpoch, command);
    }
    case "reveals": {
      const command = revealCommand(suite, state, round.votingEpoch, round.ballots.reveals.get(self.hex)!);
      return bringToPeers(context, state, "reveal", round.votingEpoch, command);
    }
    case "signatures": {
      const command = voteCommand(state, round.votingEpoch, round.ballots.signatures.get(self.hex)!.raw);
      return bringToPeers(context, state, "signature", round.votingEpoch, command);
    }
    default:
      return only(state);
  }
};
