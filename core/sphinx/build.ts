/**
 * Creating headers and forward packets (specs/sphinx.rst §5, wire-facts §1.4).
 *
 * Paths shorter than the geometry are padded with random bytes, so that the last hop, which sees them after decryption,
 * does not learn the length of the path; the specification pads with zeros. The padding goes in before the last
 * fragment is encrypted and authenticated, since the last hop's MAC covers it (D33).
 *
 * @module
 */
import { concat, wipe, xorInPlace } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { E, type Either } from "../fp.ts";
import type { Random } from "../random.ts";
import { encodeCommands, type RoutingCommand } from "./commands.ts";
import {
  adLength,
  type Geometry,
  groupElementLength,
  macLength,
  nodeIdLength,
  payloadTagLength,
  perHopRoutingInfoLength,
} from "./geometry.ts";
import { forgetPacketKeys, type PacketKeys, packetKeys, sprpKeyOf } from "./kdf.ts";
import { encryptPayloadInPlace } from "./payload_cipher.ts";

/** What every operation on packets needs: the network's geometry and the crypto that stands in for §2. */
export interface Sphinx {
  readonly suite: Suite;
  readonly geometry: Geometry;
}

export interface PathHop {
  /** The node's identity key, 32 bytes. */
  readonly id: Uint8Array;
  /** The node's X25519 mix key in the epoch in which the packet arrives, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Without NextNodeHop, which is added where there is a next hop. */
  readonly commands: ReadonlyArray<RoutingCommand>;
}

/** Two sources, because the Go code reads the padding from another one than the rest: vectors record both. */
export interface BuildRandom {
  /** Keys: 64 bytes of payload key for a SURB, then 32 bytes of ephemeral scalar. */
  readonly r: Random;
  /** Padding of short paths, in one read. */
  readonly filler: Random;
}

/**
 * `path`: no hop, or more than the geometry has, or an id of another length than 32; `commands`: commands that do not
 * fit, or a NextNodeHop among them; `point`: a mix key with which no secret can be shared.
 */
export type BuildError = "path" | "commands" | "point";

/** A header and, in hop order, 64 bytes of payload key a hop. */
export interface CreatedHeader {
  readonly header: Uint8Array;
  readonly payloadKeys: ReadonlyArray<Uint8Array>;
}

/** A hop with what is derived for it. */
interface HopSecrets {
  readonly keys: PacketKeys;
  readonly groupElement: Uint8Array;
}

/** The additional data of every packet: the version of the format. */
export const additionalData: Uint8Array = new Uint8Array(adLength);

/** §5.1 step 1. The shared secret of a hop is blinded by the factors of all hops before it. */
const sharedSecretOf = (
  suite: Suite,
  ephemeral: Uint8Array,
  hop: PathHop,
  before: ReadonlyArray<HopSecrets>,
): Uint8Array | null => {
  let secret = suite.x25519(ephemeral, hop.publicKey);
  for (const { keys } of before) {
    if (secret === null) return null;
    const blinded: Uint8Array | null = suite.x25519(keys.blindingFactor, secret);
    wipe(secret);
    secret = blinded;
  }
  return secret;
};

const nextGroupElement = (suite: Suite, ephemeral: Uint8Array, before: HopSecrets | undefined): Uint8Array | null =>
  before === undefined ? suite.x25519Public(ephemeral) : suite.x25519(before.keys.blindingFactor, before.groupElement);

/** §5.1 step 1 for all hops; pushes to `secrets` what is to be wiped, and answers false for a bad mix key. */
const deriveSecrets = (suite: Suite, r: Random, path: ReadonlyArray<PathHop>, secrets: HopSecrets[]): boolean => {
  const ephemeral = r.bytes(groupElementLength);
  for (const hop of path) {
    const shared = sharedSecretOf(suite, ephemeral, hop, secrets);
    const groupElement = nextGroupElement(suite, ephemeral, secrets.at(-1));
    if (shared === null || groupElement === null) break;
    secrets.push({ keys: packetKeys(suite, shared), groupElement });
    wipe(shared);
  }
  suite.forget(ephemeral);
  wipe(ephemeral);
  return secrets.length === path.length;
};

/**
 * §5.1 step 2: a keystream a hop, its tail XORed with the tail before it, which is what its zeros will turn into.
 */
const deriveKeystreams = (
  { suite, geometry }: Sphinx,
  secrets: ReadonlyArray<HopSecrets>,
): ReadonlyArray<Uint8Array> => {
  const length = geometry.routingInfoLength + perHopRoutingInfoLength;
  const all = new Uint8Array(secrets.length * length);
  const keystreams: Uint8Array[] = [];
  for (const { keys } of secrets) {
    const keystream = all.subarray(keystreams.length * length, (keystreams.length + 1) * length);
    suite.aes128CtrInPlace(keys.headerKey, keys.headerIv, keystream);
    const before = keystreams.at(-1);
    if (before !== undefined) {
      const filler = fillerOf(before, keystreams.length);
      xorInPlace(keystream.subarray(-(filler.length + perHopRoutingInfoLength), -perHopRoutingInfoLength), filler);
    }
    keystreams.push(keystream);
  }
  return keystreams;
};

