/**
 * The state of a node that has done nothing yet.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { toHex } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { invariant } from "../machine.ts";
import { scheduleOf } from "../pki/epoch.ts";
import { newProvider } from "../provider/provider.ts";
import { createServices, type Service, type Services } from "../provider/services.ts";
import type { NodeConfig } from "./config.ts";
import { noConnections } from "./connection_table.ts";
import { noDecoys } from "./decoy_state.ts";
import { emptyQueue } from "./delay_queue.ts";
import { noDocuments } from "./documents.ts";
import { noLinks } from "./link_table.ts";
import { newPlugins } from "./plugins.ts";
import { noPublications } from "./publication.ts";
import { firstTable } from "./restore.ts";
import type { NodeState } from "./state.ts";

// The configuration's reader calls createServices, too, and tells the operator what is wrong.
const servicesOf = ({ provider }: NodeConfig): Services => {
  const services = provider === null ? new Map<string, Service>() : createServices(provider, provider);
  invariant(typeof services !== "string", `the services can be offered: ${services}`);
  return services;
};

export const newState = (suite: Suite, config: NodeConfig): NodeState => {
  const key = config.identityPrivate.slice(32);
  return {
    config,
    schedule: scheduleOf(config.clock),
    identity: { key, id: toHex(key), linkKey: suite.x25519Public(config.linkPrivate) },
    restoring: firstTable(config.isProvider),
    nextId: 1,
    epoch: null,
    staggerMs: 0,
    keys: PersistentMap(),
    documents: noDocuments,
    fetching: PersistentMap(),
    publications: noPublications,
    unkept: null,
    connections: noConnections,
    links: noLinks,
    inspections: PersistentMap(),
    tagsFull: null,
    queue: emptyQueue,
    sending: PersistentMap(),
    decoys: noDecoys,
    provider: config.provider === null ? null : newProvider(config.provider),
    services: servicesOf(config),
    plugins: newPlugins(config),
    tally: { received: 0, created: 0, forwarded: 0, delivered: 0, dropped: PersistentMap() },
    deadlines: { schedule: null, reauth: null },
  };
};
