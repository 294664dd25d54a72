/** The connection to the own Provider: whom, how often, and what ends it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../../core/bytes.ts";
import { addressesOf } from "../../../core/client/link.ts";
import { providerLayer } from "../../../core/pki/descriptor.ts";
import type { SessionRequest } from "../../../core/wire/session.ts";
import { createDriver, createRunning, type Driver, keepAlive, ping, sendAll, slowClock } from "./fixture.ts";
import { descriptorOf, documentOf, firstEpoch, keysOf, periodMs, providers, travel } from "./network.ts";

const connecting = (more = {}): Driver => {
  const driver = createDriver(more);
  driver.document(documentOf(firstEpoch));
  return driver;
};

const answer = (effects: ReturnType<Driver["tell"]>): SessionRequest | undefined => {
  const tell = effects.find((effect) => effect.type === "Tell");
  return tell?.event as SessionRequest | undefined;
};

test("[E2E-3.1-01] [E2E-3-01] the client dials its Provider where the document says, and presents the user's name unpadded", () => {
  const driver = connecting();
  const [session] = driver.spawned;
  assert.deepEqual(session?.role, { type: "initiator", addresses: ["127.0.0.1:1"] });
  assert.deepEqual(session?.additionalData, utf8("alice"));
  assert.deepEqual(session?.staticPrivate, keysOf("alice").linkPrivate);
  assert.deepEqual(session?.receives, ["Message", "MessageAck", "MessageEmpty", "Consensus"]);
});

test("[E2E-3.1-02] [WIRE-2-04] the Provider is accepted by identity and link key of its descriptor, and by nothing else", () => {
  const driver = connecting();
  const [own, other] = [keysOf("p1"), keysOf("p2")];
  const authorize = (additionalData: Uint8Array, key: Uint8Array) =>
    answer(driver.report({ type: "Authorize", additionalData, key, remote: "r" }));
  assert.deepEqual(authorize(own.identityKey, other.linkKey), { type: "Denied", reason: "link-key" });
  assert.deepEqual(authorize(other.identityKey, own.linkKey), { type: "Denied", reason: "identity-key" });
  assert.deepEqual(authorize(utf8("p1"), own.linkKey), { type: "Denied", reason: "identity-key" });
  assert.deepEqual(authorize(own.identityKey, own.linkKey), { type: "Allowed" });
});

test("[CLIENT-1.2-01] a client links to its own Provider alone, through which it reaches services of others", () => {
  const driver = createRunning({ clock: slowClock }, documentOf(firstEpoch));
  for (const provider of providers) driver.request(ping(provider, provider));
  sendAll(driver);
  driver.written();
  assert.deepEqual(driver.of("Sent").map(({ sent }) => sent.path.at(-1)), providers);
  for (const { packet } of driver.packets) assert.equal(travel(packet).path[0], "p1");
  assert.equal(driver.spawned.length, 1);
});

test("addresses are those of the transports that the client prefers, in its order", () => {
  const descriptor = {
    ...descriptorOf("p1", providerLayer, firstEpoch),
    addresses: new Map([["tcp4", ["1.2.3.4:5", "1.2.3.4:6"]], ["tcp", ["p1.example:5"]], ["quic", ["x:1"]]]),
  };
  assert.deepEqual(addressesOf(descriptor, ["tcp", "tcp4", "tcp6"]), ["p1.example:5", "1.2.3.4:5", "1.2.3.4:6"]);
  assert.deepEqual(addressesOf(descriptor, ["tcp6"]), []);
});

test("without an address of a usable transport the client says so and tries again later", () => {
  const driver = createDriver({ transports: ["tcp6"] });
  driver.document(documentOf(firstEpoch));
  driver.advance(1_000);
  assert.equal(driver.spawned.length, 0);
  assert.equal(driver.of("ConnectionDown")[0]?.reason, "no-address");
});

/** Instants at which connections were tried in the given time, all of which fail. */
const attempts = (driver: Driver, ms: number): number[] => {
  const instants: number[] = [];
  const fail = (): void => {
    while (driver.state().link.type === "Connecting") {
      instants.push(driver.now());
      driver.down("dial-failed");
    }
  };
  fail();
  driver.advance(ms, fail);
  return instants;
};

