/** Noise handshakes: both sides agree, hostile messages are refused with a reason, secrets are reported. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { equal, fromHex, toHex, wipe } from "../../../core/bytes.ts";
import type { Kem, Suite } from "../../../core/crypto/suite.ts";
import { E } from "../../../core/fp.ts";
import { InvariantError } from "../../../core/machine.ts";
import { open, seal } from "../../../core/noise/cipher_state.ts";
import { handshakeSecrets, messageLength, readMessage, writeMessage } from "../../../core/noise/handshake.ts";
import { patternX, patternXXhfs } from "../../../core/noise/pattern.ts";
import { createNoiseSuite } from "../../../core/noise/symmetric.ts";
import {
  buffersIn,
  deepFreeze,
  leftOf,
  linkSuite,
  lowOrderPoints,
  nativeSuite,
  nobleSuite,
  patterns,
  play,
  randomOf,
  rightOf,
  startBoth,
  stateOf,
  toySuite,
  transportOf,
} from "./fixture.ts";

const pairs: ReadonlyArray<readonly [Suite, Suite]> = [
  [toySuite, toySuite],
  [nobleSuite, nativeSuite],
  [nativeSuite, nobleSuite],
];

for (const [pattern, name] of patterns) {
  for (const [a, b] of pairs) {
    test(`${pattern.name}_${name}, ${a.name} with ${b.name}: payloads arrive, both ends agree`, () => {
      const noises = [createNoiseSuite(a, name), createNoiseSuite(b, name)] as const;
      const exchanges = play(pattern, noises);
      exchanges.forEach(({ message, payload, read }, index) => {
        assert.deepEqual(read.bytes, payload);
        assert.equal(message.length, messageLength(noises[0], pattern, index, payload.length));
      });
      const last = exchanges.at(-1)!;
      const [writer, reader] = [transportOf(last.written), transportOf(last.read)];
      assert.deepEqual(writer.handshakeHash, reader.handshakeHash);
      assert.deepEqual(writer.send.key, reader.receive.key);
      assert.deepEqual(writer.receive.key, reader.send.key);
      assert.equal(equal(writer.send.key, writer.receive.key), false);
      const sealed = rightOf(seal(a, writer.send, Uint8Array.of(1, 2, 3)));
      assert.deepEqual(rightOf(open(b, reader.receive, sealed.bytes)).bytes, Uint8Array.of(1, 2, 3));
    });
  }
}

test("[WIRE-2-01] [WIRE-2-03] [WIRE-2.1-02] link messages have the sizes of X25519, NewHope-Simple and tags", () => {
  const noise = linkSuite(nobleSuite);
  assert.deepEqual([0, 1, 2].map((index) => messageLength(noise, patternXXhfs, index, [0, 260, 260][index]!)), [
    1856,
    2532,
    324,
  ]);
});

test("the payload of a message without a key goes in clear, and is hashed all the same", () => {
  const noise = linkSuite(toySuite);
  const [initiator, responder] = startBoth(patternXXhfs, [noise, noise]);
  const { bytes } = rightOf(writeMessage(noise, initiator, randomOf(1), Uint8Array.of(9)));
  assert.equal(bytes.at(-1), 9);
  const changed = bytes.slice();
  changed[changed.length - 1] = 8;
  const answer = rightOf(
    writeMessage(noise, stateOf(rightOf(readMessage(noise, responder, changed))), randomOf(2), bytes),
  );
  const sent = stateOf(rightOf(writeMessage(noise, initiator, randomOf(1), Uint8Array.of(9))));
  assert.equal(leftOf(readMessage(noise, sent, answer.bytes)), "decrypt");
});

test("[FAULT-18] another prologue, another static key or another suite: refused", () => {
  const [sha, blake] = [
    createNoiseSuite(toySuite, "25519_ChaChaPoly_SHA256"),
    createNoiseSuite(toySuite, "25519_ChaChaPoly_BLAKE2b"),
  ];
  const [initiator, responder] = startBoth(patternX, [sha, sha]);
  const { bytes } = rightOf(writeMessage(sha, initiator, randomOf(1), new Uint8Array(5)));
  assert.equal(E.isRight(readMessage(sha, responder, bytes)), true);
  const [, otherPrologue] = startBoth(patternX, [sha, sha], Uint8Array.of(1));
  assert.equal(leftOf(readMessage(sha, otherPrologue, bytes)), "decrypt");
  const [, otherSuite] = startBoth(patternX, [blake, blake]);
  assert.equal(leftOf(readMessage(blake, otherSuite, bytes)), "decrypt");
  assert.equal(leftOf(readMessage(sha, { ...responder, staticPrivate: new Uint8Array(32).fill(9) }, bytes)), "decrypt");
});

test("[WIRE-2.1-04] [FAULT-18] a message cut off anywhere, or with any bit changed, is refused with a reason", () => {
  for (const [pattern, name] of patterns) {
    const noise = createNoiseSuite(toySuite, name);
    for (const [index, { message, readerBefore }] of play(pattern, [noise, noise]).entries()) {
      const keyless = pattern.name === "XXhfs" && index === 0;
      const shortest = messageLength(noise, pattern, index, 0);
      for (let length = 0; length < message.length; length++) {
        const read = readMessage(noise, readerBefore, message.slice(0, length));
        if (length < shortest) assert.equal(leftOf(read), "length");
        else assert.equal(E.isRight(read), keyless, `${pattern.name} ${index} ${length}`);
      }
      if (keyless) continue;
      fc.assert(
        fc.property(fc.nat(message.length * 8 - 1), (bit) => {
          const changed = message.slice();
          changed[bit >> 3]! ^= 1 << (bit & 7);
          // The top bit of an X25519 coordinate is ignored in the product, but not in the hash.
          assert.ok(["decrypt", "point", "kem"].includes(leftOf(readMessage(noise, readerBefore, changed))));
        }),
        { numRuns: 60 },
      );
    }
  }
});

test("random bytes never throw", () => {
  const noise = linkSuite(toySuite);
  const readers = play(patternXXhfs, [noise, noise]).map(({ readerBefore }) => readerBefore);
  fc.assert(
    fc.property(fc.nat(2), fc.uint8Array({ maxLength: 3000, size: "max" }), (index, bytes) => {
      readMessage(noise, readers[index]!, bytes);
    }),
    { numRuns: 100 },
  );
});

for (const suite of [nobleSuite, nativeSuite]) {
  test(`${suite.name}: a low-order ephemeral or static key ends the handshake on either side`, () => {
    const noise = linkSuite(suite);
    const [initiator, responder] = startBoth(patternXXhfs, [noise, noise]);
    const first = rightOf(writeMessage(noise, initiator, randomOf(1), new Uint8Array(0)));
    const sha = createNoiseSuite(suite, "25519_ChaChaPoly_SHA256");
    const [sender, recipient] = startBoth(patternX, [sha, sha]);
    for (const point of lowOrderPoints.map((text) => fromHex(text)!)) {
      const hostile = first.bytes.slice();
      hostile.set(point);
      const read = rightOf(readMessage(noise, responder, hostile));
      assert.equal(leftOf(writeMessage(noise, stateOf(read), randomOf(2), new Uint8Array(260))), "point", toHex(point));
      assert.equal(
        leftOf(writeMessage(sha, { ...sender, remoteStatic: point }, randomOf(1), new Uint8Array(0))),
        "point",
      );
      const hostileX = new Uint8Array(96);
      hostileX.set(point);
      assert.equal(leftOf(readMessage(sha, recipient, hostileX)), "point");
    }
  });
}

test("[FAULT-18] a KEM value that the suite refuses ends the handshake on either side", () => {
  const refusing = (part: Partial<Kem>): Suite => ({ ...toySuite, kem: { ...toySuite.kem, ...part } });
  const noise = linkSuite(toySuite);
  const exchanges = play(patternXXhfs, [noise, noise]);
  const second = exchanges[1]!;
  const noEncapsulation = linkSuite(refusing({ encapsulate: () => null }));
  assert.equal(leftOf(writeMessage(noEncapsulation, second.writerBefore, randomOf(1), new Uint8Array(0))), "kem");
  const noDecapsulation = linkSuite(refusing({ decapsulate: () => null }));
  assert.equal(leftOf(readMessage(noDecapsulation, second.readerBefore, second.message)), "kem");
});

test("[WIRE-5-01] ephemeral and KEM keys are drawn anew for every handshake", () => {
  const noise = linkSuite(toySuite);
  const [initiator] = startBoth(patternXXhfs, [noise, noise]);
  const messages = [1, 2, 3].map((seed) =>
    rightOf(writeMessage(noise, initiator, randomOf(seed), new Uint8Array(0))).bytes
  );
  assert.equal(new Set(messages.map((bytes) => toHex(bytes.subarray(0, 32)))).size, 3);
  assert.equal(new Set(messages.map((bytes) => toHex(bytes.subarray(32)))).size, 3);
});

test("the given state is left as it was, and what is consumed is in no later state and may be wiped", () => {
  for (const [pattern, name] of patterns) {
    const noise = createNoiseSuite(toySuite, name);
    const untouched = play(pattern, [noise, noise]);
    const states = [...startBoth(pattern, [noise, noise])];
    pattern.messages.forEach((_, index) => {
      const [writer, reader] = [index % 2, 1 - (index % 2)];
      for (const side of [writer, reader]) {
        const before = deepFreeze(states[side]!);
        const bytes = [...buffersIn(before)].map((buffer) => [buffer, toHex(buffer)] as const);
        const turn = side === writer
          ? rightOf(writeMessage(noise, before, randomOf(index + 1), untouched[index]!.payload))
          : rightOf(readMessage(noise, before, untouched[index]!.message.slice()));
        for (const [buffer, text] of bytes) assert.equal(toHex(buffer), text);
        const kept = buffersIn(turn.next);
        for (const secret of turn.consumed) assert.equal(kept.has(secret), false);
        for (const secret of handshakeSecrets(before)) assert.ok(kept.has(secret) || turn.consumed.includes(secret));
        wipe(...turn.consumed);
        if (turn.next.type === "handshake") states[side] = turn.next.state;
        else assert.deepEqual(turn.next, untouched[index]![side === writer ? "written" : "read"].next);
      }
    });
  }
});

test("each secret that a handshake draws or agrees on has been reported as consumed when it ends", () => {
  const secrets: Uint8Array[] = [];
  const noted = (secret: Uint8Array): Uint8Array => secrets[secrets.push(secret) - 1]!;
  const kem: Kem = {
    ...toySuite.kem,
    generate: (random) => {
      const pair = toySuite.kem.generate(random);
      return { ...pair, privateKey: noted(pair.privateKey) };
    },
    encapsulate: (random, publicKey) => {
      const made = toySuite.kem.encapsulate(random, publicKey)!;
      return { ...made, shared: noted(made.shared) };
    },
    decapsulate: (...parts) => noted(toySuite.kem.decapsulate(...parts)!),
  };
  const noise = linkSuite({ ...toySuite, kem });
  const consumed = new Set<Uint8Array>();
  for (const { written, read, writerBefore } of play(patternXXhfs, [noise, noise])) {
    for (const secret of [...written.consumed, ...read.consumed]) consumed.add(secret);
    if (writerBefore.ephemeralPrivate !== null) secrets.push(writerBefore.ephemeralPrivate);
  }
  assert.equal(secrets.length, 4);
  for (const secret of secrets) assert.ok(consumed.has(secret));
});

test("a static key is the caller's: it is never reported as consumed", () => {
  const noise = linkSuite(toySuite);
  for (const { written, read, writerBefore } of play(patternXXhfs, [noise, noise])) {
    for (const { consumed } of [written, read]) {
      assert.equal(consumed.some((secret) => equal(secret, writerBefore.staticPrivate)), false);
    }
  }
});

test("writing out of turn is a bug of ours and throws", () => {
  const noise = linkSuite(toySuite);
  const [initiator, responder] = startBoth(patternXXhfs, [noise, noise]);
  assert.throws(() => writeMessage(noise, responder, randomOf(1), new Uint8Array(0)), InvariantError);
  assert.throws(() => readMessage(noise, initiator, new Uint8Array(5000)), InvariantError);
});

test("[FAULT-18] role confusion: a message read by its own writer's side is refused", () => {
  const noise = linkSuite(toySuite);
  const [first, second, third] = play(patternXXhfs, [noise, noise]);
  assert.ok(["length", "decrypt"].includes(leftOf(readMessage(noise, second!.readerBefore, first!.message))));
  assert.equal(leftOf(readMessage(noise, third!.readerBefore, second!.message)), "decrypt");
});
