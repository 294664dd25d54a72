/** Packets as they are built: what each hop gets, what nobody sees, what cannot be built. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { equal, fromHex, isZero } from "../../../core/bytes.ts";
import type { Random } from "../../../core/random.ts";
import { newPacket, type PathHop, type Sphinx } from "../../../core/sphinx/build.ts";
import { unwrap, unwrapHeader } from "../../../core/sphinx/unwrap.ts";
import {
  both,
  buildRandom,
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

const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });

/** Sends a packet through all hops; gives back the payload at the last. */
const walk = (sphinx: Sphinx, path: ReadonlyArray<Hop>, packet: Uint8Array): Uint8Array | null => {
  let payload: Uint8Array | null = null;
  for (const [i, hop] of path.entries()) {
    assert.equal(packet.length, smallGeometry.packetLength);
    assert.equal(isZero(packet.subarray(0, 2)), true);
    const opened = rightOf(unwrap(sphinx, hop.privateKey, packet));
    const next = path[i + 1];
    assert.deepEqual(opened.commands.filter(({ type }) => type !== "NextNodeHop"), hop.commands);
    const nextHop = opened.commands.find((command) => command.type === "NextNodeHop");
    assert.deepEqual(nextHop?.id, next?.id);
    if (nextHop !== undefined) assert.equal(opened.commands.at(-1), nextHop);
    assert.equal(opened.packet, next === undefined ? null : packet);
    payload = opened.payload;
  }
  return payload;
};

for (const { sphinx, runs } of both) {
  const { name } = sphinx.suite;

  test(`[E2E-4-09] [SPHINX-5.1-06][SPHINX-4-01][SPHINX-4.1.1-05] each hop reads its commands (${name})`, () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        for (let hops = 1; hops <= 5; hops++) {
          const random = randomOf(seed + hops);
          const path = pathOf(sphinx.suite, random, hops);
          const payload = random.bytes(smallGeometry.forwardPayloadLength);
          const packet = rightOf(newPacket(sphinx, buildRandom(random), path, payload));
          assert.deepEqual(walk(sphinx, path, packet), payload);
        }
      }),
      runs,
    );
  });
}

test("[SPHINX-5.1-05] [FAULT-04] a header has one length, whatever the path's", () => {
  for (let hops = 1; hops <= 5; hops++) {
    const random = randomOf(hops);
    const packet = rightOf(newPacket(toy, buildRandom(random), pathOf(toy.suite, random, hops), new Uint8Array(0)));
    assert.equal(packet.length, smallGeometry.headerLength + 16);
  }
});

test("[SPHINX-4.1-01][SPHINX-9.2-01] additional data is two zeros in every packet", () => {
  fc.assert(fc.property(seeds, fc.integer({ min: 1, max: 5 }), (seed, hops) => {
    const random = randomOf(seed);
    const packet = rightOf(newPacket(toy, buildRandom(random), pathOf(toy.suite, random, hops), new Uint8Array(0)));
    assert.deepEqual(packet.subarray(0, 2), new Uint8Array(2));
  }));
});

const blockLength = 82;

/** What the last hop sees behind its commands, in blocks of 82 bytes. */
const trailingBlocks = (sphinx: Sphinx, hops: number, filler: Random): ReadonlyArray<Uint8Array> => {
  const random = randomOf(hops);
  const path = pathOf(sphinx.suite, random, hops);
  const packet = rightOf(newPacket(sphinx, { r: random, filler }, path, new Uint8Array(0)));
  for (const hop of path.slice(0, -1)) rightOf(unwrap(sphinx, hop.privateKey, packet));
  const { routingInfo } = rightOf(unwrapHeader(sphinx, path.at(-1)!.privateKey, packet));
  return Array.from({ length: 5 }, (_, i) => routingInfo.subarray(i * blockLength, (i + 1) * blockLength));
};

test("[FAULT-04] the last hop cannot tell the path's length: padding is random", () => {
  const zeros: Random = { bytes: (length) => new Uint8Array(length) };
  for (let hops = 1; hops <= 5; hops++) {
    assert.equal(trailingBlocks(real, hops, randomOf(99)).filter(isZero).length, 0);
    // With zeros for padding, as the specification has it, the length would show.
    assert.equal(trailingBlocks(real, hops, zeros).filter(isZero).length, 5 - hops);
  }
});

