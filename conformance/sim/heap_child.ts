/**
 * `node --import tsx conformance/sim/heap_child.ts EPOCHS`: runs the network of flat_network.ts and prints, as JSON,
 * the bytes of all values on the heap after some epochs early and late: `{early: [[epoch, bytes], ...], late: [...]}`.
 *
 * A process of its own, since a test runner makes snapshots of the heap slow. The engine's compiled code and its own
 * records are left out: they grow for as long as it optimizes, whatever the program holds.
 *
 * @module
 */
import { getHeapSnapshot } from "node:v8";
import process from "node:process";
import { createFlatNetwork } from "./flat_network.ts";

/** What the engine makes of programs, not what they hold. */
const ofTheEngine = new Set(["code", "hidden", "synthetic"]);

interface Snapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: ReadonlyArray<string>;
      readonly node_types: readonly [ReadonlyArray<string>];
    };
  };
  readonly nodes: ReadonlyArray<number>;
}

/** Bytes of what is alive: a snapshot collects first. */
const valueBytes = async (): Promise<number> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of getHeapSnapshot()) chunks.push(chunk as Uint8Array);
  const { snapshot: { meta }, nodes } = JSON.parse(Buffer.concat(chunks).toString()) as Snapshot;
  const [types] = meta.node_types;
  const [width, type, size] = [
    meta.node_fields.length,
    meta.node_fields.indexOf("type"),
    meta.node_fields.indexOf("self_size"),
  ];
  let bytes = 0;
  for (let at = 0; at < nodes.length; at += width) {
    if (!ofTheEngine.has(types[nodes[at + type]!]!)) bytes += nodes[at + size]!;
  }
  return bytes;
};

const epochs = Number(process.argv[2]);
/** Past the first ones, in which the bounded memories of clients fill. */
const early = [40, 48, 56];
const late = [epochs - 16, epochs - 8, epochs];

const network = createFlatNetwork();
const seen: (readonly [number, number])[] = [];
for (let epoch = 1; epoch <= epochs; epoch++) {
  network.runEpoch(epoch - 1, false);
  if (early.includes(epoch) || late.includes(epoch)) seen.push([epoch, await valueBytes()]);
}
console.log(JSON.stringify({ early: seen.slice(0, 3), late: seen.slice(3), packets: network.packets() }));
