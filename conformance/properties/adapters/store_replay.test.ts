/**
 * Replay tags in a file and the filter before them: exact whatever the filter says, few reads, bounded.
 *
 * @module
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { type TestAndSetReplay } from "../../../core/effects.ts";
import { stream } from "../../../core/random.ts";
import type { Store, StoreEffect } from "../../../adapters/store.ts";
import { createTagFilter } from "../../../adapters/store_filter.ts";
import { openLmdbStore } from "../../../adapters/store_lmdb.ts";
import { createReplayTables } from "../../../adapters/store_lmdb_replay.ts";
import type { Database } from "../../../adapters/store_lmdb_tables.ts";
import { createMemoryStore } from "../../../adapters/store_memory.ts";
import { perform, withFile } from "./store_fixture.ts";

const random = stream(new Uint8Array(32).fill(9));
const freshTags = (count: number): Uint8Array[] => Array.from({ length: count }, () => random.bytes(32));

const testOf = (epoch: number, tag: Uint8Array): TestAndSetReplay => ({
  type: "TestAndSetReplay",
  id: 1,
  epoch,
  tag: tag.slice(),
});

/** The outcomes of tags that are asked for at once: in one transaction. */
const outcomes = async (store: Store, epoch: number, tags: ReadonlyArray<Uint8Array>): Promise<string[]> =>
  (await Promise.all(tags.map((tag) => perform(store, testOf(epoch, tag)))))
    .map((event) => (event.type === "ReplayTested" ? event.outcome : event.type));

const all = (count: number, outcome: string): string[] => new Array<string>(count).fill(outcome);

const tag = fc.uint8Array({ minLength: 32, maxLength: 32 });

test("the filter knows every tag that it was given, at its capacity and far beyond it", () => {
  fc.assert(
    fc.property(fc.array(tag, { maxLength: 200 }), fc.integer({ min: 1, max: 100 }), tag, (tags, capacity, secret) => {
      const filter = createTagFilter(capacity, secret);
      for (const one of tags) filter.testAndAdd(one);
      for (const one of tags) assert.equal(filter.testAndAdd(one), true);
    }),
  );
});

test("at its capacity the filter takes one tag in a hundred for seen at most, and which ones its secret decides", () => {
  const capacity = 20_000;
  const filters = [1, 2].map((fill) => createTagFilter(capacity, new Uint8Array(32).fill(fill)));
  for (const one of freshTags(capacity)) for (const filter of filters) filter.testAndAdd(one);
  const taken = freshTags(1000).map((one) => filters.map((filter) => filter.testAndAdd(one)));
  // The stream and the secrets are fixed: about 6 are expected.
  for (const index of [0, 1]) assert.ok(taken.filter((by) => by[index]).length < 15, "false positives");
  assert.equal(taken.filter(([first, second]) => first && second).length, 0);
});

test("[FAULT-10] [REPLAY-3-02] [REPLAY-4.2-03] of copies of a packet in one transaction one is fresh; in later ones and lives none", () =>
  withFile(async (file) => {
    const tags = freshTags(300);
    for (let life = 0; life < 3; life++) {
      const store = openLmdbStore(file, { replayTagsMax: 1000 });
      const doubled = tags.flatMap((one) => [one, one]);
      const first = life === 0 ? tags.flatMap(() => ["fresh", "replayed"]) : all(600, "replayed");
      assert.deepEqual(await outcomes(store, 7, doubled), first);
      assert.deepEqual(await outcomes(store, 7, tags), all(300, "replayed"));
      await store.close();
    }
  }));

