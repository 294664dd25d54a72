/** Random numbers from a store of them: none is given twice, whatever the lengths. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fillRandom, systemRandom } from "../../../adapters/entropy.ts";
import { toHex } from "../../../core/bytes.ts";

test("no two draws share bytes, across the end of what was drawn at once and beyond its length", () => {
  const seen = new Set<string>();
  let pieces = 0;
  for (const length of [32, 64, 4096, 32, 4064, 4080, 5000, 32]) {
    for (let draw = 0; draw < 200; draw++) {
      const bytes = systemRandom.bytes(length);
      assert.equal(bytes.length, length);
      for (let at = 0; at + 16 <= length; at += 16) {
        seen.add(toHex(bytes.subarray(at, at + 16)));
        pieces++;
      }
    }
  }
  assert.equal(seen.size, pieces);
});

test("what was given out is the caller's alone", () => {
  const [first, second] = [new Uint8Array(32), new Uint8Array(32)];
  fillRandom(first);
  const before = toHex(first);
  fillRandom(second);
  assert.equal(toHex(first), before);
  assert.notEqual(first.buffer, second.buffer);
});
