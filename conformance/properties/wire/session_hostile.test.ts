/** The session machine with a hostile peer: each fault ends the session with its reason, and nothing else happens. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, fromHex, uint32 } from "../../../core/bytes.ts";
import { type CipherState, nonceLimit, seal } from "../../../core/noise/cipher_state.ts";
import { sealFrame } from "../../../core/wire/framing.ts";
import type { Command } from "../../../core/wire/commands.ts";
import { lowOrderPoints, nobleSuite, rightOf, toySuite } from "../noise/fixture.ts";
import {
  carry,
  commandsOf,
  configOf,
  connectedPair,
  downOf,
  type End,
  oneByteEach,
  startEnd,
  upPair,
} from "./fixture.ts";

const packet: Command = { type: "SendPacket", packet: new Uint8Array(500).fill(1) };

/** The cipher under which the peer of `end` sends now. */
const cipherTo = (end: End): CipherState => {
  const { phase } = end.state();
  assert.ok(phase.type === "up" || phase.type === "awaitingNoOp");
  return { key: phase.receiver.cipher.key.slice(), nonce: phase.receiver.cipher.nonce };
};

/** A command's bytes in a frame that is sealed as the peer would. */
const framed = (end: End, command: Uint8Array): Uint8Array =>
  concat(...rightOf(sealFrame(toySuite, cipherTo(end), [command])).pieces);

/** A frame's header that claims a length. */
const claiming = (end: End, length: number): Uint8Array => rightOf(seal(toySuite, cipherTo(end), uint32(length))).bytes;

const receive = (end: End, bytes: Uint8Array): void => end.tell({ type: "Received", bytes });

test("[WIRE-2.1-05] [FAULT-18] another protocol version: refused on its first byte", () => {
  for (const version of [1, 2, 0x16, 0xff]) {
    const { responder } = connectedPair();
    receive(responder, Uint8Array.of(version));
    assert.equal(downOf(responder), "bad-prologue");
    assert.deepEqual(responder.takeWrites(), []);
  }
});

test("[WIRE-2.1-04] [FAULT-18] garbage instead of a handshake message is refused in every phase", () => {
  const garbage = new Uint8Array(5000).fill(0xa5);
  const first = connectedPair();
  receive(first.initiator, garbage.slice());
  assert.equal(downOf(first.initiator), "noise-decrypt");

  const second = connectedPair();
  receive(second.responder, second.initiator.takeWrites()[0]!);
  receive(second.responder, garbage.slice());
  assert.equal(downOf(second.responder), "noise-decrypt");
});

test("[FAULT-01] a low-order ephemeral key in either direction is refused", () => {
  for (const text of lowOrderPoints.slice(0, 3)) {
    const point = fromHex(text)!;
    const real = connectedPair({ suites: [nobleSuite, nobleSuite] });
    const first = real.initiator.takeWrites()[0]!;
    const hostile = first.slice();
    hostile.set(point, 1);
    receive(real.responder, hostile);
    assert.equal(downOf(real.responder), "noise-point");

    const answering = startEnd({ now: 0 }, configOf("responder"), nobleSuite);
    receive(answering, first);
    const second = answering.takeWrites()[0]!;
    second.set(point);
    receive(real.initiator, second);
    assert.equal(downOf(real.initiator), "noise-point");
  }
});

test("the handshake cut off at any byte leaves a session that waits, or that says the peer closed", () => {
  const { responder, initiator } = connectedPair();
  const first = initiator.takeWrites()[0]!;
  for (const byte of oneByteEach(first).slice(0, -1)) {
    receive(responder, byte);
    assert.equal(responder.state().phase.type, "awaitingMessage1");
  }
  responder.tell({ type: "Disconnected", reason: "end" });
  assert.equal(downOf(responder), "peer-closed");
});

test("[WIRE-2.2-07] [FAULT-18] a frame with any bit changed is refused", () => {
  const length = 20 + 6 + 500 + 16;
  fc.assert(
    fc.property(fc.nat(length * 8 - 1), (bit) => {
      const { responder } = upPair();
      const frame = framed(responder, Uint8Array.from([2, 0, 0, 0, 1, 244, ...new Uint8Array(500)]));
      assert.equal(frame.length, length);
      frame[bit >> 3]! ^= 1 << (bit & 7);
      receive(responder, frame);
      assert.equal(downOf(responder), "decrypt");
      assert.deepEqual(commandsOf(responder), []);
    }),
    { numRuns: 40 },
  );
});

