/** Epochs of a test network by how busy its machine is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { deadlineFor, dwellFor, longerPeriod, periodFor } from "../../../adapters/testnet/pace.ts";

test("epochs are 10 s where the processes load quickly, longer where they do not, and 60 s at most", () => {
  assert.deepEqual([1, 16_000, 16_001, 40_000, 90_000, 1_000_000].map(periodFor), [
    10_000,
    10_000,
    20_000,
    30_000,
    60_000,
    60_000,
  ]);
});

test("a network that begins anew has epochs twice as long, until they are the longest", () => {
  const periods = [10_000];
  for (let next = longerPeriod(10_000); next !== null; next = longerPeriod(next)) periods.push(next);
  assert.deepEqual(periods, [10_000, 20_000, 40_000, 60_000]);
});

test("packets may wait at each stage for 3 s, and longer where the machine is so slow that epochs are", () => {
  assert.deepEqual([2_000, 10_000, 20_000, 60_000].map(dwellFor), [3_000, 3_000, 6_000, 18_000]);
});

test("a network has 5 minutes, and 15 of its epochs where they are long", () => {
  assert.deepEqual([10_000, 20_000, 60_000].map(deadlineFor), [300_000, 300_000, 900_000]);
});
