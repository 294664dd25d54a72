/** The map and the set in order of arrival against the language's own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OrderedMap } from "../../../core/collections/ordered_map.ts";
import { PersistentSet } from "../../../core/collections/set.ts";
import { type Change, changes, deepFreeze, keysOf, textOf } from "./fixture.ts";

const same = (map: OrderedMap<string, number>, model: ReadonlyMap<string, number>): void => {
  assert.equal(map.size, model.size);
  assert.equal(map.isEmpty(), model.size === 0);
  assert.deepEqual([...map], [...model]);
  assert.deepEqual([...map.entries()], [...model]);
  assert.deepEqual([...map.keys()], [...model.keys()]);
  assert.deepEqual([...map.values()], [...model.values()]);
  assert.equal(map.first(), [...model.values()][0]);
};

const versionsOf = (list: ReadonlyArray<Change>) => {
  let [map, model] = [OrderedMap<string, number>(), new Map<string, number>()];
  const versions = [[map, model] as const];
  for (const [value, change] of list.entries()) {
    deepFreeze(map);
    model = new Map(model);
    for (const key of keysOf(change).map(textOf)) {
      map = change.what === "set" ? map.set(key, value) : map.delete(key);
      change.what === "set" ? model.set(key, value) : model.delete(key);
      assert.deepEqual([map.get(key), map.has(key)], [model.get(key), model.has(key)]);
    }
    versions.push([map, model]);
  }
  return versions;
};

test("[FAULT-09] an ordered map agrees with a Map, which is in order of arrival; older versions stay as they were", () => {
  fc.assert(fc.property(changes, (list) => {
    for (const [map, model] of versionsOf(list)) same(map, model);
  }));
});

test("what leaves an ordered map from its front agrees with arrays", () => {
  fc.assert(fc.property(changes, fc.nat({ max: 300 }), (list, n) => {
    const [map, model] = versionsOf(list).at(-1)!;
    const entries = [...model];
    same(map.skip(n), new Map(entries.slice(n)));
    const end = entries.findIndex(([, value]) => value >= n % 10);
    same(map.skipWhile((value) => value < n % 10), new Map(end < 0 ? [] : entries.slice(end)));
    same(map.filter((value) => value % 2 === n % 2), new Map(entries.filter(([, value]) => value % 2 === n % 2)));
    assert.equal(map.count((value) => value > n % 10), entries.filter(([, value]) => value > n % 10).length);
    assert.deepEqual(map.reduce<string[]>((all, _, key) => [...all, key], []), [...model.keys()]);
  }));
});

test("a new value leaves a key in its place; one that was deleted comes last; what changes nothing is the same", () => {
  const map = OrderedMap<string, number>([["b", 1], ["a", 2], ["c", 3]]);
  assert.deepEqual([...map.set("b", 9).keys()], ["b", "a", "c"]);
  assert.deepEqual([...map.delete("b").set("b", 9).keys()], ["a", "c", "b"]);
  assert.deepEqual([...map.update("a", 0, (value) => value + 1).update("d", 5, (value) => value + 1)], [
    ["b", 1],
    ["a", 3],
    ["c", 3],
    ["d", 6],
  ]);
  assert.deepEqual([map.set("a", 2), map.delete("z"), map.skip(0), map.filter(() => true)].map((one) => one === map), [
    true,
    true,
    true,
    true,
  ]);
});

test("[FAULT-09] a persistent set agrees with a Set", () => {
  fc.assert(fc.property(changes, (list) => {
    let [set, model] = [PersistentSet<string>(), new Set<string>()];
    for (const change of list) {
      deepFreeze(set);
      const before = [set, [...model]] as const;
      model = new Set(model);
      for (const key of keysOf(change).map(textOf)) {
        set = change.what === "set" ? set.add(key) : set.delete(key);
        change.what === "set" ? model.add(key) : model.delete(key);
        assert.equal(set.has(key), model.has(key));
      }
      assert.deepEqual([set.size, set.isEmpty(), set.first(), [...set]], [
        model.size,
        model.size === 0,
        [...model][0],
        [...model],
      ]);
      assert.deepEqual([...before[0]], before[1]);
      const even = (key: string): boolean => Number(key.at(-1)) % 2 === 0;
      assert.deepEqual([...set.filter(even)], [...model].filter(even));
    }
    assert.equal(set.add([...model][0] ?? "x") === set, model.size > 0);
  }));
});
