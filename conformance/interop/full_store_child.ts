/**
 * A store in a process that may not write files beyond a size, for a test: what refuses a write here is nothing that
 * the file system would say beforehand, as with a quota.
 *
 *     node --import tsx conformance/interop/full_store_child.ts FILE
 *
 * Writes until it is refused, and goes on being refused; reads and deletes meanwhile; says so, and writes again once a
 * line came on standard input. Prints what was answered, by runs: `Committed 812`.
 *
 * @module
 */
import process from "node:process";
import { openLmdbStore } from "../../adapters/store_lmdb.ts";
import type { StoreEffect } from "../../adapters/store.ts";
import type { StoreEvent } from "../../core/effects.ts";

// The system's own word for a file that becomes too large; a quota sends none.
process.on("SIGXFSZ", () => {});

const store = openLmdbStore(process.argv[2]!);
const perform = (effect: StoreEffect): Promise<StoreEvent> => new Promise((resolve) => store.perform(effect, resolve));

const keyOf = (number: number): Uint8Array => Uint8Array.of(number >> 8, number);
const write = (number: number, value: Uint8Array | null): Promise<StoreEvent> =>
  perform({ type: "Commit", id: number, writes: [{ table: "t", key: keyOf(number), value }] });
const outcomeOf = (event: StoreEvent): string => (event.type === "CommitFailed" ? event.reason : event.type);

let [kept, refused] = [0, 0];
const reasons = new Set<string>();
for (; kept < 20_000 && refused < 300;) {
  const outcome = outcomeOf(await write(kept, new Uint8Array(3000).fill(kept)));
  if (outcome === "Committed") kept++;
  else {
    refused++;
    reasons.add(outcome);
  }
}
/** A tag is small: some may still find room. */
const recordUntilRefused = async (): Promise<string> => {
  for (let number = 0; number < 2000; number++) {
    const tag = new Uint8Array(32).fill(number, 0, 1).fill(number >> 8, 1);
    const event = await perform({ type: "TestAndSetReplay", id: 1, epoch: 1, tag });
    if (event.type !== "ReplayTested" || event.outcome !== "fresh") {
      return event.type === "ReplayTested" ? event.outcome : event.type;
    }
  }
  return "fresh";
};
const tag = await recordUntilRefused();
const deleted = outcomeOf(await write(0, null));
const found = await perform({ type: "Scan", id: 1, table: "t", after: null, limit: 65_536 });
const entries = found.type === "Scanned" ? found.entries.length : -1;
console.log(JSON.stringify({
  kept,
  refused: [...reasons],
  tag,
  deleted,
  entries,
}));
await new Promise((resolve) => process.stdin.once("data", resolve));
console.log(JSON.stringify({ again: outcomeOf(await write(kept, new Uint8Array(3000))) }));
await store.close();
process.exit(0);
