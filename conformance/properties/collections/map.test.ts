/** The persistent map against the language's own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PersistentMap } from "../../../core/collections/map.ts";
import type { Key } from "../../../core/collections/tree.ts";
import { InvariantError } from "../../../core/machine.ts";
import { ascending, type Change, changes, checkTree, deepFreeze, keysOf, textOf } from "./fixture.ts";

type Model<K> = ReadonlyMap<K, number>;

const inOrder = <K extends Key>(model: Model<K>): Array<[K, number]> => [...model].sort(([a], [b]) => ascending(a, b));

const same = <K extends Key>(map: PersistentMap<K, number>, model: Model<K>): void => {
  const entries = inOrder(model);
  assert.equal(map.size, model.size);
  assert.equal(map.isEmpty(), model.size === 0);
  assert.deepEqual([...map], entries);
  assert.deepEqual([...map.entries()], entries);
  assert.deepEqual([...map.keys()], entries.map(([key]) => key));
  assert.deepEqual([...map.values()], entries.map(([, value]) => value));
  assert.equal(map.first(), entries[0]?.[1]);
  assert.equal(map.last(), entries.at(-1)?.[1]);
  assert.equal(map.lastKey(), entries.at(-1)?.[0]);
  checkTree(map.tree);
};

const modelAfter = <K extends Key>(
  model: Model<K>,
  change: Change,
  keys: ReadonlyArray<K>,
  value: number,
): Model<K> => {
  const next = new Map(model);
  for (const key of keys) change.what === "set" ? next.set(key, value) : next.delete(key);
  return next;
};

const after = <K extends Key>(
  map: PersistentMap<K, number>,
  change: Change,
  keys: ReadonlyArray<K>,
  value: number,
): PersistentMap<K, number> =>
  change.what === "delete" ? map.deleteAll(keys) : keys.reduce((all, key) => all.set(key, value), map);

const agrees = <K extends Key>(list: ReadonlyArray<Change>, keyOf: (number: number) => K): void => {
  let [map, model]: [PersistentMap<K, number>, Model<K>] = [PersistentMap<K, number>(), new Map()];
  const versions: Array<[PersistentMap<K, number>, Model<K>]> = [];
  for (const [value, change] of list.entries()) {
    deepFreeze(map);
    versions.push([map, model]);
    const keys = keysOf(change).map(keyOf);
    [map, model] = [after(map, change, keys, value), modelAfter(model, change, keys, value)];
    for (const key of keys) {
      assert.equal(map.get(key), model.get(key));
      assert.equal(map.get(key, null), model.get(key) ?? null);
      assert.equal(map.has(key), model.has(key));
    }
  }
  versions.push([map, model]);
  for (const [version, then] of versions) same(version, then);
};

test("[FAULT-09] changes of numbers' values agree with a Map, and older versions stay as they were", () => {
  fc.assert(fc.property(changes, (list) => agrees(list, (key) => key)));
});

test("[FAULT-09] changes of texts' values agree with a Map: in the order of code units, in a tree that is not deep", () => {
  fc.assert(fc.property(changes, (list) => agrees(list, textOf)));
  fc.assert(fc.property(fc.array(fc.string({ unit: "binary" })), (texts) => {
    same(PersistentMap(texts.map((text, at) => [text, at])), new Map(texts.map((text, at) => [text, at])));
  }));
});

const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 400 }), { maxLength: 200 });
const filled = (keys: ReadonlyArray<number>): PersistentMap<number, number> =>
  PersistentMap(keys.map((key) => [key, key * key]));

test("sifting, mapping and looking through agree with arrays", () => {
  fc.assert(fc.property(numbers, fc.integer({ min: 1, max: 9 }), (keys, by) => {
    const map = filled(keys);
    const entries = [...map];
    const passes = (value: number, key: number): boolean => (value + key) % by === 0;
    const passing = entries.filter(([key, value]) => passes(value, key));
    same(map.filter(passes), new Map(passing));
    same(map.map((value, key) => value - key), new Map(entries.map(([key, value]) => [key, value - key])));
    assert.deepEqual(map.findEntry(passes), passing[0]);
    assert.equal(map.find(passes), passing[0]?.[1]);
    assert.equal(map.findKey(passes), passing[0]?.[0]);
    assert.equal(map.some(passes), passing.length > 0);
    assert.equal(map.every(passes), passing.length === entries.length);
    assert.equal(map.count(passes), passing.length);
    assert.deepEqual(map.reduce<number[]>((all, value, key) => [...all, key, value], []), entries.flat());
  }));
});

test("merging takes what both have from the function, or from the other", () => {
  fc.assert(fc.property(numbers, numbers, (a, b) => {
    const [mine, others] = [filled(a), filled(b).map((value) => -value)];
    same(mine.merge(others), new Map([...mine, ...others]));
    const both = mine.mergeWith((one, other, key) => one - 2 * other + key, others);
    same(
      both,
      new Map([...both.keys()].map((key) => [
        key,
        !mine.has(key) ? others.get(key)! : !others.has(key) ? mine.get(key)! : 3 * key * key + key,
      ])),
    );
    assert.equal(both.size, new Set([...a, ...b]).size);
  }));
});

test("what changes nothing returns the same map", () => {
  const map = filled([1, 2, 3]).set(4, NaN);
  assert.equal(map.set(2, 4), map);
  assert.equal(map.set(4, NaN), map);
  assert.equal(map.delete(9), map);
  assert.equal(map.deleteAll([9, 10]), map);
  assert.equal(map.filter(() => true), map);
  assert.equal(map.merge(filled([1, 3])), map);
  assert.equal(map.update(2, 0, (value) => value), map);
});

test("an update begins with what is given where there is no value, a value of undefined is one", () => {
  const map = PersistentMap<string, number | undefined>([["known", undefined]]);
  assert.equal(map.update("new", 6, (value) => value! + 1).get("new"), 7);
  assert.equal(map.update("known", 6, (value) => (value === undefined ? 1 : 2)).get("known"), 1);
  assert.deepEqual([map.has("known"), map.get("known", 3), map.get("new", 3)], [true, undefined, 3]);
});

test("names of the language's prototypes are keys like others", () => {
  const names = ["__proto__", "constructor", "hasOwnProperty", "toString"];
  const map = PersistentMap<string, string>();
  for (const name of names) assert.deepEqual([map.has(name), map.get(name)], [false, undefined]);
  assert.deepEqual([...PersistentMap(names.map((name) => [name, name])).keys()], [...names].sort());
});

test("a key that does not compare with the others is a bug of ours", () => {
  const map = PersistentMap<number | string, number>([[1, 1]]);
  assert.throws(() => map.set("1", 1), InvariantError);
  assert.throws(() => map.set(NaN, 1), InvariantError);
  assert.deepEqual([map.get("1"), map.has(NaN), map.delete("1") === map], [undefined, false, true]);
});

test("a hundred thousand entries are 4 levels deep at most, and leave none behind", () => {
  let map = PersistentMap<number, number>();
  for (let key = 0; key < 100_000; key++) map = map.set((key * 7_919) % 100_003, key);
  checkTree(map.tree);
  for (let key = 0; key < 100_003; key++) map = map.delete(key);
  assert.deepEqual([...map], []);
});
