/**
 * What follows when the store has taken what an authority wrote down (authority_keeping.ts), or has not.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { count, type Effect, log, type StoreEvent, type StoreFailure } from "../effects.ts";
import { absurd, after, type Context } from "../machine.ts";
import type { Hex } from "./authority_config.ts";
import { bringToPeers } from "./authority_errands.ts";
import { commit, type Follow, type Keeping, withStorage } from "./authority_keeping.ts";
import { answer } from "./authority_links.ts";
import type { AuthorityRecord } from "./authority_records.ts";
import type { Ballots } from "./authority_round.ts";
import { andThen, type AuthorityState, isKept, only, type Outcome } from "./authority_state.ts";
import type { Descriptor } from "./descriptor.ts";
import { epochAt, type EpochClock } from "./epoch.ts";

/** Writes of our own that may wait for another attempt; more are given up, and missed at the next start only. */
const retriesMax = 16;

const retryPauseMs = ({ periodMs }: EpochClock): number => Math.max(50, Math.min(1000, Math.floor(periodMs / 32)));

/** The outcome of a Commit; null for those that are none of ours. */
export const onCommit = (
  context: Context,
  state: AuthorityState,
  event: Extract<StoreEvent, { readonly type: "Committed" | "CommitFailed" }>,
): Outcome => {
  const keeping = state.storage.pending.get(event.id);
  if (keeping === undefined) return only(state);
  const settled = withStorage(state, { pending: state.storage.pending.delete(event.id) });
  return event.type === "Committed" ? kept(context, settled, keeping) : failed(context, settled, keeping, event.reason);
};

const kept = (context: Context, state: AuthorityState, { records, told, follow }: Keeping): Outcome => {
  const recovered: ReadonlyArray<Effect> = state.storage.failing === null
    ? []
    : [log("NOTICE", "store-recovered", "The store takes what is written down again")];
  const remembered = records.reduce(remember, withStorage(state, { failing: null }));
  return andThen(only(remembered, ...recovered, ...told), (next) => continueWith(context, next, follow));
};

/** The state with what the store has. Ballots of a round that is over are for the store only. */
export const remember = (state: AuthorityState, record: AuthorityRecord): AuthorityState => {
  switch (record.type) {
    case "descriptor": {
      const { epoch, identity, descriptor } = record;
      const ofEpoch = state.descriptors.get(epoch, PersistentMap<Hex, Descriptor>());
      return { ...state, descriptors: state.descriptors.set(epoch, ofEpoch.set(identity, descriptor)) };
    }
    case "document":
      return { ...state, documents: state.documents.set(record.epoch, record.published) };
    case "vote":
    case "reveal":
    case "signature":
      return state.round.type === "waiting" || state.round.votingEpoch !== record.epoch
        ? state
        : { ...state, round: { ...state.round, ballots: withBallot(state.round.ballots, record) } };
    case "secret":
    case "standing":
      return state;
    default:
      return absurd(record);
  }
};

export type BallotRecord = Extract<AuthorityRecord, { readonly type: "vote" | "reveal" | "signature" }>;

export const withBallot = (ballots: Ballots, record: BallotRecord): Ballots => {
  switch (record.type) {
    case "vote":
      return { ...ballots, votes: ballots.votes.set(record.identity, record.vote) };
    case "reveal":
      return { ...ballots, reveals: ballots.reveals.set(record.identity, record.reveal) };
    case "signature":
      return { ...ballots, signatures: ballots.signatures.set(record.identity, record.signed) };
    default:
      return absurd(record);
  }
};

const phaseOf = { vote: "votes", reveal: "reveals", signature: "signatures" } as const;

/** Whether peers still wait for it. */
const isTimely = (
  { round }: AuthorityState,
  { purpose, epoch }: Extract<Follow, { readonly type: "bring" }>,
): boolean => round.type === phaseOf[purpose] && round.votingEpoch === epoch;

const continueWith = (context: Context, state: AuthorityState, follow: Follow): Outcome => {
  switch (follow.type) {
    case "answer":
      return answer(state, follow.session, follow.kept);
    case "bring":
      return isTimely(state, follow)
        ? bringToPeers(context, state, follow.purpose, follow.epoch, follow.command)
        : only(state);
    case "nothing":
      return only(state);
    default:
      return absurd(follow);
  }
};

const failed = (context: Context, state: AuthorityState, keeping: Keeping, reason: StoreFailure): Outcome => {
  const { storage } = state;
  const first: ReadonlyArray<Effect> = storage.failing === reason ? [] : [
    log("ERROR", "store-failed", `The store fails (${reason}): what is new is refused until it works again`, {
      failure: reason,
    }),
  ];
  const noted = withStorage(state, {
    failing: reason,
    failures: storage.failures.update(reason, 0, (times) => times + 1),
  });
  const outcome = only(noted, count("store-failed", reason), ...first);
  const { follow } = keeping;
  if (follow.type === "answer") return andThen(outcome, (next) => answer(next, follow.session, follow.failed));
  return andThen(outcome, (next) => postpone(context, next, keeping));
};

const postpone = (context: Context, state: AuthorityState, keeping: Keeping): Outcome => {
  const { retries } = state.storage;
  if (retries.size >= retriesMax) return only(state, count("store-given-up"));
  const until = after(context.now, retryPauseMs(state.config.clock));
  return only(withStorage(state, { retries: retries.push({ keeping, until }) }));
};

/** Tries again what is still of use. */
export const retryDue = (context: Context, state: AuthorityState): Outcome => {
  const { retries } = state.storage;
  const due = retries.filter(({ until }) => until <= context.now);
  if (due.isEmpty()) return only(state);
  const resting = withStorage(state, { retries: retries.filter(({ until }) => until > context.now) });
  return due.reduce<Outcome>(
    (outcome, { keeping }) =>
      andThen(outcome, (next) => isUseful(context, next, keeping) ? commit(next, keeping) : only(next)),
    only(resting),
  );
};

const isUseful = (context: Context, state: AuthorityState, { records, follow }: Keeping): boolean => {
  if (follow.type === "bring") return isTimely(state, follow);
  const { epoch } = epochAt(state.config.clock, context.wall);
  return records.every((record) => !("epoch" in record) || isKept(record.epoch, epoch));
};
