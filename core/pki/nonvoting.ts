/**
 * The non-voting directory authority: accepts descriptors and signs each epoch's document alone (specs/pki.rst §5,
 * wire-facts §2.7, §5.6, §11.2). For test networks, and small ones whose users trust one party.
 *
 * What nodes send is in nonvoting_enrolment.ts, documents in nonvoting_documents.ts, connections in
 * nonvoting_links.ts, what is kept in nonvoting_restore.ts, and what it shows in nonvoting_view.ts. This file
 * only says which event goes where.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { OrderedMap } from "../collections/ordered_map.ts";
import type { Suite } from "../crypto/suite.ts";
import { type Effect, type Incoming, log, type StoreEvent, type StoreFailure } from "../effects.ts";
import { absurd, type Context, type Machine, mono, type Tick } from "../machine.ts";
import type { Address } from "../system.ts";
import { nobody } from "../wire/admission.ts";
import { noArrivals } from "../wire/arrivals.ts";
import type { SessionReport } from "../wire/session.ts";
import { isListed } from "./authority_config.ts";
import { comingOf, dueLists, listedNodes, listsLog, type Relist } from "./authority_lists.ts";
import type { Status } from "./authority_view.ts";
import { onDocumentStored, onPruned, retryDue, runSchedule } from "./nonvoting_documents.ts";
import { onEnrolled } from "./nonvoting_enrolment.ts";
import { admit, closeSilent, onSession } from "./nonvoting_links.ts";
import { firstTable, onRestored, onRestoreFailed, scanNext } from "./nonvoting_restore.ts";
import {
  beginTurn,
  emit,
  endTurn,
  type NonvotingConfig,
  type NonvotingState,
  type Turn,
  update,
} from "./nonvoting_state.ts";
import { type NonvotingStatusReport, nonvotingView } from "./nonvoting_view.ts";

export type NonvotingEvent = Incoming | SessionReport | StoreEvent | Status | Relist;

const initial = (suite: Suite, context: Context, config: NonvotingConfig): NonvotingState => ({
  config,
  identityKey: suite.ed25519Public(config.identityPrivate.slice(0, 32)),
  linkPrivate: suite.ed25519PrivateToX25519(config.identityPrivate),
  listed: listedNodes(config),
  coming: null,
  restoring: firstTable,
  bootstrapEpoch: null,
  genesisEpoch: 0,
  documents: PersistentMap(),
  descriptors: PersistentMap(),
  enrolling: PersistentMap(),
  signed: null,
  pruning: null,
  retryAt: null,
  scheduleAt: mono(context.now),
  seen: null,
  links: OrderedMap(),
  admission: nobody,
  arrivals: noArrivals,
  nextId: 0,
});

/** The authority, which lives at one address and owns its sessions. */
export const createNonvoting = (
  suite: Suite,
  self: Address,
): Machine<NonvotingConfig, NonvotingState, NonvotingEvent, Effect> => ({
  start: (context, config) => {
    const turn = beginTurn(suite, self, context, initial(suite, context, config));
    scanNext(turn);
    runSchedule(turn);
    return endTurn(turn);
  },
  step: (context, state, event) => {
    const turn = beginTurn(suite, self, context, state);
    takeLists(turn);
    handle(turn, event);
    runSchedule(turn);
    return endTurn(turn);
  },
});

const handle = (turn: Turn, event: NonvotingEvent | Tick): void => {
  switch (event.type) {
    case "Tick":
      closeSilent(turn);
      return retryDue(turn);
    case "Incoming":
      return admit(turn, event);
    case "Session":
      return onSession(turn, event);
    case "Committed":
      return onCommitted(turn, event.id, null);
    case "CommitFailed":
      return onCommitted(turn, event.id, event.reason);
    case "Scanned":
      if (onRestored(turn, event.entries)) begin(turn);
      return;
    case "ScanFailed":
      return onRestoreFailed(turn, event.reason);
    case "ReplayTested":
      return;
    case "Status":
      return report(turn, event.id);
    case "Relist":
      return update(turn, { coming: comingOf(event, turn.time.epoch) });
    default:
      return absurd(event);
  }
};

/** Lists that came in another epoch are in force; descriptors for what is still to be signed are held against them. */
const takeLists = (turn: Turn): void => {
  const { coming, descriptors, documents } = turn.state;
  const { epoch } = turn.time;
  const listed = dueLists(coming, epoch);
  if (listed === null) return;
  const isOpen = (of: number): boolean => of >= epoch && !documents.has(of);
  update(turn, {
    listed,
    coming: null,
    descriptors: descriptors.map((ofEpoch, of) =>
      isOpen(of) ? ofEpoch.filter((descriptor) => isListed(listed, descriptor)) : ofEpoch
    ),
  });
  emit(turn, listsLog(listed, epoch));
};

const report = (turn: Turn, id: number): void => {
  const event: NonvotingStatusReport = { type: "Status", id, view: nonvotingView(turn.state, turn.context.wall) };
  emit(turn, { type: "Notify", event });
};

const onCommitted = (turn: Turn, id: number, failure: StoreFailure | null): void => {
  const { enrolling, signed, pruning } = turn.state;
  if (enrolling.has(id)) onEnrolled(turn, id, failure);
  else if (signed?.id === id) onDocumentStored(turn, failure);
  else if (pruning?.id === id) onPruned(turn, failure);
};

/** Everything has been read back. Without the document of this epoch it may still be made. */
const begin = (turn: Turn): void => {
  const { documents } = turn.state;
  const { epoch } = turn.time;
  const latest = documents.get(Math.max(0, ...documents.keys()));
  update(turn, {
    bootstrapEpoch: documents.has(epoch) ? null : epoch,
    // A document's genesis is not 0.
    genesisEpoch: latest?.document.genesisEpoch ?? Math.max(1, epoch),
  });
  emit(turn, log("NOTICE", "ready", "The non-voting authority is ready", { documents: documents.size }));
};
