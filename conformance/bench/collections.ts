/**
 * `node --import tsx conformance/bench/collections.ts`: the collections of core beside the package `immutable`, which
 * core used before: the processor time of one operation as a ratio to its, so that more than 1 is slower.
 *
 * Both are filled with the same entries, then the same keys, in an order that is drawn, are looked up, given new
 * values, deleted and set again; all entries are looked through. The two take turns; of their rounds the lower quartile
 * counts, since neighbours only ever make one slower. Kinds of keys take turns as well, as in a mix, whose engine sees
 * them all.
 *
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { Map as ImmutableMap } from "immutable";
import { toHex } from "../../core/bytes.ts";
import { PersistentMap } from "../../core/collections/map.ts";
import { stream, uniformInteger } from "../../core/random.ts";
import { quantile } from "./measure.ts";

type Key = string | number;

/** What both have. */
interface AnyMap {
  readonly size: number;
  readonly get: (key: Key) => unknown;
  readonly set: (key: Key, value: unknown) => AnyMap;
  readonly delete: (key: Key) => AnyMap;
  readonly values: () => Iterable<unknown>;
}

type Make = (entries: Iterable<readonly [Key, unknown]>) => AnyMap;

const random = stream(new Uint8Array(32).fill(9));

const kinds: Readonly<Record<string, (at: number) => Key>> = {
  "counted numbers": (at) => at,
  "text, counted": (at) => `conn/${at}`,
  "text, 64 hex digits": () => toHex(random.bytes(32)),
};

const sizes = [10, 100, 1_000, 10_000, 100_000];
const rounds = 25;
/** Of one round, about. */
const operations = 4_000;

const shuffled = <A>(items: ReadonlyArray<A>): ReadonlyArray<A> => {
  const all = [...items];
  for (let at = all.length - 1; at > 0; at--) {
    const other = uniformInteger(random, at + 1);
    [all[at], all[other]] = [all[other]!, all[at]!];
  }
  return all;
};

const value = {};

const parts: Readonly<Record<string, (map: AnyMap, keys: ReadonlyArray<Key>) => unknown>> = {
  get: (map, keys) => keys.filter((key) => map.get(key) !== undefined).length,
  set: (map, keys) => keys.reduce((all, key) => all.set(key, value), map).size,
  delete: (map, keys) => keys.reduce((all, key) => all.delete(key), map).size,
  "delete and set": (map, keys) => keys.reduce((all, key) => all.delete(key).set(key, value), map).size,
  "look through": (map) => {
    let count = 0;
    for (const one of map.values()) if (one !== null) count++;
    return count;
  },
};

const usedUs = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

const ratioOf = (part: (map: AnyMap, keys: ReadonlyArray<Key>) => unknown, keys: ReadonlyArray<Key>): number => {
  const makes: ReadonlyArray<Make> = [PersistentMap, ImmutableMap as unknown as Make];
  const maps = makes.map((make) => make(keys.map((key) => [key, { key }] as const)));
  const order = shuffled(keys).slice(0, operations);
  assert.equal(part(maps[0]!, order), part(maps[1]!, order), "both do the same");
  const calls = Math.max(1, Math.round(operations / order.length));
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    for (const [which, map] of maps.entries()) {
      const before = usedUs();
      for (let call = 0; call < calls; call++) part(map, order);
      times[which]!.push(usedUs() - before);
    }
  }
  return quantile(times[0], 0.25) / quantile(times[1], 0.25);
};

const names = Object.keys(parts);
console.log(`| keys | entries | ${names.join(" | ")} |`);
console.log(`|---|---:|${names.map(() => "---:|").join("")}`);
for (const size of sizes) {
  for (const [kind, keyAt] of Object.entries(kinds)) {
    const keys = Array.from({ length: size }, (_, at) => keyAt(at));
    const ratios = names.map((name) => ratioOf(parts[name]!, keys).toFixed(2));
    console.log(`| ${kind} | ${size} | ${ratios.join(" | ")} |`);
  }
}
