/**
 * An application of the installed package (package.test.ts): a packet through three hops, with both suites.
 *
 * @module
 */
import type { Suite } from "samtpfote/core/crypto/suite";
import { nobleSuite } from "samtpfote/core/crypto/noble";
import { E, type Either } from "samtpfote/core/fp";
import { newPacket, type PathHop } from "samtpfote/core/sphinx/build";
import { katzenpostGeometry as geometry } from "samtpfote/core/sphinx/geometry";
import { unwrap, type UnwrappedPacket } from "samtpfote/core/sphinx/unwrap";
import { nativeSuite } from "samtpfote/crypto_native";

const random = { bytes: (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length)) };

const right = <A>(either: Either<string, A>): A => {
  if (E.isLeft(either)) throw new Error(either.left);
  return either.right;
};

const travel = (suite: Suite): Uint8Array | null => {
  const keys = [random.bytes(32), random.bytes(32), random.bytes(32)];
  const path = keys.map((key, at): PathHop => ({
    id: random.bytes(32),
    publicKey: suite.x25519Public(key),
    commands: at < 2 ? [{ type: "NodeDelay", delayMs: 100 }] : [{ type: "Recipient", id: new Uint8Array(64).fill(7) }],
  }));
  const payload = new Uint8Array(geometry.forwardPayloadLength).fill(42);
  let packet: Uint8Array | null = right(newPacket({ suite, geometry }, { r: random, filler: random }, path, payload));
  for (const key of keys) {
    if (packet === null) return null;
    const opened: UnwrappedPacket = right(unwrap({ suite, geometry }, key, packet));
    if (opened.payload !== null) return opened.payload;
    packet = opened.packet;
  }
  return null;
};

for (const suite of [nativeSuite, nobleSuite]) {
  const payload = travel(suite);
  console.log(
    `${suite.name}: ${payload?.length} bytes of ${new Set(payload).size === 1 ? payload?.[0] : "other things"}`,
  );
}
