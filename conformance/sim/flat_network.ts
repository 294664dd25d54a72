/**
 * The network of flat.test.ts and heap_child.ts: each kind of machine once, and 100 packets and more an epoch.
 *
 * @module
 */
import { createEpochClock, epochStart, katzenpostOriginMs } from "../../core/pki/epoch.ts";
import { deriveSeed } from "../../core/random.ts";
import { census } from "./census.ts";
import { createNetwork } from "./network.ts";
import { registerAll, requestAll } from "./scenario.ts";
import { smallNetwork } from "./small_network.ts";
import { createWorld } from "./world.ts";

const periodMs = 10_000;
const firstEpoch = 1000;
/**
 * Requests of the one client an epoch, to itself and to the loop service, on three hops there and three back; with
 * decoys and loops more than 100 packets.
 */
const requestsPerEpoch = 10;
const parameters = { ...smallNetwork.parameters, lambdaP: 0.0024 };
/** Moments of an epoch at which a watched one is looked at. */
const snapshots = 8;

export const createFlatNetwork = () => {
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
  return {
    runEpoch,
    packets: () => packets,
    /** By host and path, the most entries in the epochs that were watched. */
    most: (): ReadonlyMap<string, number> => most,
  };
};
