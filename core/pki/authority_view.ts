/**
 * What an authority shows to whoever runs it: how the round stands, who takes part in it, what there is of nodes and
 * documents, how clocks differ, what the store says. Values that JSON can carry, and no secrets.
 *
 * The machine answers `Status` with the leaf effect Notify, whose event is a StatusReport of the same id.
 *
 * @module
 */
import { E } from "../fp.ts";
import type { Wall } from "../machine.ts";
import { type Hex, type Membership, peerName } from "./authority_config.ts";
import type { Storage } from "./authority_keeping.ts";
import type { Link } from "./authority_links.ts";
import { noBallots, phaseEnd, phasesEnd, type Round } from "./authority_round.ts";
import type { AuthorityState, Published } from "./authority_state.ts";
import { decodeCertificate } from "./cert.ts";
import { epochAt } from "./epoch.ts";

/** Asks the machine for its view; `id` comes back. */
export interface Status {
  readonly type: "Status";
  readonly id: number;
}
/** The event of the Notify that answers. */
export interface StatusReport {
  readonly type: "Status";
  readonly id: number;
  readonly view: AuthorityView;
}

/** Instants are ms since 1970, durations ms, keys hexadecimal. */
export interface AuthorityView {
  readonly identifier: string;
  readonly identity: Hex;
  readonly epoch: number;
  readonly elapsedMs: number;
  readonly remainingMs: number;
  readonly round: RoundView;
  /** Ourselves first. */
  readonly authorities: ReadonlyArray<AuthorityPeerView>;
  /** Every node that may join, mixes first. */
  readonly nodes: ReadonlyArray<NodeView>;
  /** The latest first. */
  readonly documents: ReadonlyArray<DocumentView>;
  /** Connections that others opened, by what they authenticated as; `opening` have not yet. */
  readonly connections: Readonly<Record<"opening" | "client" | "node" | "authority" | "closing", number>>;
  readonly store: StoreView;
}

export interface RoundView {
  readonly votingEpoch: number;
  /** `waiting`: sits out until the epoch before `votingEpoch` begins. */
  readonly phase: Round["type"];
  readonly phaseEnds: number;
  readonly phaseEndsInMs: number;
  /** When each phase of the round ends. */
  readonly deadlines: Readonly<Record<"descriptors" | "votes" | "reveals" | "signatures", number>>;
  /** Why this authority has no consensus of its own to sign, once it has tabulated. */
  readonly failure: string | null;
  /** Votes, reveals and equal signatures that a document needs. */
  readonly threshold: number;
}

export interface AuthorityPeerView {
  readonly name: string;
  readonly identity: Hex;
  readonly isSelf: boolean;
  /** Connections at this moment: those it opened, those opened to it. Authorities connect for one command each. */
  readonly connected: { readonly in: number; readonly out: number };
  readonly voted: boolean;
  readonly revealed: boolean;
  readonly signed: boolean;
  /** It signed two different things in this round. */
  readonly equivocated: boolean;
  /**
   * How far its clock is ahead of ours, by the timestamp of the last handshake, which is in whole seconds; null before
   * the first one, and for ourselves.
   */
  readonly clockOffsetMs: number | null;
}

export interface NodeView {
  readonly identity: Hex;
  readonly role: "mix" | "provider";
  /** As its descriptor says, or the configuration; empty for a mix of which there is no descriptor. */
  readonly name: string;
  /** Epochs for which there is a descriptor, ascending. */
  readonly epochs: ReadonlyArray<number>;
}

export interface DocumentView {
  readonly epoch: number;
  readonly signatures: number;
  readonly mixes: number;
  readonly providers: number;
}

export interface StoreView {
  /** Reads back what was kept; nothing else is done until then. */
  readonly restoring: boolean;
  /** Why the last write failed; null where it did not. */
  readonly failing: string | null;
  /** How many writes failed since the start, by reason. */
  readonly failures: Readonly<Record<string, number>>;
  /** Writes whose outcome is awaited. */
  readonly pending: number;
}

