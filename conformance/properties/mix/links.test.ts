/** Outgoing links: whom a node dials, how it tries again, and what becomes of packets for them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../../../core/bytes.ts";
import type { Effect, Spawn } from "../../../core/effects.ts";
import { defaultLimits } from "../../../core/mix/config.ts";
import type { SessionConfig } from "../../../core/wire/session.ts";
import {
  assertConserved,
  createDriver,
  createRunning,
  documentOf,
  type Driver,
  dropped,
  firstEpoch,
  forwardTo,
  keysOf,
  logged,
  periodMs,
  told,
} from "./fixture.ts";

const dials = (effects: ReadonlyArray<Effect>): ReadonlyArray<SessionConfig> =>
  effects.filter((effect): effect is Spawn => effect.type === "Spawn" && effect.kind === "session")
    .map(({ config }) => config as SessionConfig);

const linkTo = (driver: Driver, name: string) => driver.state().links.byId.get(keysOf(name).id);

const sessionOf = (driver: Driver, name: string): string => {
  const phase = linkTo(driver, name)!.phase;
  assert.ok(phase.type !== "waiting");
  return phase.session;
};

test("[MIXNET-2.2-02] [MIXNET-4.1-01] every node dials all of the next layer", () => {
  const expected = { a1: ["b1", "b2"], b2: ["c1", "c2"], c1: ["p1", "p2"], p1: ["a1", "a2"] };
  for (const [name, peers] of Object.entries(expected)) {
    const driver = createDriver(name);
    driver.document(documentOf(firstEpoch));
    const sessions = dials(driver.advance(0));
    assert.equal(sessions.length, peers.length);
    assert.deepEqual([...driver.state().links.byId.values()].map(({ descriptor }) => descriptor.name).sort(), peers);
    for (const { role, additionalData, receives } of sessions) {
      assert.deepEqual(role, { type: "initiator", addresses: ["127.0.0.1:1"] });
      assert.deepEqual([toHex(additionalData), receives], [keysOf(name).id, []]);
    }
  }
});

test("[HB-MIX-4-02] a node is dialled at its tcp4 addresses, then at its tcp6 ones; other transports are for clients", () => {
  const mix = createDriver("c1");
  const addresses = new Map([
    ["tcp", ["p1.example.org:4"]],
    ["tcp6", ["[2001:db8::1]:2", "[2001:db8::2]:3"]],
    ["tcp4", ["192.0.2.1:1"]],
  ]);
  const known = documentOf(firstEpoch);
  mix.document({ ...known, providers: known.providers.map((one) => ({ ...one, addresses })) });
  for (const { role } of dials(mix.advance(0))) {
    assert.deepEqual(role, {
      type: "initiator",
      addresses: ["192.0.2.1:1", "[2001:db8::1]:2", "[2001:db8::2]:3"],
    });
  }
  assert.equal(mix.state().links.byId.size, 2);
});

test("[WIRE-2-04] [FAULT-19] only the node of the descriptor is let in at the other end of a link", () => {
  const mix = createDriver("a1");
  mix.document(documentOf(firstEpoch));
  mix.advance(0);
  const session = sessionOf(mix, "b1");
  const answer = (peer: string, key: string): string | undefined =>
    told(
      mix.report(session, {
        type: "Authorize",
        additionalData: keysOf(peer).identityKey,
        key: keysOf(key).linkKey,
        remote: "127.0.0.1:1",
      }),
      session,
    )[0]?.type;
  assert.deepEqual([answer("b1", "b1"), answer("b1", "b2"), answer("b2", "b1")], ["Allowed", "Denied", "Denied"]);
});

/** When a link that waits is dialled next, in ms from now. */
const waitOf = (driver: Driver, name: string): number => {
  const phase = linkTo(driver, name)!.phase;
  return phase.type === "waiting" ? phase.dialAt - driver.now() : assert.fail(`the link is ${phase.type}`);
};

const up = { type: "Up", clockSkewMs: 0, handshakeHash: new Uint8Array(64) } as const;

