/** The persistent list against arrays. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { List } from "../../../core/collections/list.ts";
import { checkTree, deepFreeze } from "./fixture.ts";

const same = (list: List<number>, model: ReadonlyArray<number>): void => {
  assert.equal(list.size, model.length);
  assert.equal(list.isEmpty(), model.length === 0);
  assert.deepEqual([...list], model);
  assert.deepEqual([...list.entries()], [...model.entries()]);
  assert.deepEqual([list.first(), list.last()], [model[0], model.at(-1)]);
  for (const index of [-1, 0, 1, model.length - 1, model.length]) assert.equal(list.get(index), model[index]);
  checkTree(list.tree);
};

const name = fc.constantFrom("push", "pop", "shift", "unshift", "set", "skip", "take", "slice", "concat");
const command = fc.tuple(name, fc.nat({ max: 120 }), fc.nat({ max: 120 }));

const apply = (list: List<number>, model: number[], [what, n, m]: readonly [string, number, number]) => {
  const more = Array.from({ length: n }, (_, at) => at);
  switch (what) {
    case "push":
      return [list.push(n), [...model, n]] as const;
    case "pop":
      return [list.pop(), model.slice(0, Math.max(0, model.length - 1))] as const;
    case "shift":
      return [list.shift(), model.slice(1)] as const;
    case "unshift":
      return [list.unshift(n), [n, ...model]] as const;
    case "set":
      return [list.set(n, m), model.map((item, at) => (at === n ? m : item))] as const;
    case "skip":
      return [list.skip(n), model.slice(n)] as const;
    case "take":
      return [list.take(n), model.slice(0, n)] as const;
    case "slice":
      return [list.slice(n, m), model.slice(n, m)] as const;
    default:
      return [list.concat(more), [...model, ...more]] as const;
  }
};

test("[FAULT-09] changes at both ends agree with arrays, and older versions stay as they were", () => {
  const start = fc.array(fc.integer(), { maxLength: 150 });
  fc.assert(fc.property(start, fc.array(command, { maxLength: 40 }), (items, commands) => {
    let [list, model] = [List(items), [...items]];
    const versions: Array<[List<number>, ReadonlyArray<number>]> = [];
    for (const one of commands) {
      deepFreeze(list);
      versions.push([list, model]);
      [list, model] = apply(list, model, one) as [List<number>, number[]];
    }
    versions.push([list, model]);
    for (const [version, then] of versions) same(version, then);
  }));
});

test("looking through agrees with arrays", () => {
  fc.assert(fc.property(fc.array(fc.nat({ max: 30 }), { maxLength: 90 }), fc.nat({ max: 30 }), (items, bound) => {
    const list = List(items);
    const is = (item: number): boolean => item >= bound;
    same(list.filter(is), items.filter(is));
    same(list.map((item) => item * 2), items.map((item) => item * 2));
    const index = items.findIndex((item) => !is(item));
    same(list.takeWhile(is), index < 0 ? items : items.slice(0, index));
    assert.equal(list.findIndex(is), items.findIndex(is));
    assert.equal(list.find(is), items.find(is));
    assert.equal(list.some(is), items.some(is));
    assert.equal(list.reduce((sum, item) => sum + item, 1), items.reduce((sum, item) => sum + item, 1));
  }));
});

test("an index that is none changes nothing, and names nothing", () => {
  const list = List([1, 2, 3]);
  for (const index of [-1, 3, 0.5, NaN]) {
    assert.deepEqual([list.set(index, 9) === list, list.get(index)], [true, undefined]);
  }
  assert.equal(list.take(3), list);
});

test("a queue that is never empty stays as small as what it holds", () => {
  let queue = List([0, 1, 2]);
  for (let item = 3; item < 50_000; item++) queue = queue.push(item).shift();
  same(queue, [49_997, 49_998, 49_999]);
});
