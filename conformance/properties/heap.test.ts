/** The persistent heap against sorting. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { emptyHeap, type Heap, peek, pop, push } from "../../core/heap.ts";

const keys = fc.array(fc.integer({ min: -20, max: 20 }), { maxLength: 60 });

const fill = (from: ReadonlyArray<number>): Heap<number> =>
  from.reduce((heap, key, order) => push(heap, key, order), emptyHeap<number>());

const drain = <A>(heap: Heap<A>): Array<{ readonly key: number; readonly value: A }> => {
  const taken: Array<{ readonly key: number; readonly value: A }> = [];
  for (let first = peek(heap); first !== null; first = peek(heap)) {
    taken.push({ key: first.key, value: first.value });
    heap = pop(heap);
  }
  assert.equal(heap.size, 0);
  return taken;
};

/** A stable sort is what the heap has to be equal to: items of equal key leave in the order in which they came. */
const sorted = (from: ReadonlyArray<number>): Array<{ readonly key: number; readonly value: number }> =>
  from.map((key, value) => ({ key, value })).sort((a, b) => a.key - b.key || a.value - b.value);

test("items leave in the order of their keys, those of equal key in the order in which they came", () => {
  fc.assert(fc.property(keys, (from) => assert.deepEqual(drain(fill(from)), sorted(from))));
});

test("pushes and pops in any order agree with a sorted list, and older versions stay as they were", () => {
  const commands = fc.array(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant("pop" as const)), { maxLength: 80 });
  fc.assert(fc.property(commands, (list) => {
    let heap = emptyHeap<number>();
    let model: Array<{ key: number; value: number }> = [];
    const versions: Array<[Heap<number>, typeof model]> = [];
    for (const [order, command] of list.entries()) {
      versions.push([heap, model]);
      if (command === "pop") {
        heap = pop(heap);
        model = model.slice(1);
      } else {
        heap = push(heap, command, order);
        model = [...model, { key: command, value: order }].sort((a, b) => a.key - b.key || a.value - b.value);
      }
      assert.equal(heap.size, model.length);
      assert.equal(peek(heap)?.value, model[0]?.value);
    }
    for (const [old, then] of versions) assert.deepEqual(drain(old), then);
  }));
});

test("an empty heap stays empty", () => {
  assert.equal(peek(pop(emptyHeap())), null);
  assert.equal(pop(emptyHeap()).size, 0);
});

test("a heap filled in order, of which one item has all others as children, is drained without deep recursion", () => {
  const count = 100_000;
  const taken = drain(fill(Array.from({ length: count }, (_, i) => i)));
  assert.equal(taken.length, count);
  assert.ok(taken.every(({ value }, at) => value === at));
});
