/** The token bucket against what it promises: a burst at once, the rate in the long run, never more. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { mono } from "../../core/machine.ts";
import { type Bucket, fullBucket, spend } from "../../core/token_bucket.ts";

test("[KEYSERVER-5-02] a client may send a burst of 4 at once, then one packet per 60000/rate ms", () => {
  const limit = { ratePerMinute: 100, burst: 4 };
  let bucket: Bucket = fullBucket(mono(0), 4);
  const taken = (now: number): boolean => {
    const after = spend(limit, bucket, mono(now));
    bucket = after ?? bucket;
    return after !== null;
  };
  assert.deepEqual([0, 0, 0, 0, 0].map(taken), [true, true, true, true, false]);
  assert.deepEqual([599, 600, 600, 1199, 1200].map(taken), [false, true, false, false, true]);
  assert.deepEqual([600_000, 600_000, 600_000, 600_000, 600_000].map(taken), [true, true, true, true, false]);
});

test("a rate of 0 is no limit", () => {
  let bucket: Bucket | null = fullBucket(mono(0), 1);
  for (let i = 0; i < 100 && bucket !== null; i++) bucket = spend({ ratePerMinute: 0, burst: 1 }, bucket, mono(0));
  assert.notEqual(bucket, null);
});

test("in no span of time do more packets pass than the burst and the span's share of the rate", () => {
  const gaps = fc.array(fc.nat(2000), { maxLength: 80, size: "max" });
  fc.assert(
    fc.property(
      gaps,
      fc.integer({ min: 1, max: 600 }),
      fc.integer({ min: 1, max: 6 }),
      (list, ratePerMinute, burst) => {
        let [now, bucket]: [number, Bucket] = [0, fullBucket(mono(0), burst)];
        const passed: number[] = [];
        for (const gap of list) {
          now += gap;
          const after = spend({ ratePerMinute, burst }, bucket, mono(now));
          if (after !== null) passed.push(now);
          bucket = after ?? bucket;
        }
        for (const [i, from] of passed.entries()) {
          for (const [j, to] of passed.entries()) {
            if (j < i) continue;
            assert.ok(j - i + 1 <= burst + ((to - from) * ratePerMinute) / 60_000 + 1e-6);
          }
        }
      },
    ),
    { numRuns: 50 },
  );
});
