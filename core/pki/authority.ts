/**
 * The voting directory authority: accepts descriptors, votes, reveals, tabulates, signs and publishes, epoch after
 * epoch (specs/pki.rst §2.1, §3, wire-facts §5.6).
 *
 * What happens at the end of each phase is in authority_phases.ts; what peers send in authority_ballots.ts, what nodes
 * send in authority_enrolment.ts; connections in authority_links.ts, authority_errands.ts and authority_answers.ts;
 * what is voted on in authority_tally.ts. As in Go, get_vote is not served.
 *
 * @module
 */
import { Map as PersistentMap, OrderedMap } from "immutable";
import type { Suite } from "../crypto/suite.ts";
import type { Effect, Incoming } from "../effects.ts";
import {
  absurd,
  after,
  type Context,
  earliest,
  type Machine,
  type Mono,
  mono,
  type Step,
  type Tick,
} from "../machine.ts";
import type { Address } from "../system.ts";
import type { SessionReport } from "../wire/session.ts";
import { type AuthorityConfig, membershipOf } from "./authority_config.ts";
import { hearOf } from "./authority_answers.ts";
import { errandOn, errandsWakeAt, recall, setOut } from "./authority_errands.ts";
import { admit, closeSilent, hearFrom, linksWakeAt } from "./authority_links.ts";
import { turn } from "./authority_phases.ts";
import { andThen, type AuthorityState, only, type Outcome, prune } from "./authority_state.ts";
import { authorityView, type Status, type StatusReport } from "./authority_view.ts";
import { epochAt } from "./epoch.ts";
import { phaseEnd } from "./authority_round.ts";
import { noLineage } from "./shared_random.ts";

export type AuthorityEvent = Incoming | SessionReport | Status;

/** Brings the round up to the time. Each turn moves the end of the phase on, so that this ends. */
const advance = (suite: Suite, context: Context, state: AuthorityState): Outcome => {
  const { clock } = state.config;
  let outcome = only(state);
  while (phaseEnd(clock, outcome.state.round) <= context.wall) {
    outcome = andThen(outcome, (next) => turn(suite, context, next));
  }
  const { epoch } = epochAt(clock, context.wall);
  const current = andThen(
    outcome,
    (next) => recall(prune(next, epoch), (_, errand) => errand.purpose === "document" && errand.epoch < epoch - 1),
  );
  return { ...current, state: { ...current.state, roundDeadline: deadlineOf(context, current.state) } };
};

/** A deadline stays what it is unless it has passed or the wall clock was set: a spurious tick changes nothing. */
const deadlineOf = (context: Context, state: AuthorityState): Mono => {
  const due = after(context.now, Math.max(1, Math.ceil(phaseEnd(state.config.clock, state.round) - context.wall)));
  const isKept = state.roundDeadline > context.now && Math.abs(state.roundDeadline - due) < 1000;
  return isKept ? state.roundDeadline : due;
};

/* The machine */

const initial = (suite: Suite, context: Context, config: AuthorityConfig): AuthorityState => ({
  config,
  members: membershipOf(suite, config),
  // Ends at once, whatever the time is: `begin` decides.
  round: { type: "waiting", votingEpoch: 1 },
  roundDeadline: mono(context.now),
  lineage: noLineage,
  documents: PersistentMap(),
  descriptors: PersistentMap(),
  errands: PersistentMap(),
  clockOffsets: PersistentMap(),
  links: OrderedMap(),
  linksByHost: PersistentMap(),
  sessions: 0,
});

const handle = (
  suite: Suite,
  context: Context,
  state: AuthorityState,
  self: Address,
  event: AuthorityEvent | Tick,
): Outcome => {
  switch (event.type) {
    case "Tick":
      return closeSilent(context, state);
    case "Incoming":
      return admit(context, state, self, event);
    case "Session":
      return hear(suite, context, state, event);
    case "Status":
      return only(state, report(context, state, event.id));
    default:
      return absurd(event);
  }
};

const report = ({ wall }: Context, state: AuthorityState, id: number): Effect => {
  const event: StatusReport = { type: "Status", id, view: authorityView(state, wall) };
  return { type: "Notify", event };
};

const hear = (suite: Suite, context: Context, state: AuthorityState, event: SessionReport): Outcome => {
  const { session, report } = event;
  const link = state.links.get(session);
  const errand = errandOn(state, session);
  const heard = link !== undefined
    ? hearFrom(suite, context, state, link, event)
    : errand !== null
    ? hearOf(suite, context, state, errand, event)
    : only(state);
  return report.type === "Down" ? andThen(heard, (next) => only(next, { type: "Stop", at: session })) : heard;
};

const stepOf = (outcome: Outcome): Step<AuthorityState, Effect> => ({
  ...outcome,
  wakeAt: earliest(outcome.state.roundDeadline, errandsWakeAt(outcome.state), linksWakeAt(outcome.state)),
});

/** The authority machine, which lives at one address and owns its sessions. */
export const createAuthority = (
  suite: Suite,
  self: Address,
): Machine<AuthorityConfig, AuthorityState, AuthorityEvent, Effect> => {
  const run = (context: Context, start: Outcome, event: AuthorityEvent | Tick | null): Step<AuthorityState, Effect> => {
    const advanced = andThen(start, (state) => advance(suite, context, state));
    const handled = event === null
      ? advanced
      : andThen(advanced, (state) => handle(suite, context, state, self, event));
    return stepOf(andThen(handled, (state) => setOut(context, state, self)));
  };
  return {
    start: (context, config) => run(context, only(initial(suite, context, config)), null),
    step: (context, state, event) => run(context, only(state), event),
  };
};
