/**
 * A persistent B+ tree: what the collections of this folder are made of. A change copies the nodes on one path and
 * shares all others, so that it costs O(log n) whatever the keys are.
 *
 * Keys are compared, never hashed: a peer that chooses keys (names, ids, digests) can neither make them collide nor
 * make the tree deep. Every node but the root holds `least` to `most` keys, so that its depth is at most
 * log(n) / log(16), 5 for a million entries.
 *
 * The keys of one tree are all numbers (but NaN), or all strings, which compare by code units. Trees are never changed
 * once made, and may be frozen.
 *
 * @module
 */
import { invariant } from "../machine.ts";

export type Key = string | number;

/** Keys ascend. `size` counts the entries below. */
export type Tree<K extends Key, V> = Leaf<K, V> | Branch<K, V>;

export interface Leaf<K extends Key, V> {
  readonly size: number;
  readonly keys: ReadonlyArray<K>;
  readonly values: ReadonlyArray<V>;
  readonly children: null;
}

interface Branch<K extends Key, V> {
  readonly size: number;
  /** The least key of each child. */
  readonly keys: ReadonlyArray<K>;
  readonly values: null;
  readonly children: ReadonlyArray<Tree<K, V>>;
}

const most = 32;
const least = most / 2;

const leaf = <K extends Key, V>(keys: ReadonlyArray<K>, values: ReadonlyArray<V>): Tree<K, V> => ({
  size: keys.length,
  keys,
  values,
  children: null,
});

const branch = <K extends Key, V>(children: ReadonlyArray<Tree<K, V>>): Tree<K, V> => {
  let size = 0;
  for (const child of children) size += child.size;
  return { size, keys: children.map(({ keys }) => keys[0]!), values: null, children };
};

const none: Tree<never, never> = leaf([], []);

export const emptyTree = <K extends Key, V>(): Tree<K, V> => none as unknown as Tree<K, V>;

/* Arrays, of which a copy differs in one place */

const withItem = <A>(items: ReadonlyArray<A>, at: number, item: A): ReadonlyArray<A> => {
  const copy = items.slice();
  copy[at] = item;
  return copy;
};

const withInserted = <A>(items: ReadonlyArray<A>, at: number, item: A): ReadonlyArray<A> => {
  const copy = new Array<A>(items.length + 1);
  for (let from = 0; from < at; from++) copy[from] = items[from]!;
  copy[at] = item;
  for (let from = at; from < items.length; from++) copy[from + 1] = items[from]!;
  return copy;
};

const withoutItem = <A>(items: ReadonlyArray<A>, at: number): ReadonlyArray<A> => {
  const copy = items.slice(1);
  for (let from = 0; from < at; from++) copy[from] = items[from]!;
  return copy;
};

/* Looking up */

/** Where the greatest key is that is not above `key`; -1 where all are. */
const placeOf = <K extends Key>(keys: ReadonlyArray<K>, key: K): number =>
  typeof key === "number"
    ? placeOfNumber(keys as ReadonlyArray<Key> as ReadonlyArray<number>, key)
    : placeOfText(keys as ReadonlyArray<Key> as ReadonlyArray<string>, key as string);

// Twice the same, since engines compile a comparison of one kind to fewer instructions.
const placeOfNumber = (keys: ReadonlyArray<number>, key: number): number => {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
};

const placeOfText = (keys: ReadonlyArray<string>, key: string): number => {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
};

/** The child that has the key, or would. */
const childOf = <K extends Key>(keys: ReadonlyArray<K>, key: K): number => Math.max(0, placeOf(keys, key));

export const lookUp = <K extends Key, V, D>(tree: Tree<K, V>, key: K, otherwise: D): V | D => {
  let node = tree;
  while (node.children !== null) node = node.children[childOf(node.keys, key)]!;
  const at = placeOf(node.keys, key);
  return at >= 0 && node.keys[at] === key ? node.values[at]! : otherwise;
};

/** The leaves, by ascending keys. */
export const leavesOf = <K extends Key, V>(tree: Tree<K, V>): ReadonlyArray<Leaf<K, V>> =>
  tree.children === null ? [tree] : tree.children.flatMap(leavesOf);

/** Not a generator: engines take twice as long for one. */
class Walk<K extends Key, V> {
  private readonly leaves: ReadonlyArray<Leaf<K, V>>;
  private readonly what: "keys" | "values" | "entries";
  private leaf: Leaf<K, V>;
  private number = 0;
  private at = 0;

  constructor(tree: Tree<K, V>, what: "keys" | "values" | "entries") {
    this.leaves = leavesOf(tree);
    this.what = what;
    this.leaf = this.leaves[0]!;
  }

  [Symbol.iterator](): Walk<K, V> {
    return this;
  }

  next(): IteratorResult<unknown, undefined> {
    if (this.at === this.leaf.size) {
      if (this.number + 1 >= this.leaves.length) return { done: true, value: undefined };
      this.leaf = this.leaves[++this.number]!;
      this.at = 0;
    }
    const { keys, values } = this.leaf;
    const at = this.at++;
    const value = this.what === "keys" ? keys[at] : this.what === "values" ? values[at] : [keys[at], values[at]];
    return { done: false, value };
  }
}

export type Walked<A> = IterableIterator<A, undefined>;

export const keysOf = <K extends Key, V>(tree: Tree<K, V>): Walked<K> => new Walk(tree, "keys") as Walked<K>;

export const valuesOf = <K extends Key, V>(tree: Tree<K, V>): Walked<V> => new Walk(tree, "values") as Walked<V>;

export const entriesOf = <K extends Key, V>(tree: Tree<K, V>): Walked<[K, V]> =>
  new Walk(tree, "entries") as Walked<[K, V]>;

