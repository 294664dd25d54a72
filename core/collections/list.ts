/**
 * A persistent list that grows and shrinks at both ends. It is a map of places to items, so that reading, setting and
 * each item that comes or goes cost O(log n).
 *
 * @module
 */
import {
  edgeOf,
  emptyTree,
  lookUp,
  ofAscending,
  type Tree,
  valuesOf,
  type Walked,
  withEntry,
  withoutEntry,
} from "./tree.ts";

class Places<A> {
  /** The places are consecutive; the first may be any, negative ones included. */
  readonly tree: Tree<number, A>;

  constructor(tree: Tree<number, A>) {
    this.tree = tree;
  }

  private get start(): number {
    return edgeOf(this.tree, "least").keys[0] ?? 0;
  }

  get size(): number {
    return this.tree.size;
  }

  isEmpty(): boolean {
    return this.tree.size === 0;
  }

  get(index: number): A | undefined {
    return lookUp(this.tree, this.start + index, undefined);
  }

  first(): A | undefined {
    return edgeOf(this.tree, "least").values[0];
  }

  last(): A | undefined {
    return edgeOf(this.tree, "greatest").values.at(-1);
  }

  /* Changed */

  /** The same list where there is no such index. */
  set(index: number, item: A): Places<A> {
    if (!Number.isInteger(index) || index < 0 || index >= this.size) return this;
    return new Places(withEntry(this.tree, this.start + index, item));
  }

  push(item: A): Places<A> {
    return new Places(withEntry(this.tree, this.start + this.size, item));
  }

  unshift(item: A): Places<A> {
    return new Places(withEntry(this.tree, this.start - 1, item));
  }

  pop(): Places<A> {
    return this.without(this.start + this.size - 1);
  }

  shift(): Places<A> {
    return this.without(this.start);
  }

  /** `end` is the first place or the last. */
  private without(end: number): Places<A> {
    return this.size <= 1 ? empty as unknown as Places<A> : new Places(withoutEntry(this.tree, end));
  }

  skip(count: number): Places<A> {
    return this.slice(count);
  }

  take(count: number): Places<A> {
    return this.slice(0, count);
  }

  takeWhile(is: (item: A) => boolean): Places<A> {
    const end = this.findIndex((item) => !is(item));
    return end < 0 ? this : this.take(end);
  }

  /** Items from `begin` to before `end`, cut to what there is. Costs by what is fewer, those that stay or that go. */
  slice(begin: number, end: number = this.size): Places<A> {
    const [from, to] = [Math.max(0, begin), Math.min(end, this.size)];
    const kept = Math.max(0, to - from);
    if (kept === this.size) return this;
    const { start } = this;
    if (kept < this.size - kept) return List(Array.from({ length: kept }, (_, at) => this.get(from + at)!));
    let { tree } = this;
    for (let index = 0; index < from; index++) tree = withoutEntry(tree, start + index);
    for (let index = to; index < this.size; index++) tree = withoutEntry(tree, start + index);
    return new Places(tree);
  }

  concat(items: Iterable<A>): Places<A> {
    let list: Places<A> = this;
    for (const item of items) list = list.push(item);
    return list;
  }

  filter(passes: (item: A) => boolean): Places<A> {
    return List([...this].filter(passes));
  }

  map<B>(f: (item: A) => B): Places<B> {
    return List(Array.from(this, f));
  }

  /* Looked through */

  [Symbol.iterator](): Walked<A> {
    return valuesOf(this.tree);
  }

  *entries(): Generator<[number, A], undefined, undefined> {
    let index = 0;
    for (const item of this) yield [index++, item];
  }

  /** -1 where there is none. */
  findIndex(is: (item: A) => boolean): number {
    for (const [index, item] of this.entries()) if (is(item)) return index;
    return -1;
  }

  find(is: (item: A) => boolean): A | undefined {
    return this.get(this.findIndex(is));
  }

  some(is: (item: A) => boolean): boolean {
    return this.findIndex(is) >= 0;
  }

  reduce<B>(add: (sum: B, item: A) => B, start: B): B {
    let sum = start;
    for (const item of this) sum = add(sum, item);
    return sum;
  }
}

export type List<A> = Places<A>;

const empty = new Places<never>(emptyTree());

export const List = <A>(items: Iterable<A> = []): List<A> => {
  const values = [...items];
  return values.length === 0 ? empty as unknown as List<A> : new Places(ofAscending([...values.keys()], values));
};
