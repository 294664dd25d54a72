/**
 * The clocks of the shell: suspension, steps backwards.
 *
 * @module
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { createClock, platformTime } from "../../../adapters/clock.ts";

const sources = (uptime: number | null) => {
  const at = { monotonic: 100, wall: 5000, uptime };
  return { at, clock: createClock({ monotonic: () => at.monotonic, wall: () => at.wall, uptime: () => at.uptime }) };
};

test("the monotonic clock follows the platform's", () => {
  const { at, clock } = sources(90_000);
  const start = clock.now();
  at.monotonic += 250;
  assert.equal(clock.now() - start, 250);
});

test("time in which the machine was suspended counts once it runs again", () => {
  const { at, clock } = sources(90_000);
  const start = clock.now();
  at.monotonic += 1500;
  at.uptime! += 1500 + 3_600_000;
  assert.equal(clock.now() - start, 1500 + 3_600_000);
  at.monotonic += 1500;
  at.uptime! += 1500;
  assert.equal(clock.now() - start, 3000 + 3_600_000);
});

test("an uptime in whole seconds is not taken for a suspension", () => {
  const { at, clock } = sources(90_000);
  const start = clock.now();
  for (let n = 0; n < 10; n++) {
    at.monotonic += 1100;
    at.uptime! += n % 2 === 0 ? 2000 : 200;
    clock.now();
  }
  assert.equal(clock.now() - start, 11_000);
});

test("steps backwards, of any source, are survived", () => {
  const { at, clock } = sources(90_000);
  at.monotonic = 10_000;
  const before = clock.now();
  at.monotonic = 9_000;
  at.uptime = 0;
  at.wall = 1;
  assert.equal(clock.now(), before);
  assert.equal(clock.wall(), 1);
  at.monotonic = 11_000;
  assert.ok(clock.now() > before);
});

test("a platform that does not tell its uptime has a clock all the same", () => {
  const { at, clock } = sources(null);
  const start = clock.now();
  at.monotonic += 5000;
  assert.equal(clock.now() - start, 5000);
});

test("the platform tells its times in ms", () => {
  assert.ok(Math.abs(platformTime.wall() - Date.now()) < 60_000);
  const up = platformTime.uptime();
  assert.ok(up === null || up > 1000);
});
