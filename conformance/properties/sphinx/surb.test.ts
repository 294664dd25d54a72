/** Reply blocks: there and back, used once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { equal, isZero } from "../../../core/bytes.ts";
import { E, type Either } from "../../../core/fp.ts";
import type { Random } from "../../../core/random.ts";
import { newPacket, type Sphinx } from "../../../core/sphinx/build.ts";
import { createGeometry } from "../../../core/sphinx/geometry.ts";
import { decodeForwardPayload, encodeForwardPayload } from "../../../core/sphinx/payload.ts";
import {
  newSurb,
  openSurbReply,
  packetFromSurb,
  type Surb,
  surbFromBytes,
  takeSurbBytes,
} from "../../../core/sphinx/surb.ts";
import { unwrap } from "../../../core/sphinx/unwrap.ts";
import {
  both,
  buildRandom,
  flipped,
  type Hop,
  leftOf,
  pathOf,
  randomOf,
  rightOf,
  smallGeometry,
  toy,
} from "./fixture.ts";
import { createWitness, unwiped } from "./witness.ts";

const { surbLength, forwardPayloadLength, headerLength, packetLength } = smallGeometry;

interface Made {
  readonly path: ReadonlyArray<Hop>;
  readonly surb: Surb;
  readonly keys: Uint8Array;
}

const make = (sphinx: Sphinx, random: Random, hops: number): Made => {
  const path = pathOf(sphinx.suite, random, hops, "surb");
  return { path, ...rightOf(newSurb(sphinx, buildRandom(random), path)) };
};

/** The payload of a reply as the last hop hands it over. */
const carry = (sphinx: Sphinx, path: ReadonlyArray<Hop>, packet: Uint8Array): Uint8Array => {
  for (const hop of path.slice(0, -1)) rightOf(unwrap(sphinx, hop.privateKey, packet));
  const last = rightOf(unwrap(sphinx, path.at(-1)!.privateKey, packet));
  assert.deepEqual(last.commands, path.at(-1)!.commands);
  return last.payload!;
};

for (const { sphinx, runs } of both) {
  const { name } = sphinx.suite;

  test(`[SPHINX-7.1-02][SPHINX-7.2-01][SPHINX-8-01][SPHINX-8-02] replies open to what was said (${name})`, () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31), (seed) => {
        for (let hops = 1; hops <= 5; hops++) {
          const random = randomOf(seed + hops);
          const { path, surb, keys } = make(sphinx, random, hops);
          const forward = rightOf(encodeForwardPayload(smallGeometry, surb, random.bytes(20)));
          const received = rightOf(decodeForwardPayload(smallGeometry, forward)).surb!;
          const payload = random.bytes(forwardPayloadLength);
          const { packet, firstHop } = rightOf(packetFromSurb(sphinx, received, payload));
          assert.deepEqual(firstHop, path[0]!.id);
          assert.deepEqual(openSurbReply(sphinx, keys, carry(sphinx, path, packet)), payload);
        }
      }),
      runs,
    );
  });
}

test("[SPHINX-7-01] a reply has the length and the additional data of a forward packet, at every hop", () => {
  const random = randomOf(1);
  const { path, surb } = make(toy, random, 4);
  const payload = new Uint8Array(forwardPayloadLength);
  const { packet } = rightOf(packetFromSurb(toy, surb, payload));
  const forward = rightOf(newPacket(toy, buildRandom(random), path, payload));
  for (const hop of path) {
    assert.equal(packet.length, packetLength);
    assert.equal(packet.length, forward.length);
    assert.deepEqual(packet.subarray(0, 2), forward.subarray(0, 2));
    rightOf(unwrap(toy, hop.privateKey, packet));
  }
});

test("lengths: 64 bytes of key a hop and 64 for the payload", () => {
  for (let hops = 1; hops <= 5; hops++) {
    const { surb, keys } = make(toy, randomOf(hops), hops);
    assert.equal(keys.length, 64 * (hops + 1));
    assert.equal(rightOf(takeSurbBytes(surb)).length, surbLength);
  }
});

test("[FAULT-07] a SURB tells its user no key but its own", () => {
  const { surb, keys } = make(toy, randomOf(2), 4);
  const bytes = rightOf(takeSurbBytes(surb));
  const contains = (key: Uint8Array): boolean => {
    for (let at = 0; at + 48 <= bytes.length; at++) if (equal(bytes.subarray(at, at + 48), key)) return true;
    return false;
  };
  const known = [0, 64, 128, 192, 256].map((at) => contains(keys.subarray(at, at + 48)));
  assert.deepEqual(known, [false, false, false, false, true]);
});

const uses: ReadonlyArray<readonly [name: string, use: (surb: Surb) => Either<"used", unknown>]> = [
  ["replying", (surb) => packetFromSurb(toy, surb, new Uint8Array(40))],
  ["taking its bytes", takeSurbBytes],
  [
    "putting it into a payload",
    (surb) => encodeForwardPayload(smallGeometry, surb, new Uint8Array(0)) as Either<"used", unknown>,
  ],
];
for (const [first, use] of uses) {
  for (const [second, useAgain] of uses) {
    test(`[FAULT-08] a SURB is used up by ${first}: ${second} is refused`, () => {
      const { surb } = make(toy, randomOf(3), 2);
      assert.equal(E.isRight(use(surb)), true);
      assert.equal(leftOf(useAgain(surb)), "used");
      assert.equal(leftOf(useAgain({ ...surb })), "used");
    });
  }
}

