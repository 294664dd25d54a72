/** What hostile packets cost a node: a drop each, nothing kept, and nobody else's way longer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnwrapFailure } from "../../../core/effects.ts";
import {
  assertConserved,
  createRunning,
  documentOf,
  dropped,
  firstEpoch,
  forwardTo,
  keysOf,
  plan,
  told,
} from "./fixture.ts";

test("[FAULT-12] a packet that fails its MAC leaves no tag and nothing else; one that passes leaves one tag", () => {
  const mix = createRunning("a1");
  const session = mix.connectNode("p1");
  const failures: ReadonlyArray<UnwrapFailure> = ["short", "ad", "point", "mac", "commands", "payload"];
  for (let n = 0; n < 300; n++) {
    mix.send(session);
    const reason = failures[n % failures.length]!;
    const effects = mix.tell({ type: "Unwrapped", id: mix.unwraps.shift()!.id, result: { ok: false, reason } });
    assert.deepEqual(dropped(effects), [`unwrap-${reason}`]);
    assert.equal(effects.some(({ type }) => type === "TestAndSetReplay"), false);
  }
  assert.equal(mix.state().inspections.size, 0);
  assert.deepEqual(mix.storing, []);
  mix.send(session);
  const { id, keys } = mix.unwraps.shift()!;
  const replayTag = new Uint8Array(32);
  const result = { ok: true, epoch: keys[0]!.epoch, replayTag, commands: [], packet: null, payload: null } as const;
  const passed = mix.tell({ type: "Unwrapped", id, result });
  assert.equal(passed.filter(({ type }) => type === "TestAndSetReplay").length, 1);
  mix.flush();
  assertConserved(mix);
});

test("[FAULT-27] packets of every delay leave by their delays, not in the order in which they came", () => {
  const mix = createRunning("a1", { limits: { schedulerQueueSize: 100 } });
  const session = mix.connectNode("p1");
  for (const delayMs of [900, 0, 1, 500, 2 ** 32 - 1, 20_000, 20_001]) {
    mix.send(session);
    mix.unwrapped(forwardTo("b1", delayMs));
  }
  const phase = mix.state().links.byId.get(keysOf("b1").id)!.phase;
  assert.equal(phase.type, "up");
  if (phase.type !== "up") return;
  const left: number[] = [];
  for (const wait of [1, 499, 400, 19_100]) left.push(told(mix.advance(wait), phase.session).length);
  assert.deepEqual(left, [2, 1, 1, 1]);
  assert.equal(mix.state().tally.dropped.get("delay-too-long"), 2);
  assertConserved(mix);
});

test("[FAULT-47] a link whose peer never reads keeps its own packets back, and no other's", () => {
  const mix = createRunning("a1");
  const session = mix.connectNode("p1");
  const sessionOf = (name: string): string => {
    const { phase } = mix.state().links.byId.get(keysOf(name).id)!;
    return phase.type === "up" ? phase.session : "";
  };
  const [wedged, well] = [sessionOf("b1"), sessionOf("b2")];
  for (let n = 0; n < 200; n++) {
    mix.send(session);
    mix.unwrapped(forwardTo(n % 2 === 0 ? "b1" : "b2", 1));
    const effects = mix.advance(1);
    // The wedged session says nothing of any of its packets; the other one is done with each at once.
    assert.equal(told(effects, n % 2 === 0 ? wedged : well).length, 1);
    const [send] = told(effects, well);
    if (send?.type === "Send") mix.report(well, { type: "Sent", id: send.id!, dropped: null });
  }
  assert.equal(mix.state().tally.forwarded, 100);
  mix.report(wedged, { type: "Down", reason: "write-timeout" });
  assert.equal(mix.state().tally.dropped.get("session-closed"), 100);
  assert.equal(mix.state().sending.size, 0);
  assertConserved(mix);
});

test("[FAULT-18] a frame that does not decrypt is one drop, and its connection is told", () => {
  const mix = createRunning("a1");
  const session = mix.connectNode("p1");
  mix.send(session);
  const { id } = mix.unwraps.shift()!;
  const effects = mix.tell({ type: "Unwrapped", id, result: { ok: false, reason: "frame" } });
  assert.deepEqual(dropped(effects), ["unwrap-frame"]);
  assert.deepEqual(told(effects, session), [{ type: "Opened", bytes: null }]);
  assertConserved(mix);
});

test("a command as long as a packet goes back to its connection, if that is still there", () => {
  const provider = createRunning("p1");
  const session = provider.connectNode("c1");
  const command = new Uint8Array(9).fill(3);
  for (const isThere of [true, false]) {
    provider.send(session);
    const { id } = provider.unwraps.shift()!;
    if (!isThere) provider.report(session, { type: "Down", reason: "peer-closed" });
    const effects = provider.tell({ type: "Unwrapped", id, result: { ok: false, reason: "command", command } });
    assert.deepEqual(dropped(effects), ["unwrap-command"]);
    assert.deepEqual(told(effects, session), isThere ? [{ type: "Opened", bytes: command }] : []);
  }
  assertConserved(provider);
});

test("a packet that is refused before it is unwrapped is not opened either, and its frame's key is consumed", () => {
  const mix = createRunning("a1");
  const session = mix.connectNode("p1");
  mix.document(documentOf(firstEpoch, { layers: plan.layers, providers: ["p2"] }));
  mix.consumed.length = 0;
  assert.deepEqual(dropped(mix.send(session)), ["peer-not-listed"]);
  assert.equal(mix.unwraps.length, 0);
  assert.equal(mix.consumed.length, 1);
  assertConserved(mix);
});
