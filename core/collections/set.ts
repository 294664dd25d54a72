/**
 * A persistent set, in the order in which its members came.
 *
 * @module
 */
import { OrderedMap } from "./ordered_map.ts";
import type { Key, Walked } from "./tree.ts";

class Members<K extends Key> {
  private readonly members: OrderedMap<K, K>;

  constructor(members: OrderedMap<K, K>) {
    this.members = members;
  }

  get size(): number {
    return this.members.size;
  }

  isEmpty(): boolean {
    return this.members.isEmpty();
  }

  has(member: K): boolean {
    return this.members.has(member);
  }

  first(): K | undefined {
    return this.members.first();
  }

  private with(members: OrderedMap<K, K>): Members<K> {
    return members === this.members ? this : new Members(members);
  }

  add(member: K): Members<K> {
    return this.with(this.members.set(member, member));
  }

  delete(member: K): Members<K> {
    return this.with(this.members.delete(member));
  }

  filter(passes: (member: K) => boolean): Members<K> {
    return this.with(this.members.filter(passes));
  }

  [Symbol.iterator](): Walked<K> {
    return this.members.keys();
  }
}

export type PersistentSet<K extends Key> = Members<K>;

export const PersistentSet = <K extends Key>(members: Iterable<K> = []): PersistentSet<K> => {
  let set: PersistentSet<K> = new Members(OrderedMap<K, K>());
  for (const member of members) set = set.add(member);
  return set;
};
