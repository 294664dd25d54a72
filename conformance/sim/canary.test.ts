/** Sabotaged networks: each oracle catches what it is there for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PersistentMap } from "../../core/collections/map.ts";
import type { ClientNotice } from "../../core/client/events.ts";
import type { ClientState } from "../../core/client/state.ts";
import { clientAddress } from "../../core/client/system.ts";
import { log, type StoreEvent } from "../../core/effects.ts";
import type { Poisson } from "../../core/client/poisson.ts";
import { mono } from "../../core/machine.ts";
import { draws } from "../../core/random.ts";
import { type Delayed, type DelayQueue, enqueue, evict, queueSize } from "../../core/mix/delay_queue.ts";
import type { NodeState } from "../../core/mix/state.ts";
import { nodeAddress } from "../../core/mix/system.ts";
import type { AuthorityState, Published } from "../../core/pki/authority_state.ts";
import { authorityAddress } from "../../core/pki/authority_system.ts";
import type { Emission } from "../../core/system.ts";
import type { Fault } from "./fault.ts";
import { minimize } from "./minimize.ts";
import type { Violation } from "./oracles/oracle.ts";
import { everyInput, everyStep, oneStep, type Sabotage, withEffect, withState } from "./sabotage.ts";
import { exitCodeOf, simulate, type SimulationOptions, type SimulationResult } from "./simulation.ts";
import { smallNetwork } from "./small_network.ts";

const caught = (
  name: string,
  sabotage: Sabotage,
  kind: Violation["kind"],
  oracle: string,
  more: Partial<SimulationOptions> = {},
): void => {
  test(`${name} is caught: ${oracle}`, () => {
    const result = simulate({ ...smallNetwork, ...more, sabotage });
    assert.equal(result.crash, null);
    const found = result.violations.filter((violation) => violation.kind === kind && violation.oracle === oracle);
    assert.ok(found.length > 0, JSON.stringify(result.violations.slice(0, 5)));
    assert.equal(exitCodeOf(result), result.violations.some((violation) => violation.kind === "safety") ? 129 : 128);
  });
};

const noticeOf = (type: ClientNotice["type"]) => ({ effect }: Emission): boolean =>
  effect.type === "Notify" && (effect.event as ClientNotice).type === type;

const twice = (emission: Emission): Emission[] => [emission, emission];
const never = (): Emission[] => [];

const documentsChanged = (change: (published: Published) => Published): Sabotage =>
  everyStep(
    "authority-1",
    (outcome) =>
      withState<AuthorityState>(
        outcome,
        authorityAddress,
        (state) => ({ ...state, documents: state.documents.map(change) }),
      ) ??
        outcome,
  );

test("a healthy network is not caught", () => {
  const result = simulate(smallNetwork);
  assert.deepEqual([result.crash, result.violations], [null, []]);
  assert.equal(exitCodeOf(result), 0);
});

caught(
  "a mix that loses a packet and does not say so",
  oneStep(
    "mix-1",
    (outcome) =>
      withState<NodeState>(
        outcome,
        nodeAddress,
        (state) =>
          queueSize(state.queue) === 0
            ? null
            : { ...state, queue: evict(state.queue, draws(new Uint8Array(32))("x")).queue },
      ),
  ),
  "safety",
  "conservation",
);

caught(
  "a worker that never gives a packet back",
  oneStep("mix-1", (outcome) => withEffect(outcome, ({ effect }) => effect.type === "Unwrap", never)),
  "liveness",
  "progress",
);

caught(
  "a reply that is told twice",
  oneStep("client-1", (o) => withEffect(o, noticeOf("Reply"), twice)),
  "safety",
  "requests",
);

caught(
  "a message that is told twice",
  oneStep("client-1", (o) => withEffect(o, noticeOf("Message"), twice)),
  "safety",
  "requests",
);

caught(
  "a message that is not told",
  oneStep("client-1", (o) => withEffect(o, noticeOf("Message"), never)),
  "liveness",
  "requests",
);

caught(
  "an outcome that is not told",
  oneStep("client-1", (o) => withEffect(o, noticeOf("Delivered"), never)),
  "liveness",
  "requests",
);

caught(
  "a client that forgets its SURBs",
  oneStep(
    "client-1",
    (outcome) =>
      withState<ClientState>(
        outcome,
        clientAddress,
        (state) =>
          state.surbs.entries.size === 0 ? null : { ...state, surbs: { ...state.surbs, entries: PersistentMap() } },
      ),
  ),
  "safety",
  "surbs",
);

caught(
  "an authority that is mute",
  everyStep(
    "authority-3",
    (outcome) => ({ ...outcome, effects: outcome.effects.filter(({ effect }) => effect.type !== "Write") }),
  ),
  "liveness",
  "consensus",
);

caught(
  "an authority with a document of its own",
  documentsChanged((published) => ({ ...published, raw: published.raw.slice(1) })),
  "safety",
  "consensus",
);

caught(
  "prior shared random values that move at the wrong time",
  documentsChanged(({ raw, document }) => ({
    raw,
    document: { ...document, priorSharedRandom: [document.sharedRandomValue, document.priorSharedRandom[0]!] },
  })),
  "safety",
  "shared random",
);

caught(
  "a line at ERROR",
  oneStep("provider-1", (outcome) => ({
    ...outcome,
    effects: [...outcome.effects, { from: nodeAddress, effect: log("ERROR", "planted", "Something is wrong.") }],
  })),
  "safety",
  "logs",
);

/** While a node holds a packet for its delay. */
const ofDelayed = (host: string, change: (queue: DelayQueue, item: Delayed) => DelayQueue): Sabotage =>
  oneStep(host, (outcome) =>
    withState<NodeState>(outcome, nodeAddress, (state) => {
      const held = state.queue.held.first();
      return held === undefined ? null : {
        ...state,
        queue: change(state.queue, held.item),
        tally: { ...state.tally, created: state.tally.created + 1 },
      };
    }));

