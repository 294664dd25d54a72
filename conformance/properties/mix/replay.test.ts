/**
 * Replays at a node: exactly one copy of a packet is accepted, whatever else happens at the time, and none without a
 * record of its tag.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoreEvent, TestAndSetReplay } from "../../../core/effects.ts";
import { createStore } from "../../sim/store.ts";
import {
  assertConserved,
  createDriver,
  createRunning,
  documentOf,
  dropped,
  firstEpoch,
  forwardTo,
  packetOf,
  periodMs,
} from "./fixture.ts";

const tag = new Uint8Array(32).fill(3);

type Mix = ReturnType<typeof createRunning>;

/** The oldest packet in unwrapping turns out to have this tag, under the key of an epoch. */
const unwrapped = (mix: Mix, epoch: number, replayTag = tag): void => {
  const unwrap = mix.unwraps.shift()!;
  const { id } = unwrap;
  const packet = packetOf(unwrap);
  const commands = forwardTo("b1", 5000);
  mix.tell({
    type: "Unwrapped",
    id,
    result: { ok: true, epoch, replayTag: replayTag.slice(), commands, packet, payload: null },
  });
};

const tested = (mix: Mix, outcome: Extract<StoreEvent, { type: "ReplayTested" }>["outcome"]) => {
  const { id } = mix.storing.shift() as TestAndSetReplay;
  return mix.tell({ type: "ReplayTested", id, outcome });
};

test("[FAULT-10] of two copies that are unwrapped at the same time one is accepted, whichever comes back first", () => {
  for (const order of [[0, 1], [1, 0]]) {
    const mix = createRunning("a1");
    const session = mix.connectNode("p1");
    mix.send(session);
    mix.send(session);
    const { epoch } = mix.unwraps[0]!.keys[0]!;
    mix.unwraps.splice(0, 2, ...order.map((at) => mix.unwraps[at]!));
    unwrapped(mix, epoch);
    unwrapped(mix, epoch);
    // Both are with the store before it has answered for either.
    assert.equal(mix.storing.length, 2);
    assert.deepEqual(dropped(mix.flush()), ["replayed"]);
    assertConserved(mix);
  }
});

test("[FAULT-10] [REPLAY-4.3-01] a copy that comes after the boundary is a replay under the neighbouring epoch's key", () => {
  const mix = createRunning("a1", { elapsedMs: periodMs - 1000 });
  mix.document(documentOf(firstEpoch + 1));
  const session = mix.connectNode("p1");
  mix.send(session);
  const before = mix.unwraps[0]!.keys.map(({ epoch }) => epoch);
  assert.deepEqual(before, [firstEpoch, firstEpoch + 1]);
  unwrapped(mix, firstEpoch);
  assert.deepEqual(dropped(mix.flush()), []);
  mix.sleep(2000);
  mix.tick();
  mix.flush();
  mix.send(session);
  const { keys } = mix.unwraps.at(-1)!;
  assert.deepEqual(keys.map(({ epoch }) => epoch), [firstEpoch + 1, firstEpoch]);
  unwrapped(mix, firstEpoch);
  const test = mix.storing.find((effect): effect is TestAndSetReplay => effect.type === "TestAndSetReplay");
  assert.equal(test?.epoch, firstEpoch, "the tag is looked for under the key that fitted");
  assert.deepEqual(dropped(mix.flush()), ["replayed"]);
});

test("[FAULT-10] a node that starts again from its store knows the tags of the keys that it has", () => {
  const store = createStore();
  const accepted = (): boolean => {
    const life = createDriver("a1", {}, store);
    life.document(documentOf(firstEpoch));
    life.linkUp();
    life.send(life.connectNode("p1"));
    unwrapped(life, life.unwraps[0]!.keys[0]!.epoch);
    return dropped(life.flush()).length === 0;
  };
  assert.deepEqual([accepted(), accepted(), accepted()], [true, false, false]);
});

test("[FAULT-11] a packet whose tag finds no room is dropped by reason, which is logged once for each key", () => {
  const mix = createRunning("a1");
  const session = mix.connectNode("p1");
  const lines: string[] = [];
  for (const epoch of [firstEpoch, firstEpoch, firstEpoch + 1, firstEpoch, firstEpoch + 1]) {
    mix.send(session);
    unwrapped(mix, epoch);
    const effects = tested(mix, "full");
    assert.deepEqual(dropped(effects), ["replay-tags-full"]);
    for (const effect of effects) if (effect.type === "Log") lines.push(`${effect.level} ${effect.reason}`);
  }
  assert.deepEqual(lines, ["ERROR replay-tags-full", "ERROR replay-tags-full"]);
  // Packets under other keys, or of which the store knows the tag, are dealt with as ever.
  mix.send(session);
  unwrapped(mix, firstEpoch);
  assert.deepEqual(dropped(tested(mix, "replayed")), ["replayed"]);
  assertConserved(mix);
});

test("[FAULT-38] while the store fails packets are dropped by reason, and accepted again as soon as it does not", () => {
  const mix = createRunning("a1");
  const session = mix.connectNode("p1");
  for (const [outcome, drops] of [["failed", ["replay-store-failed"]], ["fresh", []]] as const) {
    mix.send(session);
    unwrapped(mix, firstEpoch);
    assert.deepEqual(dropped(tested(mix, outcome)), drops);
    assertConserved(mix);
  }
});
