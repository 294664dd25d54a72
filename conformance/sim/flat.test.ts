/**
 * Nothing piles up: after many virtual epochs of the whole network each collection of each machine, found by walking
 * the states, has as many entries as after a few, and the heap does not grow. 100 epochs in every run, 1,000 with
 * SAMTPFOTE_LONG=1 (test:long).
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isDeno } from "../house/runtimes.ts";
import { census } from "./census.ts";
import { createFlatNetwork } from "./flat_network.ts";

const epochs = process.env["SAMTPFOTE_LONG"] === "1" ? 1000 : 100;
/** The network is in its stride by then: clients are connected, keys and documents of the past have been dropped. */
const settledAfter = 30;
/** Epochs at the end of a run whose collections are looked at. */
const watchedEpochs = 10;

/** What fills up over many epochs to a bound of its own: the messages that a client knows again (inbox.ts). */
const bounded: ReadonlyArray<{ readonly path: RegExp; readonly max: number }> = [
  { path: /\/retrieval\/seen$/, max: 512 },
  { path: /\/retrieval\/seen\/\* \(text\)$/, max: 512 * 64 },
];

/** What is under way varies: by some entries, and by the bytes of some packets. */
const slackOf = (path: string): number => (path.endsWith(")") ? 16_384 : 32);

test("the census sees an entry more in whatever field", () => {
  const state = { a: new Map([["x", [1]]]), b: { c: new Uint8Array(3) } };
  assert.deepEqual([...census(state)], [["/a", 1], ["/a/*", 1], ["/b/c (bytes)", 3]]);
});

const after = (count: number) => {
  const network = createFlatNetwork();
  for (let epoch = 0; epoch < count; epoch++) network.runEpoch(epoch, epoch >= count - watchedEpochs);
  return { most: network.most(), packets: network.packets() };
};

const sameInBoth = isDeno ? "equal runs have equal traces in both runtimes" : false;

test(
  `[FAULT-46] after ${epochs} epochs every collection has as many entries as after ${settledAfter}`,
  { skip: sameInBoth },
  (t) => {
    const [early, late] = [after(settledAfter), after(epochs)];
    const grown = [...late.most].filter(([path, count]) => {
      const known = bounded.find((one) => one.path.test(path));
      if (known !== undefined) return count > known.max;
      // One entry an epoch would be 70 more.
      return count > 2 * (early.most.get(path) ?? 0) + slackOf(path);
    });
    const growth = grown.map(([path, count]) => `${path}: ${early.most.get(path) ?? 0} then ${count}`);
    t.diagnostic(`${late.most.size} collections, ${late.packets} packets`);
    assert.deepEqual(growth, []);
    assert.equal(late.packets >= 100 * epochs, true, `${late.packets} packets`);
  },
);

type Moments = ReadonlyArray<readonly [number, number]>;

/** The least of three moments, since what is under way varies; at the middle epoch. */
const least = (moments: Moments): { readonly epoch: number; readonly bytes: number } => ({
  epoch: moments[1]![0],
  bytes: Math.min(...moments.map(([, bytes]) => bytes)),
});

test(
  `[FAULT-46] what is on the heap after ${epochs} epochs has grown by less than 1 KiB an epoch`,
  { skip: isDeno ? "it counts what Node's engine holds" : false },
  async (t) => {
    const child = fileURLToPath(new URL("./heap_child.ts", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", child, String(epochs)]);
    const { early, late, packets } = JSON.parse(stdout) as { early: Moments; late: Moments; packets: number };
    const [before, now] = [least(early), least(late)];
    const growth = (now.bytes - before.bytes) / (now.epoch - before.epoch);
    t.diagnostic(`${Math.round(growth)} bytes an epoch: ${JSON.stringify({ early, late })}`);
    assert.equal(packets >= 100 * epochs && before.bytes > 1_000_000, true, "the heap is that of a network");
    assert.equal(growth < 1024, true, `${growth} bytes an epoch`);
  },
);
