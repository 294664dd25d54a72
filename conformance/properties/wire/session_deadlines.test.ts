/** Every phase of a session has a deadline: a peer who stalls anywhere is hung up on, with the reason. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Command } from "../../../core/wire/commands.ts";
import {
  carry,
  commandsOf,
  configOf,
  connectedPair,
  deadlines,
  downOf,
  type End,
  startEnd,
  upPair,
} from "./fixture.ts";

const packet: Command = { type: "SendPacket", packet: new Uint8Array(500) };

/** Wakes a session at its only deadline, which is `ms` from 0, and not before. */
const expires = (end: End, clock: { now: number }, ms: number, reason: string): void => {
  assert.equal(end.wakeAt(), ms);
  clock.now = ms - 1;
  end.tell({ type: "Tick" });
  assert.equal(downOf(end), null);
  end.wake();
  assert.equal(downOf(end), reason);
  assert.equal(end.effects.filter(({ type }) => type === "Hangup").length, 1);
  assert.equal(end.reports.at(-1)!.type, "Down");
  assert.equal(end.wakeAt(), null);
};

const upPairFrame = (): Uint8Array => {
  const { initiator } = upPair();
  initiator.tell({ type: "Send", command: packet });
  return initiator.takeWrites()[0]!;
};

test("[FAULT-15] a dial that is not answered", () => {
  const clock = { now: 0 };
  expires(startEnd(clock, configOf("initiator")), clock, deadlines.dialMs, "dial-timeout");
});

test("a dial that failed: the driver's words are kept for people, there is nothing to hang up", () => {
  const end = startEnd({ now: 0 }, configOf("initiator"));
  assert.deepEqual(end.effects[0], { type: "Dial", addresses: ["peer:1"], timeoutMs: deadlines.dialMs });
  end.tell({ type: "DialFailed", reason: "refused" });
  assert.deepEqual(end.reports, [{ type: "Down", reason: "dial-failed", detail: "refused" }]);
  assert.equal(end.effects.some(({ type }) => type === "Hangup"), false);
});

test("[WIRE-2.1-06] [FAULT-15] a peer that stalls at any point of the handshake, the owner's answer included", () => {
  const { handshakeMs } = deadlines;
  const silent = { now: 0 };
  expires(startEnd(silent, configOf("responder")), silent, handshakeMs, "handshake-timeout");

  for (let stalledAfter = 1; stalledAfter <= 5; stalledAfter++) {
    const { clock, initiator, responder } = connectedPair();
    const steps = [
      () => responder.tell({ type: "Received", bytes: initiator.takeWrites()[0]! }),
      () => initiator.tell({ type: "Received", bytes: responder.takeWrites()[0]! }),
      () => initiator.tell({ type: "Allowed" }),
      () => responder.tell({ type: "Received", bytes: initiator.takeWrites()[0]! }),
    ];
    for (const step of steps.slice(0, stalledAfter - 1)) step();
    for (const end of [initiator, responder]) expires(end, clock, handshakeMs, "handshake-timeout");
  }
});

test("[FAULT-15] one byte at a time does not put off the handshake's deadline", () => {
  const clock = { now: 0 };
  const { initiator } = connectedPair();
  const first = initiator.takeWrites()[0]!;
  const responder = startEnd(clock, configOf("responder"));
  for (const byte of first.slice(0, 50)) {
    clock.now += deadlines.handshakeMs / 100;
    responder.tell({ type: "Received", bytes: Uint8Array.of(byte) });
    assert.equal(responder.wakeAt(), deadlines.handshakeMs);
  }
});

test("[WIRE-2.2-09] [FAULT-15] a peer that sends nothing while up", () => {
  const { clock, initiator, responder } = upPair();
  clock.now = 5_000;
  initiator.tell({ type: "Send", command: { type: "NoOp" } });
  carry(initiator, responder);
  expires(responder, clock, 5_000 + deadlines.idleMs, "idle-timeout");
});

test("[WIRE-2.2-09] [FAULT-15] a frame that does not come whole, though there is no idle deadline", () => {
  const length = upPairFrame().length;
  // Within the header, after it, and one byte short of the whole.
  for (const cut of [1, 19, 20, 300, length - 1]) {
    const { clock, initiator, responder } = upPair({ responder: { deadlines: { ...deadlines, idleMs: null } } });
    initiator.tell({ type: "Send", command: packet });
    clock.now = 20_000;
    responder.tell({ type: "Received", bytes: initiator.takeWrites()[0]!.slice(0, cut) });
    expires(responder, clock, 20_000 + deadlines.writeMs, "frame-timeout");
  }
});

