/** The store in a thread of its own: as the store itself, and the event loop goes on while the disk works. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { openThreadStore } from "../../../adapters/store_thread.ts";
import { perform, withFile } from "./store_fixture.ts";

const replayTagsMax = 1000;
const tagOf = (number: number): Uint8Array => new Uint8Array(32).fill(number);

test("what is asked for in one turn takes place in its order, and each is answered once", () =>
  withFile(async (path) => {
    const store = await openThreadStore({ path, replayTagsMax });
    const outcomes = await Promise.all(
      [1, 2, 1].map((number, id) => perform(store, { type: "TestAndSetReplay", id, epoch: 1, tag: tagOf(number) })),
    );
    assert.deepEqual(outcomes.map((event) => event.type === "ReplayTested" && [event.id, event.outcome]), [
      [0, "fresh"],
      [1, "fresh"],
      [2, "replayed"],
    ]);
    await store.close();
  }));

test("a view of a larger buffer is stored as what it shows, and closing waits for what was given", () =>
  withFile(async (path) => {
    const store = await openThreadStore({ path, replayTagsMax });
    const bytes = Uint8Array.of(9, 9, 1, 2, 9).subarray(2, 4);
    let answered = 0;
    store.perform({ type: "Commit", id: 7, writes: [{ table: "t", key: bytes, value: bytes }] }, () => answered++);
    await store.close();
    assert.equal(answered, 1);
    const next = await openThreadStore({ path, replayTagsMax });
    const scanned = await perform(next, { type: "Scan", id: 8, table: "t", after: null, limit: 10 });
    assert.deepEqual(scanned, {
      type: "Scanned",
      id: 8,
      entries: [{ key: Uint8Array.of(1, 2), value: Uint8Array.of(1, 2) }],
    });
    await next.close();
  }));

test("a file that is no store is refused with its name and exit code 69", () =>
  withFile(async (path) => {
    writeFileSync(path, "not a store ".repeat(4096));
    await assert.rejects(openThreadStore({ path, replayTagsMax }), (error) => {
      assert.equal((error as { readonly code: unknown }).code, 69);
      assert.equal((error as Error).message.includes(path), true);
      return true;
    });
  }));
