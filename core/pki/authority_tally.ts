/**
 * From descriptors to a vote, from votes to a consensus, from signatures to a published document (specs/pki.rst §3.4,
 * wire-facts §5.4 to §5.6). Deterministic: the same votes and reveals give the same bytes at every authority.
 *
 * @module
 */
import { compare, fromHex, toHex } from "../bytes.ts";
import { encodeJson, struct } from "../codec/json.ts";
import type { Suite } from "../crypto/suite.ts";
import { E, type Either } from "../fp.ts";
import type { AuthorityConfig, Hex, Membership } from "./authority_config.ts";
import { type Certificate, encodeCertificate, isValidUntil, type Signature, signedMessage } from "./cert.ts";
import { type Descriptor, providerLayer } from "./descriptor.ts";
import type { Document, DocumentFields } from "./document.ts";
import { type EpochClock, epochStart } from "./epoch.ts";
import { type LoopixParameters, parameterFields } from "./parameters.ts";
import type { Ballots, TallyFailure, Vote } from "./authority_round.ts";
import { type Lineage, type Revealed, sharedRandomValue } from "./shared_random.ts";
import { generateTopology, sortByIdentity } from "./topology.ts";

/** Mixes and Providers, each sorted by identity key. */
export interface Nodes {
  readonly mixes: ReadonlyArray<Descriptor>;
  readonly providers: ReadonlyArray<Descriptor>;
}

export const sortNodes = (descriptors: Iterable<Descriptor>): Nodes => {
  const sorted = sortByIdentity([...descriptors]);
  return {
    mixes: sorted.filter(({ layer }) => layer !== providerLayer),
    providers: sorted.filter(({ layer }) => layer === providerLayer),
  };
};

/** A Provider and enough mixes for every layer, or else a document would be of no use. */
export const areEnough = (
  { mixes, providers }: Nodes,
  { layers, minNodesPerLayer }: Pick<AuthorityConfig, "layers" | "minNodesPerLayer">,
): boolean => providers.length > 0 && mixes.length >= layers * minNodesPerLayer;

/** What a vote and a consensus have in common. */
export interface Draft {
  readonly epoch: number;
  readonly nodes: Nodes;
  readonly parameters: LoopixParameters;
  readonly layers: number;
  readonly lineage: Lineage;
  /** The document of the epoch before, if there is one. */
  readonly previous: Document | null;
}

const zeroValue = new Uint8Array(32);

const fieldsOf = (suite: Suite, draft: Draft, value: Uint8Array, commit: Uint8Array): DocumentFields => {
  const topology = generateTopology(suite, draft.nodes.mixes, draft.layers, value, draft.previous?.topology ?? null);
  return {
    epoch: draft.epoch,
    ...draft.lineage,
    parameters: draft.parameters,
    topology: topology.map((layer) => layer.map(({ raw }) => raw)),
    providers: draft.nodes.providers.map(({ raw }) => raw),
    sharedRandomCommit: commit,
    sharedRandomValue: value,
  };
};

/** A vote: its topology says only which mixes there are, since the shared random value is not known yet. */
export const voteFields = (suite: Suite, draft: Draft, commit: Uint8Array): DocumentFields =>
  fieldsOf(suite, draft, zeroValue, commit);

/** A consensus for the shared random value of the round. */
export const consensusFields = (suite: Suite, draft: Draft, value: Uint8Array): DocumentFields =>
  fieldsOf(suite, draft, value, new Uint8Array(0));

/** The votes that count: those whose commit was kept. Reveals are only accepted where they keep it. */
const countedVotes = ({ votes, reveals }: Ballots): ReadonlyArray<Vote> =>
  [...votes.entries()].flatMap(([authority, vote]) => reveals.has(authority) ? [vote] : []);

/** The round's shared random value, from the reveals that came. */
export const tallySharedRandom = (
  suite: Suite,
  epoch: number,
  { reveals }: Ballots,
  previous: Document | null,
): Uint8Array => {
  const revealed: Revealed[] = [...reveals.entries()].map(([authority, reveal]) => ({
    identityKey: fromHex(authority)!,
    reveal,
  }));
  return sharedRandomValue(suite, epoch, revealed, previous?.sharedRandomValue ?? null);
};

