/**
 * Nothing piles up: after many virtual epochs of the whole network each collection of each machine, found by walking
 * the states, has as many entries as after a few. 100 epochs in every run, 1,000 with SAMTPFOTE_LONG=1 (test:long).
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createEpochClock, epochStart, katzenpostOriginMs } from "../../core/pki/epoch.ts";
import { deriveSeed } from "../../core/random.ts";
import { isDeno } from "../house/runtimes.ts";
import { census } from "./census.ts";
import { createNetwork } from "./network.ts";
import { registerAll, requestAll } from "./scenario.ts";
import { smallNetwork } from "./small_network.ts";
import { createWorld } from "./world.ts";

const epochs = process.env["SAMTPFOTE_LONG"] === "1" ? 1000 : 100;
const periodMs = 10_000;
const firstEpoch = 1000;
/**
 * Requests of the one client an epoch, to itself and to the loop service, on three hops there and three back; with
 * decoys and loops more than 100 packets.
 */
const requestsPerEpoch = 10;
const parameters = { ...smallNetwork.parameters, lambdaP: 0.0024 };
/** The network is in its stride by then: clients are connected, keys and documents of the past have been dropped. */
const settledAfter = 30;
/** Epochs at the end of a run whose collections are looked at. */
const watchedEpochs = 10;
const snapshots = 8;

/** What fills up over many epochs to a bound of its own: the messages that a client knows again (inbox.ts). */
const bounded: ReadonlyArray<{ readonly path: RegExp; readonly max: number }> = [
  { path: /\/retrieval\/seen$/, max: 512 },
  { path: /\/retrieval\/seen\/\* \(text\)$/, max: 512 * 64 },
];

/** What is under way varies: by some entries, and by the bytes of some packets. */
const slackOf = (path: string): number => (path.endsWith(")") ? 16_384 : 32);

test("the census sees an entry more in whatever field", () => {
  const state = { a: new Map([["x", [1]]]), b: { c: new Uint8Array(3) } };
  assert.deepEqual([...census(state)], [["/a", 1], ["/a/*", 1], ["/b/c (bytes)", 3]]);
});

/** The bytes in use after a forced collection. */
const heapBytes = (): number => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
};

const run = () => {
  const seed = new Uint8Array(32).fill(46);
  const clock = createEpochClock(periodMs, katzenpostOriginMs);
  const network = createNetwork({
    ...smallNetwork,
    parameters,
    authorities: 1,
    layers: 1,
    providers: 1,
    clients: 1,
    seed,
    clock,
  });
  const originMs = epochStart(clock, firstEpoch);
  const world = createWorld({
    seed: deriveSeed(seed, "world"),
    originMs,
    latency: { minMs: 1, maxMs: 20, jitterMs: 5 },
  });
  let packets = 0;
  world.observe({
    emission: (_at, _host, { effect }) => {
      if (effect.type === "Count" && effect.name === "packets-received") packets += effect.by ?? 1;
    },
  });
  network.hosts.forEach((spec, at) => world.at(at * 10, world.add(spec).start));
  world.at(1000, () => registerAll(world, network));

  /** The most entries that each collection of each host had in one of some moments of an epoch. */
  const most = new Map<string, number>();
  const look = (): void => {
    for (const { name } of network.hosts) {
      for (const [path, count] of census(world.host(name).state())) {
        const full = name + path;
        most.set(full, Math.max(most.get(full) ?? 0, count));
      }
    }
  };
  const runEpoch = (index: number, watched: boolean): void => {
    const from = index * periodMs;
    for (let request = 0; request < requestsPerEpoch / 2 && index > 1; request++) {
      const span = { from: from + periodMs / 5, until: from + (periodMs * 3) / 5 };
      requestAll(world, network, seed, firstEpoch + index + request * 1_000_000, [], span);
    }
    for (let moment = 1; moment <= snapshots; moment++) {
      world.runUntil(from + Math.floor((periodMs * moment) / (snapshots + 1)));
      if (watched) look();
    }
    world.runUntil(from + periodMs - 1);
  };
  /** What the last epochs held at most. */
  const runFor = (epochs: number): ReadonlyMap<string, number> => {
    for (let epoch = 0; epoch < epochs; epoch++) runEpoch(epoch, epoch >= epochs - watchedEpochs);
    return most;
  };
  return { runFor, packets: () => packets };
};

/** The network that is measured; nothing else may refer to it. */
let running: ReturnType<typeof run> | null = null;

/** What the last call left on the stack is gone after a turn of the event loop. */
const settledHeap = async (): Promise<number> => {
  await new Promise((resolve) => setImmediate(resolve));
  return heapBytes();
};

const start = (count: number) => {
  running = run();
  return { most: running.runFor(count), packets: running.packets() };
};

/** What a network holds after so many epochs. The heap that it gives back when it is dropped is its own: no code. */
const after = async (count: number) => {
  const seen = start(count);
  const full = await settledHeap();
  running = null;
  return { ...seen, bytes: full - await settledHeap() };
};

const title = `[FAULT-46] after ${epochs} epochs every collection has as many entries as after ${settledAfter}`;

test(
  title,
  { skip: isDeno ? "equal runs have equal traces in both runtimes, and Deno forces no collection" : false },
  async (t) => {
    const [early, late] = [await after(settledAfter), await after(epochs)];
    const grown = [...late.most].filter(([path, count]) => {
      const known = bounded.find((one) => one.path.test(path));
      if (known !== undefined) return count > known.max;
      // One entry an epoch would be 70 more.
      return count > 2 * (early.most.get(path) ?? 0) + slackOf(path);
    });
    const growth = grown.map(([path, count]) => `${path}: ${early.most.get(path) ?? 0} then ${count}`);
    const perEpoch = (late.bytes - early.bytes) / (epochs - settledAfter);
    t.diagnostic(`${late.most.size} collections, ${late.packets} packets, ${early.bytes} bytes, then ${late.bytes}`);
    t.diagnostic(`the heap grew by ${Math.round(perEpoch)} bytes an epoch`);
    assert.deepEqual(growth, []);
    assert.equal(late.packets >= 100 * epochs, true, `${late.packets} packets`);
    assert.equal(early.bytes > 100_000 && late.bytes > 100_000, true, "the heap is that of a network");
  },
);
