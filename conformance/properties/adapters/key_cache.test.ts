/** The cache of key objects: hits, the bound, and forgetting. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createKeyCache } from "../../../adapters/key_cache.ts";

const secret = (n: number) => new Uint8Array(32).fill(n);

/** A cache of three, and the secrets that were imported. */
const setUp = () => {
  const imported: string[] = [];
  const cache = createKeyCache(3, ["a", "b"], (kind, key) => {
    imported.push(`${kind}${key[0]}`);
    return `${kind}${key[0]}`;
  });
  return { cache, imported };
};

test("a key is imported once per kind", () => {
  const { cache, imported } = setUp();
  assert.equal(cache.get("a", secret(1)), "a1");
  assert.equal(cache.get("a", secret(1)), "a1");
  assert.equal(cache.get("b", secret(1)), "b1");
  assert.deepEqual(imported, ["a1", "b1"]);
});

test("one key too many drops the least recently used one", () => {
  const { cache, imported } = setUp();
  for (const n of [1, 2, 3, 1, 4]) cache.get("a", secret(n));
  assert.deepEqual(imported.splice(0), ["a1", "a2", "a3", "a4"]);
  for (const n of [1, 3, 4, 2]) cache.get("a", secret(n));
  assert.deepEqual(imported, ["a2"]);
});

test("a forgotten key is dropped in every kind, others stay", () => {
  const { cache, imported } = setUp();
  cache.get("a", secret(1));
  cache.get("b", secret(1));
  cache.get("a", secret(2));
  cache.forget(secret(1));
  imported.splice(0);
  cache.get("a", secret(2));
  cache.get("a", secret(1));
  cache.get("b", secret(1));
  assert.deepEqual(imported, ["a1", "b1"]);
});

test("a secret whose buffer was used again is another secret", () => {
  const { cache } = setUp();
  const reused = secret(1);
  cache.get("a", reused);
  reused.fill(2);
  assert.equal(cache.get("a", reused), "a2");
});
