/** Unwrapping: what passes, what is refused and why, and what is left of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, equal, fromHex, isZero } from "../../../core/bytes.ts";
import type { Unwrap } from "../../../core/effects.ts";
import { E } from "../../../core/fp.ts";
import type { Random } from "../../../core/random.ts";
import { headerMac, newPacket, type Sphinx } from "../../../core/sphinx/build.ts";
import { packetKeys } from "../../../core/sphinx/kdf.ts";
import { discardHeader, unwrap, unwrapHeader, unwrapPayload, unwrapWithKeys } from "../../../core/sphinx/unwrap.ts";
import {
  both,
  buildRandom,
  type End,
  flipped,
  type Hop,
  leftOf,
  lowOrderPoints,
  pathOf,
  randomOf,
  real,
  rightOf,
  smallGeometry,
  toy,
} from "./fixture.ts";
import { createWitness, unwiped } from "./witness.ts";

const { headerLength, routingInfoLength, forwardPayloadLength } = smallGeometry;

interface Built {
  readonly path: ReadonlyArray<Hop>;
  readonly packet: Uint8Array;
}

const build = (sphinx: Sphinx, random: Random, hops: number, end: End = "recipient"): Built => {
  const path = pathOf(sphinx.suite, random, hops, end);
  const packet = rightOf(newPacket(sphinx, buildRandom(random), path, random.bytes(forwardPayloadLength)));
  return { path, packet };
};

/** A packet of one hop whose commands are any 82 bytes. */
const forge = ({ suite }: Sphinx, random: Random, publicKey: Uint8Array, block: Uint8Array): Uint8Array => {
  const ephemeral = random.bytes(32);
  const keys = packetKeys(suite, suite.x25519(ephemeral, publicKey)!);
  const routingInfo = concat(block, random.bytes(routingInfoLength - block.length));
  suite.aes128CtrInPlace(keys.headerKey, keys.headerIv, routingInfo);
  const covered = concat(new Uint8Array(2), suite.x25519Public(ephemeral), routingInfo);
  return concat(covered, headerMac(suite, keys, covered), new Uint8Array(16 + forwardPayloadLength));
};

test("[MIXNET-3.2-03] [SPHINX-4.1-02][SPHINX-6.1-03] [FAULT-05] every flipped bit of a header is refused", () => {
  const { path, packet } = build(toy, randomOf(1), 2);
  for (let bit = 0; bit < 8 * headerLength; bit++) {
    const reason = leftOf(unwrap(toy, path[0]!.privateKey, flipped(packet, bit)));
    assert.equal(reason, bit < 16 ? "ad" : "mac", `bit ${bit}`);
  }
});

test("[SPHINX-4.1-02] [FAULT-05] so it is with the real suite, a bit of every third byte", () => {
  const { path, packet } = build(real, randomOf(1), 2);
  for (let at = 0; at < headerLength; at += 3) {
    const reason = leftOf(unwrap(real, path[0]!.privateKey, flipped(packet, 8 * at + (at % 8))));
    assert.equal(reason, at < 2 ? "ad" : "mac", `byte ${at}`);
  }
});

test("[FAULT-06] a truncated MAC, and headers cut off anywhere, are refused as short", () => {
  const { path, packet } = build(toy, randomOf(2), 1);
  for (let length = 0; length < headerLength + 16; length++) {
    assert.equal(leftOf(unwrap(toy, path[0]!.privateKey, packet.slice(0, length))), "short");
  }
  assert.equal(leftOf(unwrap(toy, path[0]!.privateKey, packet.slice(0, headerLength + 16))), "payload");
  assert.equal(leftOf(unwrap(toy, path[0]!.privateKey, packet.slice(0, -1))), "payload");
});

/** Of the bytes of two payloads, how many differ. */
const differing = (a: Uint8Array, b: Uint8Array): number =>
  a.reduce((sum, byte, i) => sum + (byte === b[i] ? 0 : 1), 0);

