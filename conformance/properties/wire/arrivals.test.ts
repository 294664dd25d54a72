/** How often strangers may come: by address and in all, with half of all kept for those who have not come lately. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { mono } from "../../../core/machine.ts";
import { type Arrivals, arrive, noArrivals } from "../../../core/wire/arrivals.ts";
import { deepFreeze } from "../noise/fixture.ts";

const limits = { arrivalsPerMinute: 60, arrivalsPerMinuteInAll: 600 };

/** A door at which somebody comes from an address at a time. */
const createDoor = () => {
  let arrivals: Arrivals = noArrivals;
  return {
    size: () => arrivals.byAddress.size,
    come: (from: string, now: number) => {
      deepFreeze(arrivals);
      const arrived = arrive(arrivals, limits, from, mono(now));
      arrivals = arrived.arrivals;
      return arrived.refusal;
    },
  };
};

test("[MIXNET-4.1-07] [FAULT-16] an address may come with a quarter of a minute's handshakes at once, then by its rate", () => {
  const { come } = createDoor();
  const refusals = Array.from({ length: 20 }, () => come("a", 0));
  assert.deepEqual(refusals, Array.from({ length: 20 }, (_, at) => (at < 15 ? null : "address-rate")));
  assert.deepEqual([999, 1000, 1000].map((now) => come("a", now)), ["address-rate", null, "address-rate"]);
  assert.equal(come("b", 1000), null);
});

test("[MIXNET-4.1-07] [FAULT-16] addresses that come without end leave half of all handshakes to those that come once", () => {
  const { come } = createDoor();
  let [flooded, newcomers] = [0, 0];
  for (let now = 0; now < 60_000; now += 100) {
    for (let n = 0; n < 50; n++) flooded += come(`flood ${n}`, now) === null ? 1 : 0;
    if (now % 1000 === 0) assert.equal(come(`newcomer ${newcomers++}`, now), null, `at ${now} ms`);
  }
  assert.equal(flooded > 500 && flooded < 750, true, `${flooded} of the flood were let in`);
});

test("[FAULT-16] when all come too often even a newcomer is refused, until there is room again", () => {
  const { come } = createDoor();
  for (let n = 0; n < 150; n++) assert.equal(come(`address ${n}`, 0), null);
  assert.deepEqual([come("late", 0), come("late", 99), come("late", 100)], ["common-rate", "common-rate", null]);
});

test("[FAULT-16] whoever comes whenever: no span has more than the bursts and the rates, and what is kept is bounded", () => {
  const step = fc.record({ from: fc.nat(30), waitMs: fc.oneof(fc.constant(0), fc.nat(3000)) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 500, size: "max" }), (steps) => {
      const { come, size } = createDoor();
      const letIn: Array<{ readonly from: number; readonly at: number }> = [];
      let now = 0;
      for (const { from, waitMs } of steps) {
        now += waitMs;
        if (come(String(from), now) === null) letIn.push({ from, at: now });
      }
      const lately = letIn.filter(({ at }) => now - at < 60_000);
      assert.equal(size(), new Set(lately.map(({ from }) => from)).size);
      for (const first of letIn) {
        const since = letIn.filter(({ at }) => at >= first.at && at < first.at + 10_000);
        assert.equal(since.length <= 150 + 100, true);
        assert.equal(since.filter(({ from }) => from === first.from).length <= 15 + 10, true);
      }
    }),
    { numRuns: 50 },
  );
});
