/** Sabotaged networks: each oracle catches what it is there for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Map as PersistentMap } from "immutable";
import type { ClientNotice } from "../../core/client/events.ts";
import type { ClientState } from "../../core/client/state.ts";
import { clientAddress } from "../../core/client/system.ts";
import { log } from "../../core/effects.ts";
import { draws } from "../../core/random.ts";
import { evict, queueSize } from "../../core/mix/delay_queue.ts";
import type { NodeState } from "../../core/mix/state.ts";
import { nodeAddress } from "../../core/mix/system.ts";
import type { AuthorityState, Published } from "../../core/pki/authority_state.ts";
import { authorityAddress } from "../../core/pki/authority_system.ts";
import type { Emission } from "../../core/system.ts";
import type { Violation } from "./oracles/oracle.ts";
import { everyStep, oneStep, type Sabotage, withEffect, withState } from "./sabotage.ts";
import { exitCodeOf, simulate, type SimulationResult } from "./simulation.ts";
import { smallNetwork } from "./small_network.ts";

const caught = (name: string, sabotage: Sabotage, kind: Violation["kind"], oracle: string): void => {
  test(`${name} is caught: ${oracle}`, () => {
    const result = simulate({ ...smallNetwork, sabotage });
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

caught("an authority that is mute", everyStep("authority-3", (o) => ({ ...o, effects: [] })), "liveness", "consensus");

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

test("an exception ends the run as a crash", () => {
  const sabotage = oneStep("mix-1", (outcome) => {
    if (outcome.state.steps < 50) return null;
    throw new Error("planted");
  });
  const result: SimulationResult = simulate({ ...smallNetwork, sabotage });
  assert.equal(result.crash?.message, "planted");
  assert.equal(exitCodeOf(result), 127);
});
