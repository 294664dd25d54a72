/**
 * The store in a file: against the store in memory, across lives of the file, and what it refuses to open.
 *
 * @module
 */
import { strict as assert } from "node:assert";
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import process from "node:process";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { open } from "lmdb";
import { type Commit, replayTable } from "../../../core/effects.ts";
import type { StoreEffect } from "../../../adapters/store.ts";
import { openLmdbStore } from "../../../adapters/store_lmdb.ts";
import { createMemoryStore } from "../../../adapters/store_memory.ts";
import { CommandError } from "../../../adapters/exit.ts";
import { isDeno } from "../../house/runtimes.ts";
import { root } from "../../house/sources.ts";
import { perform, withFile } from "./store_fixture.ts";

const put = (table: string, key: number, length: number): Commit => ({
  type: "Commit",
  id: key,
  writes: [{ table, key: Uint8Array.of(key >> 8, key), value: new Uint8Array(length).fill(key) }],
});

const key = fc.uint8Array({ minLength: 0, maxLength: 3 });
const table = fc.constantFrom("a", "ab", "replay/1");
/** Replay tags are written by TestAndSetReplay alone: a filter stands before them. */
const written = fc.constantFrom("a", "ab");
const id = fc.constant(5);
const effect: fc.Arbitrary<StoreEffect> = fc.oneof(
  fc.record({
    type: fc.constant("Commit" as const),
    id,
    writes: fc.array(fc.record({ table: written, key, value: fc.option(fc.uint8Array({ maxLength: 4 })) }), {
      maxLength: 4,
    }),
  }),
  fc.record({
    type: fc.constant("Scan" as const),
    id,
    table,
    after: fc.option(key),
    limit: fc.integer({ min: 1, max: 5 }),
  }),
  fc.record({ type: fc.constant("DropTable" as const), id, table }),
  fc.record({ type: fc.constant("TestAndSetReplay" as const), id, epoch: fc.constantFrom(1, 2), tag: key }),
);

test("any effects, with the file closed and opened in between, are answered as a store in memory answers", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(effect, { maxLength: 8 }), { maxLength: 6 }),
      (lives) =>
        withFile(async (file) => {
          const model = createMemoryStore({ bytesMax: 1 << 20 });
          for (const effects of lives) {
            const store = openLmdbStore(file);
            const copies = structuredClone(effects);
            const answers = await Promise.all(effects.map((one) => perform(store, one)));
            assert.deepEqual(answers, await Promise.all(copies.map((one) => perform(model, one))));
            await store.close();
          }
        }),
    ),
    { numRuns: 30 },
  );
});

test("a table that is dropped and written again in one transaction has what was written last, and keeps it", () =>
  withFile(async (file) => {
    const store = openLmdbStore(file);
    const scan: StoreEffect = { type: "Scan", id: 9, table: "t", after: null, limit: 9 };
    const drop: StoreEffect = { type: "DropTable", id: 2, table: "t" };
    await Promise.all([put("t", 1, 1), drop, put("t", 3, 3)].map((effect) => perform(store, effect)));
    const kept = { type: "Scanned", id: 9, entries: [{ key: Uint8Array.of(0, 3), value: Uint8Array.of(3, 3, 3) }] };
    assert.deepEqual(await perform(store, scan), kept);
    await store.close();
    const again = openLmdbStore(file);
    assert.deepEqual(await perform(again, scan), kept);
    await again.close();
  }));

test("closing answers what waits", () =>
  withFile(async (file) => {
    const store = openLmdbStore(file);
    const answer = perform(store, put("t", 1, 10));
    await store.close();
    assert.deepEqual(await answer, { type: "Committed", id: 1 });
  }));

test("a commit that lmdb cannot take fails whole and alone", () =>
  withFile(async (file) => {
    const store = openLmdbStore(file);
    const tooLong = { table: "t", key: new Uint8Array(5000), value: new Uint8Array(1) };
    const answers = await Promise.all([
      perform(store, put("t", 1, 10)),
      perform(store, { type: "Commit", id: 2, writes: [...put("t", 2, 10).writes, tooLong] }),
      perform(store, put("t", 3, 10)),
      perform(store, { type: "Scan", id: 4, table: "t", after: null, limit: 10 }),
    ]);
    assert.deepEqual(answers.map(({ type }) => type), ["Committed", "CommitFailed", "Committed", "Scanned"]);
    const scanned = answers[3]!;
    assert.deepEqual(scanned.type === "Scanned" && scanned.entries.map(({ key }) => key[1]), [1, 3]);
    await store.close();
  }));