test("the wait between attempts grows by a step up to a limit, and begins anew after an answer", () => {
  const timing = { reconnectStepMs: 1_000, reconnectMaxMs: 2_500, pollMs: 60_000 };
  const driver = connecting({ timing });
  const start = driver.now();
  assert.deepEqual(attempts(driver, 8_499).map((at) => at - start), [0, 0, 1_000, 3_000, 5_500, 8_000]);
  driver.advance(2_001);
  driver.authorize();
  driver.up();
  driver.down();
  assert.equal(driver.state().link.type, "Idle", "a connection that brought nothing does not count");
  driver.advance(2_500);
  driver.authorize();
  driver.up();
  driver.deliver(null);
  driver.down();
  driver.advance(0);
  assert.equal(driver.state().link.type, "Connecting");
  assert.deepEqual(driver.of("ConnectionUp").length, 2);
});

test("a Provider that breaks the protocol is not called again at once", () => {
  const driver = createRunning({ timing: { reconnectStepMs: 3_000 } });
  driver.deliver(null);
  driver.command({ type: "MessageEmpty", sequence: 7 });
  driver.down("closed");
  assert.equal(driver.of("ConnectionDown").at(-1)?.retryMs, 3_000);
});

test("every end of a connection is told with its reason, and its machine removed", () => {
  const driver = connecting();
  const effects = driver.down("noise-decrypt");
  assert.ok(effects.some((effect) => effect.type === "Stop" && effect.at === "client/0"));
  assert.deepEqual(driver.of("ConnectionDown"), [{ type: "ConnectionDown", reason: "noise-decrypt", retryMs: 0 }]);
  assert.equal(driver.spawned.length, 2);
});

test("reports of a session that is gone change nothing", () => {
  const driver = createRunning();
  const old = driver.session();
  driver.down();
  const before = driver.state();
  driver.report({ type: "Command", command: { type: "MessageEmpty", sequence: 0 } }, old);
  driver.report({ type: "Down", reason: "peer-closed" }, old);
  driver.report({ type: "Sent", id: 12345, dropped: null }, old);
  assert.equal(driver.state(), before);
});

test("a clock that is off by more than two minutes is told", () => {
  const driver = connecting();
  driver.authorize();
  driver.up(-120_001);
  assert.deepEqual(driver.of("ClockSkew"), [{ type: "ClockSkew", clockSkewMs: -120_001 }]);
  const fine = connecting();
  fine.authorize();
  fine.up(120_000);
  assert.equal(fine.of("ClockSkew").length, 0);
});

test("when the document in force has other keys for the Provider, the connection ends", () => {
  const driver = createRunning({ elapsedMs: periodMs - 2_000 });
  const moved = { ...descriptorOf("p1", providerLayer, firstEpoch + 1), linkKey: keysOf("somebody").linkKey };
  const others = providers.slice(1).map((name) => descriptorOf(name, providerLayer, firstEpoch + 1));
  driver.document(documentOf(firstEpoch + 1, { providers: [moved, ...others] }));
  driver.advance(1_999, keepAlive(driver));
  assert.equal(driver.state().link.type, "Up");
  driver.advance(1, keepAlive(driver));
  assert.equal(driver.state().link.type, "Closing");
  assert.ok(driver.logs.includes("client-provider-changed"));
});

test("[PKI-2.1.2-05] a connection outlives its document while the keys stay the same", () => {
  const driver = createRunning({ elapsedMs: periodMs - 2_000 });
  driver.document(documentOf(firstEpoch + 1));
  driver.advance(10_000, keepAlive(driver));
  assert.equal(driver.state().link.type, "Up");
  assert.equal(driver.state().documents.inForce?.epoch, firstEpoch + 1);
});

test("shutdown ends an attempt to connect", () => {
  const driver = connecting();
  driver.request({ type: "Shutdown" });
  assert.equal(driver.state().link.type, "Closing");
  driver.down("closed");
  assert.equal(driver.of("Stopped").length, 1);
});

test("shutdown before there is a document stops at once", () => {
  const driver = createDriver();
  driver.request({ type: "Shutdown" });
  assert.equal(driver.of("Stopped").length, 1);
  assert.equal(driver.wakeAt(), null);
});
