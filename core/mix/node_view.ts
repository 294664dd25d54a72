/**
 * What a node shows to whoever runs it: how it stands in its epoch, its connections and queues, its packets, and at a
 * Provider how many accounts and messages there are. Values that JSON can carry; no secrets, and of users numbers only.
 *
 * The machine answers `Status` with the leaf effect Notify, whose event is a NodeReport of the same id.
 *
 * @module
 */
import type { NodeState } from "./state.ts";
import { packetsHeld } from "./state.ts";
import { queueSize } from "./delay_queue.ts";
import type { EpochTime } from "../pki/epoch.ts";
import type { Connection } from "./connection_table.ts";
import type { LinkPhase } from "./link_table.ts";

/** Asks the node for its view; `id` comes back. */
export interface Status {
  readonly type: "Status";
  readonly id: number;
}
/** The event of the Notify that answers. */
export interface NodeReport {
  readonly type: "Status";
  readonly id: number;
  readonly view: NodeView;
}

/** Durations are ms, keys hexadecimal. */
export interface NodeView {
  readonly name: string;
  readonly identity: string;
  readonly role: "mix" | "provider";
  readonly epoch: number;
  readonly elapsedMs: number;
  readonly remainingMs: number;
  /** Why it cannot serve the network at this moment; empty where it can. */
  readonly unready: ReadonlyArray<Unready>;
  /** Epochs of the mix keys that it holds, ascending; likewise the documents. */
  readonly keys: ReadonlyArray<number>;
  readonly documents: ReadonlyArray<number>;
  readonly descriptors: ReadonlyArray<{ readonly epoch: number; readonly status: "due" | "asked" | "done" }>;
  /** Incoming: `opening` have not shown who they are. */
  readonly connections: Readonly<Record<"opening" | "client" | "node" | "closing", number>>;
  /** Outgoing, to the nodes of the next layer. */
  readonly links: Readonly<Record<LinkPhase["type"], number>>;
  /** Packets: in unwrapping and replay detection, waiting for their delay, with a session, on the way to the store. */
  readonly queues: Readonly<Record<"inspecting" | "delayed" | "sending" | "storing", number>>;
  readonly packets: PacketsView;
  /** Null at a mix. */
  readonly provider: ProviderView | null;
}

export interface PacketsView {
  readonly received: number;
  readonly created: number;
  readonly forwarded: number;
  readonly delivered: number;
  readonly held: number;
  readonly dropped: Readonly<Record<string, number>>;
}

export interface ProviderView {
  readonly users: number;
  /** Mailboxes that hold something, and what they hold. */
  readonly mailboxes: number;
  readonly messages: number;
  /** What the management socket set; null: the document's and the configuration's. */
  readonly sendRatePerMinute: number | null;
  readonly sendBurst: number | null;
  /** Requests to the store whose outcome is awaited. */
  readonly pending: number;
}

/** Why a node is not ready. */
export const unreadyReasons = [
  /** It is reading back what the store holds. */
  "restoring",
  /** It does not have the document of this epoch. */
  "no-document",
  /** Its descriptor is not in that document. */
  "not-listed",
] as const;

export type Unready = typeof unreadyReasons[number];

/** The view at an instant. */
export const nodeView = (state: NodeState, { epoch, elapsedMs, remainingMs }: EpochTime): NodeView => ({
  name: state.config.name,
  identity: state.identity.id,
  role: state.config.isProvider ? "provider" : "mix",
  epoch,
  elapsedMs,
  remainingMs,
  unready: unreadyOf(state, epoch),
  keys: ascending(state.keys.keys()),
  documents: ascending(state.documents.known.keys()),
  descriptors: ascending(state.publications.keys()).map((of) => ({
    epoch: of,
    status: state.publications.get(of)!.status,
  })),
  connections: connectionsView(state),
  links: linksView(state),
  queues: {
    inspecting: state.inspections.size,
    delayed: queueSize(state.queue),
    sending: state.sending.size,
    storing: state.provider?.storing ?? 0,
  },
  packets: { ...state.tally, held: packetsHeld(state), dropped: Object.fromEntries(state.tally.dropped) },
  provider: providerView(state),
});

const ascending = (numbers: Iterable<number>): ReadonlyArray<number> => [...numbers].sort((a, b) => a - b);

const unreadyOf = ({ restoring, documents }: NodeState, epoch: number): ReadonlyArray<Unready> => {
  if (restoring !== null) return ["restoring"];
  const known = documents.known.get(epoch);
  if (known === undefined) return ["no-document"];
  return known.neighbours === null ? ["not-listed"] : [];
};

const placeOf = (connection: Connection): keyof NodeView["connections"] => {
  if (connection.type === "new") return "opening";
  return connection.type === "closing" ? "closing" : connection.peer.type;
};

const connectionsView = ({ connections }: NodeState): NodeView["connections"] => {
  const counts = { opening: 0, client: 0, node: 0, closing: 0 };
  for (const connection of connections.bySession.values()) counts[placeOf(connection)]++;
  return counts;
};

const linksView = ({ links }: NodeState): NodeView["links"] => {
  const counts = { waiting: 0, dialling: 0, up: 0, closing: 0 };
  for (const { phase } of links.byId.values()) counts[phase.type]++;
  return counts;
};

const providerView = ({ provider }: NodeState): ProviderView | null => {
  if (provider === null) return null;
  const { users, mailboxes, pending, rates } = provider;
  return {
    users: users.size,
    mailboxes: mailboxes.entries.size,
    messages: mailboxes.entries.reduce((sum, { size }) => sum + size, 0),
    sendRatePerMinute: rates.ratePerMinute,
    sendBurst: rates.burst,
    pending: pending.size,
  };
};
