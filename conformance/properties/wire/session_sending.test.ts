/** What an owner gives a session to send: order, lateness, bounds, and an answer for every command. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Command } from "../../../core/wire/commands.ts";
import { carry, commandsOf, configOf, downOf, sentOf, startEnd, upPair } from "./fixture.ts";

const packet = (fill: number): Command => ({ type: "SendPacket", packet: new Uint8Array(500).fill(fill) });

test("at most two writes are under way, so that lateness is judged when a command's turn comes", () => {
  const { clock, initiator } = upPair();
  initiator.flushes = false;
  for (let id = 0; id < 5; id++) initiator.tell({ type: "Send", command: packet(id), id, notAfter: 100 + id });
  const writes = initiator.takeWrites();
  assert.equal(writes.length, 2);
  clock.now = 103;
  initiator.tell({ type: "Flushed", length: writes[0]!.length });
  assert.deepEqual(sentOf(initiator), [[0, null], [2, "session-send-late"]]);
  assert.equal(initiator.takeWrites().length, 1);
  clock.now = 200;
  initiator.tell({ type: "Flushed", length: writes[0]!.length });
  assert.deepEqual(sentOf(initiator).slice(2), [[1, null], [4, "session-send-late"]]);
  assert.equal(initiator.takeWrites().length, 0);
});

test("one command too many is refused, late ones make room first", () => {
  const { clock, initiator } = upPair();
  initiator.flushes = false;
  for (let id = 0; id < 5; id++) initiator.tell({ type: "Send", command: packet(id), id, notAfter: 50 });
  initiator.tell({ type: "Send", command: packet(5), id: 5 });
  assert.deepEqual(sentOf(initiator), [[5, "session-queue-full"]]);
  clock.now = 51;
  initiator.tell({ type: "Send", command: packet(6), id: 6 });
  const late = [2, 3, 4].map((id) => [id, "session-send-late"]);
  assert.deepEqual(sentOf(initiator), [[5, "session-queue-full"], ...late]);
});

test("before the session is up the queue is as bounded, and what became late is dropped when it comes up", () => {
  const end = startEnd({ now: 0 }, configOf("initiator", { queueLength: 2 }));
  for (let id = 0; id < 3; id++) end.tell({ type: "Send", command: packet(id), id });
  assert.deepEqual(sentOf(end), [[2, "session-queue-full"]]);
  end.tell({ type: "DialFailed", reason: "refused" });
  assert.deepEqual(sentOf(end).slice(1), [[0, "session-down"], [1, "session-down"]]);
  assert.equal(end.reports.at(-1)!.type, "Down");
});

test("a queue of length 0 sends what the kernel takes at once", () => {
  const { initiator, responder } = upPair({ initiator: { queueLength: 0 } });
  initiator.tell({ type: "Send", command: packet(1), id: 1 });
  carry(initiator, responder);
  assert.deepEqual(sentOf(initiator), [[1, null]]);
});

test("a packet's memory is given back once: when it is sealed, or when it is not sent", () => {
  const { clock, initiator } = upPair({ initiator: { queueLength: 1 } });
  initiator.flushes = false;
  const packets: ReadonlyArray<Uint8Array> = [1, 2, 3, 4].map((fill) => new Uint8Array(500).fill(fill));
  const released = (): ReadonlyArray<number> =>
    initiator.effects.flatMap((effect) => effect.type === "Release" ? [packets.indexOf(effect.packet)] : []);
  packets.forEach((packet, id) =>
    initiator.tell({ type: "Send", command: { type: "SendPacket", packet }, id, notAfter: 9 })
  );
  // Two are under way, one waits, and for one there is no room.
  assert.deepEqual(released(), [0, 1, 3]);
  clock.now = 10;
  initiator.tell({ type: "Flushed", length: initiator.takeWrites()[0]!.length });
  assert.deepEqual(sentOf(initiator), [[3, "session-queue-full"], [0, null], [2, "session-send-late"]]);
  assert.deepEqual(released(), [0, 1, 3, 2]);
});

test("a command that cannot be encoded, and a Disconnect, are the caller's misuse: dropped, and the session goes on", () => {
  const { initiator, responder } = upPair();
  const invalid: ReadonlyArray<Command> = [
    { type: "RetrieveMessage", sequence: -1 },
    { type: "SendPacket", packet: new Uint8Array(1_048_576) },
    { type: "Disconnect" },
  ];
  invalid.forEach((command, id) => initiator.tell({ type: "Send", command, id }));
  initiator.tell({ type: "Send", command: packet(1), id: 9 });
  carry(initiator, responder);
  assert.deepEqual(sentOf(initiator), [...[0, 1, 2].map((id) => [id, "session-command-invalid"]), [9, null]]);
  assert.deepEqual(commandsOf(responder), [packet(1)]);
});

test("commands without an id are counted where they are not sent: packets as dropped, others by name", () => {
  const end = startEnd({ now: 0 }, configOf("initiator"));
  end.tell({ type: "Send", command: packet(1) });
  end.tell({ type: "Send", command: { type: "GetConsensus", epoch: 1 } });
  end.tell({ type: "Close", polite: false });
  const counted = end.effects.filter(({ type }) => type === "Drop" || type === "Count");
  assert.deepEqual(counted, [
    { type: "Drop", reason: "session-down" },
    { type: "Count", name: "session_not_sent", label: "session-down" },
  ]);
});

test("whatever happens, every id is answered exactly once, and what is said to be sent arrives in order", () => {
  const action = fc.oneof(
    { weight: 4, arbitrary: fc.record({ send: fc.integer({ min: -20, max: 200 }) }) },
    { weight: 3, arbitrary: fc.constant("flush" as const) },
    { weight: 2, arbitrary: fc.record({ pass: fc.nat(60) }) },
  );
  const end = fc.constantFrom("none", "polite", "break");
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), end, (actions, ending) => {
      const { clock, initiator, responder } = upPair();
      initiator.flushes = false;
      let ids = 0;
      const flush = (): void => {
        for (const bytes of initiator.takeWrites()) {
          responder.tell({ type: "Received", bytes });
          initiator.tell({ type: "Flushed", length: bytes.length });
        }
      };
      for (const one of actions) {
        if (one === "flush") flush();
        else if ("pass" in one) clock.now += one.pass;
        else {
          initiator.tell({ type: "Send", command: packet(ids & 255), id: ids, notAfter: clock.now + one.send });
          ids++;
        }
      }
      if (ending === "polite") initiator.tell({ type: "Close", polite: true });
      if (ending === "break") initiator.tell({ type: "Disconnected", reason: "" });
      while (ending !== "break" && initiator.state().outbox.underWay.length > 0) flush();
      const answers = sentOf(initiator);
      assert.deepEqual(answers.map(([id]) => id).toSorted((a, b) => a - b), Array.from({ length: ids }, (_, id) => id));
      const sent = answers.filter(([, dropped]) => dropped === null).map(([id]) => packet(id & 255));
      assert.deepEqual(commandsOf(responder).slice(0, sent.length), sent);
      if (ending !== "none") assert.notEqual(downOf(initiator), null);
    }),
    { numRuns: 60 },
  );
});
