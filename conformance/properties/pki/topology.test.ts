/** Topologies: every mix once, layers of equal size, nobody moves without need, and all authorities draw alike. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toHex } from "../../../core/bytes.ts";
import { nobleSuite } from "../../../core/crypto/noble.ts";
import { generateTopology, type Node, type Topology, topologyRandom } from "../../../core/pki/topology.ts";

const suite = nobleSuite;

const nodeOf = (number: number): Node => ({ identityKey: suite.sha256(Uint8Array.of(number >> 8, number & 255)) });
const value = fc.uint8Array({ minLength: 32, maxLength: 32 });
const layers = fc.integer({ min: 1, max: 3 });
const nodes = fc.uniqueArray(fc.nat(24), { minLength: 6, maxLength: 24 }).map((numbers) => numbers.map(nodeOf));

const names = (topology: Topology<Node>): string[][] =>
  topology.map((layer) => layer.map(({ identityKey }) => toHex(identityKey)));
const layerOf = (topology: Topology<Node>, node: Node): number =>
  names(topology).findIndex((layer) => layer.includes(toHex(node.identityKey)));

const assertBalanced = (topology: Topology<Node>, all: ReadonlyArray<Node>): void => {
  assert.deepEqual(names(topology).flat().sort(), all.map(({ identityKey }) => toHex(identityKey)).sort());
  const sizes = topology.map((layer) => layer.length);
  assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, String(sizes));
};

test("[MIXNET-2.2-01] a new topology has every mix once and layers of equal size", () => {
  fc.assert(fc.property(nodes, layers, value, (all, count, key) => {
    const topology = generateTopology(suite, all, count, key, null);
    assert.equal(topology.length, count);
    assertBalanced(topology, all);
  }));
});

test("[PKI-3.4-08] [PKI-3.4-01] [PKI-3.4-06] the order in which mixes are known does not matter; the value does", () => {
  fc.assert(fc.property(nodes, layers, value, fc.infiniteStream(fc.nat()), (all, count, key, order) => {
    const shuffled = all.map((node) => [order.next().value as number, node] as const).sort(([a], [b]) => a - b).map((
      [, node],
    ) => node);
    const previous = generateTopology(suite, all.slice(2), count, key, null);
    assert.deepEqual(
      generateTopology(suite, shuffled, count, key, previous),
      generateTopology(suite, all, count, key, previous),
    );
  }));
  const all = Array.from({ length: 20 }, (_, i) => nodeOf(i));
  const drawn = [1, 2, 3].map((seed) =>
    String(names(generateTopology(suite, all, 3, new Uint8Array(32).fill(seed), null)))
  );
  assert.equal(new Set(drawn).size, 3);
});

test("[PKI-3.4-08] [PKI-8-02] the same mixes stay in their layers, whatever the value", () => {
  fc.assert(fc.property(nodes, layers, value, value, (all, count, key, next) => {
    fc.pre(all.length % count === 0);
    const before = generateTopology(suite, all, count, key, null);
    const after = generateTopology(suite, all, count, next, before);
    for (const node of all) assert.equal(layerOf(after, node), layerOf(before, node));
  }));
});

test("[PKI-8-02] when mixes come and go, layers stay balanced and no more mixes move than have to", () => {
  fc.assert(fc.property(nodes, nodes, layers, value, value, (before, after, count, key, next) => {
    const previous = generateTopology(suite, before, count, key, null);
    const topology = generateTopology(suite, after, count, next, previous);
    assertBalanced(topology, after);
    const share = Math.floor(after.length / count);
    const staying = previous.map((layer) =>
      layer.filter((node) => after.some((other) => String(other.identityKey) === String(node.identityKey)))
    );
    staying.forEach((layer, at) => {
      const kept = layer.filter((node) => layerOf(topology, node) === at).length;
      assert.ok(kept >= Math.min(layer.length, share), `${kept} of ${layer.length} stay, the share is ${share}`);
    });
  }));
});

test("with another number of layers all mixes are placed anew", () => {
  const all = Array.from({ length: 12 }, (_, i) => nodeOf(i));
  const key = new Uint8Array(32).fill(5);
  const previous = generateTopology(suite, all, 2, key, null);
  assert.deepEqual(generateTopology(suite, all, 3, key, previous), generateTopology(suite, all, 3, key, null));
});

test("permutations hold every number once, and go on where the one before ended", () => {
  fc.assert(fc.property(value, fc.array(fc.nat(40), { maxLength: 6 }), (key, lengths) => {
    const random = topologyRandom(suite, key);
    for (const length of lengths) {
      assert.deepEqual([...random.permutation(length)].sort((a, b) => a - b), Array.from({ length }, (_, i) => i));
    }
  }));
  // More than one piece of the keystream.
  const [once, twice] = [topologyRandom(suite, new Uint8Array(32)), topologyRandom(suite, new Uint8Array(32))];
  for (let i = 0; i < 1000; i++) assert.equal(once.int63(), twice.int63());
  assert.notDeepEqual(once.permutation(20), once.permutation(20));
});