/** The leaf of the least keys, or of the greatest; that of an empty tree is empty. */
export const edgeOf = <K extends Key, V>(tree: Tree<K, V>, side: "least" | "greatest"): Leaf<K, V> => {
  let node = tree;
  while (node.children !== null) node = node.children[side === "least" ? 0 : node.children.length - 1]!;
  return node;
};

/* Changing. Inside, a node may have one key too many or too few: its parent sees to it, `rooted` for the root. */

const halves = <K extends Key, V>(node: Tree<K, V>): ReadonlyArray<Tree<K, V>> => {
  const middle = node.keys.length >>> 1;
  return node.children === null
    ? [
      leaf(node.keys.slice(0, middle), node.values.slice(0, middle)),
      leaf(node.keys.slice(middle), node.values.slice(middle)),
    ]
    : [branch(node.children.slice(0, middle)), branch(node.children.slice(middle))];
};

/** Two neighbours, of which one has too few keys, as one node or as two even ones. */
const evened = <K extends Key, V>(left: Tree<K, V>, right: Tree<K, V>): ReadonlyArray<Tree<K, V>> => {
  const joined = left.children === null
    ? leaf([...left.keys, ...right.keys], [...left.values, ...right.values!])
    : branch([...left.children, ...right.children!]);
  return joined.keys.length > most ? halves(joined) : [joined];
};

const withChild = <K extends Key, V>(node: Branch<K, V>, at: number, child: Tree<K, V>): Tree<K, V> => {
  const { keys, children } = node;
  if (child.keys.length > most) return branch([...children.slice(0, at), ...halves(child), ...children.slice(at + 1)]);
  if (child.keys.length < least) {
    const from = Math.min(at, children.length - 2);
    const pair = from === at ? evened(child, children[at + 1]!) : evened(children[from]!, child);
    return branch([...children.slice(0, from), ...pair, ...children.slice(from + 2)]);
  }
  return {
    size: node.size - children[at]!.size + child.size,
    keys: child.keys[0] === keys[at] ? keys : withItem(keys, at, child.keys[0]!),
    values: null,
    children: withItem(children, at, child),
  };
};

const rooted = <K extends Key, V>(node: Tree<K, V>): Tree<K, V> => {
  if (node.keys.length > most) return branch(halves(node));
  return node.children?.length === 1 ? node.children[0]! : node;
};

const put = <K extends Key, V>(node: Tree<K, V>, key: K, value: V): Tree<K, V> => {
  const { keys } = node;
  if (node.children !== null) {
    const at = childOf(keys, key);
    const child = node.children[at]!;
    const changed = put(child, key, value);
    return changed === child ? node : withChild(node, at, changed);
  }
  const at = placeOf(keys, key);
  if (at < 0 || keys[at] !== key) {
    return leaf(withInserted(keys, at + 1, key), withInserted(node.values, at + 1, value));
  }
  return Object.is(node.values[at], value) ? node : leaf(keys, withItem(node.values, at, value));
};

const remove = <K extends Key, V>(node: Tree<K, V>, key: K): Tree<K, V> => {
  const { keys } = node;
  if (node.children !== null) {
    const at = childOf(keys, key);
    const child = node.children[at]!;
    const changed = remove(child, key);
    return changed === child ? node : withChild(node, at, changed);
  }
  const at = placeOf(keys, key);
  if (at < 0 || keys[at] !== key) return node;
  return leaf(withoutItem(keys, at), withoutItem(node.values, at));
};

/** The same tree if it has that value already. A key that does not compare with the others breaks an invariant. */
export const withEntry = <K extends Key, V>(tree: Tree<K, V>, key: K, value: V): Tree<K, V> => {
  const [other] = tree.keys;
  invariant(key === key && (other === undefined || typeof other === typeof key), "keys of one collection compare");
  return rooted(put(tree, key, value));
};

/** The same tree if it has no such key. */
export const withoutEntry = <K extends Key, V>(tree: Tree<K, V>, key: K): Tree<K, V> => rooted(remove(tree, key));

/** The entries that pass, from a tree whose order they keep: O(n). The same tree if all do. */
export const sifted = <K extends Key, V>(tree: Tree<K, V>, passes: (value: V, key: K) => boolean): Tree<K, V> => {
  const keys: K[] = [];
  const values: V[] = [];
  for (const from of leavesOf(tree)) {
    for (let at = 0; at < from.keys.length; at++) {
      if (!passes(from.values[at]!, from.keys[at]!)) continue;
      keys.push(from.keys[at]!);
      values.push(from.values[at]!);
    }
  }
  return keys.length === tree.size ? tree : ofAscending(keys, values);
};

/** The tree of ascending keys, in O(n). */
export const ofAscending = <K extends Key, V>(keys: ReadonlyArray<K>, values: ReadonlyArray<V>): Tree<K, V> => {
  let level = shares(keys.length).map(([from, to]) => leaf(keys.slice(from, to), values.slice(from, to)));
  while (level.length > 1) level = shares(level.length).map(([from, to]) => branch(level.slice(from, to)));
  return level[0] ?? emptyTree();
};

/** As few even shares as nodes allow: of more than `most` items none has fewer than `least`. */
const shares = (count: number): ReadonlyArray<readonly [from: number, to: number]> => {
  const parts = Math.ceil(count / most);
  const end = (part: number): number => Math.floor((part * count) / parts);
  return Array.from({ length: parts }, (_, part) => [end(part), end(part + 1)] as const);
};

export const mapped = <K extends Key, V, W>(tree: Tree<K, V>, f: (value: V, key: K) => W): Tree<K, W> =>
  tree.children === null
    ? leaf(tree.keys, tree.values.map((value, at) => f(value, tree.keys[at]!)))
    : { ...tree, children: tree.children.map((child) => mapped(child, f)) };
