/**
 * The gauges of a process: what a node's or an authority's view (core/mix/node_view.ts, core/pki/authority_view.ts)
 * says at the moment of a scrape.
 *
 * @module
 */
import type { NodeView } from "../core/mix/node_view.ts";
import { unreadyReasons } from "../core/mix/node_view.ts";
import { authorityUnready, authorityUnreadyReasons } from "../core/pki/authority_readiness.ts";
import type { AuthorityView, DocumentView } from "../core/pki/authority_view.ts";
import { nonvotingUnready, type NonvotingView } from "../core/pki/nonvoting_view.ts";
import type { Metrics } from "./metrics.ts";

/** What a daemon's view means to monitoring. */
export interface ViewKind<View> {
  /** Why the process is not ready; empty where it is. */
  readonly unready: (view: View) => ReadonlyArray<string>;
  readonly show: (metrics: Metrics, view: View) => void;
}

const asNumber = (truth: boolean): number => (truth ? 1 : 0);

const setAll = (metrics: Metrics, name: string, values: Readonly<Record<string, number>>): void => {
  for (const [label, value] of Object.entries(values)) metrics.set(name, value, label);
};

const setUnready = (metrics: Metrics, reasons: ReadonlyArray<string>, present: ReadonlyArray<string>): void => {
  for (const reason of reasons) metrics.set("unready", asNumber(present.includes(reason)), reason);
};

export const nodeViewKind: ViewKind<NodeView> = {
  unready: ({ unready }) => unready,
  show: (metrics, view) => {
    setUnready(metrics, unreadyReasons, view.unready);
    setAll(metrics, "connections", view.connections);
    setAll(metrics, "links", view.links);
    setAll(metrics, "queue-packets", view.queues);
    metrics.set("epoch", view.epoch);
    metrics.set("epoch-remaining-seconds", view.remainingMs / 1000);
    metrics.set("document-held", asNumber(view.documents.includes(view.epoch)));
    metrics.set("documents-held", view.documents.length);
    metrics.set("mix-keys-held", view.keys.length);
    const next = view.descriptors.find(({ epoch }) => epoch === view.epoch + 1);
    metrics.set("descriptor-published", asNumber(next?.status === "done"));
    metrics.set("users", view.provider?.users ?? 0);
    metrics.set("mailbox-messages", view.provider?.messages ?? 0);
  },
};

/** What authorities of both kinds show. */
interface DirectoryView {
  readonly epoch: number;
  readonly remainingMs: number;
  readonly connections: Readonly<Record<string, number>>;
  readonly documents: ReadonlyArray<DocumentView>;
}

const showDirectory = (metrics: Metrics, view: DirectoryView, unready: ReadonlyArray<string>): void => {
  setUnready(metrics, authorityUnreadyReasons, unready);
  setAll(metrics, "connections", view.connections);
  metrics.set("epoch", view.epoch);
  metrics.set("epoch-remaining-seconds", view.remainingMs / 1000);
  metrics.set("document-held", asNumber(view.documents.some(({ epoch }) => epoch === view.epoch)));
  metrics.set("documents-held", view.documents.length);
};

export const nonvotingViewKind: ViewKind<NonvotingView> = {
  unready: nonvotingUnready,
  show: (metrics, view) => showDirectory(metrics, view, nonvotingUnready(view)),
};

export const authorityViewKind: ViewKind<AuthorityView> = {
  unready: authorityUnready,
  show: (metrics, view) => {
    showDirectory(metrics, view, authorityUnready(view));
    setAll(metrics, "authorities", {
      known: view.authorities.length,
      voted: view.authorities.filter(({ voted }) => voted).length,
      revealed: view.authorities.filter(({ revealed }) => revealed).length,
      signed: view.authorities.filter(({ signed }) => signed).length,
      equivocated: view.authorities.filter(({ equivocated }) => equivocated).length,
    });
    const offsets = view.authorities.map(({ clockOffsetMs }) => Math.abs(clockOffsetMs ?? 0));
    metrics.set("authority-clock-offset-seconds", Math.max(0, ...offsets) / 1000);
  },
};
