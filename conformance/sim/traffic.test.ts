/**
 * What an observer of the links sees follows the document's rates, whatever the users do (drafts/decoy_traffic.rst §5).
 *
 * False alarms: each statement about one sample is wrong for an honest seed with a probability of less than 10^-6, by
 * bounds that hold for every size of a sample (statistics.ts). The seed is fixed: what is green stays green.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { lengthOf, toHex, utf8 } from "../../core/bytes.ts";
import type { ClientRequest } from "../../core/client/events.ts";
import { clientAddress } from "../../core/client/system.ts";
import type { Unwrapped } from "../../core/effects.ts";
import { frameLengthOf } from "./frames.ts";
import type { Observer } from "./watch.ts";
import { simulate, type SimulationOptions } from "./simulation.ts";
import { smallNetwork } from "./small_network.ts";
import { chiSquare, chiSquareBound, exponentialCdf, ksBound, ksDistance, poissonBound } from "./statistics.ts";
import type { World } from "./world.ts";

const alpha = 1e-6;
const packetFrame = frameLengthOf(smallNetwork.geometry);
/** Equal, so that a process which stands still is missed. */
const rate = 0.001;
const [mu, muMaxDelayMs] = [0.01, 150];
const [periodMs, epochs] = [60_000, 3];
const network: SimulationOptions = {
  ...smallNetwork,
  seed: 3,
  authorities: 1,
  layers: 1,
  mixesPerLayer: 3,
  clients: 3,
  periodMs,
  epochs,
  parameters: {
    ...smallNetwork.parameters,
    mu,
    muMaxDelayMs,
    lambdaP: rate,
    lambdaL: rate,
    lambdaD: rate,
    lambdaM: rate,
  },
};

const ask = (world: World, client: string, at: number, id: string): void => {
  const target = { type: "Service", capability: "loop", provider: null } as const;
  const request: ClientRequest = { type: "Query", id, target, payload: utf8(id), lengthPrefix: false };
  world.at(at, () => world.host(client).tell(clientAddress, request));
};

/** The first client is idle; the second fills its whole egress queue at once, the third asks more than it can send. */
const plan = (world: World): void => {
  for (let i = 0; i < 40; i++) ask(world, "client-2", 1.3 * periodMs, `burst-${i}`);
  for (let at = 1.1 * periodMs; at < (1 + epochs) * periodMs; at += 500) ask(world, "client-3", at, `steady-${at}`);
};

interface Seen {
  /** When packets left clients, and when nodes sent loops, by host. */
  readonly sent: Map<string, number[]>;
  readonly delays: number[];
  /** How often each mix was the next hop after a Provider, and each Provider the end of a forward path. */
  readonly mixes: Map<string, number>;
  readonly ends: Map<string, number>;
}

const watch = (): { readonly seen: Seen; readonly observer: Observer } => {
  const seen: Seen = { sent: new Map(), delays: [], mixes: new Map(), ends: new Map() };
  const count = (counts: Map<string, number>, name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);

  const onUnwrapped = (host: string, { result }: Unwrapped): void => {
    if (!result.ok) return;
    let isReply = false;
    for (const command of result.commands) {
      if (command.type === "NodeDelay") seen.delays.push(command.delayMs);
      if (command.type === "NextNodeHop" && host.startsWith("provider")) count(seen.mixes, toHex(command.id));
      isReply ||= command.type === "SurbReply";
    }
    if (result.packet === null && !isReply) count(seen.ends, host);
  };

  const observer: Observer = {
    input: (_at, host, input) => {
      const event = input?.event as Unwrapped | undefined;
      if (event?.type === "Unwrapped") onUnwrapped(host, event);
    },
    emission: (at, host, { effect }) => {
      if (at < periodMs || at >= (1 + epochs) * periodMs) return;
      const isPacket = host.startsWith("client") && effect.type === "Write" && lengthOf(effect.pieces) === packetFrame;
      const isLoop = effect.type === "Count" && (effect.name === "loops-sent" || effect.name === "loops-skipped");
      if (isPacket || isLoop) seen.sent.set(host, [...(seen.sent.get(host) ?? []), at]);
    },
  };
  return { seen, observer };
};