test("[FAULT-11] a key with as many tags as may be: replays are known, fresh ones refused, other keys served", async () => {
  const run = async (store: Store): Promise<void> => {
    const tags = freshTags(100);
    assert.deepEqual(await outcomes(store, 7, tags), all(100, "fresh"));
    const more = freshTags(50);
    assert.deepEqual(await outcomes(store, 7, [...more, ...tags, ...more]), [
      ...all(50, "full"),
      ...all(100, "replayed"),
      ...all(50, "full"),
    ]);
    assert.deepEqual(await outcomes(store, 8, more), all(50, "fresh"));
    await perform(store, { type: "DropTable", id: 2, table: "replay/7" });
    assert.deepEqual(await outcomes(store, 7, [...tags, ...more]), [...all(100, "fresh"), ...all(50, "full")]);
  };
  await run(createMemoryStore({ bytesMax: 1 << 20, replayTagsMax: 100 }));
  await withFile(async (file) => {
    const store = openLmdbStore(file, { replayTagsMax: 100 });
    await run(store);
    await store.close();
    const next = openLmdbStore(file, { replayTagsMax: 100 });
    await outcomes(next, 7, freshTags(1));
    // The filter is read, and the tags counted, in the turns after the first.
    for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(await outcomes(next, 7, freshTags(10)), all(10, "full"));
    await next.close();
  });
});

test("a transaction that fails has recorded nothing: its tags are fresh, and do not count", () =>
  withFile(async (file) => {
    const store = openLmdbStore(file, { replayTagsMax: 10 });
    const tags = freshTags(5);
    const broken: StoreEffect = {
      type: "Commit",
      id: 1,
      writes: [{ table: "t", key: new Uint8Array(5000), value: new Uint8Array(1) }],
    };
    // What shares a transaction with the broken one is done again, each alone.
    const answers = await Promise.all([...tags.map((one) => testOf(7, one)), broken].map((one) => perform(store, one)));
    assert.deepEqual(answers.map(({ type }) => type), [...all(5, "ReplayTested"), "CommitFailed"]);
    assert.deepEqual(await outcomes(store, 7, [...tags, ...freshTags(6)]), [
      ...all(5, "replayed"),
      ...all(5, "fresh"),
      "full",
    ]);
    await store.close();
  }));

/** A store of one number for each key, as far as replay tables use lmdb's. */
const fakeDatabase = () => {
  const entries = new Map<string, Uint8Array>();
  const text = (key: Uint8Array): string => String.fromCharCode(...key);
  const seen = { reads: 0 };
  const database = {
    get: (key: Uint8Array) =>
      entries.get(text(key)) ?? (text(key).endsWith("next") ? Uint8Array.of(0, 0, 0, 1) : undefined),
    putSync: (key: Uint8Array, value: Uint8Array) => void entries.set(text(key), value),
    doesExist: (key: Uint8Array) => {
      seen.reads++;
      return entries.has(text(key));
    },
    getKeys: ({ start, end, limit }: { start: Uint8Array; end: Uint8Array; limit: number }) =>
      [...entries.keys()].filter((key) => key >= text(start) && key < text(end)).sort().slice(0, limit)
        .map((key) => Uint8Array.from(key, (char) => char.charCodeAt(0))),
  };
  return { seen, database: database as unknown as Database };
};

test("[REPLAY-4.2-02] a fresh tag needs no read; after a start tags are looked up until the filter has been read, in slices", () => {
  const { seen, database } = fakeDatabase();
  const tags = freshTags(5000);
  const first = createReplayTables(10_000);
  for (const one of tags) first.testAndSet(database, testOf(7, one));
  assert.ok(seen.reads < 50, `${seen.reads} reads`);
  const second = createReplayTables(10_000);
  const outcomeOf = (one: Uint8Array): string => {
    const event = second.testAndSet(database, testOf(7, one));
    return event.type === "ReplayTested" ? event.outcome : event.type;
  };
  let slices = 0;
  do {
    // Replays and fresh tags in between, before and behind what has been read.
    for (const one of tags.slice(slices * 100, slices * 100 + 20)) assert.equal(outcomeOf(one), "replayed");
    for (const one of freshTags(20)) assert.deepEqual([outcomeOf(one), outcomeOf(one)], ["fresh", "replayed"]);
    slices++;
  } while (second.loadSome(database));
  assert.equal(slices, 6);
  for (const one of tags) assert.equal(outcomeOf(one), "replayed");
  seen.reads = 0;
  // 5000 and 120 are there; what may still come is counted to the last.
  const more = freshTags(5000).map(outcomeOf);
  assert.deepEqual(more, [...all(4880, "fresh"), ...all(120, "full")]);
  assert.ok(seen.reads < 50, `${seen.reads} reads`);
});