for (const { sphinx, runs } of both) {
  const { name } = sphinx.suite;

  test(`[SPHINX-10.1-01] [SPHINX-2-02][SPHINX-4.2-01][SPHINX-6.2-06] a flipped payload bit garbles all of it (${name})`, () => {
    const hops = 3;
    fc.assert(
      fc.property(fc.nat(2 ** 31), fc.nat(hops - 1), fc.nat(), (seed, at, choice) => {
        const { path, packet } = build(sphinx, randomOf(seed), hops);
        for (const hop of path.slice(0, at)) rightOf(unwrap(sphinx, hop.privateKey, packet));
        const changed = flipped(packet, 8 * headerLength + (choice % (8 * (packet.length - headerLength))));
        for (const hop of path.slice(at, -1)) {
          rightOf(unwrap(sphinx, hop.privateKey, packet));
          rightOf(unwrap(sphinx, hop.privateKey, changed));
          const [a, b] = [packet.subarray(headerLength), changed.subarray(headerLength)];
          assert.equal(differing(a, b) > 0.9 * a.length, true);
        }
        assert.equal(leftOf(unwrap(sphinx, path.at(-1)!.privateKey, changed)), "payload");
        assert.equal(E.isRight(unwrap(sphinx, path.at(-1)!.privateKey, packet)), true);
      }),
      runs,
    );
  });

  test(`an unwrapped packet is another packet: the same key refuses it (${name})`, () => {
    const { path, packet } = build(sphinx, randomOf(3), 2);
    const first = rightOf(unwrap(sphinx, path[0]!.privateKey, packet));
    assert.equal(first.packet, packet);
    assert.equal(leftOf(unwrap(sphinx, path[0]!.privateKey, packet)), "mac");
    // The last hop rewrites the payload alone: the header passes again, with the same tag.
    const last = rightOf(unwrapHeader(sphinx, path[1]!.privateKey, packet));
    const { replayTag } = last;
    rightOf(unwrapPayload(sphinx, last, packet));
    assert.deepEqual(rightOf(unwrapHeader(sphinx, path[1]!.privateKey, packet)).replayTag, replayTag);
    assert.equal(leftOf(unwrap(sphinx, path[1]!.privateKey, packet)), "payload");
  });
}

test("[FAULT-01] a group element of low order is refused, in every encoding", () => {
  const { path, packet } = build(real, randomOf(4), 1);
  for (const point of lowOrderPoints) {
    const hostile = packet.slice();
    hostile.set(fromHex(point)!, 2);
    assert.equal(leftOf(unwrap(real, path[0]!.privateKey, hostile)), "point");
  }
  const zero = packet.slice().fill(0, 2, 34);
  assert.equal(leftOf(unwrap(toy, path[0]!.privateKey, zero)), "point");
});

test("[FAULT-03] a group element that blinding turns into the identity is refused, and the secrets are wiped", () => {
  const { path, packet } = build(toy, randomOf(41), 2);
  const { privateKey } = path[0]!;
  let agreed = 0;
  const suite = {
    ...toy.suite,
    x25519: (scalar: Uint8Array, point: Uint8Array) => agreed++ === 0 ? toy.suite.x25519(scalar, point) : null,
  };
  const blinding = { ...toy, suite };
  const opened = rightOf(unwrapHeader(blinding, privateKey, packet));
  assert.equal(leftOf(unwrapPayload(blinding, opened, packet)), "point");
  assert.equal(agreed, 2, "the secret, and the blinding");
  assert.equal([opened.keys.blindingFactor, opened.routingInfo].every(isZero), true);
});

test("[FAULT-02] another encoding of the group element is refused, though the secret is the same", () => {
  const { path, packet } = build(real, randomOf(5), 1);
  const { privateKey } = path[0]!;
  const second = flipped(packet, 8 * 33 + 7);
  assert.deepEqual(
    real.suite.x25519(privateKey, second.slice(2, 34)),
    real.suite.x25519(privateKey, packet.slice(2, 34)),
  );
  assert.equal(leftOf(unwrapHeader(real, privateKey, second)), "mac");
});

test("[SPHINX-6.2-01] [FAULT-02] two encodings by the creator itself meet at the next hop, as one replay tag", () => {
  const { path, packet } = build(real, randomOf(6), 2);
  const { privateKey } = path[0]!;
  const second = flipped(packet, 8 * 33 + 7);
  const keys = packetKeys(real.suite, real.suite.x25519(privateKey, packet.slice(2, 34))!);
  second.set(headerMac(real.suite, keys, second.subarray(0, headerLength - 16)), headerLength - 16);
  const [a, b] = [packet, second].map((each) => rightOf(unwrap(real, privateKey, each)).replayTag);
  assert.notDeepEqual(a, b);
  const [c, d] = [packet, second].map((each) => rightOf(unwrap(real, path[1]!.privateKey, each)).replayTag);
  assert.deepEqual(c, d);
});

