/**
 * The voting directory authority: accepts descriptors, votes, reveals, tabulates, signs and publishes, epoch after
 * epoch (specs/pki.rst §2.1, §3, wire-facts §5.6).
 *
 * What happens at the end of each phase is in authority_phases.ts; what peers send in authority_ballots.ts, what nodes
 * send in authority_enrolment.ts; connections in authority_links.ts, authority_errands.ts and authority_answers.ts;
 * what is voted on in authority_tally.ts; what is written down before anybody learns of it in authority_keeping.ts, and
 * read back in authority_restore.ts. As in Go, get_vote is not served.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { OrderedMap } from "../collections/ordered_map.ts";
import type { Suite } from "../crypto/suite.ts";
import type { Effect, Incoming, StoreEvent } from "../effects.ts";
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
import { nobody } from "../wire/admission.ts";
import { noArrivals } from "../wire/arrivals.ts";
import type { SessionReport } from "../wire/session.ts";
import { type AuthorityConfig, membershipOf } from "./authority_config.ts";
import { hearOf } from "./authority_answers.ts";
import { comingOf, dueLists, listsLog, type Relist } from "./authority_lists.ts";
import { errandOn, errandsWakeAt, recall, setOut } from "./authority_errands.ts";
import { forgetOld, newStorage, storageWakeAt } from "./authority_keeping.ts";
import { onCommit, retryDue } from "./authority_kept.ts";
import { admit, closeSilent, hearFrom, linksWakeAt } from "./authority_links.ts";
import { turn } from "./authority_phases.ts";
import { notRestored, onScan, scanNext } from "./authority_restore.ts";
import { andThen, type AuthorityState, only, type Outcome, prune } from "./authority_state.ts";
import { authorityView, type Status, type StatusReport } from "./authority_view.ts";
import { epochAt } from "./epoch.ts";
import { phaseEnd } from "./authority_round.ts";
import { noLineage } from "./shared_random.ts";

export type AuthorityEvent = Incoming | SessionReport | AuthorityStoreEvent | Status | Relist;

type AuthorityStoreEvent = Exclude<StoreEvent, { readonly type: "ReplayTested" }>;

/** No round is for a later epoch than this many after the present one, unless the clock was set back over it. */
const votingAhead = 2;

/** Brings the round up to the time. Each turn moves the end of the phase on, so that this ends. */
const advance = (suite: Suite, context: Context, state: AuthorityState): Outcome => {
  const { clock } = state.config;
  const { epoch } = epochAt(clock, context.wall);
  const isOver = ({ round }: AuthorityState): boolean =>
    phaseEnd(clock, round) <= context.wall || round.votingEpoch > epoch + votingAhead;
  let outcome = only(state);
  while (isOver(outcome.state)) outcome = andThen(outcome, (next) => turn(suite, context, next));
  const recalled = andThen(
    outcome,
    (next) => recall(prune(next, epoch), (_, errand) => errand.purpose === "document" && errand.epoch < epoch - 1),
  );
  const current = andThen(recalled, (next) => forgetOld(next, epoch));
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
  coming: null,
  // Ends at once, whatever the time is: `begin` decides.
  round: { type: "waiting", votingEpoch: 1 },
  roundDeadline: mono(context.now),
  lineage: noLineage,
  lastVoted: 0,
  documents: PersistentMap(),
  descriptors: PersistentMap(),
  uploads: { epoch: 0, counts: PersistentMap() },
  errands: PersistentMap(),
  clockOffsets: PersistentMap(),
  links: OrderedMap(),
  admission: nobody,
  arrivals: noArrivals,
  storage: newStorage(notRestored),
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
    case "Committed":
    case "CommitFailed":
      return onCommit(context, state, event);
    case "Scanned":
    case "ScanFailed":
      return only(state);
    case "Session":
      return hear(suite, context, state, event);
    case "Status":
      return only(state, report(context, state, event.id));
    case "Relist":
      return relist(context, state, event);
    default:
      return absurd(event);
  }
};

const relist = ({ wall }: Context, state: AuthorityState, lists: Relist): Outcome =>
  only({ ...state, coming: comingOf(lists, epochAt(state.config.clock, wall).epoch) });

/** Lists that came in another epoch are in force. */
const takeLists = ({ wall }: Context, state: AuthorityState): Outcome => {
  const { epoch } = epochAt(state.config.clock, wall);
  const listed = dueLists(state.coming, epoch);
  if (listed === null) return only(state);
  return only({ ...state, members: { ...state.members, ...listed }, coming: null }, listsLog(listed, epoch));
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

/** While the past is read back there is nothing to do, and nobody to talk to. */
const whileRestoring = (
  suite: Suite,
  context: Context,
  state: AuthorityState,
  event: AuthorityEvent | Tick,
): Outcome => {
  switch (event.type) {
    case "Scanned":
    case "ScanFailed": {
      const restored = onScan(suite, context, state, event);
      return restored.state.storage.restoring === null
        ? andThen(restored, (next) => advance(suite, context, next))
        : restored;
    }
    case "Incoming":
      return only(state, { type: "Refuse", connection: event.connection });
    case "Status":
      return only(state, report(context, state, event.id));
    case "Relist":
      return relist(context, state, event);
    default:
      return only(state);
  }
};

const stepOf = (outcome: Outcome): Step<AuthorityState, Effect> => {
  const { state } = outcome;
  if (state.storage.restoring !== null) return { ...outcome, wakeAt: null };
  const wakeAt = earliest(state.roundDeadline, errandsWakeAt(state), linksWakeAt(state), storageWakeAt(state));
  return { ...outcome, wakeAt };
};

/** The authority machine, which lives at one address and owns its sessions. */
export const createAuthority = (
  suite: Suite,
  self: Address,
): Machine<AuthorityConfig, AuthorityState, AuthorityEvent, Effect> => {
  const onEvent = (context: Context, state: AuthorityState, event: AuthorityEvent | Tick): Outcome => {
    if (state.storage.restoring !== null) return whileRestoring(suite, context, state, event);
    const listed = takeLists(context, state);
    const advanced = andThen(
      andThen(listed, (next) => advance(suite, context, next)),
      (next) => retryDue(context, next),
    );
    return andThen(advanced, (next) => handle(suite, context, next, self, event));
  };
  return {
    start: (context, config) => stepOf(scanNext(initial(suite, context, config))),
    step: (context, before, event) =>
      stepOf(andThen(onEvent(context, before, event), (state) => setOut(context, state, self))),
  };
};