test("[MIXNET-4.1-05] an attempt comes at once, the next ones after 5 s and then twice as long each time, up to 120 s", () => {
  const { reconnectMinMs, reconnectMaxMs } = defaultLimits;
  assert.deepEqual([reconnectMinMs, reconnectMaxMs], [5_000, 120_000]);
  // A tenth, so that all of it is within an epoch.
  const limits = { reconnectMinMs: 500, reconnectMaxMs: 12_000 };
  const mix = createDriver("a1", { elapsedMs: 0, limits });
  mix.document(documentOf(firstEpoch, { layers: [["a1"], ["b1"], ["c1"]], providers: ["p1"] }));
  assert.equal(dials(mix.advance(0)).length, 1);
  const waits: number[] = [];
  for (let attempt = 0; attempt < 7; attempt++) {
    mix.report(sessionOf(mix, "b1"), { type: "Down", reason: "dial-failed" });
    const waitMs = waitOf(mix, "b1");
    waits.push(waitMs);
    assert.deepEqual(dials(mix.advance(waitMs - 1)), []);
    assert.equal(dials(mix.advance(1)).length, 1);
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 12_000, 12_000]);
});

test("[MIXNET-4.1-05] a peer that hangs up as soon as it is connected is waited for ever longer, one that stayed is not", () => {
  const mix = createDriver("a1", { elapsedMs: 0 });
  mix.document(documentOf(firstEpoch));
  mix.advance(0);
  const waits = [1_000, 4_999, 0, 5_000].map((lastingMs) => {
    mix.report(sessionOf(mix, "b1"), up);
    mix.sleep(lastingMs);
    mix.report(sessionOf(mix, "b1"), { type: "Down", reason: "peer-closed" });
    const waitMs = waitOf(mix, "b1");
    mix.advance(waitMs);
    return waitMs;
  });
  assert.deepEqual(waits, [5_000, 10_000, 20_000, 5_000]);
});

test("[MIXNET-4.1-06] when an epoch begins every link is dialled that has rested for 5 s, and no other before it has", () => {
  const mix = createDriver("a1", { elapsedMs: periodMs - 60_000 });
  mix.document(documentOf(firstEpoch));
  mix.document(documentOf(firstEpoch + 1));
  mix.advance(0);
  const fail = (name: string): unknown => mix.report(sessionOf(mix, name), { type: "Down", reason: "dial-failed" });
  for (const waitMs of [5_000, 10_000, 20_000]) {
    fail("b1");
    mix.advance(waitMs);
  }
  fail("b1");
  mix.sleep(23_000);
  fail("b2");
  assert.deepEqual([waitOf(mix, "b1"), waitOf(mix, "b2")], [17_000, 5_000]);
  assert.deepEqual(dials(mix.advance(1_999)), []);
  mix.advance(1);
  assert.equal(linkTo(mix, "b1")!.phase.type, "dialling");
  assert.equal(waitOf(mix, "b2"), 3_000);
  fail("b1");
  assert.equal(waitOf(mix, "b1"), 5_000, "the waits have started over");
  assert.deepEqual(dials(mix.advance(2_999)), []);
  mix.advance(1);
  assert.deepEqual([linkTo(mix, "b1"), linkTo(mix, "b2")].map((link) => link!.phase.type), ["waiting", "dialling"]);
});

test("[MIXNET-4.1-06] a link whose peer has another key now rests as well", () => {
  const mix = createRunning("a1", { elapsedMs: 0 });
  mix.sleep(60_000);
  const session = sessionOf(mix, "b1");
  const known = documentOf(firstEpoch);
  const topology = known.topology.map((layer) =>
    layer.map((node) => (node.name === "b1" ? { ...node, linkKey: keysOf("b2").linkKey } : node))
  );
  mix.document({ ...known, topology });
  mix.report(session, { type: "Down", reason: "closed" });
  assert.equal(waitOf(mix, "b1"), 5_000);
});

