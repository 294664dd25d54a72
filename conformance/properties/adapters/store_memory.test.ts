/**
 * The store in memory against a plain table.
 *
 * @module
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { compare } from "../../../core/bytes.ts";
import { replayTable, type StoreEvent, type StoreWrite } from "../../../core/effects.ts";
import type { Store, StoreEffect } from "../../../adapters/store.ts";
import { createMemoryStore } from "../../../adapters/store_memory.ts";

const perform = (store: Store, effect: StoreEffect): StoreEvent => {
  const answers: StoreEvent[] = [];
  store.perform(effect, (event) => answers.push(event));
  assert.equal(answers.length, 1);
  return answers[0]!;
};

const scanAll = (
  store: Store,
  table: string,
  limit: number,
): Array<{ readonly key: Uint8Array; readonly value: Uint8Array }> => {
  const all: Array<{ readonly key: Uint8Array; readonly value: Uint8Array }> = [];
  for (let after: Uint8Array | null = null;;) {
    const page = perform(store, { type: "Scan", id: 1, table, after, limit });
    assert.equal(page.type, "Scanned");
    const entries = page.type === "Scanned" ? page.entries : [];
    if (entries.length === 0) return all;
    all.push(...entries);
    after = entries.at(-1)!.key;
  }
};

const key = fc.uint8Array({ minLength: 0, maxLength: 3 });
const write = fc.record({ table: fc.constantFrom("a", "b"), key, value: fc.option(fc.uint8Array({ maxLength: 4 })) });

test("any writes leave what a plain table would hold, in bytewise order, in pages of any size", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(write, { maxLength: 5 }), { maxLength: 20 }),
      fc.integer({ min: 1, max: 7 }),
      (commits, limit) => {
        const store = createMemoryStore({ bytesMax: 1 << 20 });
        const model = new Map<string, StoreWrite>();
        for (const writes of commits) {
          assert.deepEqual(perform(store, { type: "Commit", id: 7, writes }), { type: "Committed", id: 7 });
          for (const one of writes) {
            if (one.table !== "a") continue;
            if (one.value === null) model.delete(String(one.key));
            else model.set(String(one.key), one);
          }
          scanAll(store, "a", limit);
        }
        const expected = [...model.values()].sort((a, b) => compare(a.key, b.key)).map(({ key, value }) => ({
          key,
          value,
        }));
        assert.deepEqual(scanAll(store, "a", limit), expected);
      },
    ),
    { numRuns: 100 },
  );
});

test("what a scan gives is the caller's: changing it does not change the store", () => {
  const store = createMemoryStore({ bytesMax: 1 << 20 });
  perform(store, { type: "Commit", id: 1, writes: [{ table: "t", key: Uint8Array.of(1), value: Uint8Array.of(2) }] });
  scanAll(store, "t", 10)[0]!.value.fill(9);
  assert.deepEqual(scanAll(store, "t", 10), [{ key: Uint8Array.of(1), value: Uint8Array.of(2) }]);
});

test("a full store refuses a commit whole, and takes deletions", () => {
  const store = createMemoryStore({ bytesMax: 1000 });
  const entry = (n: number): StoreWrite => ({ table: "t", key: Uint8Array.of(n), value: new Uint8Array(300) });
  assert.equal(perform(store, { type: "Commit", id: 1, writes: [entry(1)] }).type, "Committed");
  const refused = perform(store, { type: "Commit", id: 2, writes: [entry(2), entry(3)] });
  assert.deepEqual(refused, { type: "CommitFailed", id: 2, reason: "full" });
  assert.equal(scanAll(store, "t", 10).length, 1);
  assert.equal(perform(store, { type: "Commit", id: 3, writes: [{ ...entry(1), value: null }] }).type, "Committed");
  assert.equal(perform(store, { type: "Commit", id: 4, writes: [entry(2), entry(3)] }).type, "Committed");
});

test("a replay tag is fresh once in each epoch, until the epoch's table is dropped", () => {
  const store = createMemoryStore({ bytesMax: 1 << 20 });
  const tag = new Uint8Array(32).fill(3);
  const outcome = (epoch: number): unknown => {
    const answer = perform(store, { type: "TestAndSetReplay", id: 1, epoch, tag });
    return answer.type === "ReplayTested" ? answer.outcome : answer;
  };
  assert.deepEqual([outcome(1), outcome(1), outcome(2), outcome(1)], ["fresh", "replayed", "fresh", "replayed"]);
  assert.deepEqual(perform(store, { type: "DropTable", id: 9, table: replayTable(1) }), { type: "Committed", id: 9 });
  assert.deepEqual([outcome(1), outcome(2)], ["fresh", "replayed"]);
});

test("a tag for which there is no room is refused, so that its packet does not pass", () => {
  const store = createMemoryStore({ bytesMax: 100 });
  const answer = perform(store, { type: "TestAndSetReplay", id: 4, epoch: 1, tag: new Uint8Array(32) });
  assert.deepEqual(answer, { type: "ReplayTested", id: 4, outcome: "full" });
});

test("dropping a table gives its room back", () => {
  const store = createMemoryStore({ bytesMax: 500 });
  for (let n = 0; n < 10; n++) {
    const committed = perform(store, {
      type: "Commit",
      id: n,
      writes: [{ table: "t", key: Uint8Array.of(n), value: new Uint8Array(200) }],
    });
    assert.equal(committed.type, "Committed");
    perform(store, { type: "DropTable", id: n, table: "t" });
  }
});