/** How many votes there are for each of some things, by a key that tells them apart. */
const countBy = <A>(
  votes: ReadonlyArray<Vote>,
  ballot: (document: Document) => ReadonlyArray<readonly [string, A]>,
): ReadonlyArray<readonly [A, number]> => {
  const counts = new Map<string, readonly [A, number]>();
  for (const { document } of votes) {
    for (const [key, item] of ballot(document)) counts.set(key, [item, (counts.get(key)?.[1] ?? 0) + 1]);
  }
  return [...counts.values()];
};

const parametersKey = (parameters: LoopixParameters): string => toHex(encodeJson(struct(parameterFields(parameters))));

/**
 * The last second of an epoch. A descriptor that expires earlier would make the document that lists it invalid while
 * it is in use: one node could take the network down.
 */
export const lastSecondOf = (clock: EpochClock, epoch: number): number =>
  Math.ceil(epochStart(clock, epoch + 1) / 1000);

/** What enough of the counted votes agree on. Descriptors are told apart by their bytes, parameters are one whole. */
export const tally = (
  suite: Suite,
  { threshold }: Membership,
  { layers, clock }: Pick<AuthorityConfig, "layers" | "clock">,
  epoch: number,
  ballots: Ballots,
): Either<TallyFailure, { readonly nodes: Nodes; readonly parameters: LoopixParameters }> => {
  if (ballots.votes.size < threshold) return E.left("too-few-votes");
  const votes = countedVotes(ballots);
  if (votes.length < threshold) return E.left("too-few-reveals");
  const agreed = <A>(counts: ReadonlyArray<readonly [A, number]>): A[] =>
    counts.flatMap(([item, count]) => (count >= threshold ? [item] : []));
  const [parameters] = agreed(
    countBy(votes, (document) => [[parametersKey(document.parameters), document.parameters]]),
  );
  if (parameters === undefined) return E.left("parameters-disagree");
  const ballot = (document: Document) => listed(document).map((node) => [toHex(suite.sha256(node.raw)), node] as const);
  const lasting = (node: Descriptor): boolean => isValidUntil(node.raw, lastSecondOf(clock, epoch));
  const nodes = sortNodes(agreed(countBy(votes, ballot)).filter(lasting));
  if (nodes.mixes.length < layers) return E.left("too-few-mixes");
  return nodes.providers.length === 0 ? E.left("no-providers") : E.right({ nodes, parameters });
};

const listed = ({ topology, providers }: Document): ReadonlyArray<Descriptor> => [...topology.flat(), ...providers];

/** The outcome of a round's last phase. */
export interface Combined {
  /** The document's certificate with all its signatures. */
  readonly raw: Uint8Array;
  readonly signers: ReadonlyArray<Hex>;
}

/**
 * The document that enough authorities signed, if there is one, and who signed something else. There cannot be two:
 * each authority's first signature counts, and the threshold is more than half.
 */
export const combine = (
  { threshold }: Membership,
  { signatures }: Ballots,
): { readonly combined: Combined | null; readonly dissenters: ReadonlyArray<Hex> } => {
  const groups = new Map<string, { readonly certificate: Certificate; readonly signatures: Signature[] }>();
  for (const { certificate } of signatures.values()) {
    const key = toHex(signedMessage(certificate));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { certificate, signatures: [...certificate.signatures] });
    else group.signatures.push(...certificate.signatures);
  }
  const winner = [...groups.values()].find((group) => group.signatures.length >= threshold);
  if (winner === undefined) return { combined: null, dissenters: [] };
  const sorted = [...winner.signatures].sort((a, b) => compare(a.identity, b.identity));
  const signers = sorted.map(({ identity }) => toHex(identity));
  const raw = encodeCertificate({ ...winner.certificate, signatures: sorted });
  return {
    combined: { raw, signers },
    dissenters: [...signatures.keys()].filter((authority) => !signers.includes(authority)),
  };
};
