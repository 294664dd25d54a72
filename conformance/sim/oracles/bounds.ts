/**
 * Nothing grows: what a host keeps of epochs, peers, requests and replay tags stays within its bounds at every sample,
 * whatever goes wrong.
 *
 * @module
 */
import type { ClientState } from "../../../core/client/state.ts";
import { egressLengthMax, requestsMax, surbsMax } from "../../../core/client/config.ts";
import type { NodeState } from "../../../core/mix/state.ts";
import type { LinkLimits } from "../../../core/pki/authority_admission.ts";
import type { AuthorityState } from "../../../core/pki/authority_state.ts";
import { authoritiesOf, clientsOf, type CreateOracle, nodesOf } from "./oracle.ts";

/** What is kept, how much of it there is, and how much there may be. */
type Bound = readonly [what: string, size: number, max: number];

/** Two past epochs, this one, the next, and one more while the clock moves. */
const epochsMax = 5;
/** Documents of a client: this epoch's, the next one's, and for a moment the last one's. */
const clientDocumentsMax = 3;
const replayTablesMax = epochsMax;
/** Machines of a host for each other one: a link each way, what it replaces, and a question to an authority. */
const sessionsPerHostMax = 8;
/** What a client remembers against duplicates. */
const seenMax = 512;

/** Of strangers and clients, and of each node and authority. */
const linksMaxOf = ({ strangersMax, strangersOfPeersMax, perIdentity }: LinkLimits, identities: number): number =>
  strangersMax + strangersOfPeersMax + perIdentity * identities;

const authorityBounds = ({ config, documents, descriptors, errands, members, links }: AuthorityState): Bound[] => [
  ["documents", documents.size, epochsMax],
  ["epochs with descriptors", descriptors.size, epochsMax],
  [
    "descriptors",
    Math.max(0, ...descriptors.map(({ size }) => size).values()),
    members.mixes.size + members.providers.size,
  ],
  ["errands", errands.size, 6 * members.peers.size],
  [
    "links",
    links.size,
    linksMaxOf(config.limits, members.peers.size + members.mixes.size + members.providers.size),
  ],
];

const nodeBounds = (state: NodeState): Bound[] => [
  ["documents", state.documents.known.size, epochsMax],
  ["epochs without a document", state.documents.gone.size, epochsMax],
  ["mix keys", state.keys.size, epochsMax + 1],
  ["questions for documents", state.fetching.size, epochsMax],
  ["packets in inspection", state.inspections.size, state.config.limits.unwrapPendingMax],
  [
    "connections in the handshake",
    state.connections.bySession.count(({ type }) => type === "new"),
    state.config.limits.handshakesMax + state.config.limits.handshakesOfPeersMax,
  ],
  ["epochs with loops", state.decoys.byEpoch.size, epochsMax],
];

const clientBounds = (state: ClientState): Bound[] => [
  ["documents", state.documents.held.size, clientDocumentsMax],
  ["epochs given up", state.documents.abandoned.size, epochsMax],
  ["packets in the egress queue", state.egress.size, egressLengthMax],
  ["requests", state.requests.size, requestsMax],
  ["SURBs", state.surbs.entries.size, surbsMax],
  ["marks against duplicates", state.retrieval.seen.size, seenMax],
  ["packets at the session", state.inFlight.size, surbsMax],
];

export const bounds: CreateOracle = (view, report) => {
  const highest = new Map<string, number>();
  let checks = 0;

  const check = (host: string, limits: ReadonlyArray<Bound>): void => {
    for (const [what, size, max] of limits) {
      checks++;
      highest.set(what, Math.max(highest.get(what) ?? 0, size));
      if (size > max) report("safety", `${host} keeps ${size} ${what}, more than ${max}`);
    }
  };

  const { network, system, tables } = view;
  const hosts = network.hosts.map(({ name }) => name);
  const machinesMax = sessionsPerHostMax * hosts.length;

  return {
    name: "bounds",
    sample: () => {
      for (const [host, state] of authoritiesOf(view)) check(host, authorityBounds(state));
      for (const [host, state] of nodesOf(view)) check(host, nodeBounds(state));
      for (const [host, state] of clientsOf(view)) check(host, clientBounds(state));
      for (const host of hosts) {
        const replayTables = [...tables(host).keys()].filter((table) => table.startsWith("replay/")).length;
        check(host, [
          ["machines", system(host)?.machines.size ?? 0, machinesMax],
          ["tables of replay tags", replayTables, replayTablesMax],
        ]);
      }
    },
    summary: () => `${checks} checks; at most ${[...highest].map(([what, size]) => `${size} ${what}`).join(", ")}`,
  };
};