test("[SPHINX-6.1-02] [SPHINX-6.2-01] replay tags are those of the group element: one a packet and hop", () => {
  const random = randomOf(7);
  const tags = new Set<string>();
  for (let i = 0; i < 100; i++) {
    const { path, packet } = build(toy, random, 3);
    for (const { privateKey } of path) {
      const expected = toy.suite.sha512_256(packet.slice(2, 34));
      const { replayTag } = rightOf(unwrap(toy, privateKey, packet));
      assert.deepEqual(replayTag, expected);
      tags.add(replayTag.toString());
    }
  }
  assert.equal(tags.size, 300);
});

const blocks: ReadonlyArray<readonly [name: string, block: Uint8Array]> = [
  ["an unknown command", new Uint8Array(82).fill(0x42)],
  ["bytes behind the null command", new Uint8Array(82).fill(1, 81)],
  ["two delays", concat(Uint8Array.of(0x80, 0, 0, 0, 1, 0x80, 0, 0, 0, 1), new Uint8Array(72))],
  ["two next hops", concat(Uint8Array.of(0x01), new Uint8Array(48), Uint8Array.of(0x01), new Uint8Array(32))],
];
for (const [name, block] of blocks) {
  test(`[SPHINX-6.1-05][SPHINX-6.1-07] ${name} in an authentic header: refused for its commands`, () => {
    const random = randomOf(8);
    const [hop] = pathOf(real.suite, random, 1);
    assert.equal(leftOf(unwrap(real, hop!.privateKey, forge(real, random, hop!.publicKey, block))), "commands");
  });
}

test("[SPHINX-6.1-06] the header is rewritten where there is a next hop, and only there", () => {
  for (const hops of [1, 2]) {
    const { path, packet } = build(toy, randomOf(9), hops);
    const before = packet.slice(0, headerLength);
    rightOf(unwrap(toy, path[0]!.privateKey, packet));
    assert.equal(equal(packet.subarray(0, headerLength), before), hops === 1);
  }
});

test("[SPHINX-6.2-03][SPHINX-6.2-04][SPHINX-6.2-07] payloads are views, with the tag for a SURB reply", () => {
  const forward = build(toy, randomOf(10), 1);
  const message = rightOf(unwrap(toy, forward.path[0]!.privateKey, forward.packet)).payload!;
  assert.equal(message.buffer, forward.packet.buffer);
  assert.equal(message.length, forwardPayloadLength);
  assert.equal(message.byteOffset, headerLength + 16);
  const reply = build(toy, randomOf(10), 1, "surb");
  const payload = rightOf(unwrap(toy, reply.path[0]!.privateKey, reply.packet)).payload!;
  assert.equal(payload.buffer, reply.packet.buffer);
  assert.equal(payload.length, 16 + forwardPayloadLength);
});

test("a SURB reply's tag is left to the one who has the keys", () => {
  const { path, packet } = build(toy, randomOf(11), 1, "surb");
  assert.equal(E.isRight(unwrap(toy, path[0]!.privateKey, flipped(packet, 8 * headerLength))), true);
});

test("the first stage leaves the packet as it is, whether it passes or not", () => {
  const { path, packet } = build(toy, randomOf(12), 2);
  const before = packet.slice();
  leftOf(unwrapHeader(toy, path[1]!.privateKey, packet));
  assert.equal(equal(packet, before), true);
  rightOf(unwrapHeader(toy, path[0]!.privateKey, packet));
  assert.equal(equal(packet, before), true);
});

const keysOf = (...privateKeys: ReadonlyArray<Uint8Array>): Unwrap["keys"] =>
  privateKeys.map((privateKey, i) => ({ epoch: 100 + i, privateKey }));

test("keys are tried in order until one fits, and its epoch is told", () => {
  const random = randomOf(13);
  const { path, packet } = build(toy, random, 2);
  const keys = keysOf(random.bytes(32), random.bytes(32), path[0]!.privateKey);
  const result = rightOf(unwrapWithKeys(toy, packet, keys));
  assert.equal(result.epoch, 102);
  assert.equal(result.packet, packet);
  assert.deepEqual(result.commands.slice(0, 1), path[0]!.commands);
});

test("where no key fits, or there is none, the reason is the MAC", () => {
  const random = randomOf(14);
  const { packet } = build(toy, random, 1);
  for (const keys of [[], [random.bytes(32)], [random.bytes(32), random.bytes(32)]]) {
    assert.equal(leftOf(unwrapWithKeys(toy, packet, keysOf(...keys))), "mac");
  }
});

