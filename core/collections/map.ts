/**
 * A persistent map, in the order of its keys: numbers ascend, strings go by code units. Its keys are all numbers or all
 * strings. What returns a map returns this one where nothing changes.
 *
 * @module
 */
import {
  edgeOf,
  emptyTree,
  entriesOf,
  type Key,
  keysOf,
  leavesOf,
  lookUp,
  mapped,
  sifted,
  type Tree,
  valuesOf,
  type Walked,
  withEntry,
  withoutEntry,
} from "./tree.ts";

const absent = Symbol();

class KeyedMap<K extends Key, V> {
  readonly tree: Tree<K, V>;

  constructor(tree: Tree<K, V>) {
    this.tree = tree;
  }

  get size(): number {
    return this.tree.size;
  }

  isEmpty(): boolean {
    return this.tree.size === 0;
  }

  get(key: K): V | undefined;
  get<D>(key: K, otherwise: D): V | D;
  get<D>(key: K, otherwise?: D): V | D | undefined {
    return lookUp(this.tree, key, otherwise);
  }

  has(key: K): boolean {
    return lookUp(this.tree, key, absent) !== absent;
  }

  /** The value of the least key. */
  first(): V | undefined {
    return edgeOf(this.tree, "least").values[0];
  }

  /** The value of the greatest key. */
  last(): V | undefined {
    return edgeOf(this.tree, "greatest").values.at(-1);
  }

  lastKey(): K | undefined {
    return edgeOf(this.tree, "greatest").keys.at(-1);
  }

  /* Changed */

  private with(tree: Tree<K, V>): KeyedMap<K, V> {
    return tree === this.tree ? this : new KeyedMap(tree);
  }

  set(key: K, value: V): KeyedMap<K, V> {
    return this.with(withEntry(this.tree, key, value));
  }

  delete(key: K): KeyedMap<K, V> {
    return this.with(withoutEntry(this.tree, key));
  }

  deleteAll(keys: Iterable<K>): KeyedMap<K, V> {
    let { tree } = this;
    for (const key of keys) tree = withoutEntry(tree, key);
    return this.with(tree);
  }

  /** `otherwise` is changed where the key has no value. */
  update(key: K, otherwise: V, change: (value: V) => V): KeyedMap<K, V> {
    return this.set(key, change(this.get(key, otherwise)));
  }

  /** Values of the other where both have one. */
  merge(other: Iterable<readonly [K, V]>): KeyedMap<K, V> {
    return this.mergeWith((_, theirs) => theirs, other);
  }

  mergeWith(both: (mine: V, theirs: V, key: K) => V, other: Iterable<readonly [K, V]>): KeyedMap<K, V> {
    let { tree } = this;
    for (const [key, theirs] of other) {
      const mine = lookUp(tree, key, absent);
      tree = withEntry(tree, key, mine === absent ? theirs : both(mine as V, theirs, key));
    }
    return this.with(tree);
  }

  filter(passes: (value: V, key: K) => boolean): KeyedMap<K, V> {
    return this.with(sifted(this.tree, passes));
  }

  map<W>(f: (value: V, key: K) => W): KeyedMap<K, W> {
    return new KeyedMap(mapped(this.tree, f));
  }

  /* Looked through */

  [Symbol.iterator](): Walked<[K, V]> {
    return entriesOf(this.tree);
  }

  entries(): Walked<[K, V]> {
    return this[Symbol.iterator]();
  }

  keys(): Walked<K> {
    return keysOf(this.tree);
  }

  values(): Walked<V> {
    return valuesOf(this.tree);
  }

  findEntry(is: (value: V, key: K) => boolean): [K, V] | undefined {
    for (const { keys, values } of leavesOf(this.tree)) {
      for (let at = 0; at < keys.length; at++) if (is(values[at]!, keys[at]!)) return [keys[at]!, values[at]!];
    }
    return undefined;
  }

  find(is: (value: V, key: K) => boolean): V | undefined {
    return this.findEntry(is)?.[1];
  }

  findKey(is: (value: V, key: K) => boolean): K | undefined {
    return this.findEntry(is)?.[0];
  }

  some(is: (value: V, key: K) => boolean): boolean {
    return this.findEntry(is) !== undefined;
  }

  every(is: (value: V, key: K) => boolean): boolean {
    return this.findEntry((value, key) => !is(value, key)) === undefined;
  }

  reduce<A>(add: (sum: A, value: V, key: K) => A, start: A): A {
    let sum = start;
    for (const { keys, values } of leavesOf(this.tree)) {
      for (let at = 0; at < keys.length; at++) sum = add(sum, values[at]!, keys[at]!);
    }
    return sum;
  }

  count(is: (value: V, key: K) => boolean): number {
    return this.reduce((sum, value, key) => (is(value, key) ? sum + 1 : sum), 0);
  }
}

export type PersistentMap<K extends Key, V> = KeyedMap<K, V>;

const empty = new KeyedMap<never, never>(emptyTree());

/** Later entries take the place of earlier ones of the same key. */
export const PersistentMap = <K extends Key, V>(entries: Iterable<readonly [K, V]> = []): PersistentMap<K, V> =>
  (empty as unknown as PersistentMap<K, V>).merge(entries);