/** The filler after `hops` hops: the last 82 bytes a hop of the keystream of the last of them. */
const fillerOf = (keystream: Uint8Array, hops: number): Uint8Array =>
  keystream.subarray(keystream.length - hops * perHopRoutingInfoLength);

/** The commands of hop `i` as its block, ending in the NextNodeHop where there is a next hop. */
const encodeHop = (path: ReadonlyArray<PathHop>, i: number, nextMac: Uint8Array): Either<BuildError, Uint8Array> => {
  const { commands } = path[i]!;
  if (commands.some(({ type }) => type === "NextNodeHop")) return E.left("commands");
  const next = path[i + 1];
  const block = encodeCommands(
    next === undefined ? commands : [...commands, { type: "NextNodeHop", id: next.id, mac: nextMac }],
  );
  return E.isLeft(block) ? E.left("commands") : block;
};

/**
 * §5.1 step 3: from the last hop to the first, each fragment is put in front, all of it encrypted and authenticated.
 * The MAC covers additional data, group element, routing information and filler, as they stand in a header without its
 * MAC, which is what is left in the end.
 */
const wrapRoutingInfo = (
  { suite, geometry }: Sphinx,
  path: ReadonlyArray<PathHop>,
  secrets: ReadonlyArray<HopSecrets>,
  keystreams: ReadonlyArray<Uint8Array>,
  padding: Uint8Array,
): Either<BuildError, Uint8Array> => {
  const header = new Uint8Array(geometry.headerLength);
  const covered = header.subarray(0, geometry.headerLength - macLength);
  const infoStart = adLength + groupElementLength;
  const macStart = geometry.headerLength - macLength;
  covered.set(padding, infoStart);
  for (let i = path.length - 1; i >= 0; i--) {
    const block = encodeHop(path, i, header.subarray(macStart));
    if (E.isLeft(block)) return block;
    const { keys, groupElement } = secrets[i]!;
    const infoEnd = macStart - i * perHopRoutingInfoLength;
    covered.set(groupElement, adLength);
    covered.copyWithin(infoStart + perHopRoutingInfoLength, infoStart, infoEnd - perHopRoutingInfoLength);
    covered.set(block.right, infoStart);
    xorInPlace(covered.subarray(infoStart, infoEnd), keystreams[i]!);
    if (i > 0) covered.set(fillerOf(keystreams[i - 1]!, i), infoEnd);
    header.set(headerMac(suite, keys, covered), macStart);
  }
  return E.right(header);
};

/** The MAC of a header: 16 bytes over additional data, group element and routing information. */
export const headerMac = (suite: Suite, keys: PacketKeys, covered: Uint8Array): Uint8Array =>
  suite.hmacSha256(keys.headerMac, covered).slice(0, macLength);

const isPath = ({ hops }: Geometry, path: ReadonlyArray<PathHop>): boolean =>
  path.length >= 1 && path.length <= hops && path.every(({ id }) => id.length === nodeIdLength);

/** Sphinx_Create_Header (§5.1). The payload keys are secrets and the caller's to wipe. */
export const createHeader = (
  sphinx: Sphinx,
  random: BuildRandom,
  path: ReadonlyArray<PathHop>,
): Either<BuildError, CreatedHeader> => {
  const { suite, geometry } = sphinx;
  if (!isPath(geometry, path)) return E.left("path");
  const secrets: HopSecrets[] = [];
  const derived = deriveSecrets(suite, random.r, path, secrets);
  const result = derived ? assembleHeader(sphinx, random.filler, path, secrets) : E.left<BuildError>("point");
  for (const { keys } of secrets) forgetPacketKeys(suite, keys);
  return result;
};

const assembleHeader = (
  sphinx: Sphinx,
  filler: Random,
  path: ReadonlyArray<PathHop>,
  secrets: ReadonlyArray<HopSecrets>,
): Either<BuildError, CreatedHeader> => {
  const missing = sphinx.geometry.hops - path.length;
  const padding = missing === 0 ? new Uint8Array(0) : filler.bytes(missing * perHopRoutingInfoLength);
  const keystreams = deriveKeystreams(sphinx, secrets);
  const wrapped = wrapRoutingInfo(sphinx, path, secrets, keystreams, padding);
  wipe(...keystreams);
  if (E.isLeft(wrapped)) return wrapped;
  return E.right({ header: wrapped.right, payloadKeys: secrets.map(({ keys }) => sprpKeyOf(keys)) });
};

/**
 * Sphinx_Create_Packet (§5.2): header | encrypted (16 zero bytes | payload). In the network the payload has the
 * geometry's `forwardPayloadLength`; any other length gives a packet of another length.
 */
export const newPacket = (
  sphinx: Sphinx,
  random: BuildRandom,
  path: ReadonlyArray<PathHop>,
  payload: Uint8Array,
): Either<BuildError, Uint8Array> => {
  const created = createHeader(sphinx, random, path);
  if (E.isLeft(created)) return created;
  const { header, payloadKeys } = created.right;
  const packet = concat(header, new Uint8Array(payloadTagLength), payload);
  const encrypted = packet.subarray(header.length);
  for (let i = payloadKeys.length - 1; i >= 0; i--) encryptPayloadInPlace(sphinx.suite, payloadKeys[i]!, encrypted);
  wipe(...payloadKeys);
  return E.right(packet);
};
