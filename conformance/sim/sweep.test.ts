/**
 * Many seeds under faults of their own: 20 in every run of the tests, 1,000 with SAMTPFOTE_LONG=1 (test:long), one in
 * ten of them with the real crypto suite and 50 KiB payloads. A seed that fails here is examined and shrunk by
 * `npx tsx cmd/sim.ts --replay SEED`, with the options that the message names.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { isDeno } from "../house/runtimes.ts";
import type { Configuration } from "./case.ts";
import { faultyConfiguration, runOf } from "./faulty_network.ts";
import { simulate } from "./simulation.ts";
import { smallNetwork } from "./small_network.ts";

const isLong = process.env["SAMTPFOTE_LONG"] === "1";
const firstSeed = 100;
/** Equal seeds have equal traces in both runtimes (simulation.test.ts): Deno looks at a few. */
const lastSeed = firstSeed + (isLong ? 1000 : isDeno ? 4 : 20);

/** With the real suite packets cost fifty times as much: the network is smaller. */
const configurationOf = (seed: number): Configuration => {
  if (seed % 10 !== 0) return { ...faultyConfiguration, seed };
  return { ...faultyConfiguration, seed, suite: "real", epochs: 1, layers: 1, authorities: 2 };
};

test(`[FAULT-23, FAULT-24, FAULT-25] ${lastSeed - firstSeed} seeds under faults: safe, and healed`, () => {
  for (let seed = firstSeed; seed < lastSeed; seed++) {
    const configuration = configurationOf(seed);
    const { crash, violations } = simulate({ ...runOf(configuration), faults: "swarm" });
    assert.deepEqual([crash, violations], [null, []], JSON.stringify(configuration));
  }
});

test("seeds without faults: nothing is dropped, lost or late", () => {
  const seeds = isLong ? 100 : 2;
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const { crash, violations } = simulate({ ...smallNetwork, seed });
    assert.deepEqual([crash, violations], [null, []], `seed ${seed}`);
  }
});
