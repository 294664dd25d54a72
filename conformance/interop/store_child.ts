/**
 * A store for a test to kill: tells on standard output what it has answered, line by line.
 *
 *     node --import tsx conformance/interop/store_child.ts FILE
 *
 * `had N T` first: commits found, and how many of them were found as replay tags as well. Then `N` for each commit and
 * its tag, both answered.
 *
 * @module
 */
import { writeSync } from "node:fs";
import process from "node:process";
import { openLmdbStore } from "../../adapters/store_lmdb.ts";
import type { StoreEvent } from "../../core/effects.ts";
import type { StoreEffect } from "../../adapters/store.ts";

const store = openLmdbStore(process.argv[2]!);
const perform = (effect: StoreEffect): Promise<StoreEvent> => new Promise((resolve) => store.perform(effect, resolve));

const say = (line: string): void => void writeSync(1, `${line}\n`);

const numbered = (number: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
};
const tagOf = (number: number): StoreEffect => ({
  type: "TestAndSetReplay",
  id: number,
  epoch: 7,
  tag: numbered(number, 32),
});
const outcomeOf = (event: StoreEvent): string => (event.type === "ReplayTested" ? event.outcome : event.type);

const found = await perform({ type: "Scan", id: 0, table: "numbers", after: null, limit: 1_000_000 });
if (found.type !== "Scanned") throw new Error(found.type);
const tags = await perform({ type: "Scan", id: 0, table: "replay/7", after: null, limit: 1_000_000 });
if (tags.type !== "Scanned") throw new Error(tags.type);
say(`had ${found.entries.length} ${tags.entries.length}`);
// What was told before must be replayed: the test says how many that are.
const told = Number(process.argv[3]);
for (const outcome of await Promise.all(Array.from({ length: told }, (_, number) => perform(tagOf(number))))) {
  if (outcomeOf(outcome) !== "replayed") say(`wrong: a tag was ${outcomeOf(outcome)} again`);
}

const one = async (number: number): Promise<void> => {
  const key = numbered(number, 4);
  const writes = [{ table: "numbers", key, value: numbered(number, 500) }];
  const [committed] = await Promise.all([
    perform({ type: "Commit", id: number, writes }),
    perform(tagOf(number)),
  ]);
  if (committed.type !== "Committed") say(`wrong: ${committed.type}`);
};
for (let number = Math.max(told, found.entries.length);; number += 4) {
  await Promise.all([0, 1, 2, 3].map((more) => one(number + more)));
  say(String(number + 4));
}