caught(
  "a SURB that is answered twice",
  ofDelayed("provider-1", (queue, item) => enqueue(queue, { ...item, packet: item.packet.slice() })),
  "safety",
  "grace",
);

const noReplayCheck = everyInput("mix-1", (input) => {
  const event = input?.event as StoreEvent | undefined;
  if (input === null || event?.type !== "ReplayTested") return input;
  return { to: input.to, event: { ...event, outcome: "fresh" } satisfies StoreEvent };
});
const replay: Fault = { type: "Replay", host: "mix-1", from: 25_000, until: 27_000 };

caught("a node without a replay check", noReplayCheck, "safety", "replays", { faults: [replay] });

test("a failure is shrunk to the fault that it takes, no longer than it has to be", () => {
  const slow: Fault = { type: "Slow", a: ["mix-1"], b: ["provider-1"], ms: 10, from: 21_000, until: 22_000 };
  const options = { ...smallNetwork, sabotage: noReplayCheck, faults: [slow, replay] };
  const [only, ...more] = minimize(options, simulate(options));
  assert.deepEqual([only?.type, more], ["Replay", []]);
  assert.equal(only!.until < replay.until, true);
});

caught(
  "a mix whose key is not the one that it published",
  oneStep("mix-1", (outcome) =>
    withState<NodeState>(
      outcome,
      nodeAddress,
      (state) =>
        state.documents.known.isEmpty()
          ? null
          : { ...state, keys: state.keys.map((key) => ({ ...key, privateKey: new Uint8Array(32).fill(7) })) },
    )),
  "safety",
  "grace",
);

caught(
  "a node that destroys no keys",
  everyStep("provider-1", (outcome) =>
    withState<NodeState>(outcome, nodeAddress, (state) => {
      const key = state.keys.first();
      if (key === undefined || state.keys.size >= 10) return null;
      const more = Array.from({ length: 10 - state.keys.size }, (_, i) => [i, key] as const);
      return { ...state, keys: state.keys.merge(PersistentMap(more)) };
    }) ?? outcome),
  "safety",
  "bounds",
);

caught(
  "a client that waits for ever",
  everyStep("client-1", (outcome) =>
    withState<ClientState>(outcome, clientAddress, (state) => ({
      ...state,
      surbs: {
        ...state.surbs,
        entries: state.surbs.entries.map((entry) => ({ ...entry, sentAt: mono(entry.sentAt - 100_000) })),
      },
    })) ?? outcome),
  "safety",
  "in flight",
);

caught(
  "a client whose packets leave by the clock",
  everyStep("client-1", (outcome) =>
    withState<ClientState>(outcome, clientAddress, (state) => {
      const onTheSecond = (process: Poisson): Poisson =>
        process.dueAt === null ? process : { ...process, dueAt: mono(Math.ceil(process.dueAt / 2000) * 2000) };
      const { lambdaP, lambdaL, lambdaD } = state.traffic;
      return {
        ...state,
        traffic: { lambdaP: onTheSecond(lambdaP), lambdaL: onTheSecond(lambdaL), lambdaD: onTheSecond(lambdaD) },
      };
    }) ?? outcome),
  "safety",
  "instants",
);

caught(
  "a Provider that never dials a mix",
  everyStep("provider-1", (outcome) => ({
    ...outcome,
    effects: outcome.effects.filter(({ effect }) =>
      effect.type !== "Dial" || !effect.addresses[0]!.startsWith("10.2.")
    ),
  })),
  "liveness",
  "links",
);

test("an exception ends the run as a crash", () => {
  const sabotage = oneStep("mix-1", (outcome) => {
    if (outcome.state.steps < 50) return null;
    throw new Error("planted");
  });
  const result: SimulationResult = simulate({ ...smallNetwork, sabotage });
  assert.equal(result.crash?.message, "planted");
  assert.equal(exitCodeOf(result), 127);
});