test("[PKI-2.1.2-05] links to next neighbours open early, those to nodes no longer listed close", () => {
  const mix = createDriver("a1", { elapsedMs: periodMs / 2 });
  mix.document(documentOf(firstEpoch));
  mix.linkUp();
  mix.document(documentOf(firstEpoch + 1, { layers: [["a1"], ["b2", "b3"], ["c1"]], providers: ["p1"] }));
  assert.equal(linkTo(mix, "b3"), undefined);
  const early = mix.state().schedule.earlyConnectMs;
  mix.advance(periodMs / 2 - early - 1);
  assert.equal(linkTo(mix, "b3"), undefined);
  assert.equal(dials(mix.advance(2)).length, 1);
  assert.equal(linkTo(mix, "b1")!.phase.type, "up");
  const gone = sessionOf(mix, "b1");
  const effects = mix.advance(early);
  assert.deepEqual(told(effects, gone), [{ type: "Close", polite: true }]);
  mix.report(gone, { type: "Down", reason: "closed" });
  assert.equal(linkTo(mix, "b1"), undefined);
  assert.equal(linkTo(mix, "b2")!.phase.type, "up");
});

test("without the document of an epoch the links that stand stay", () => {
  const mix = createRunning("a1", { elapsedMs: periodMs - 1000 });
  mix.advance(2000);
  assert.deepEqual([...mix.state().links.byId.values()].map(({ phase }) => phase.type), ["up", "up"]);
});

test("[HB-MIX-3-07] packets for a link that is down, or that its session loses, are dropped with a reason", () => {
  const mix = createRunning("a1");
  const session = mix.connectNode("p1");
  const link = sessionOf(mix, "b1");
  const handOver = (): number => {
    mix.send(session);
    mix.unwrapped(forwardTo("b1", 1));
    const sent = told(mix.advance(1), link)[0];
    assert.ok(sent?.type === "Send");
    return sent.id!;
  };
  const reasons = ["session-queue-full", "session-send-late", "session-down"] as const;
  const drops = reasons.map((reason) => dropped(mix.report(link, { type: "Sent", id: handOver(), dropped: reason })));
  assert.deepEqual(drops.flat(), ["session-queue-full", "session-send-late", "session-closed"]);
  const last = handOver();
  assert.deepEqual(dropped(mix.report(link, { type: "Down", reason: "peer-closed" })), ["session-closed"]);
  assert.deepEqual(mix.report(link, { type: "Sent", id: last, dropped: null }), []);
  mix.send(session);
  mix.unwrapped(forwardTo("b1", 1));
  assert.deepEqual(dropped(mix.advance(1)), ["link-down"]);
  assertConserved(mix);
});

test("a node says to whom it is connected, in both directions", () => {
  const mix = createDriver("b1");
  mix.document(documentOf(firstEpoch));
  mix.advance(0);
  const up = mix.report(sessionOf(mix, "c1"), { type: "Up", clockSkewMs: 0, handshakeHash: new Uint8Array(64) });
  assert.deepEqual(logged(up, "connected")[0]?.fields, { peer: keysOf("c1").id, name: "c1", direction: "out" });
  const session = "in/9";
  mix.tell({ type: "Incoming", connection: session, remote: "127.0.0.1:9" });
  mix.report(session, {
    type: "Authorize",
    additionalData: keysOf("a1").identityKey,
    key: keysOf("a1").linkKey,
    remote: "127.0.0.1:9",
  });
  const incoming = mix.report(session, { type: "Up", clockSkewMs: 0, handshakeHash: new Uint8Array(64) });
  assert.deepEqual(logged(incoming, "connected")[0]?.fields, { peer: keysOf("a1").id, name: "a1", direction: "in" });
});

test("[PKI-2.1.2-04] a peer that is no longer listed has to go when it is checked again", () => {
  const mix = createRunning("b1", { elapsedMs: periodMs - 1000 });
  const [stays, goes] = [mix.connectNode("a1"), mix.connectNode("a2")];
  mix.document(documentOf(firstEpoch + 1, { layers: [["a1"], ["b1"], ["c1"]], providers: ["p1"] }));
  const effects = mix.advance(30_000);
  assert.deepEqual([told(effects, stays), told(effects, goes)], [[], [{ type: "Close", polite: true }]]);
});