/** The view at an instant. */
export const authorityView = (state: AuthorityState, at: Wall): AuthorityView => {
  const { config, members } = state;
  return {
    identifier: config.identifier,
    identity: members.self.hex,
    ...epochAt(config.clock, at),
    round: roundView(state, at),
    authorities: [members.self.hex, ...members.peers.keys()].map((authority) => authorityPeerView(state, authority)),
    nodes: nodesView(members, state.descriptors),
    documents: documentsView(state.documents),
    connections: connectionsView(state),
    store: storeView(state.storage),
  };
};

const roundView = ({ config: { clock }, members, round }: AuthorityState, at: Wall): RoundView => {
  const ends = phaseEnd(clock, round);
  return {
    votingEpoch: round.votingEpoch,
    phase: round.type,
    phaseEnds: ends,
    phaseEndsInMs: Math.max(0, ends - at),
    deadlines: phasesEnd(clock, round.votingEpoch),
    failure: round.type === "signatures" ? round.failure : null,
    threshold: members.threshold,
  };
};

const authorityPeerView = (state: AuthorityState, identity: Hex): AuthorityPeerView => {
  const { members, round, config } = state;
  const ballots = round.type === "waiting" ? noBallots : round.ballots;
  const isSelf = identity === members.self.hex;
  const incoming = state.links.count((link) =>
    hasRole(link) && link.role.type === "authority" && link.role.peer === identity
  );
  const outgoing = state.errands.count(({ standing, peers }) =>
    standing.type === "travelling" && peers[0] === identity
  );
  return {
    name: isSelf ? config.identifier : peerName(members, identity),
    identity,
    isSelf,
    connected: { in: incoming, out: outgoing },
    voted: ballots.votes.has(identity),
    revealed: ballots.reveals.has(identity),
    signed: ballots.signatures.has(identity),
    equivocated: ballots.equivocators.has(identity),
    clockOffsetMs: state.clockOffsets.get(identity) ?? null,
  };
};

/** Every node that is listed, and the epochs of its descriptors. */
export const nodesView = (
  { mixes, providers }: Pick<Membership, "mixes" | "providers">,
  descriptors: AuthorityState["descriptors"],
): ReadonlyArray<NodeView> => {
  const nodeView = (identity: Hex, role: NodeView["role"], configured: string): NodeView => {
    const posted = [...descriptors.entries()].flatMap(([epoch, of]) => {
      const descriptor = of.get(identity);
      return descriptor === undefined ? [] : [{ epoch, name: descriptor.name }];
    }).sort((a, b) => a.epoch - b.epoch);
    return { identity, role, name: posted.at(-1)?.name ?? configured, epochs: posted.map(({ epoch }) => epoch) };
  };
  return [
    ...[...mixes].map((identity) => nodeView(identity, "mix", "")),
    ...[...providers].map(([identity, name]) => nodeView(identity, "provider", name)),
  ];
};

/** The latest first. */
export const documentsView = (documents: AuthorityState["documents"]): ReadonlyArray<DocumentView> =>
  [...documents.entries()].sort(([a], [b]) => b - a).map(([epoch, of]) => documentView(epoch, of));

const documentView = (epoch: number, { document, raw }: Published): DocumentView => {
  const certificate = decodeCertificate(raw);
  return {
    epoch,
    signatures: E.isRight(certificate) ? certificate.right.signatures.length : 0,
    mixes: document.topology.flat().length,
    providers: document.providers.length,
  };
};

const storeView = ({ restoring, failing, failures, pending, retries }: Storage): StoreView => ({
  restoring: restoring !== null,
  failing,
  failures: Object.fromEntries(failures),
  pending: pending.size + retries.size,
});

const hasRole = (link: Link): link is Extract<Link, { readonly role: unknown }> => "role" in link;

const connectionsView = ({ links }: AuthorityState): AuthorityView["connections"] => {
  const counts = { opening: 0, client: 0, node: 0, authority: 0, closing: 0 };
  for (const link of links.values()) counts[hasRole(link) ? link.role.type : link.type]++;
  return counts;
};
