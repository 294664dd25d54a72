/** A set of replay tags is a set. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toHex, writeUint32 } from "../../core/bytes.ts";
import { createTagSet } from "./tag_set.ts";

/** Few, so that they come again; many begin alike and are sought from the same place. */
const tags = fc.tuple(fc.nat(3), fc.nat(40)).map(([first, last]) => {
  const tag = new Uint8Array(32);
  writeUint32(tag, 0, first);
  writeUint32(tag, 28, last);
  return tag;
});

test("a tag is there once it has been added, and is added once, while the set grows", () => {
  fc.assert(fc.property(fc.array(tags, { maxLength: 200 }), (added) => {
    const [set, texts] = [createTagSet(), new Set<string>()];
    for (const tag of added) {
      assert.equal(set.has(tag), texts.has(toHex(tag)));
      assert.equal(set.add(tag), !texts.has(toHex(tag)));
      texts.add(toHex(tag));
      assert.equal(set.size(), texts.size);
    }
    for (const tag of added) assert.equal(set.has(tag), true);
  }));
});
