/**
 * sphinx.json: packets and SURBs of 1 to 5 hops as the Go code builds them from recorded randomness, and what each hop
 * makes of them (wire-facts §1.2 to §1.5).
 *
 * @module
 */
import { concat } from "../../core/bytes.ts";
import type { Suite } from "../../core/crypto/suite.ts";
import { E } from "../../core/fp.ts";
import { newPacket, type PathHop, type Sphinx } from "../../core/sphinx/build.ts";
import { decodeCommands, encodeCommands, type RoutingCommand } from "../../core/sphinx/commands.ts";
import { katzenpostGeometry, perHopRoutingInfoLength } from "../../core/sphinx/geometry.ts";
import { newSurb, openSurbReply, packetFromSurb, surbFromBytes, takeSurbBytes } from "../../core/sphinx/surb.ts";
import { unwrap } from "../../core/sphinx/unwrap.ts";
import {
  compareBytes,
  compareDigest,
  compareLists,
  compareLong,
  compareValues,
  type Differences,
  type Long,
  long,
  pattern,
  recordedRandom,
} from "./compare.ts";
import { base64, count, type Decoded, flag, hex, list, object, oneOf, text } from "./decode.ts";
import { defineFormat, eachCase } from "./format.ts";

/** Encoded commands, one string each, without the null command. */
const commands = list(hex());

const pathHop = object({ commands, id: hex(32), private_key: hex(32), public_key: hex(32) });

/** A packet as a hop receives it: whole, or as digest with its header. */
const longPacket = object({ len: count, sha256: hex(32), first64: hex(64), last64: hex(64), header_b64: base64() });

/** The payload stands at the last hop only. */
const hopResult = object({ commands, replay_tag: hex(32) }, { payload: long });

const vector = object(
  {
    hops: count,
    packets: list(oneOf(base64(), longPacket)),
    path: list(pathHop),
    payload_len: count,
    payload_pattern_seed: count,
    reads_filler: list(hex()),
    reads_r: list(hex()),
    surb: flag,
    unwraps: list(hopResult),
  },
  {
    payload: hex(),
    packet0_b64: base64(),
    surb_bytes: hex(),
    surb_first_hop: hex(32),
    surb_keys: hex(),
    final_payload: long,
  },
);
type Vector = Decoded<typeof vector>;

const file = object({ note: text, vectors: list(vector) });

const compareAll = (...differences: ReadonlyArray<Differences>): Differences => differences.flat();

const decodeTlvs = (tlvs: ReadonlyArray<Uint8Array>): ReadonlyArray<RoutingCommand> => {
  const block = new Uint8Array(perHopRoutingInfoLength);
  block.set(concat(...tlvs));
  const decoded = decodeCommands(block);
  if (E.isLeft(decoded)) throw new Error(`commands of the vector: ${decoded.left}`);
  return decoded.right;
};

const pathOf = ({ path }: Vector): ReadonlyArray<PathHop> =>
  path.map((hop) => ({ id: hop.id, publicKey: hop.public_key, commands: decodeTlvs(hop.commands) }));

const compareCommands = (
  what: string,
  actual: ReadonlyArray<RoutingCommand>,
  expected: ReadonlyArray<Uint8Array>,
): Differences => {
  const encoded = encodeCommands(actual);
  const block = new Uint8Array(perHopRoutingInfoLength);
  block.set(concat(...expected));
  return compareBytes(what, E.isRight(encoded) ? encoded.right : null, block);
};

const comparePacket = (what: string, actual: Uint8Array | null, expected: Vector["packets"][number]): Differences => {
  if (expected instanceof Uint8Array) return compareBytes(what, actual, expected);
  const header = actual?.subarray(0, expected.header_b64.length) ?? null;
  return compareAll(
    compareDigest(what, actual, expected),
    compareBytes(`${what}.header_b64`, header, expected.header_b64),
  );
};

const comparePayload = (what: string, actual: Uint8Array | null, expected: Long | undefined): Differences =>
  expected === undefined ? compareBytes(what, actual, null) : compareLong(what, actual, expected);

