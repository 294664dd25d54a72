/**
 * The program of memory.test.ts. `node --expose-gc --import tsx memory_child.ts EPOCHS`: runs a network with all
 * oracles and prints, as JSON, for each epoch the packet-hops so far and the bytes that are alive.
 *
 * @module
 */
import { getHeapSpaceStatistics } from "node:v8";
import process from "node:process";
import { simulate } from "./simulation.ts";
import { smallNetwork } from "./small_network.ts";

/** What the engine makes of programs is left out: it grows for as long as it optimizes. */
const ofValues = new Set(["old_space", "new_space", "large_object_space", "new_large_object_space"]);

const aliveBytes = (): number => {
  globalThis.gc!();
  return getHeapSpaceStatistics().reduce(
    (sum, { space_name, space_used_size }) => sum + (ofValues.has(space_name) ? space_used_size : 0),
    process.memoryUsage().arrayBuffers,
  );
};

let hops = 0;
const seen: (readonly [hops: number, bytes: number])[] = [];
const { crash, violations } = simulate({
  ...smallNetwork,
  epochs: Number(process.argv[2]),
  traced: false,
  observer: { events: ["Unwrapped"], input: () => void hops++ },
  onEpoch: () => seen.push([hops, aliveBytes()]),
});
console.log(JSON.stringify({ crash: crash?.message ?? null, violations, seen }));