const { seen, observer } = watch();
const result = simulate({ ...network, idle: ["client-1", "client-2", "client-3"], observer, plan });

/** A sample counts whole ms, rounded down: half of one stands for the rest. */
const intervalsOf = (instants: ReadonlyArray<number>): number[] =>
  instants.slice(1).map((at, i) => at - instants[i]! + 0.5);

const followsRate = (host: string, expected: number): void => {
  const instants = seen.sent.get(host) ?? [];
  const mean = expected * periodMs * epochs;
  const error = Math.abs(instants.length - mean);
  assert.equal(error <= poissonBound(mean, alpha), true, `${host} sent ${instants.length} packets, not about ${mean}`);
  const intervals = intervalsOf(instants);
  const distance = ksDistance(intervals, exponentialCdf(expected));
  assert.equal(
    distance <= ksBound(intervals.length, alpha),
    true,
    `${host}: distance ${distance} in ${intervals.length}`,
  );
};

test("the run was sound", () => {
  assert.equal(result.crash, null);
  assert.deepEqual(result.violations.filter(({ kind }) => kind === "safety"), []);
});

for (const [client, user] of [["client-1", "idle"], ["client-2", "bursting"], ["client-3", "always busy"]] as const) {
  test(`[DECOY-5-01, DECOY-5-07] [SEED-5-01, SEED-9-01] [FAULT-30] [FAULT-33] a client that is ${user} keeps to the document's rates`, () => {
    followsRate(client, 3 * rate);
  });
}

for (const node of ["mix-1", "mix-2", "mix-3", "provider-1", "provider-2"]) {
  test(`[SEED-5-01] [FAULT-33] ${node} sends loops at lambdaM, at exponential intervals`, () =>
    followsRate(node, rate));
}

test("[DECOY-5-02] [MIXNET-5.2-01] [FAULT-34] delays are exponential below the document's longest one, which all longer ones become", () => {
  const { delays } = seen;
  assert.equal(Math.max(...delays), muMaxDelayMs);
  const clamped = delays.filter((ms) => ms === muMaxDelayMs).length;
  const mean = delays.length * Math.exp(-mu * muMaxDelayMs);
  assert.equal(Math.abs(clamped - mean) <= poissonBound(mean, alpha), true, `${clamped} clamped, not about ${mean}`);
  const below = delays.filter((ms) => ms < muMaxDelayMs).map((ms) => ms + 0.5);
  const cdf = exponentialCdf(mu);
  const distance = ksDistance(below, (ms) => Math.min(1, cdf(ms) / cdf(muMaxDelayMs)));
  assert.equal(distance <= ksBound(below.length, alpha), true, `distance ${distance} in ${below.length}`);
});

test("mixes and destinations are chosen uniformly", () => {
  for (const [what, counts, kinds] of [["mixes", seen.mixes, 3], ["Providers", seen.ends, 2]] as const) {
    assert.equal(counts.size, kinds, what);
    const statistic = chiSquare([...counts.values()]);
    assert.equal(statistic <= chiSquareBound(kinds - 1, alpha), true, `${what}: ${[...counts.values()].join(", ")}`);
  }
});

test("a schedule that depends on its user is seen: packets at once, or by the clock, are far from exponential", () => {
  const random = intervalsOf(seen.sent.get("client-1")!);
  const byTheClock = random.map(() => 1 / (3 * rate));
  const inBursts = random.map((ms, i) => (i % 2 === 0 ? 1 : 2 * ms));
  for (const intervals of [byTheClock, inBursts]) {
    const distance = ksDistance(intervals, exponentialCdf(3 * rate));
    assert.equal(distance > ksBound(intervals.length, alpha), true, `distance ${distance}`);
  }
});
