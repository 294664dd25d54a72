/**
 * Processing a packet at a hop (specs/sphinx.rst §6.1, wire-facts §1.2), in two stages: the header, which costs little
 * and tells whether the packet is any good, then the payload. A caller may look for a replay in between.
 *
 * The first stage changes nothing, so that a packet which does not fit one key can be tried with the next. The second
 * rewrites the packet in place; commands are copies, payloads are views.
 *
 * The replay tag is the hash of the group element as received (D3), as in the Go code. A point has several encodings
 * (bit 255, values of 2^255-19 and above, added points of low order) that give the same secret, yet none evades the
 * tag: the MAC covers the encoding, and its key is known to the hop and the packet's creator alone. For everyone else
 * another encoding is a MAC failure, and the creator can send any number of packets anyway; these two would meet again
 * at the next hop, whose group element is computed and thus the same.
 *
 * @module
 */
import { equalConstantTime, isZero, wipe } from "../bytes.ts";
import type { Unwrap, UnwrapFailure } from "../effects.ts";
import { E, type Either } from "../fp.ts";
import { headerMac, type Sphinx } from "./build.ts";
import { decodeCommands, type RoutingCommand } from "./commands.ts";
import {
  adLength,
  type Geometry,
  groupElementLength,
  macLength,
  payloadTagLength,
  perHopRoutingInfoLength,
} from "./geometry.ts";
import { forgetPacketKeys, type PacketKeys, packetKeys, sprpKeyOf } from "./kdf.ts";
import { checkPayloadTag, decryptPayloadInPlace } from "./payload_cipher.ts";

/** A header that passed its MAC. Holds secrets: ends in `unwrapPayload` or in `discardHeader`. */
export interface OpenedHeader {
  /** SHA-512/256 of the group element, 32 bytes. */
  readonly replayTag: Uint8Array;
  readonly commands: ReadonlyArray<RoutingCommand>;
  readonly keys: PacketKeys;
  /** The routing information for the next hop. */
  readonly routingInfo: Uint8Array;
}

/** What is left of a packet: the one for the next hop, or the payload for this one. */
export interface OpenedPacket {
  /** The same bytes, rewritten, where there is a NextNodeHop command; else null. */
  readonly packet: Uint8Array | null;
  /**
   * A view of the payload at the last hop: with its tag (unchecked) where there is a SurbReply, else behind the tag.
   */
  readonly payload: Uint8Array | null;
}

export interface UnwrappedPacket extends OpenedPacket {
  readonly replayTag: Uint8Array;
  readonly commands: ReadonlyArray<RoutingCommand>;
}

const groupElementOf = (packet: Uint8Array): Uint8Array => packet.subarray(adLength, adLength + groupElementLength);

const routingInfoOf = ({ headerLength }: Geometry, packet: Uint8Array): Uint8Array =>
  packet.subarray(adLength + groupElementLength, headerLength - macLength);

const macOf = ({ headerLength }: Geometry, packet: Uint8Array): Uint8Array =>
  packet.subarray(headerLength - macLength, headerLength);

/**
 * Steps 0 to 5: shared secret, MAC, commands. Leaves the packet as it is. Failures: `short` (no header and tag), `ad`,
 * `point` (of low order), `mac` (damaged, or for another key), `commands`.
 */
export const unwrapHeader = (
  sphinx: Sphinx,
  privateKey: Uint8Array,
  packet: Uint8Array,
): Either<UnwrapFailure, OpenedHeader> => {
  const { suite, geometry } = sphinx;
  if (packet.length < geometry.headerLength + payloadTagLength) return E.left("short");
  if (!isZero(packet.subarray(0, adLength))) return E.left("ad");
  const sharedSecret = suite.x25519(privateKey, groupElementOf(packet));
  if (sharedSecret === null) return E.left("point");
  const keys = packetKeys(suite, sharedSecret);
  wipe(sharedSecret);
  const opened = openHeader(sphinx, keys, packet);
  if (E.isLeft(opened)) forgetPacketKeys(suite, keys);
  return opened;
};