test("[SPHINX-5.1-01] each packet has an ephemeral key of its own", () => {
  const random = randomOf(1);
  const path = pathOf(toy.suite, random, 3);
  const elements = Array.from({ length: 50 }, () => {
    const packet = rightOf(newPacket(toy, buildRandom(random), path, new Uint8Array(0)));
    return packet.slice(2, 34).toString();
  });
  assert.equal(new Set(elements).size, elements.length);
});

test("paths of no hop, of too many, and with ids of another length are refused", () => {
  const random = randomOf(2);
  const build = (path: ReadonlyArray<PathHop>) => leftOf(newPacket(toy, buildRandom(random), path, new Uint8Array(0)));
  const path = pathOf(toy.suite, random, 6);
  assert.equal(build([]), "path");
  assert.equal(build(path), "path");
  assert.equal(build([{ ...path[5]!, id: new Uint8Array(31) }]), "path");
});

test("commands that do not fit, and a NextNodeHop given by the caller, are refused", () => {
  const random = randomOf(3);
  const [first, last] = pathOf(toy.suite, random, 2);
  const build = (path: ReadonlyArray<PathHop>) => leftOf(newPacket(toy, buildRandom(random), path, new Uint8Array(0)));
  const recipient = { type: "Recipient", id: new Uint8Array(64) } as const;
  const nextNodeHop = { type: "NextNodeHop", id: new Uint8Array(32), mac: new Uint8Array(16) } as const;
  // A recipient leaves no room for the next hop.
  assert.equal(build([{ ...first!, commands: [recipient] }, last!]), "commands");
  assert.equal(build([{ ...last!, commands: [nextNodeHop] }]), "commands");
  assert.equal(build([first!, { ...last!, commands: [nextNodeHop] }]), "commands");
});

test("[FAULT-01] a mix key of low order is refused, in every encoding and at every hop", () => {
  const random = randomOf(4);
  const path = pathOf(real.suite, random, 2);
  for (const [i, point] of lowOrderPoints.entries()) {
    const bad = path.map((hop, at) => (at === i % 2 ? { ...hop, publicKey: fromHex(point)! } : hop));
    assert.equal(leftOf(newPacket(real, buildRandom(random), bad, new Uint8Array(0))), "point");
  }
  const zero = path.map((hop) => ({ ...hop, publicKey: new Uint8Array(32) }));
  assert.equal(leftOf(newPacket(toy, buildRandom(random), zero, new Uint8Array(0))), "point");
});

test("the path and the payload given are left as they are", () => {
  const random = randomOf(5);
  const path = pathOf(toy.suite, random, 3);
  const payload = random.bytes(100);
  const before = structuredClone({ path, payload });
  rightOf(newPacket(toy, buildRandom(random), path, payload));
  assert.deepEqual({ path, payload }, before);
});

test("every secret of a built packet is wiped, also where building fails", () => {
  const random = randomOf(6);
  const path = pathOf(toy.suite, random, 5);
  const recipient = { type: "Recipient", id: new Uint8Array(64) } as const;
  const paths: ReadonlyArray<readonly [least: number, path: ReadonlyArray<PathHop>]> = [
    [60, path],
    [20, path.map((hop, i) => (i === 1 ? { ...hop, commands: [recipient] } : hop))],
    [8, path.map((hop, i) => (i === 3 ? { ...hop, publicKey: new Uint8Array(32) } : hop))],
  ];
  for (const [least, tried] of paths) {
    const witness = createWitness(toy.suite, []);
    newPacket({ ...toy, suite: witness.suite }, buildRandom(random), tried, new Uint8Array(40));
    assert.ok(witness.secrets.length >= least, `only ${witness.secrets.length} secrets were seen`);
    assert.deepEqual(unwiped(witness), []);
  }
});

test("two packets with the same payload have nothing in common", () => {
  const random = randomOf(7);
  const path = pathOf(real.suite, random, 2);
  const build = () => rightOf(newPacket(real, buildRandom(random), path, new Uint8Array(600)));
  const [a, b] = [build(), build()];
  for (let at = 2; at + 16 <= a.length; at += 16) {
    assert.equal(!equal(a.subarray(at, at + 16), b.subarray(at, at + 16)), true);
  }
});
