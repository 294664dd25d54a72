/**
 * Documents: the network of one epoch as the directory authorities agreed on it, and the votes they agree by
 * (specs/pki.rst §4.2, wire-facts §5.3, releases.md for GenesisEpoch and PriorSharedRandom).
 *
 * A vote carries a commit of 40 bytes and no shared random value (32 zeros); a consensus carries the value and no
 * commit. The document's Status and Signatures fields were never written: that is how the two are told apart.
 *
 * @module
 */
import { equal, fromBase64, isZero, toBase64, toHex, viewOf } from "../bytes.ts";
import { encodeJson, jsonInteger, type JsonObject, type JsonValue, struct } from "../codec/json.ts";
import { decodeJson } from "../codec/json_reader.ts";
import type { Suite } from "../crypto/suite.ts";
import { E, type Either } from "../fp.ts";
import {
  type Certificate,
  type CertificateError,
  decodeValid,
  majority,
  verifyDecoded,
  verifyThreshold,
} from "./cert.ts";
import { type Descriptor, type DescriptorError, providerLayer, verifyDescriptor } from "./descriptor.ts";
import { type LoopixParameters, parameterFields, parametersFromFields } from "./parameters.ts";

export type { LoopixParameters } from "./parameters.ts";

/** A verified consensus document, or vote. */
export interface Document {
  readonly epoch: number;
  readonly genesisEpoch: number;
  readonly parameters: LoopixParameters;
  /** From the first layer to the last, none empty. */
  readonly topology: ReadonlyArray<ReadonlyArray<Descriptor>>;
  readonly providers: ReadonlyArray<Descriptor>;
  /** 40 bytes in a vote, empty in a consensus. */
  readonly sharedRandomCommit: Uint8Array;
  /** 32 bytes. */
  readonly sharedRandomValue: Uint8Array;
  /** The latest first, 32 bytes each: two, but none in a vote for the genesis epoch. */
  readonly priorSharedRandom: ReadonlyArray<Uint8Array>;
}

/** What the certified bytes of a document say: descriptors are still certificates. */
export interface DocumentFields extends Omit<Document, "topology" | "providers"> {
  readonly topology: ReadonlyArray<ReadonlyArray<Uint8Array>>;
  readonly providers: ReadonlyArray<Uint8Array>;
}

export type DocumentError =
  | CertificateError
  | "not-json"
  | "document-version"
  | "malformed-fields"
  | "wrong-epoch"
  | "genesis-epoch"
  | "prior-shared-random"
  | "shared-random"
  | "parameters"
  | "no-topology"
  | "empty-layer"
  | "no-providers"
  | "wrong-layer"
  | "duplicate-identity"
  | `descriptor-${DescriptorError}`;

const version = "document-v0";
const commitLength = 40;
const valueLength = 32;
const layersMax = 255;

const bytesField = (bytes: Uint8Array): JsonValue => (bytes.length === 0 ? null : toBase64(bytes));

/** The certified bytes of a document. */
export const encodeDocument = (fields: DocumentFields): Uint8Array =>
  encodeJson(struct({
    Version: version,
    Epoch: String(fields.epoch),
    GenesisEpoch: String(fields.genesisEpoch),
    ...parameterFields(fields.parameters),
    Topology: fields.topology.map((layer) => layer.map(toBase64)),
    Providers: fields.providers.map(toBase64),
    SharedRandomCommit: bytesField(fields.sharedRandomCommit),
    SharedRandomValue: bytesField(fields.sharedRandomValue),
    PriorSharedRandom: fields.priorSharedRandom.length === 0 ? null : fields.priorSharedRandom.map(toBase64),
  }));

const bytesOf = (value: JsonValue | undefined): Uint8Array | null => {
  if (value === undefined || value === null) return new Uint8Array(0);
  return typeof value === "string" ? fromBase64(value) : null;
};

/** A list of certificates or values; null stands for an empty one. */
const bytesListOf = (value: JsonValue | undefined): ReadonlyArray<Uint8Array> | null => {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return null;
  const items: Uint8Array[] = [];
  for (const item of value) {
    const bytes = typeof item === "string" ? fromBase64(item) : null;
    if (bytes === null) return null;
    items.push(bytes);
  }
  return items;
};

