/**
 * Benchmarks of Sphinx at the geometry of the network: an unwrap takes raw bytes and gives raw bytes, and nothing is
 * kept from one to the next but the mix key.
 */
import assert from "node:assert/strict";
import { nativeSuite } from "../../adapters/crypto_native.ts";
import { equal } from "../../core/bytes.ts";
import { newPacket, type Sphinx } from "../../core/sphinx/build.ts";
import { katzenpostGeometry as geometry } from "../../core/sphinx/geometry.ts";
import { newSurb, openSurbReply, packetFromSurb } from "../../core/sphinx/surb.ts";
import { unwrap } from "../../core/sphinx/unwrap.ts";
import { buildRandom, type Hop, pathOf, randomOf, rightOf } from "../properties/sphinx/fixture.ts";
import type { Candidate } from "./measure.ts";

const sphinx: Sphinx = { suite: nativeSuite, geometry };
const hops = 5;
/** More than the key objects that the suite keeps, so that a blinding factor never is at hand. */
const packetsInTurn = 32;

const random = randomOf(1);
const path = pathOf(nativeSuite, random, hops);
const payload = random.bytes(geometry.forwardPayloadLength);

const build = (): Uint8Array => rightOf(newPacket(sphinx, buildRandom(random), path, payload));

/** The payload that the last hop gives. */
const walk = (packet: Uint8Array, hops: ReadonlyArray<Hop>): Uint8Array => {
  let at: Uint8Array = packet;
  for (const { privateKey } of hops) {
    const opened = rightOf(unwrap(sphinx, privateKey, at));
    at = opened.packet ?? opened.payload!;
  }
  return at;
};

const unwrapping = (): Candidate => {
  const packets = Array.from({ length: packetsInTurn }, build);
  const work = new Uint8Array(geometry.packetLength);
  let turn = 0;
  return {
    name: "sphinx-unwrap",
    check: () => assert.equal(equal(walk(packets[0]!.slice(), path), payload), true),
    run: () => {
      work.set(packets[turn++ % packetsInTurn]!);
      rightOf(unwrap(sphinx, path[0]!.privateKey, work));
    },
  };
};

const surbPath = pathOf(nativeSuite, random, hops, "surb");

const surbRound = (): void => {
  const { surb, keys } = rightOf(newSurb(sphinx, buildRandom(random), surbPath));
  const { packet } = rightOf(packetFromSurb(sphinx, surb, payload));
  assert.equal(equal(openSurbReply(sphinx, keys, walk(packet, surbPath))!, payload), true);
};

export const packets = (): ReadonlyArray<Candidate> => [
  unwrapping(),
  {
    name: `sphinx-packet-${hops}-hops`,
    check: () => assert.equal(equal(walk(build(), path), payload), true),
    run: build,
  },
  { name: `sphinx-surb-${hops}-hops`, check: surbRound, run: () => newSurb(sphinx, buildRandom(random), surbPath) },
];
