/** The small network from many seeds: four in every run of the tests, a hundred with SAMTPFOTE_LONG=1 (test:long). */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { simulate } from "./simulation.ts";
import { smallNetwork } from "./small_network.ts";

const firstSeed = 100;
const seeds = process.env["SAMTPFOTE_LONG"] === "1" ? 100 : 4;

test(`${seeds} seeds of the small network: nothing crashes, nothing that must hold is violated`, () => {
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const { crash, violations } = simulate({ ...smallNetwork, seed });
    assert.deepEqual([crash, violations], [null, []], `seed ${seed}`);
  }
});
