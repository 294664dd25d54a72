/** What the simulator itself keeps of a run, oracles included, does not grow with its epochs. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isDeno } from "../house/runtimes.ts";

const epochs = 24;
/** Keys, documents and replay tags of the past have been dropped by the first of these. */
const [early, late] = [[10, 14], [epochs - 4, epochs]] as const;
/**
 * Outcomes of requests and the intervals of packets, which are judged in the end, and what the engine notes. A document
 * of an epoch that all keep is 300 KiB, the replay tags as texts that are trees of their digits 170 KiB.
 */
const growthMax = 100 * 1024;

interface Seen {
  readonly crash: string | null;
  readonly violations: ReadonlyArray<unknown>;
  readonly seen: ReadonlyArray<readonly [hops: number, bytes: number]>;
}

test(
  `[FAULT-46] a run of ${epochs} epochs keeps no more of each than its outcomes`,
  { skip: isDeno ? "it counts what Node's engine holds" : false },
  async (t) => {
    const child = fileURLToPath(new URL("./memory_child.ts", import.meta.url));
    const argv = ["--expose-gc", "--import", "tsx", child, String(epochs)];
    const { crash, violations, seen } = JSON.parse((await promisify(execFile)(process.execPath, argv)).stdout) as Seen;
    // The least of some, since what is under way varies.
    const least = ([from, until]: readonly [number, number]): number =>
      Math.min(...seen.slice(from, until).map(([, bytes]) => bytes));
    const growth = (least(late) - least(early)) / (late[0] - early[0]);
    t.diagnostic(`${Math.round(growth)} bytes an epoch, ${seen.at(-1)![0]} hops`);
    assert.deepEqual([crash, violations], [null, []]);
    assert.equal(seen.at(-1)![0] > 100 * epochs && least(early) > 1_000_000, true, "the heap is that of a network");
    assert.equal(growth < growthMax, true, `${growth} bytes an epoch`);
  },
);