const openHeader = (
  { suite, geometry }: Sphinx,
  keys: PacketKeys,
  packet: Uint8Array,
): Either<UnwrapFailure, OpenedHeader> => {
  const mac = headerMac(suite, keys, packet.subarray(0, geometry.headerLength - macLength));
  if (!equalConstantTime(mac, macOf(geometry, packet))) return E.left("mac");
  const decrypted = new Uint8Array(geometry.routingInfoLength + perHopRoutingInfoLength);
  decrypted.set(routingInfoOf(geometry, packet));
  suite.aes128CtrInPlace(keys.headerKey, keys.headerIv, decrypted);
  const commands = decodeCommands(decrypted.subarray(0, perHopRoutingInfoLength));
  wipe(E.isLeft(commands) ? decrypted : decrypted.subarray(0, perHopRoutingInfoLength));
  if (E.isLeft(commands)) return E.left("commands");
  return E.right({
    replayTag: suite.sha512_256(groupElementOf(packet)),
    commands: commands.right,
    keys,
    routingInfo: decrypted.subarray(perHopRoutingInfoLength),
  });
};

/** Wipes the secrets of a header whose packet goes no further. */
export const discardHeader = ({ suite }: Sphinx, { keys, routingInfo }: OpenedHeader): void => {
  forgetPacketKeys(suite, keys);
  wipe(routingInfo);
};

/**
 * Steps 6 and 7 and, at the last hop, the check of the tag (§6.2 step 3): rewrites the packet that `opened` came from
 * and wipes the secrets of `opened`. Failures: `point` (blinding), `payload` (the tag is not zero).
 */
export const unwrapPayload = (
  sphinx: Sphinx,
  opened: OpenedHeader,
  packet: Uint8Array,
): Either<UnwrapFailure, OpenedPacket> => {
  const { suite, geometry } = sphinx;
  const payload = packet.subarray(geometry.headerLength);
  const payloadKey = sprpKeyOf(opened.keys);
  decryptPayloadInPlace(suite, payloadKey, payload);
  wipe(payloadKey);
  const result = finish(sphinx, opened, packet, payload);
  discardHeader(sphinx, opened);
  return result;
};

const finish = (
  sphinx: Sphinx,
  opened: OpenedHeader,
  packet: Uint8Array,
  payload: Uint8Array,
): Either<UnwrapFailure, OpenedPacket> => {
  const next = opened.commands.find((command) => command.type === "NextNodeHop");
  if (next !== undefined) return rewriteHeader(sphinx, opened, packet, next.mac);
  if (opened.commands.some(({ type }) => type === "SurbReply")) return E.right({ packet: null, payload });
  const checked = checkPayloadTag(payload);
  return checked === null ? E.left("payload") : E.right({ packet: null, payload: checked });
};

const rewriteHeader = (
  { suite, geometry }: Sphinx,
  { keys, routingInfo }: OpenedHeader,
  packet: Uint8Array,
  mac: Uint8Array,
): Either<UnwrapFailure, OpenedPacket> => {
  const blinded = suite.x25519(keys.blindingFactor, groupElementOf(packet));
  if (blinded === null) return E.left("point");
  groupElementOf(packet).set(blinded);
  routingInfoOf(geometry, packet).set(routingInfo);
  macOf(geometry, packet).set(mac);
  return E.right({ packet, payload: null });
};

/**
 * Both stages: Sphinx_Unwrap with one private key (32 bytes). After a failure of the second stage the packet is
 * garbage.
 */
export const unwrap = (
  sphinx: Sphinx,
  privateKey: Uint8Array,
  packet: Uint8Array,
): Either<UnwrapFailure, UnwrappedPacket> => {
  const header = unwrapHeader(sphinx, privateKey, packet);
  if (E.isLeft(header)) return header;
  const { replayTag, commands } = header.right;
  const opened = unwrapPayload(sphinx, header.right, packet);
  return E.isLeft(opened) ? opened : E.right({ replayTag, commands, ...opened.right });
};

/** Tries the keys in order. Only a MAC failure says that another key may fit; where none does, the reason is `mac`. */
export const unwrapWithKeys = (
  sphinx: Sphinx,
  packet: Uint8Array,
  keys: Unwrap["keys"],
): Either<UnwrapFailure, UnwrappedPacket & { readonly epoch: number }> => {
  for (const { epoch, privateKey } of keys) {
    const unwrapped = unwrap(sphinx, privateKey, packet);
    if (E.isRight(unwrapped)) return E.right({ epoch, ...unwrapped.right });
    if (unwrapped.left !== "mac") return unwrapped;
  }
  return E.left("mac");
};
