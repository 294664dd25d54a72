/**
 * The client machine: a user's end of the network (drafts/client.rst, drafts/decoy_traffic.rst, specs/end_to_end.rst
 * §3, §4).
 *
 * It keeps a connection to its Provider, the documents of the network, a constant traffic, and the requests of an
 * application. Each part has its module; this one puts them together: what an event does, what time does after every
 * event, and when to wake up. In this version nothing is retransmitted: what is not answered in time ends as Timeout.
 *
 * @module
 */
import { List } from "../collections/list.ts";
import { PersistentMap } from "../collections/map.ts";
import { emptyHeap } from "../heap.ts";
import {
  absurd,
  type Context,
  earliest,
  invariant,
  type Machine,
  type Mono,
  type Step,
  type Tick,
} from "../machine.ts";
import type { Effect } from "../effects.ts";
import type { DirectoryReport } from "../pki/directory.ts";
import { draws, drawsOf } from "../random.ts";
import { groupElementLength } from "../sphinx/geometry.ts";
import type { SessionReport } from "../wire/session.ts";
import { recipientOf } from "./compose.ts";
import type { ClientConfig } from "./config.ts";
import { checkDocuments, emptyDocuments, onDirectory } from "./documents.ts";
import { expireEgress, nextEgressDeadline } from "./egress.ts";
import type { ClientRequest, ClientStatus } from "./events.ts";
import { expireInbox } from "./inbox.ts";
import { keepLink, onSession } from "./link.ts";
import { emptyReassembly, nextExpiry } from "./reassembly.ts";
import { failAll, failRequest, onRequest, onSurbOutcome } from "./requests.ts";
import { emptyRetrieval, poll } from "./retrieval.ts";
import { type ClientState, type Kit, notify, type Turn, update } from "./state.ts";
import { expireSurbs, nextSurbDeadline } from "./surbs.ts";
import { createTraffic, nextTurn, runTraffic } from "./traffic.ts";

export type ClientEvent = ClientRequest | SessionReport | DirectoryReport;

/** The client machine over a crypto suite and the network's geometry. */
export const createClientMachine = (kit: Kit): Machine<ClientConfig, ClientState, ClientEvent, Effect> => {
  const begin = (context: Context, state: ClientState): Turn => ({
    kit,
    context,
    draw: drawsOf(context),
    state,
    effects: [],
    consumed: [],
  });
  return {
    start: (context, config) => {
      invariant(config.linkPrivate.length === groupElementLength, "a link key has 32 bytes");
      invariant(recipientOf(config.user) !== null, "a user's name has 1 to 64 bytes");
      const turn = begin(context, initialState(context, config));
      advance(turn);
      return finish(turn);
    },
    step: (context, state, event) => {
      const turn = begin(context, state);
      handle(turn, event);
      advance(turn);
      return finish(turn);
    },
  };
};

const initialState = ({ now, seed }: Context, config: ClientConfig): ClientState => ({
  config,
  link: { type: "Idle", retryAt: now },
  sessions: 0,
  backoffMs: 0,
  documents: emptyDocuments(now),
  traffic: createTraffic(draws(seed)),
  egress: List(),
  inFlight: PersistentMap(),
  sends: 0,
  surbs: { entries: PersistentMap(), deadlines: emptyHeap() },
  retrieval: emptyRetrieval,
  inbox: emptyReassembly,
  requests: PersistentMap(),
  tally: { loopsSent: 0, loopsReturned: 0, loopsLost: 0, dropsSent: 0 },
  stopped: false,
});

const handle = (turn: Turn, event: ClientEvent | Tick): void => {
  switch (event.type) {
    case "Tick":
      return;
    case "Session":
      return onSession(turn, event);
    case "Directory":
      return onDirectory(turn, event);
    case "Query":
    case "SendMessage":
      return onRequest(turn, event);
    case "Cancel":
      return failRequest(turn, event.id, "cancelled");
    case "Status":
      return notify(turn, { type: "Status", id: event.id, status: statusOf(turn.state) });
    case "Shutdown":
      update(turn, { stopped: true });
      return failAll(turn, "shutdown");
    default:
      absurd(event);
  }
};

/** What is due. The order matters: documents before the link that needs them, both before the traffic. */
const advance = (turn: Turn): void => {
  checkDocuments(turn);
  keepLink(turn);
  expireSurbs(turn, onSurbOutcome);
  expireEgress(turn);
  expireInbox(turn);
  poll(turn);
  runTraffic(turn);
};

const finish = ({ state, effects, consumed }: Turn): Step<ClientState, Effect> => ({
  state,
  effects,
  wakeAt: wakeAt(state),
  consumed,
});

/** Derived from the state alone. */
const wakeAt = (state: ClientState): Mono | null => {
  if (state.link.type === "Stopped") return null;
  const { link, documents, retrieval, stopped } = state;
  return earliest(
    link.type === "Idle" && documents.inForce !== null ? link.retryAt : null,
    stopped ? null : documents.checkAt,
    documents.asking?.deadline ?? null,
    retrieval.pollAt,
    retrieval.answerBy,
    nextTurn(state),
    nextSurbDeadline(state),
    nextEgressDeadline(state),
    nextExpiry(state.inbox),
  );
};

const statusOf = ({ link, documents, egress, requests, surbs, tally }: ClientState): ClientStatus => ({
  connected: link.type === "Up",
  epoch: documents.inForce?.epoch ?? null,
  queuedPackets: egress.size,
  requests: requests.size,
  outstandingSurbs: surbs.entries.size,
  ...tally,
});