const topologyOf = (value: JsonValue | undefined): DocumentFields["topology"] | null => {
  if (!Array.isArray(value) || value.length > layersMax) return null;
  const layers = value.map(bytesListOf);
  return layers.every((layer) => layer !== null) ? layers : null;
};

/** Reads the certified bytes of a document, and checks all but its descriptors. */
export const decodeDocument = (certified: Uint8Array): Either<DocumentError, DocumentFields> => {
  const decoded = decodeJson(certified);
  if (E.isLeft(decoded) || !(decoded.right instanceof Map)) return E.left("not-json");
  const fields: JsonObject = decoded.right;
  if (fields.get("Version") !== version) return E.left("document-version");
  const [epoch, genesisEpoch] = [jsonInteger(fields.get("Epoch")), jsonInteger(fields.get("GenesisEpoch"))];
  const [topology, providers] = [topologyOf(fields.get("Topology")), bytesListOf(fields.get("Providers"))];
  const [commit, value] = [bytesOf(fields.get("SharedRandomCommit")), bytesOf(fields.get("SharedRandomValue"))];
  const priorSharedRandom = bytesListOf(fields.get("PriorSharedRandom"));
  if (epoch === null || topology === null || providers === null || commit === null || value === null) {
    return E.left("malformed-fields");
  }
  if (genesisEpoch === null || genesisEpoch === 0) return E.left("genesis-epoch");
  if (priorSharedRandom === null || !isPriorValid(priorSharedRandom, epoch === genesisEpoch)) {
    return E.left("prior-shared-random");
  }
  if (!isSharedRandomValid(epoch, commit, value)) return E.left("shared-random");
  const parameters = parametersFromFields(fields);
  if (parameters === null) return E.left("parameters");
  return E.right({
    epoch,
    genesisEpoch,
    parameters,
    topology,
    providers,
    sharedRandomCommit: commit,
    sharedRandomValue: value,
    priorSharedRandom,
  });
};

const isPriorValid = (prior: ReadonlyArray<Uint8Array>, isGenesis: boolean): boolean =>
  (prior.length === 2 || (prior.length === 0 && isGenesis)) && prior.every((value) => value.length === valueLength);

const isSharedRandomValid = (epoch: number, commit: Uint8Array, value: Uint8Array): boolean => {
  if (value.length !== 0 && value.length !== valueLength) return false;
  if (commit.length === 0) return value.length === valueLength;
  return commit.length === commitLength && viewOf(commit).getBigUint64(0) === BigInt(epoch) && isZero(value);
};

/** A descriptor that was verified before, for the same epoch, by its certificate; null for one that is not known. */
export type KnownDescriptors = (raw: Uint8Array) => Descriptor | null;

const nothingKnown: KnownDescriptors = () => null;

/** When and against what a document is verified. */
export interface DocumentContext {
  readonly epoch: number;
  /** Seconds since 1970 for the expirations, or null to leave them out (vectors, archives). */
  readonly nowSeconds: number | null;
  /** Spares an authority the verification of descriptors that it has itself. */
  readonly known?: KnownDescriptors;
}

interface Checker {
  readonly suite: Suite;
  readonly context: DocumentContext;
  readonly seen: Set<string>;
}

/** Verifies one list of a document: all mixes (in the topology) or all Providers. */
const verifyNodes = (
  { suite, context, seen }: Checker,
  raws: ReadonlyArray<Uint8Array>,
  isProvider: boolean,
): Either<DocumentError, ReadonlyArray<Descriptor>> => {
  const { epoch, nowSeconds, known = nothingKnown } = context;
  const nodes: Descriptor[] = [];
  for (const raw of raws) {
    const found = known(raw);
    const verified = found === null ? verifyDescriptor(suite, raw, epoch, nowSeconds) : E.right(found);
    if (E.isLeft(verified)) return E.left(`descriptor-${verified.left}` as const);
    const node = verified.right;
    if ((node.layer === providerLayer) !== isProvider) return E.left("wrong-layer");
    const identity = toHex(node.identityKey);
    if (seen.has(identity)) return E.left("duplicate-identity");
    seen.add(identity);
    nodes.push(node);
  }
  return E.right(nodes);
};