test("what is used up is the bytes: two handles on one payload give one reply", () => {
  const random = randomOf(4);
  const { surb } = make(toy, random, 2);
  const payload = rightOf(encodeForwardPayload(smallGeometry, surb, random.bytes(10)));
  const [a, b] = [payload, payload].map((each) => rightOf(decodeForwardPayload(smallGeometry, each)).surb!);
  assert.equal(E.isRight(packetFromSurb(toy, b!, new Uint8Array(40))), true);
  assert.equal(leftOf(packetFromSurb(toy, a!, new Uint8Array(40))), "used");
  assert.equal(isZero(payload.subarray(2, 2 + surbLength)), true);
  assert.equal(leftOf(decodeForwardPayload(smallGeometry, payload)), "surb");
});

test("a user payload that is too long does not use the SURB up", () => {
  const { surb } = make(toy, randomOf(5), 2);
  assert.equal(leftOf(encodeForwardPayload(smallGeometry, surb, new Uint8Array(43))), "length");
  assert.equal(E.isRight(takeSurbBytes(surb)), true);
});

test("the compiler keeps a SURB's bytes to its module", () => {
  const { surb } = make(toy, randomOf(6), 1);
  // @ts-expect-error A SURB is not bytes.
  const bytes: Uint8Array = surb;
  // @ts-expect-error Bytes are not a SURB, nor is anything else that this module can write down.
  const forged: Surb = { bytes };
  assert.throws(() => packetFromSurb(toy, forged, new Uint8Array(40)));
  assert.deepEqual(Object.keys(surb), []);
  assert.equal(JSON.stringify(surb), "{}");
});

test("[E2E-4.1-04] what cannot be a SURB is none: another length, other additional data, no key", () => {
  const bytes = rightOf(takeSurbBytes(make(toy, randomOf(7), 3).surb));
  const isSurb = (candidate: Uint8Array): boolean => surbFromBytes(smallGeometry, candidate) !== null;
  assert.equal(isSurb(bytes), true);
  assert.equal(!isSurb(bytes.slice(1)), true);
  assert.equal(!isSurb(new Uint8Array(surbLength + 1).fill(1, 2)), true);
  assert.equal(!isSurb(flipped(bytes, 3)), true);
  assert.equal(!isSurb(flipped(bytes, 8)), true);
  assert.equal(!isSurb(bytes.slice().fill(0, surbLength - 64)), true);
  assert.equal(surbFromBytes(createGeometry(4, 600), bytes), null);
});

test("[SPHINX-7.2-01] [FAULT-05] a changed reply, other keys and short input do not open", () => {
  const random = randomOf(8);
  const { path, surb, keys } = make(toy, random, 3);
  const { packet } = rightOf(packetFromSurb(toy, surb, random.bytes(forwardPayloadLength)));
  const payload = carry(toy, path, packet);
  const opens = (token: Uint8Array, bytes: Uint8Array): boolean => openSurbReply(toy, token, bytes.slice()) !== null;
  assert.equal(opens(keys, payload), true);
  fc.assert(fc.property(fc.nat(8 * payload.length - 1), (bit) => !opens(keys, flipped(payload, bit))));
  fc.assert(fc.property(fc.nat(8 * keys.length - 1), (bit) => !opens(flipped(keys, bit), payload)));
  assert.equal(!opens(keys.slice(64), payload), true);
  assert.equal(!opens(keys.slice(1), payload), true);
  assert.equal(!opens(new Uint8Array(0), payload), true);
  assert.equal(!opens(keys, payload.slice(0, 15)), true);
});

test("[FAULT-05] a reply changed on its way does not open", () => {
  const random = randomOf(9);
  const { path, surb, keys } = make(toy, random, 3);
  const { packet } = rightOf(packetFromSurb(toy, surb, random.bytes(forwardPayloadLength)));
  packet[headerLength + 100]! ^= 1;
  assert.equal(openSurbReply(toy, keys, carry(toy, path, packet)), null);
});

test("a reply opens in place, behind its tag, and the keys are the caller's to wipe", () => {
  const random = randomOf(10);
  const { path, surb, keys } = make(toy, random, 2);
  const { packet } = rightOf(packetFromSurb(toy, surb, random.bytes(forwardPayloadLength)));
  const before = keys.slice();
  const opened = openSurbReply(toy, keys, carry(toy, path, packet))!;
  assert.equal(opened.buffer, packet.buffer);
  assert.equal(opened.byteOffset, headerLength + 16);
  assert.deepEqual(keys, before);
});

test("the secrets of a SURB's making and use are wiped, also where it cannot be made", () => {
  const random = randomOf(11);
  const path = pathOf(toy.suite, random, 3, "surb");
  for (const tried of [path, path.map((hop) => ({ ...hop, publicKey: new Uint8Array(32) })), []]) {
    const reads: Uint8Array[] = [];
    const recording: Random = {
      bytes: (length) => {
        const read = random.bytes(length);
        reads.push(read);
        return read;
      },
    };
    const witness = createWitness(toy.suite, []);
    const sphinx = { ...toy, suite: witness.suite };
    const made = newSurb(sphinx, { r: recording, filler: random }, tried);
    if (E.isRight(made)) rightOf(packetFromSurb(sphinx, made.right.surb, new Uint8Array(10)));
    assert.equal(reads.length > 0, true);
    assert.equal(reads.every(isZero), true);
    assert.deepEqual(unwiped(witness), []);
  }
});