/** Builds the packet or SURB of a vector; fills `differences` and gives back the packet as the first hop gets it. */
const buildPacket = (sphinx: Sphinx, item: Vector, differences: string[]): Uint8Array | null => {
  const random = {
    r: recordedRandom(item.reads_r, "reads_r"),
    filler: recordedRandom(item.reads_filler, "reads_filler"),
  };
  const payload = pattern(item.payload_len, item.payload_pattern_seed);
  if (item.payload !== undefined) differences.push(...compareBytes("payload", payload, item.payload));
  const packet = item.surb
    ? buildReply(sphinx, item, random, payload, differences)
    : E.toUnion(newPacket(sphinx, random, pathOf(item), payload));
  differences.push(...random.r.leftovers(), ...random.filler.leftovers());
  if (packet instanceof Uint8Array) return packet;
  differences.push(`not built: ${packet}`);
  return null;
};

const buildReply = (
  sphinx: Sphinx,
  item: Vector,
  random: Parameters<typeof newSurb>[1],
  payload: Uint8Array,
  differences: string[],
): Uint8Array | string => {
  const created = newSurb(sphinx, random, pathOf(item));
  if (E.isLeft(created)) return created.left;
  const bytes = takeSurbBytes(created.right.surb);
  if (E.isLeft(bytes)) return bytes.left;
  differences.push(
    ...compareBytes("surb_bytes", bytes.right, item.surb_bytes ?? null),
    ...compareBytes("surb_keys", created.right.keys, item.surb_keys ?? null),
  );
  const surb = surbFromBytes(sphinx.geometry, bytes.right);
  if (surb === null) return "surb_bytes are no SURB";
  const reply = packetFromSurb(sphinx, surb, payload);
  if (E.isLeft(reply)) return reply.left;
  differences.push(...compareBytes("surb_first_hop", reply.right.firstHop, item.surb_first_hop ?? null));
  return reply.right.packet;
};

/** Walks a packet through all hops; gives back what the last hop has. */
const walk = (sphinx: Sphinx, item: Vector, packet: Uint8Array, differences: string[]): Uint8Array | null => {
  let received: Uint8Array | null = packet;
  let payload: Uint8Array | null = null;
  for (const [i, expected] of item.unwraps.entries()) {
    differences.push(...comparePacket(`packets[${i}]`, received, item.packets[i]!));
    if (received === null) return null;
    const unwrapped = unwrap(sphinx, item.path[i]!.private_key, received);
    if (E.isLeft(unwrapped)) {
      differences.push(`unwraps[${i}]: ${unwrapped.left}`);
      return null;
    }
    ({ packet: received, payload } = unwrapped.right);
    differences.push(
      ...compareCommands(`unwraps[${i}].commands`, unwrapped.right.commands, expected.commands),
      ...compareBytes(`unwraps[${i}].replay_tag`, unwrapped.right.replayTag, expected.replay_tag),
      ...comparePayload(`unwraps[${i}].payload`, payload, expected.payload),
    );
  }
  return payload;
};

const check = (suite: Suite, item: Vector): Differences => {
  const sphinx: Sphinx = { suite, geometry: katzenpostGeometry };
  const differences: string[] = [];
  differences.push(
    ...compareValues("path.length", item.path.length, item.hops),
    ...compareLists("hops", item.packets, item.unwraps, () => []),
  );
  const packet = buildPacket(sphinx, item, differences);
  if (packet === null) return differences;
  if (item.packet0_b64 !== undefined) differences.push(...compareBytes("packet0_b64", packet, item.packet0_b64));
  const payload = walk(sphinx, item, packet, differences);
  if (item.surb) {
    const plaintext = payload === null ? null : openSurbReply(sphinx, item.surb_keys ?? new Uint8Array(0), payload);
    differences.push(...comparePayload("final_payload", plaintext, item.final_payload));
  }
  return differences;
};

export const sphinxFormat = defineFormat("sphinx", file, ({ vectors }) => eachCase("vectors", vectors, check));
