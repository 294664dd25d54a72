/** What every node owes a packet: the same operations, replays without effect; and a Provider: the right addressee. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Effect } from "../../../core/effects.ts";
import { katzenpostClock, scheduleOf } from "../../../core/pki/epoch.ts";
import { arrive, createProvider, payloadOf, to } from "../provider/harness.ts";
import {
  assertConserved,
  createRunning,
  type Driver,
  dropped,
  firstEpoch,
  forwardTo,
  keysOf,
  told,
} from "./fixture.ts";

/** A node, a peer that may send packets through it, and whom they go to next. */
const nodes: ReadonlyArray<readonly [name: string, connect: (driver: Driver) => string, next: string]> = [
  ["a1", (driver) => driver.connectNode("p1"), "b1"],
  ["c1", (driver) => driver.connectNode("b1"), "p1"],
  ["p1", (driver) => (driver.register("alice"), driver.connectUser("alice")), "a1"],
];

const sends = (effects: ReadonlyArray<Effect>): ReadonlyArray<string> =>
  effects.flatMap((effect) =>
    effect.type === "Tell" && told([effect], effect.to)[0]?.type === "Send" ? [effect.to] : []
  );

for (const [name, connect, next] of nodes) {
  test(`[SPHINX-6.2-03] [MIXNET-1.1-01] [E2E-1.1-01] ${name} unwraps, tests for replays, delays and forwards`, () => {
    const driver = createRunning(name);
    const session = connect(driver);
    const tag = new Uint8Array(32).fill(4);
    driver.send(session);
    assert.deepEqual(driver.unwraps[0]!.keys.map(({ epoch }) => epoch), [firstEpoch]);
    assert.deepEqual(dropped(driver.unwrapped(forwardTo(next, 70), null, tag)), []);
    assert.deepEqual(sends(driver.advance(69)), []);
    const [link, ...others] = sends(driver.advance(1));
    assert.deepEqual(others, []);
    assert.equal(driver.state().links.bySession.get(link!), keysOf(next).id);
    driver.send(session);
    assert.deepEqual(dropped(driver.unwrapped(forwardTo(next, 70), null, tag)), ["replayed"]);
    assertConserved(driver);
  });
}

test("[SPHINX-6-02] a replay is dropped and counted, and nothing else becomes of it", () => {
  const provider = createProvider();
  const session = provider.connectNode("c1");
  const tag = new Uint8Array(32).fill(5);
  const deliver = (): ReadonlyArray<Effect> => {
    provider.send(session);
    return provider.unwrapped([to("alice")], payloadOf(null), tag);
  };
  assert.deepEqual(dropped(deliver()), []);
  const before = provider.state();
  const again = deliver();
  assert.deepEqual(dropped(again), ["replayed"]);
  // What is asked for besides: the test itself, which found the tag.
  const others = again.filter(({ type }) => !["Drop", "Count", "Log", "TestAndSetReplay"].includes(type));
  assert.deepEqual(others, []);
  const after = provider.state();
  assert.equal(after.queue, before.queue);
  assert.equal(after.provider!.mailboxes, before.provider!.mailboxes);
  assert.equal(after.tally.delivered, before.tally.delivered);
});

test("[SPHINX-6.2-05] a Provider's users each get what is addressed to them", () => {
  const provider = createProvider();
  provider.register("bob");
  arrive(provider, [to("bob")], payloadOf(null, "for Bob"));
  const fetched = (user: string): string => {
    const session = provider.connectUser(user);
    const asked = provider.report(session, { type: "Command", command: { type: "RetrieveMessage", sequence: 0 } });
    const [answer] = told([...asked, ...provider.flush()], session);
    assert.equal(answer?.type, "Send");
    const { command } = answer as Extract<typeof answer, { type: "Send" }>;
    return command.type === "Message" ? new TextDecoder().decode(command.payload).replace(/\0+$/, "") : command.type;
  };
  assert.deepEqual([fetched("alice"), fetched("bob")], ["MessageEmpty", "for Bob"]);
});

test("[MIXNET-1.1-02] in the network of 2020 keys outlive their epoch by the longest life of a packet, 120 s", () => {
  assert.equal(scheduleOf(katzenpostClock).keyGraceMs, 120_000);
});