test("[FAULT-15] a byte a minute does not put off a frame's deadline, in either role; a new frame has its own", () => {
  const longDeadlines = { ...deadlines, idleMs: null, writeMs: 600_000 };
  for (const reversed of [false, true]) {
    const pair = upPair({ initiator: { deadlines: longDeadlines }, responder: { deadlines: longDeadlines } });
    const { clock } = pair;
    const [sender, receiver] = reversed ? [pair.responder, pair.initiator] : [pair.initiator, pair.responder];
    for (const command of [{ type: "NoOp" } as const, { type: "GetConsensus", epoch: 1 } as const]) {
      sender.tell({ type: "Send", command });
    }
    const bytes = sender.takeWrites().map((write) => write.slice());
    // The first frame whole, and the beginning of the second.
    receiver.tell({ type: "Received", bytes: Uint8Array.from([...bytes[0]!, bytes[1]![0]!]) });
    for (let minute = 1; minute < 10; minute++) {
      clock.now = minute * 60_000;
      receiver.tell({ type: "Received", bytes: bytes[1]!.slice(minute, minute + 1) });
      assert.equal(receiver.wakeAt(), longDeadlines.writeMs);
    }
    receiver.tell({ type: "Received", bytes: bytes[1]!.slice(10) });
    assert.equal(receiver.wakeAt(), null);
    assert.equal(downOf(receiver), null);
  }
});

test("[FAULT-17] while reading is paused a frame has no deadline; it starts anew with Resume", () => {
  const { clock, initiator, responder } = upPair({ responder: { deadlines: { ...deadlines, idleMs: null } } });
  initiator.tell({ type: "Send", command: packet });
  responder.tell({ type: "Received", bytes: initiator.takeWrites()[0]!.slice(0, 300) });
  responder.tell({ type: "Pause" });
  assert.equal(responder.wakeAt(), null);
  clock.now = 100_000;
  responder.tell({ type: "Resume" });
  assert.equal(responder.wakeAt(), 100_000 + deadlines.writeMs);
});

test("without an idle deadline an up session waits for ever", () => {
  const { initiator } = upPair({ initiator: { deadlines: { ...deadlines, idleMs: null } } });
  assert.equal(initiator.wakeAt(), null);
});

test("while reading is paused the idle deadline rests; it starts anew with Resume", () => {
  const { clock, initiator } = upPair();
  initiator.tell({ type: "Pause" });
  assert.equal(initiator.wakeAt(), null);
  clock.now = 100_000;
  initiator.tell({ type: "Resume" });
  assert.equal(initiator.wakeAt(), 100_000 + deadlines.idleMs);
});

test("[FAULT-15] a peer that takes nothing of what is written, in the handshake, while up and while closing", () => {
  const clock = { now: 0 };
  const early = startEnd(clock, configOf("initiator", { deadlines: { ...deadlines, writeMs: 500 } }));
  early.flushes = false;
  early.tell({ type: "Connected", remote: "" });
  expires(early, clock, 500, "write-timeout");

  for (const polite of [null, true, false]) {
    const { clock: later, initiator } = upPair({ initiator: { deadlines: { ...deadlines, idleMs: null } } });
    initiator.flushes = false;
    later.now = 1_000;
    initiator.tell({ type: "Send", command: packet, id: 1 });
    if (polite !== null) initiator.tell({ type: "Close", polite });
    expires(initiator, later, 1_000 + deadlines.writeMs, "write-timeout");
    assert.deepEqual(initiator.reports.at(-2), { type: "Sent", id: 1, dropped: "session-down" });
  }
});

test("[FAULT-15] each write that is taken whole puts off the write deadline, a part of one does not", () => {
  const { clock, initiator } = upPair({ initiator: { deadlines: { ...deadlines, idleMs: null } } });
  initiator.flushes = false;
  initiator.tell({ type: "Send", command: packet });
  initiator.tell({ type: "Send", command: packet });
  const length = initiator.takeWrites()[0]!.length;
  clock.now = 1_000;
  initiator.tell({ type: "Flushed", length: length - 1 });
  assert.equal(initiator.wakeAt(), deadlines.writeMs);
  clock.now = 2_000;
  initiator.tell({ type: "Flushed", length: 1 });
  assert.equal(initiator.wakeAt(), 2_000 + deadlines.writeMs);
  clock.now = 3_000;
  initiator.tell({ type: "Flushed", length });
  assert.equal(initiator.wakeAt(), null);
});

test("[FAULT-51] a clock that runs backwards, or a machine that slept, ends nothing early and everything due", () => {
  const { clock, initiator, responder } = upPair();
  clock.now = -10_000;
  initiator.tell({ type: "Tick" });
  initiator.tell({ type: "Send", command: packet });
  carry(initiator, responder);
  assert.equal(downOf(initiator), null);
  assert.equal(commandsOf(responder).length, 1);
  clock.now = 10_000_000;
  responder.tell({ type: "Tick" });
  assert.equal(downOf(responder), "idle-timeout");
});