test("[SPHINX-6-01] no further key is tried on a packet that one of them authenticated", () => {
  const random = randomOf(15);
  const { path, packet } = build(toy, random, 1);
  const { privateKey } = path[0]!;
  let tried = 0;
  const counting: Sphinx = {
    ...toy,
    suite: {
      ...toy.suite,
      x25519: (scalar, point) => {
        tried++;
        return toy.suite.x25519(scalar, point);
      },
    },
  };
  const damaged = flipped(packet, 8 * headerLength);
  const keys = keysOf(privateKey, random.bytes(32), privateKey);
  assert.equal(leftOf(unwrapWithKeys(counting, damaged, keys)), "payload");
  assert.equal(tried, 1);
});

test("[FAULT-12] garbage of any length never throws, and never passes", () => {
  const keys = keysOf(randomOf(16).bytes(32));
  const garbage = fc.tuple(fc.nat(2 * headerLength + 600), fc.nat(2 ** 31), fc.boolean());
  fc.assert(fc.property(garbage, ([length, seed, zeroAd]) => {
    const packet = length === 0 ? new Uint8Array(0) : randomOf(seed).bytes(length);
    if (zeroAd) packet.fill(0, 0, 2);
    const reason = leftOf(unwrapWithKeys(toy, packet, keys));
    assert.equal(reason === "mac" || length < headerLength + 16 || !zeroAd, true);
  }));
  for (const fill of [0x00, 0x55, 0xff]) {
    const packet = new Uint8Array(headerLength + 616).fill(fill).fill(0, 0, 2);
    leftOf(unwrapWithKeys(real, packet, keys));
  }
});

test("packets that stand anywhere in a larger buffer unwrap alike, and nothing else of it changes", () => {
  const { path, packet } = build(toy, randomOf(17), 2);
  const buffer = new Uint8Array(packet.length + 7).fill(0xee);
  const view = buffer.subarray(3, 3 + packet.length);
  view.set(packet);
  rightOf(unwrap(toy, path[0]!.privateKey, view));
  rightOf(unwrap(toy, path[0]!.privateKey, packet));
  assert.equal(equal(view, packet), true);
  assert.equal([...buffer.subarray(0, 3), ...buffer.subarray(3 + packet.length)].every((byte) => byte === 0xee), true);
});

const outcomes: ReadonlyArray<
  readonly [name: string, least: number, change: (packet: Uint8Array) => Uint8Array, key: number]
> = [
  ["a packet to forward", 7, (packet) => packet, 0],
  ["a packet with a wrong MAC", 3, (packet) => flipped(packet, 300), 0],
  ["a packet for another key", 3, (packet) => packet, 1],
];
for (const [name, least, change, key] of outcomes) {
  test(`every secret is wiped after ${name}`, () => {
    const { path, packet } = build(toy, randomOf(18), 2);
    const { privateKey } = path[key]!;
    const witness = createWitness(toy.suite, [privateKey]);
    unwrap({ ...toy, suite: witness.suite }, privateKey, change(packet));
    assert.ok(witness.secrets.length >= least, `only ${witness.secrets.length} secrets were seen`);
    assert.deepEqual(unwiped(witness), []);
    assert.equal(!isZero(privateKey), true);
  });
}

test("every secret is wiped at the last hop, after a bad payload or command, and with a discarded header", () => {
  const random = randomOf(19);
  const { path, packet } = build(toy, random, 1);
  const { privateKey, publicKey } = path[0]!;
  const witness = createWitness(toy.suite, [privateKey]);
  const watched: Sphinx = { ...toy, suite: witness.suite };
  assert.equal(leftOf(unwrap(watched, privateKey, flipped(packet, 8 * headerLength))), "payload");
  assert.equal(leftOf(unwrap(watched, privateKey, forge(toy, random, publicKey, blocks[0]![1]))), "commands");
  discardHeader(watched, rightOf(unwrapHeader(watched, privateKey, packet)));
  rightOf(unwrap(watched, privateKey, packet));
  assert.equal(witness.secrets.length >= 20, true);
  // A packet's payload is no secret of the hop's: it is what was asked for.
  assert.deepEqual(unwiped(witness), []);
});

test("a forged header with good commands passes, so the bad ones above fail for their commands", () => {
  const random = randomOf(20);
  const [hop] = pathOf(toy.suite, random, 1);
  const block = new Uint8Array(82);
  block.set(Uint8Array.of(0x80, 0, 0, 1, 0));
  const opened = rightOf(unwrapHeader(toy, hop!.privateKey, forge(toy, random, hop!.publicKey, block)));
  assert.deepEqual(opened.commands, [{ type: "NodeDelay", delayMs: 256 }]);
});
