/** One Poisson process: its distribution, and that nothing but its key decides on its instants. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { afterTurn, createPoisson, drawNext, reconcile } from "../../../core/client/poisson.ts";
import { after, mono } from "../../../core/machine.ts";

const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

/** `count` intervals in a row. */
const intervals = (rate: number, maxMs: number, count: number, byte: number): number[] => {
  const found: number[] = [];
  let process = drawNext(createPoisson(key(byte)), rate, maxMs, mono(0));
  for (let at = mono(0); found.length < count; at = process.dueAt!, process = afterTurn(process, at, at)) {
    found.push(process.dueAt! - at);
  }
  return found;
};

test("[DECOY-5-03] [DECOY-5-04] [DECOY-5-05] intervals are exponential by the Kolmogorov-Smirnov statistic", () => {
  const [rate, count] = [0.001, 10_000];
  const sorted = intervals(rate, 0, count, 1).sort((a, b) => a - b);
  // Whole milliseconds: the empirical distribution at t counts samples below t + 1.
  const distance = Math.max(...sorted.map((t, i) => Math.abs((i + 1) / count - (1 - Math.exp(-rate * (t + 1))))));
  // 1.95 / sqrt(n) is exceeded by one sample in a thousand; the ties of whole ms add at most the rate.
  assert.ok(distance < 1.95 / Math.sqrt(count) + rate, `distance ${distance}`);
});

test("a sample above the clamp is the clamp, as often as the distribution says", () => {
  const count = 5_000;
  const clamped = intervals(0.001, 2_000, count, 2);
  assert.equal(Math.max(...clamped), 2_000);
  const expected = count * Math.exp(-2);
  const atClamp = clamped.filter((ms) => ms === 2_000).length;
  // Five standard deviations: one seed in a million and a half.
  assert.ok(Math.abs(atClamp - expected) < 5 * Math.sqrt(expected * (1 - Math.exp(-2))), `${atClamp} for ${expected}`);
});

test("a process keeps its instant while its rate stays, and draws anew when the rate changes", () => {
  const running = reconcile(createPoisson(key(3)), 0.01, 0, mono(100));
  assert.ok(running.dueAt !== null && running.dueAt >= 100);
  assert.equal(reconcile(running, 0.01, 0, mono(5_000)), running);
  const other = reconcile(running, 0.02, 0, mono(5_000));
  assert.ok(other.dueAt! >= 5_000);
  assert.notDeepEqual(other.key, running.key);
});

test("a rate of 0 turns a process off", () => {
  const running = reconcile(createPoisson(key(4)), 0.01, 0, mono(0));
  const off = reconcile(running, 0, 0, mono(10));
  assert.equal(off.dueAt, null);
  assert.equal(reconcile(off, 0, 0, mono(20)), off);
  assert.equal(reconcile(off, Number.NaN, 0, mono(20)), off);
});

test("the instants follow from the key alone: a late turn shifts none of them", () => {
  fc.assert(fc.property(fc.array(fc.nat({ max: 900 }), { minLength: 1, maxLength: 30 }), (lates) => {
    let [onTime, late] = [0, 0].map(() => drawNext(createPoisson(key(5)), 0.002, 0, mono(0)));
    for (const lateMs of lates) {
      assert.equal(late!.dueAt, onTime!.dueAt);
      const due = onTime!.dueAt!;
      onTime = afterTurn(onTime!, due, due);
      late = afterTurn(late!, due, after(due, lateMs));
    }
  }));
});

test("turns missed in a sleep are not made up for", () => {
  const process = drawNext(createPoisson(key(6)), 0.002, 0, mono(0));
  const woken = after(process.dueAt!, 3_600_000);
  assert.ok(afterTurn(process, process.dueAt!, woken).dueAt! >= woken);
});
