/** The session machine with an honest peer: handshake, authorisation, commands, ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isZero } from "../../../core/bytes.ts";
import type { Suite } from "../../../core/crypto/suite.ts";
import type { Command } from "../../../core/wire/commands.ts";
import { readMessage } from "../../../core/noise/handshake.ts";
import { decodeAuthenticate } from "../../../core/wire/authenticate.ts";
import { linkSuite, nativeSuite, nobleSuite, rightOf, toySuite } from "../noise/fixture.ts";
import {
  carry,
  commandsOf,
  configOf,
  connectedPair,
  type Cut,
  downOf,
  oneByteEach,
  sentOf,
  startEnd,
  upPair,
  whole,
} from "./fixture.ts";

const packet = (fill: number): Command => ({ type: "SendPacket", packet: new Uint8Array(700).fill(fill) });
const consensus: Command = { type: "Consensus", status: 0, payload: Uint8Array.of(1, 2, 3) };

const combinations: ReadonlyArray<readonly [Suite, Suite]> = [
  [toySuite, toySuite],
  [nobleSuite, nativeSuite],
  [nativeSuite, nobleSuite],
];

for (const suites of combinations) {
  test(`${suites[0].name} with ${suites[1].name}: two machines back to back come up and exchange commands`, () => {
    const { initiator, responder } = upPair({ suites });
    for (let i = 0; i < 5; i++) {
      initiator.tell({ type: "Send", command: packet(i), id: i });
      responder.tell({ type: "Send", command: consensus, id: 100 + i });
      carry(initiator, responder);
    }
    assert.deepEqual(commandsOf(responder), [0, 1, 2, 3, 4].map(packet));
    assert.deepEqual(commandsOf(initiator), Array(5).fill(consensus));
    assert.deepEqual(sentOf(initiator), [0, 1, 2, 3, 4].map((id) => [id, null]));
    assert.deepEqual([downOf(initiator), downOf(responder)], [null, null]);
  });
}

const cuts: ReadonlyArray<readonly [string, Cut]> = [["whole", whole], ["one byte at a time", oneByteEach]];

for (const [name, cut] of cuts) {
  test(`[WIRE-2.2-04] what arrives ${name} is the same conversation`, () => {
    const { initiator, responder } = connectedPair();
    carry(initiator, responder, cut);
    initiator.tell({ type: "Send", command: packet(1) });
    responder.tell({ type: "Send", command: consensus });
    carry(initiator, responder, cut);
    assert.deepEqual([commandsOf(responder), commandsOf(initiator)], [[packet(1)], [consensus]]);
  });
}

test("what arrives cut anywhere, or several writes at once, is the same conversation", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1 }), fc.nat(4), (lengths, count) => {
      let at = 0;
      const cut: Cut = (bytes) => {
        const chunks: Uint8Array[] = [];
        for (let from = 0; from < bytes.length;) {
          const length = lengths[at++ % lengths.length]!;
          chunks.push(bytes.slice(from, from + length));
          from += length;
        }
        return chunks;
      };
      const { initiator, responder } = connectedPair();
      carry(initiator, responder, cut);
      for (let i = 0; i < count; i++) initiator.tell({ type: "Send", command: packet(i) });
      const together = initiator.takeWrites().flatMap((bytes) => [...bytes]);
      for (const chunk of cut(Uint8Array.from(together))) responder.tell({ type: "Received", bytes: chunk });
      assert.deepEqual(commandsOf(responder), Array.from({ length: count }, (_, i) => packet(i)));
    }),
    { numRuns: 30 },
  );
});

test("[WIRE-2.1-01] the initiator sends the prologue byte and the first message in one write", () => {
  const { initiator } = connectedPair();
  const [first, ...others] = initiator.takeWrites();
  assert.equal(first![0], 0);
  assert.equal(first!.length, 1 + 32 + toySuite.kem.publicLength);
  assert.deepEqual(others, []);
});

test("[WIRE-2.1.1-03] [WIRE-2.1.1-05] each owner is asked about the peer's data and key; the initiator says who it is only after that", () => {
  const { initiator, responder } = connectedPair();
  responder.tell({ type: "Received", bytes: initiator.takeWrites()[0]! });
  initiator.tell({ type: "Received", bytes: responder.takeWrites()[0]! });
  assert.deepEqual(initiator.takeWrites(), []);
  assert.deepEqual(initiator.reports, [{
    type: "Authorize",
    additionalData: new Uint8Array(32).fill(7),
    key: toySuite.x25519Public(responder.config.staticPrivate),
    remote: "peer:1",
  }]);
  initiator.tell({ type: "Allowed" });
  const [third] = initiator.takeWrites();
  assert.equal(third!.length, 48 + 276);
  responder.tell({ type: "Received", bytes: third! });
  assert.deepEqual(responder.reports, [{
    type: "Authorize",
    additionalData: new Uint8Array(5).fill(7),
    key: toySuite.x25519Public(initiator.config.staticPrivate),
    remote: "peer:2",
  }]);
  assert.deepEqual(responder.takeWrites(), []);
  assert.equal(initiator.reports.length, 1);
});

test("the responder sends its NoOp at once when the initiator is let in; only that brings the initiator up", () => {
  const { initiator, responder } = connectedPair();
  responder.tell({ type: "Received", bytes: initiator.takeWrites()[0]! });
  initiator.tell({ type: "Received", bytes: responder.takeWrites()[0]! });
  initiator.tell({ type: "Allowed" });
  responder.tell({ type: "Received", bytes: initiator.takeWrites()[0]! });
  responder.tell({ type: "Allowed" });
  const [noOp, ...others] = responder.takeWrites();
  assert.equal(noOp!.length, 20 + 6 + 16);
  assert.deepEqual(others, []);
  assert.equal(responder.reports.at(-1)!.type, "Up");
  assert.equal(initiator.state().phase.type, "awaitingNoOp");
  initiator.tell({ type: "Received", bytes: noOp! });
  assert.equal(initiator.reports.at(-1)!.type, "Up");
});

test("[WIRE-2.1-03] [WIRE-2.1.1-02] both report the same handshake hash; the initiator also the clocks' difference", () => {
  const { clock, initiator, responder } = connectedPair();
  responder.tell({ type: "Received", bytes: initiator.takeWrites()[0]! });
  clock.now = 1_500;
  carry(initiator, responder);
  const ups = [initiator, responder].map(({ reports }) => reports.find((report) => report.type === "Up"));
  const [first, second] = ups.map((up) => (up?.type === "Up" ? up : null));
  assert.equal(first!.clockSkewMs, 1_500);
  assert.equal(second!.clockSkewMs, 0);
  assert.deepEqual(first!.handshakeHash, second!.handshakeHash);
  assert.equal(isZero(first!.handshakeHash), false);
});

test("[WIRE-2.1.1-02] the initiator's time is 0, the responder's whole seconds", () => {
  const { clock, initiator, responder } = connectedPair();
  clock.now = 2_999;
  responder.tell({ type: "Received", bytes: initiator.takeWrites()[0]! });
  const second = responder.takeWrites()[0]!;
  const timeIn = (end: typeof initiator, message: Uint8Array): number => {
    const { phase } = end.state();
    assert.ok(phase.type === "awaitingMessage2" || phase.type === "awaitingMessage3");
    return decodeAuthenticate(rightOf(readMessage(linkSuite(toySuite), phase.handshake, message)).bytes).unixTime;
  };
  assert.equal(timeIn(initiator, second), 1_500_000_002);
  initiator.tell({ type: "Received", bytes: second });
  initiator.tell({ type: "Allowed" });
  assert.equal(timeIn(responder, initiator.takeWrites()[0]!), 0);
});

for (const side of ["initiator", "responder"] as const) {
  test(`[WIRE-2.1.1-05] a peer that the ${side}'s owner denies is hung up on, and told nothing`, () => {
    const pair = connectedPair();
    const end = pair[side];
    const peer = side === "initiator" ? pair.responder : pair.initiator;
    pair.responder.tell({ type: "Received", bytes: pair.initiator.takeWrites()[0]! });
    pair.initiator.tell({ type: "Received", bytes: pair.responder.takeWrites()[0]! });
    if (side === "responder") {
      pair.initiator.tell({ type: "Allowed" });
      pair.responder.tell({ type: "Received", bytes: pair.initiator.takeWrites()[0]! });
    }
    end.tell({ type: "Denied", reason: "unknown" });
    assert.deepEqual(end.takeWrites(), []);
    assert.equal(downOf(end), "denied");
    assert.equal(end.effects.filter(({ type }) => type === "Hangup").length, 1);
    peer.tell({ type: "Disconnected", reason: "reset" });
    assert.equal(downOf(peer), "peer-closed");
    end.tell({ type: "Allowed" });
    assert.equal(end.state().phase.type, "down");
  });
}

test("[WIRE-3.1-02] NoOps after the handshake are taken without a report; Disconnect ends the session", () => {
  const { initiator, responder } = upPair();
  responder.tell({ type: "Send", command: { type: "NoOp" }, id: 1 });
  carry(initiator, responder);
  assert.deepEqual(sentOf(responder), [[1, null]]);
  assert.deepEqual(commandsOf(initiator), []);
  assert.equal(initiator.state().phase.type, "up");
});

test("[WIRE-3.2-01] [WIRE-3.2-02] a polite close sends what is queued, Disconnect last, and both ends are down", () => {
  const { initiator, responder } = upPair();
  initiator.flushes = false;
  for (let id = 0; id < 4; id++) initiator.tell({ type: "Send", command: packet(id), id });
  initiator.tell({ type: "Close", polite: true });
  initiator.tell({ type: "Send", command: packet(9), id: 9 });
  while (downOf(initiator) === null) {
    for (const bytes of initiator.takeWrites()) {
      responder.tell({ type: "Received", bytes });
      initiator.tell({ type: "Flushed", length: bytes.length });
    }
  }
  assert.deepEqual(commandsOf(responder), [0, 1, 2, 3].map(packet));
  assert.deepEqual(sentOf(initiator), [[9, "session-down"], [0, null], [1, null], [2, null], [3, null]]);
  assert.deepEqual([downOf(initiator), downOf(responder)], ["closed", "peer-disconnected"]);
  assert.deepEqual(initiator.takeWrites(), []);
  assert.equal(initiator.effects.at(-2)!.type, "Hangup");
  assert.equal(responder.wakeAt(), null);
});

test("[WIRE-3.2-01] a session that closes has no use for the key under which its peer sends", () => {
  const { initiator } = upPair();
  const { phase } = initiator.state();
  const key = phase.type === "up" ? phase.receiver.cipher.key.slice() : null;
  initiator.flushes = false;
  initiator.tell({ type: "Close", polite: true });
  assert.equal(initiator.state().phase.type, "closing");
  assert.ok(initiator.consumed.some((secret) => secret.join() === key!.join()));
});

test("an impolite close sends what is queued and no Disconnect; before the session is up it drops what is queued", () => {
  const { initiator, responder } = upPair();
  initiator.tell({ type: "Send", command: packet(1) });
  initiator.tell({ type: "Close", polite: false });
  carry(initiator, responder);
  assert.deepEqual(commandsOf(responder), [packet(1)]);
  assert.deepEqual([downOf(initiator), downOf(responder)], ["closed", null]);

  const early = startEnd({ now: 0 }, configOf("initiator"));
  early.tell({ type: "Send", command: packet(1), id: 1 });
  early.tell({ type: "Close", polite: true });
  assert.deepEqual(sentOf(early), [[1, "session-down"]]);
  assert.equal(downOf(early), "closed");
});

test("what is sent before the session is up waits for it, in order", () => {
  const { initiator, responder } = connectedPair();
  for (let id = 0; id < 3; id++) initiator.tell({ type: "Send", command: packet(id), id });
  carry(initiator, responder);
  assert.deepEqual(commandsOf(responder), [0, 1, 2].map(packet));
});

test("secrets: when a session is down, each key that it held has been reported as consumed", () => {
  const { initiator, responder } = upPair();
  const keys = (end: typeof initiator): Uint8Array[] => {
    const { phase } = end.state();
    return phase.type === "up" ? [phase.send.key.slice(), phase.receiver.cipher.key.slice()] : [];
  };
  for (const end of [initiator, responder]) {
    const held = keys(end);
    assert.equal(held.length, 2);
    end.tell({ type: "Disconnected", reason: "reset" });
    for (const key of held) assert.ok(end.consumed.some((secret) => secret.join() === key.join()));
    assert.equal(end.consumed.some((secret) => secret.join() === end.config.staticPrivate.join()), false);
  }
});

test("[SPHINX-9.3-03] [WIRE-2.2-05] [WIRE-2.2-06] each command is under a key of its own, whose predecessor is consumed", () => {
  const { initiator, responder } = upPair();
  const sendKey = (): string => {
    const { phase } = initiator.state();
    return phase.type === "up" ? phase.send.key.join() : "";
  };
  const keys = [0, 1, 2].map((id) => {
    const key = sendKey();
    initiator.tell({ type: "Send", command: packet(id) });
    carry(initiator, responder);
    for (const end of [initiator, responder]) assert.ok(end.consumed.some((secret) => secret.join() === key));
    return key;
  });
  assert.equal(new Set(keys).size, 3);
});

test("Pause and Resume reach the driver once each, and only when up", () => {
  const { initiator } = upPair();
  for (const type of ["Pause", "Pause", "Resume", "Resume"] as const) initiator.tell({ type });
  const asked = initiator.effects.filter(({ type }) => type === "Pause" || type === "Resume").map(({ type }) => type);
  assert.deepEqual(asked, ["Pause", "Resume"]);
  const early = startEnd({ now: 0 }, configOf("initiator"));
  early.tell({ type: "Pause" });
  assert.equal(early.effects.some(({ type }) => type === "Pause"), false);
});
