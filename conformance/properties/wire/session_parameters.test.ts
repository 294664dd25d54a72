/** What the two ends of a handshake may differ in, and what they may share. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toySuite } from "../noise/fixture.ts";
import { carry, configOf, connectedPair, downOf, type End, startEnd, upPair } from "./fixture.ts";

const receive = (end: End, bytes: Uint8Array): void => end.tell({ type: "Received", bytes });

test("[FAULT-18] a clock that is an hour off is told to the owner, and changes nothing else", () => {
  for (const offMs of [3_600_000, -3_600_000]) {
    const [a, b] = [startEnd({ now: offMs }, configOf("initiator")), startEnd({ now: 0 }, configOf("responder"))];
    a.tell({ type: "Connected", remote: "" });
    carry(a, b);
    const up = a.reports.find(({ type }) => type === "Up");
    assert.equal(up?.type === "Up" && up.clockSkewMs, offMs);
    assert.equal(b.state().phase.type, "up");
  }
});

test("[FAULT-18] whoever has our own static key is authorized by it like any other; a handshake replayed fails", () => {
  const same = new Uint8Array(32).fill(0x55);
  const own = upPair({ initiator: { staticPrivate: same }, responder: { staticPrivate: same } });
  const asked = own.responder.reports.find(({ type }) => type === "Authorize");
  assert.deepEqual(asked?.type === "Authorize" && asked.key, toySuite.x25519Public(same));

  // What an initiator has sent once is worth nothing to a responder that draws anew.
  const { initiator, responder } = connectedPair();
  const first = initiator.takeWrites()[0]!;
  receive(responder, first.slice());
  receive(initiator, responder.takeWrites()[0]!);
  initiator.tell({ type: "Allowed" });
  const third = initiator.takeWrites()[0]!;
  const again = startEnd({ now: 0 }, configOf("responder", { self: "again" }));
  receive(again, first.slice());
  receive(again, third);
  assert.equal(downOf(again), "noise-decrypt");
});