test("a replay tag is fresh once, in whatever life of the file, until its epoch's table is dropped", () =>
  withFile(async (file) => {
    const tag = new Uint8Array(32).fill(3);
    const outcomes: string[] = [];
    for (let life = 0; life < 3; life++) {
      const store = openLmdbStore(file);
      const answers = await Promise.all(
        [1, 1, 2].map((epoch) => perform(store, { type: "TestAndSetReplay", id: 1, epoch, tag: tag.slice() })),
      );
      for (const answer of answers) outcomes.push(answer.type === "ReplayTested" ? answer.outcome : answer.type);
      if (life === 1) await perform(store, { type: "DropTable", id: 2, table: replayTable(1) });
      await store.close();
    }
    const replayed = ["replayed", "replayed", "replayed"];
    assert.deepEqual(outcomes, ["fresh", "replayed", "fresh", ...replayed, "fresh", "replayed", "replayed"]);
  }));

test("the entries of a dropped table are removed from the file, also by its next life", () =>
  withFile(async (file) => {
    const store = openLmdbStore(file);
    await Promise.all(Array.from({ length: 5000 }, (_, number) => perform(store, put("t", number, 10))));
    await perform(store, { type: "DropTable", id: 1, table: "t" });
    await store.close();
    const next = openLmdbStore(file);
    // Removal goes on turn by turn.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    await next.close();
    const database = open({ path: file, noSubdir: true, encoding: "binary", keyEncoding: "binary" });
    assert.equal(database.getKeysCount(), 2);
    await database.close();
  }));

const refused = (file: string, pattern: RegExp): void =>
  assert.throws(() => openLmdbStore(file), (error) => {
    assert.ok(error instanceof CommandError);
    assert.equal(error.code, 69);
    assert.ok(error.message.includes(file), error.message);
    assert.match(error.message, pattern);
    return true;
  });

test("a file of a newer format is refused by name", () =>
  withFile(async (file) => {
    await openLmdbStore(file).close();
    const database = open<Uint8Array, Uint8Array>({
      path: file,
      noSubdir: true,
      encoding: "binary",
      keyEncoding: "binary",
    });
    database.putSync(new TextEncoder().encode("\0\0\0\0version"), Uint8Array.of(0, 0, 0, 2));
    await database.close();
    refused(file, /version 2.*newer/);
  }));

test("a damaged file is refused by name, and left as it is", () =>
  withFile(async (file) => {
    const noise = new Uint8Array(100_000).map((_, at) => at * 7 + 1);
    for (const bytes of [noise, noise.subarray(0, 100), new Uint8Array(100_000)]) {
      writeFileSync(file, bytes);
      refused(file, /not a store|damaged/);
      assert.deepEqual(new Uint8Array(readFileSync(file)), new Uint8Array(bytes));
    }
  }));

test("a file that is cut off is refused by name", () =>
  withFile(async (file) => {
    const store = openLmdbStore(file);
    for (let number = 0; number < 50; number++) await perform(store, put("t", number, 10_000));
    await store.close();
    truncateSync(file, 16_384);
    refused(file, /cut off/);
    truncateSync(file, 4096);
    refused(file, /damaged/);
  }));

test("what is no file is refused by name", () =>
  withFile(async (file) => {
    mkdirSync(file);
    refused(file, /directory/);
    await Promise.resolve();
  }));

test("a file that another process has open is refused by name", () =>
  withFile(async (file) => {
    const store = openLmdbStore(file);
    await perform(store, put("t", 1, 10));
    const script = `
      const { openLmdbStore } = await import("./adapters/store_lmdb.ts");
      try { openLmdbStore(process.argv.at(-1)); console.log("opened"); } catch (error) { console.log(error.message); }
      process.exit(0);`;
    const before = isDeno ? ["eval", "--ext=ts", script] : ["--import", "tsx", "--input-type=module", "-e", script];
    const again = (): string => spawnSync(process.execPath, [...before, file], { cwd: root, encoding: "utf8" }).stdout;
    assert.match(again(), new RegExp(`cannot open the store .*the process ${process.pid} has it open`));
    await store.close();
    assert.equal(again(), "opened\n");
  }));
