/** A key and its replay tags go together, also when the process ends in the middle of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createStore, type StoreEffect } from "../../sim/store.ts";
import { createDriver, documentOf, firstEpoch, forwardTo, periodMs } from "./fixture.ts";

const keyOf = (epoch: number): Uint8Array => {
  const key = new Uint8Array(8);
  new DataView(key.buffer).setBigUint64(0, BigInt(epoch));
  return key;
};

/** A store whose process ends after some of the requests that destroy a key. */
const endingAfter = (requests: number) => {
  const inner = createStore();
  let [begun, left] = [false, requests];
  const perform = (effect: StoreEffect) => {
    begun ||= effect.type === "Commit" &&
      effect.writes.some(({ table, value }) => table === "mix-keys" && value?.length === 1);
    if (begun && left-- <= 0) return { type: "Committed", id: effect.id } as const;
    return inner.perform(effect);
  };
  return { inner, store: { ...inner, perform } };
};

const keyIsStored = (store: ReturnType<typeof createStore>): boolean => {
  const found = store.perform({ type: "Scan", id: 0, table: "mix-keys", after: keyOf(firstEpoch - 1), limit: 1 });
  assert.equal(found.type, "Scanned");
  return found.type === "Scanned" && found.entries[0]?.key[7] === keyOf(firstEpoch)[7];
};

test("[FAULT-10] [FAULT-46] a process that ends while a key is destroyed leaves no replay tags behind, and never the key without them", () => {
  for (const requests of [0, 1, 2, 3]) {
    const { inner, store } = endingAfter(requests);
    const mix = createDriver("a1", { elapsedMs: 0 }, store);
    mix.document(documentOf(firstEpoch));
    mix.send(mix.connectNode("p1"));
    mix.unwrapped(forwardTo("b1", 10), null, new Uint8Array(32).fill(7));
    const table = `replay/${firstEpoch}`;
    assert.equal(inner.sizes().get(table), 1);
    mix.advance(1.5 * periodMs);
    assert.equal(mix.state().keys.has(firstEpoch), false);
    assert.equal(inner.sizes().has(table), requests < 2, `${requests} of three requests`);
    const again = createDriver("a1", { elapsedMs: 1.5 * periodMs }, inner);
    again.flush();
    assert.equal(again.state().restoring, null, "it starts");
    assert.equal(again.state().keys.has(firstEpoch), false);
    assert.equal(inner.sizes().has(table), false, `after a restart, ${requests} of three requests`);
    assert.equal(keyIsStored(inner), false);
  }
});
