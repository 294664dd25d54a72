/**
 * Mix keys from their making to their end, with the step's own seeds and with what it wants wiped, which the driver of
 * the other tests leaves aside.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Effect } from "../../../core/effects.ts";
import { type Mono, mono, tick, wall } from "../../../core/machine.ts";
import { createNode } from "../../../core/mix/node.ts";
import type { NodeState } from "../../../core/mix/state.ts";
import { epochStart } from "../../../core/pki/epoch.ts";
import { deriveSeed } from "../../../core/random.ts";
import { createStore, type StoreEffect } from "../../sim/store.ts";
import { clock, configOf, firstEpoch, geometry, periodMs, suite } from "./fixture.ts";

const storeEffects = new Set(["Commit", "Scan", "DropTable", "TestAndSetReplay"]);
const isStoreEffect = (effect: Effect): effect is StoreEffect => storeEffects.has(effect.type);

/** A mix whose process has the given life's seeds, from the beginning of the first epoch on. */
const live = (life: number, store = createStore()) => {
  const forgotten: Uint8Array[] = [];
  const consumed: Uint8Array[] = [];
  const machine = createNode({ suite: { ...suite, forget: (secret) => void forgotten.push(secret) }, geometry });
  let [now, steps] = [0, 0];
  const context = () => ({
    now: mono(now),
    wall: wall(epochStart(clock, firstEpoch) + now),
    seed: deriveSeed(new Uint8Array(32).fill(life), `step ${steps++}`),
  });
  let state: NodeState;
  let wakeAt: Mono | null;
  const settle = (step: ReturnType<typeof machine.step>): void => {
    ({ state, wakeAt } = step);
    consumed.push(...step.consumed ?? []);
    for (const asked of step.effects.filter(isStoreEffect)) {
      settle(machine.step(context(), state, store.perform(asked)));
    }
  };
  settle(machine.start(context(), configOf("a1"), undefined));
  return {
    store,
    forgotten,
    consumed,
    keyOf: (epoch: number): Uint8Array | undefined => state.keys.get(epoch)?.privateKey,
    advance: (ms: number): void => {
      const until = now + ms;
      while (wakeAt !== null && wakeAt <= until) {
        now = wakeAt;
        settle(machine.step(context(), state, tick));
      }
      now = until;
    },
  };
};

test("[SPHINX-9.3-02] the old private key is wiped and forgotten when its grace is over, and none before", () => {
  const mix = live(1);
  const [first, second] = [mix.keyOf(firstEpoch)!, mix.keyOf(firstEpoch + 1)!];
  mix.advance(periodMs + periodMs / 10 - 1);
  assert.deepEqual([mix.consumed.includes(first), mix.forgotten.includes(first)], [false, false]);
  mix.advance(1);
  assert.equal(mix.keyOf(firstEpoch), undefined);
  assert.deepEqual([mix.consumed.includes(first), mix.forgotten.includes(first)], [true, true]);
  assert.deepEqual([mix.consumed.includes(second), mix.forgotten.includes(second)], [false, false]);
  assert.equal(mix.keyOf(firstEpoch + 1), second);
});

test("[REPLAY-3-03] keys that were kept in memory end with the process: the node comes back with others", () => {
  const before = live(1);
  const restarted = live(2, before.store);
  const elsewhere = live(2);
  for (const epoch of [firstEpoch, firstEpoch + 1, firstEpoch + 2]) {
    assert.deepEqual(restarted.keyOf(epoch), before.keyOf(epoch));
    assert.notEqual(elsewhere.keyOf(epoch), undefined);
    assert.notDeepEqual(elsewhere.keyOf(epoch), before.keyOf(epoch));
  }
});
