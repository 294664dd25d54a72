/** What the tests of the collections share: runs of changes, the shape of trees, frozen versions. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Key, Tree } from "../../../core/collections/tree.ts";

/** Many keys at once, so that nodes fill up, split, run empty and join. */
export interface Change {
  readonly what: "set" | "delete";
  readonly from: number;
  readonly count: number;
  readonly step: number;
}

const change: fc.Arbitrary<Change> = fc.record({
  what: fc.constantFrom("set", "delete"),
  from: fc.integer({ min: -50, max: 700 }),
  count: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 250 })),
  step: fc.constantFrom(-3, -1, 1, 2, 7),
});

export const changes = fc.array(change, { maxLength: 25 });

export const keysOf = ({ from, count, step }: Change): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, at) => from + at * step);

/** Text whose order is another than that of the numbers. */
export const textOf = (key: number): string => `conn/${key}`;

export const ascending = <K extends Key>(a: K, b: K): number => (a < b ? -1 : a > b ? 1 : 0);

/** Every node but the root is at least half full, all leaves are as deep, keys ascend and branch rightly. */
export const checkTree = <K extends Key, V>(tree: Tree<K, V>): void => {
  const check = (node: Tree<K, V>, isRoot: boolean): { readonly depth: number; readonly size: number } => {
    const { keys } = node;
    assert.equal(keys.length <= 32, true, "no node has more than 32 keys");
    assert.equal(isRoot || keys.length >= 16, true, "no node but the root has fewer than 16");
    assert.deepEqual(keys, [...keys].sort(ascending));
    if (node.children === null) {
      assert.equal(node.values.length, keys.length);
      assert.equal(node.size, keys.length);
      return { depth: 1, size: keys.length };
    }
    assert.equal(node.children.length >= 2, true, "a branch branches");
    assert.deepEqual(node.children.map((child) => child.keys[0]), keys);
    const below = node.children.map((child) => check(child, false));
    assert.equal(new Set(below.map(({ depth }) => depth)).size, 1, "leaves are as deep");
    assert.equal(node.size, below.reduce((sum, { size }) => sum + size, 0));
    return { depth: below[0]!.depth + 1, size: node.size };
  };
  const { depth, size } = check(tree, true);
  assert.equal(depth <= 1 + Math.max(0, Math.log(size / 2) / Math.log(16)), true, `${depth} levels for ${size}`);
};

export const deepFreeze = (value: unknown): void => {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const part of Object.values(value)) deepFreeze(part);
};
