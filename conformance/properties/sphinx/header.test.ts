/** What a hop does with a header, step by step: specs/sphinx.rst §6.1, computed here a second time by the document. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, equal } from "../../../core/bytes.ts";
import { headerMac, newPacket } from "../../../core/sphinx/build.ts";
import { perHopRoutingInfoLength } from "../../../core/sphinx/geometry.ts";
import { packetKeys } from "../../../core/sphinx/kdf.ts";
import { unwrap, unwrapHeader } from "../../../core/sphinx/unwrap.ts";
import { buildRandom, leftOf, pathOf, randomOf, real, rightOf, smallGeometry } from "./fixture.ts";

const { suite } = real;
const { headerLength, routingInfoLength } = smallGeometry;
const macAt = headerLength - 16;
const routingInfoAt = 2 + 32;

const build = (seed: number, hops: number) => {
  const random = randomOf(seed);
  const path = pathOf(suite, random, hops);
  return { path, packet: rightOf(newPacket(real, buildRandom(random), path, new Uint8Array(9))) };
};

const keysAt = (privateKey: Uint8Array, packet: Uint8Array) =>
  packetKeys(suite, suite.x25519(privateKey, packet.slice(2, routingInfoAt))!);

test("[SPHINX-6.1-01] additional data counts for what the MAC covers: zeros under a MAC over others are refused", () => {
  const { path, packet } = build(1, 2);
  const { privateKey } = path[0]!;
  const covered = packet.slice(0, macAt);
  const keys = keysAt(privateKey, packet);
  assert.deepEqual(headerMac(suite, keys, covered), packet.slice(macAt, headerLength));
  for (const version of [1, 255]) {
    covered.set([version]);
    const signedOtherwise = packet.slice();
    signedOtherwise.set(headerMac(suite, keys, covered), macAt);
    assert.equal(leftOf(unwrapHeader(real, privateKey, signedOtherwise)), "mac");
    signedOtherwise.set([version]);
    assert.equal(leftOf(unwrapHeader(real, privateKey, signedOtherwise)), "ad");
  }
});

test("[SPHINX-6.1-04] routing information is decrypted with a block of zeros behind it, and keeps its length", () => {
  const { path, packet } = build(2, 5);
  for (const { privateKey } of path.slice(0, -1)) {
    const keys = keysAt(privateKey, packet);
    const extended = concat(packet.slice(routingInfoAt, macAt), new Uint8Array(perHopRoutingInfoLength));
    suite.aes128CtrInPlace(keys.headerKey, keys.headerIv, extended);
    rightOf(unwrap(real, privateKey, packet));
    const next = packet.subarray(routingInfoAt, macAt);
    assert.equal(next.length, routingInfoLength);
    assert.equal(equal(next, extended.subarray(perHopRoutingInfoLength)), true);
  }
});