test("a replayed, a skipped and a reflected frame are refused", () => {
  const replayed = upPair();
  replayed.initiator.tell({ type: "Send", command: packet });
  const frame = replayed.initiator.takeWrites()[0]!;
  receive(replayed.responder, frame.slice());
  receive(replayed.responder, frame.slice());
  assert.equal(downOf(replayed.responder), "decrypt");

  const skipped = upPair();
  skipped.initiator.tell({ type: "Send", command: packet });
  skipped.initiator.tell({ type: "Send", command: packet });
  receive(skipped.responder, skipped.initiator.takeWrites()[1]!);
  assert.equal(downOf(skipped.responder), "decrypt");

  receive(replayed.initiator, frame);
  assert.equal(downOf(replayed.initiator), "decrypt");
});

test("[WIRE-2-02] [FAULT-13] a length below a tag, too long or of 4 GiB is refused before anything is kept", () => {
  for (const length of [0, 1, 15, 1000 + 17, 1_048_577, 0x7fffffff, 0xffffffff]) {
    const { responder } = upPair();
    receive(responder, claiming(responder, length));
    assert.equal(downOf(responder), "length", String(length));
    assert.equal(responder.state().inbox.length, 0);
  }
  for (const length of [16, 1000 + 16]) {
    const { responder } = upPair();
    receive(responder, claiming(responder, length));
    assert.equal(downOf(responder), null);
  }
});

test("[FAULT-13] a frame comes through alike wherever it is split, and nothing is told before it is whole", () => {
  const frameOf = (end: End): Uint8Array => framed(end, fromHex("100000000004" + "00000007" + "0000")!);
  const length = frameOf(upPair().responder).length;
  for (let at = 1; at < length; at++) {
    const { responder } = upPair();
    const frame = frameOf(responder);
    receive(responder, frame.slice(0, at));
    assert.deepEqual(commandsOf(responder), []);
    receive(responder, frame.slice(at));
    assert.deepEqual(commandsOf(responder), [{ type: "RetrieveMessage", sequence: 7 }]);
  }
});

/** Commands by id, with a body of a length that is right for each, but that of a message, which is longer. */
const commandBodies: ReadonlyArray<readonly [id: number, length: number]> = [
  [1, 0],
  [2, 500],
  [16, 4],
  [17, 100],
  [18, 8],
  [19, 100],
  [20, 100],
  [21, 1],
  [22, 100],
  [23, 1],
  [24, 40],
  [25, 100],
  [26, 1],
];

test("[FAULT-14] every command that is cut off at any length ends the session, and nothing is told", () => {
  for (const [id, length] of commandBodies) {
    const whole = Uint8Array.from([id, 0, 0, 0, length >> 8, length & 255, ...new Uint8Array(length)]);
    const cuts = whole.length < 60 ? [...whole.keys()] : [0, 1, 5, 6, 7, 13, 14, 45, 46, whole.length - 1];
    for (const cut of cuts) {
      const { responder } = upPair();
      receive(responder, framed(responder, whole.slice(0, cut)));
      assert.equal(downOf(responder), "malformed-command", `${id} cut at ${cut}`);
      assert.deepEqual(commandsOf(responder), []);
    }
  }
});

test("[FAULT-13] the longest command fits, one byte more does not", () => {
  for (const [length, reason] of [[994, null], [995, "length"]] as const) {
    const { initiator, responder } = upPair();
    initiator.tell({ type: "Send", command: { type: "SendPacket", packet: new Uint8Array(length) } });
    carry(initiator, responder);
    assert.equal(downOf(responder), reason);
    assert.equal(commandsOf(responder).length, reason === null ? 1 : 0);
  }
});

const malformed: ReadonlyArray<readonly [what: string, command: string, reason: string]> = [
  ["nothing at all", "", "malformed-command"],
  ["a cut header", "0000000000", "malformed-command"],
  ["a reserved byte that is set", "000100000000", "malformed-command"],
  ["a length beyond the end", "100000000005" + "00000000", "malformed-command"],
  ["a length of 4 GiB", "02" + "00ffffffff" + "00", "malformed-command"],
  ["padding that is not zero", "00000000000000000001", "malformed-command"],
  ["a body that is too short", "1200000000070000000000000000".slice(0, 26), "malformed-command"],
  ["a Disconnect with a body", "01000000000100", "malformed-command"],
  ["the first unknown id", "030000000000", "unknown-command"],
  ["the last unknown id", "ff0000000000", "unknown-command"],
  ["a command that the role does not send", "17" + "0000000001" + "00", "unexpected-command"],
];

