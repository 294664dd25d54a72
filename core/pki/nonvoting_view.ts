/**
 * What a non-voting authority shows to whoever runs it: which nodes have posted, which documents it gives out, what it
 * still writes. Values that JSON can carry, and no secrets; the machine answers `Status` as a voting one does.
 *
 * @module
 */
import { toHex } from "../bytes.ts";
import type { Wall } from "../machine.ts";
import type { Hex } from "./authority_config.ts";
import { documentsView, type DocumentView, nodesView, type NodeView } from "./authority_view.ts";
import { epochAt } from "./epoch.ts";
import type { NonvotingState } from "./nonvoting_state.ts";

/** The event of the Notify that answers a Status. */
export interface NonvotingStatusReport {
  readonly type: "Status";
  readonly id: number;
  readonly view: NonvotingView;
}

/** Durations are ms, keys hexadecimal. */
export interface NonvotingView {
  readonly identity: Hex;
  readonly epoch: number;
  readonly elapsedMs: number;
  readonly remainingMs: number;
  /** Every node that may join, mixes first. */
  readonly nodes: ReadonlyArray<NodeView>;
  /** The latest first. */
  readonly documents: ReadonlyArray<DocumentView>;
  /** Connections that others opened, by what they authenticated as; `answering` ones wait for the store. */
  readonly connections: Readonly<Record<"opening" | "client" | "node" | "answering" | "closing", number>>;
  readonly store: {
    /** Reads back what was kept; nothing else is done until then. */
    readonly restoring: boolean;
    /** A document could not be written or deleted, and is tried again. */
    readonly retrying: boolean;
    /** Writes whose outcome is awaited. */
    readonly pending: number;
  };
}

export type NonvotingUnready = "restoring";

/** It needs nobody else. */
export const nonvotingUnready = ({ store }: NonvotingView): ReadonlyArray<NonvotingUnready> =>
  store.restoring ? ["restoring"] : [];

/** The view at an instant. */
export const nonvotingView = (state: NonvotingState, at: Wall): NonvotingView => ({
  identity: toHex(state.identityKey),
  ...epochAt(state.config.clock, at),
  nodes: nodesView(state.listed, state.descriptors),
  documents: documentsView(state.documents),
  connections: connectionsView(state),
  store: storeView(state),
});

const storeView = ({ restoring, retryAt, enrolling, signed, pruning }: NonvotingState): NonvotingView["store"] => ({
  restoring: restoring !== null,
  retrying: retryAt !== null,
  pending: enrolling.size + (signed === null || signed.id === null ? 0 : 1) + (pruning === null ? 0 : 1),
});

const connectionsView = ({ links }: NonvotingState): NonvotingView["connections"] => {
  const counts = { opening: 0, client: 0, node: 0, answering: 0, closing: 0 };
  for (const link of links.values()) counts[link.type === "listening" ? link.role.type : link.type]++;
  return counts;
};
