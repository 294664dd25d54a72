/**
 * A persistent map in the order in which its keys came. A new value leaves a key in its place; a key that was deleted
 * and comes again is the last.
 *
 * @module
 */
import { PersistentMap } from "./map.ts";
import type { Key, Walked } from "./tree.ts";

interface Placed<V> {
  readonly place: number;
  readonly value: V;
}

class ArrivalMap<K extends Key, V> {
  private readonly placed: PersistentMap<K, Placed<V>>;
  private readonly order: PersistentMap<number, K>;

  constructor(placed: PersistentMap<K, Placed<V>>, order: PersistentMap<number, K>) {
    this.placed = placed;
    this.order = order;
  }

  get size(): number {
    return this.placed.size;
  }

  isEmpty(): boolean {
    return this.placed.isEmpty();
  }

  get(key: K): V | undefined {
    return this.placed.get(key)?.value;
  }

  has(key: K): boolean {
    return this.placed.has(key);
  }

  first(): V | undefined {
    const key = this.order.first();
    return key === undefined ? undefined : this.get(key);
  }

  set(key: K, value: V): ArrivalMap<K, V> {
    const known = this.placed.get(key);
    if (known !== undefined && Object.is(known.value, value)) return this;
    const place = known?.place ?? (this.order.lastKey() ?? 0) + 1;
    return new ArrivalMap(this.placed.set(key, { place, value }), this.order.set(place, key));
  }

  delete(key: K): ArrivalMap<K, V> {
    const known = this.placed.get(key);
    return known === undefined ? this : new ArrivalMap(this.placed.delete(key), this.order.delete(known.place));
  }

  update(key: K, otherwise: V, change: (value: V) => V): ArrivalMap<K, V> {
    return this.set(key, change(this.has(key) ? this.get(key)! : otherwise));
  }

  filter(passes: (value: V, key: K) => boolean): ArrivalMap<K, V> {
    let map: ArrivalMap<K, V> = this;
    for (const [key, value] of this) if (!passes(value, key)) map = map.delete(key);
    return map;
  }

  skip(count: number): ArrivalMap<K, V> {
    let left = count;
    return this.skipWhile(() => left-- > 0);
  }

  skipWhile(is: (value: V, key: K) => boolean): ArrivalMap<K, V> {
    let map: ArrivalMap<K, V> = this;
    for (const [key, value] of this) {
      if (!is(value, key)) break;
      map = map.delete(key);
    }
    return map;
  }

  *[Symbol.iterator](): Generator<[K, V], undefined, undefined> {
    for (const key of this.order.values()) yield [key, this.get(key)!];
  }

  entries(): Generator<[K, V], undefined, undefined> {
    return this[Symbol.iterator]();
  }

  keys(): Walked<K> {
    return this.order.values();
  }

  *values(): Generator<V, undefined, undefined> {
    for (const [, value] of this) yield value;
  }

  reduce<A>(add: (sum: A, value: V, key: K) => A, start: A): A {
    let sum = start;
    for (const [key, value] of this) sum = add(sum, value, key);
    return sum;
  }

  count(is: (value: V, key: K) => boolean): number {
    return this.reduce((sum, value, key) => (is(value, key) ? sum + 1 : sum), 0);
  }
}

export type OrderedMap<K extends Key, V> = ArrivalMap<K, V>;

export const OrderedMap = <K extends Key, V>(entries: Iterable<readonly [K, V]> = []): OrderedMap<K, V> => {
  let map: OrderedMap<K, V> = new ArrivalMap<K, V>(PersistentMap(), PersistentMap());
  for (const [key, value] of entries) map = map.set(key, value);
  return map;
};