for (const [what, command, reason] of malformed) {
  test(`[WIRE-2.2-08] [WIRE-2.2-01] [WIRE-2.2-02] [FAULT-14] ${what} ends the session: ${reason}`, () => {
    const { responder } = upPair();
    receive(responder, framed(responder, fromHex(command)!));
    assert.equal(downOf(responder), reason);
    assert.deepEqual(commandsOf(responder), []);
  });
}

test("zero padding after a command, and data in a NoOp, are taken", () => {
  const { responder } = upPair();
  receive(responder, framed(responder, fromHex("100000000004" + "00000007" + "000000000000")!));
  receive(responder, framed(responder, fromHex("00" + "0000000003" + "010203")!));
  assert.equal(downOf(responder), null);
  assert.deepEqual(commandsOf(responder), [{ type: "RetrieveMessage", sequence: 7 }]);
});

test("[WIRE-3.3-01] [FAULT-19] an initiator that is sent a packet ends the session, whatever it is to receive", () => {
  const { initiator, responder } = upPair();
  responder.tell({ type: "Send", command: packet });
  carry(initiator, responder);
  assert.equal(downOf(initiator), "unexpected-command");
  assert.deepEqual(commandsOf(initiator), []);
});

test("the initiator takes nothing but a NoOp first", () => {
  for (const command of ["010000000000", "130000000001" + "00", "100000000004" + "00000000"]) {
    const { initiator, responder } = connectedPair();
    receive(responder, initiator.takeWrites()[0]!);
    receive(initiator, responder.takeWrites()[0]!);
    initiator.tell({ type: "Allowed" });
    receive(initiator, framed(initiator, fromHex(command)!));
    assert.equal(downOf(initiator), "unexpected-command");
    assert.equal(initiator.reports.some(({ type }) => type === "Up"), false);
  }
});

test("[FAULT-17] while the owner considers, a peer may run ahead by one frame and no more", () => {
  const considering = (): { readonly initiator: End; readonly responder: End } => {
    const { initiator, responder } = connectedPair();
    receive(responder, initiator.takeWrites()[0]!);
    receive(initiator, responder.takeWrites()[0]!);
    initiator.tell({ type: "Allowed" });
    receive(responder, initiator.takeWrites()[0]!);
    return { initiator, responder };
  };
  const eager = considering();
  const { phase } = eager.initiator.state();
  assert.ok(phase.type === "awaitingNoOp");
  const { pieces } = rightOf(sealFrame(toySuite, phase.send, [fromHex("100000000004" + "00000007")!]));
  receive(eager.responder, concat(...pieces));
  assert.deepEqual(commandsOf(eager.responder), []);
  eager.responder.tell({ type: "Allowed" });
  assert.deepEqual(commandsOf(eager.responder), [{ type: "RetrieveMessage", sequence: 7 }]);

  const flooding = considering();
  receive(flooding.responder, new Uint8Array(20 + 1000 + 16));
  assert.equal(downOf(flooding.responder), null);
  receive(flooding.responder, new Uint8Array(1));
  assert.equal(downOf(flooding.responder), "length");
});

test("[FAULT-18] role confusion: two initiators, two responders, or one that meets itself never come up", () => {
  const clock = { now: 0 };
  const [a, b] = [startEnd(clock, configOf("initiator")), startEnd(clock, configOf("initiator", { self: "other" }))];
  for (const end of [a, b]) end.tell({ type: "Connected", remote: "" });
  carry(a, b);
  for (const end of [a, b]) {
    assert.notEqual(end.state().phase.type, "up");
    if (end.state().phase.type !== "down") end.wake();
    assert.ok(["handshake-timeout", "noise-decrypt"].includes(downOf(end)!));
  }

  const [c, d] = [startEnd(clock, configOf("responder")), startEnd(clock, configOf("responder", { self: "other" }))];
  carry(c, d);
  for (const end of [c, d]) {
    end.wake();
    assert.equal(downOf(end), "handshake-timeout");
  }

  const alone = startEnd(clock, configOf("initiator"));
  alone.tell({ type: "Connected", remote: "" });
  receive(alone, concat(...alone.takeWrites(), new Uint8Array(3000)));
  assert.equal(downOf(alone), "noise-decrypt");
});