/** The document of decoded fields, its descriptors verified, its mixes with the layers that it gives them. */
const complete = (suite: Suite, fields: DocumentFields, context: DocumentContext): Either<DocumentError, Document> => {
  if (fields.epoch !== context.epoch) return E.left("wrong-epoch");
  if (fields.topology.length === 0) return E.left("no-topology");
  if (fields.topology.some((layer) => layer.length === 0)) return E.left("empty-layer");
  if (fields.providers.length === 0) return E.left("no-providers");
  const checker: Checker = { suite, context, seen: new Set() };
  const topology: Descriptor[][] = [];
  for (const [layer, raws] of fields.topology.entries()) {
    const nodes = verifyNodes(checker, raws, false);
    if (E.isLeft(nodes)) return nodes;
    topology.push(nodes.right.map((node) => ({ ...node, layer })));
  }
  const providers = verifyNodes(checker, fields.providers, true);
  return E.isLeft(providers) ? providers : E.right({ ...fields, topology, providers: providers.right });
};

/** The authorities that a network, or a client's configuration of it, has. */
export interface Verifiers {
  /** Identity keys, 32 bytes each. */
  readonly authorities: ReadonlyArray<Uint8Array>;
  /** How many of them must have signed; more than half where it is not given. */
  readonly threshold?: number;
}

/** A consensus document, if enough authorities signed it and it is well formed. A vote is none, whoever signed it. */
export const verifyDocument = (
  suite: Suite,
  verifiers: Verifiers,
  raw: Uint8Array,
  context: DocumentContext,
): Either<DocumentError, Document> => {
  const { authorities, threshold = majority(authorities.length) } = verifiers;
  const verified = verifyThreshold(suite, authorities, threshold, raw, context.nowSeconds);
  if (E.isLeft(verified)) return verified;
  const fields = decodeDocument(verified.right.certified);
  if (E.isLeft(fields)) return fields;
  return fields.right.sharedRandomCommit.length === 0
    ? complete(suite, fields.right, context)
    : E.left("shared-random");
};

/** What one authority sends another: its vote, or the consensus with its signature. */
export interface Ballot {
  readonly type: "vote" | "signature";
  readonly document: Document;
  readonly certificate: Certificate;
}

/** A vote or a consensus that the one authority signed (identity key, 32 bytes), and nobody else. */
export const verifyBallot = (
  suite: Suite,
  authority: Uint8Array,
  raw: Uint8Array,
  context: DocumentContext,
): Either<DocumentError, Ballot> => {
  const certificate = decodeValid(raw, context.nowSeconds);
  if (E.isLeft(certificate)) return certificate;
  const certified = verifyDecoded(suite, authority, certificate.right);
  if (E.isLeft(certified)) return certified;
  const fields = decodeDocument(certified.right);
  if (E.isLeft(fields)) return fields;
  const type = fields.right.sharedRandomCommit.length === 0 ? "signature" : "vote";
  return E.map((document: Document): Ballot => ({ type, document, certificate: certificate.right }))(
    complete(suite, fields.right, context),
  );
};

/* What nodes and clients ask of a document */

/** Every mix, layer by layer, then every Provider. */
export const nodesOf = (
  document: Document,
): ReadonlyArray<Descriptor> => [...document.topology.flat(), ...document.providers];

/** The mix or Provider of an identity key (32 bytes), or null. Its `layer` is the one in this document. */
export const nodeByIdentity = (document: Document, identityKey: Uint8Array): Descriptor | null => {
  for (const layer of [...document.topology, document.providers]) {
    for (const node of layer) if (equal(node.identityKey, identityKey)) return node;
  }
  return null;
};

/** The layer of the node of an identity key, from 0; 255 for Providers; null for a node that is not listed. */
export const layerOf = (document: Document, identityKey: Uint8Array): number | null =>
  nodeByIdentity(document, identityKey)?.layer ?? null;

/** The Provider of a name, or null. */
export const providerByName = (document: Document, name: string): Descriptor | null =>
  document.providers.find((provider) => provider.name === name) ?? null;

/** A Kaetzchen as a packet addresses it. */
export interface ServiceLocation {
  readonly provider: Descriptor;
  /** The recipient at the Provider, for instance `+loop`. */
  readonly endpoint: string;
}

/** All Kaetzchen of a capability, for instance `loop`. */
export const servicesOf = (document: Document, capability: string): ReadonlyArray<ServiceLocation> =>
  document.providers.flatMap((provider) => {
    const endpoint = provider.kaetzchen?.get(capability)?.get("endpoint");
    return typeof endpoint === "string" ? [{ provider, endpoint }] : [];
  });