test("a counter that has come to its end ends the session in either direction", () => {
  const { initiator, responder } = upPair();
  const atTheEnd = (end: End): End => {
    const { phase } = end.state();
    assert.ok(phase.type === "up");
    const receiver = { ...phase.receiver, cipher: { ...phase.receiver.cipher, nonce: nonceLimit } };
    const exhausted = { ...phase, send: { ...phase.send, nonce: nonceLimit }, receiver };
    return startEnd({ now: 0 }, end.config, toySuite, { ...end.state(), phase: exhausted });
  };
  const sender = atTheEnd(initiator);
  sender.tell({ type: "Send", command: packet, id: 1 });
  assert.equal(downOf(sender), "nonces-exhausted");
  assert.deepEqual(sender.reports.map(({ type }) => type), ["Sent", "Down"]);
  const receiver = atTheEnd(responder);
  receive(receiver, new Uint8Array(20));
  assert.equal(downOf(receiver), "nonces-exhausted");
});

test("[FAULT-16] a session that is aborted is down at once, whatever phase it is in and whatever waits", () => {
  const { initiator, responder } = connectedPair();
  const closing = upPair().responder;
  closing.flushes = false;
  closing.tell({ type: "Send", command: packet, id: 1 });
  closing.tell({ type: "Close", polite: true });
  for (const end of [initiator, responder, closing]) {
    end.tell({ type: "Abort" });
    assert.equal(downOf(end), "evicted");
    assert.equal(end.wakeAt(), null);
  }
  assert.deepEqual(closing.reports.at(-2), { type: "Sent", id: 1, dropped: "session-down" });
});

test("after the end no event of any kind does anything, but every Send with an id is answered", () => {
  const { responder } = upPair();
  responder.tell({ type: "Disconnected", reason: "reset" });
  const [reports, effects] = [responder.reports.length, responder.effects.length];
  receive(responder, new Uint8Array(100));
  responder.tell({ type: "Connected", remote: "" });
  responder.tell({ type: "DialFailed", reason: "" });
  responder.tell({ type: "Disconnected", reason: "" });
  responder.tell({ type: "Flushed", length: 10 });
  responder.tell({ type: "Allowed" });
  responder.tell({ type: "Denied", reason: "" });
  responder.tell({ type: "Close", polite: true });
  responder.tell({ type: "Abort" });
  responder.tell({ type: "Pause" });
  responder.tell({ type: "Resume" });
  responder.tell({ type: "Tick" });
  assert.deepEqual([responder.reports.length, responder.effects.length], [reports, effects]);
  responder.tell({ type: "Send", command: packet, id: 5 });
  assert.deepEqual(responder.reports.at(-1), { type: "Sent", id: 5, dropped: "session-down" });
  responder.tell({ type: "Send", command: packet });
  const released = { type: "Release", packet: packet.packet };
  assert.deepEqual(responder.effects.slice(-2), [{ type: "Drop", reason: "session-down" }, released]);
});

test("events in any order and of any content neither throw nor grow the state without bound", () => {
  const bytes = fc.uint8Array({ maxLength: 3000, size: "max" });
  const event = fc.oneof(
    bytes.map((received) => ({ type: "Received", bytes: received }) as const),
    fc.constantFrom(
      { type: "Connected", remote: "" } as const,
      { type: "DialFailed", reason: "" } as const,
      { type: "Allowed" } as const,
      { type: "Denied", reason: "" } as const,
      { type: "Tick" } as const,
      { type: "Pause" } as const,
      { type: "Resume" } as const,
      { type: "Close", polite: true } as const,
      { type: "Close", polite: false } as const,
      { type: "Disconnected", reason: "" } as const,
      { type: "Flushed", length: 700 } as const,
      { type: "Send", command: packet, id: 1 } as const,
    ),
  );
  const start = fc.constantFrom("initiator", "responder", "up-initiator", "up-responder");
  fc.assert(
    fc.property(start, fc.array(event, { maxLength: 12 }), (from, events) => {
      const role = from.endsWith("initiator") ? "initiator" : "responder";
      const end = from.startsWith("up") ? upPair()[role] : startEnd({ now: 0 }, configOf(role));
      end.flushes = false;
      for (const one of events) {
        end.tell(one);
        assert.ok(end.state().inbox.length <= 10_000);
        assert.ok(end.state().outbox.waiting.size <= end.config.queueLength);
      }
      const sends = events.filter(({ type }) => type === "Send").length;
      const { waiting, underWay } = end.state().outbox;
      const kept = waiting.size + underWay.filter(({ id }) => id !== null).length;
      assert.equal(end.reports.filter(({ type }) => type === "Sent").length + kept, sends);
    }),
    { numRuns: 150 },
  );
});
