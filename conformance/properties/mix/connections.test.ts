/** Who finds room at a node, and who has to go: strangers, clients and neighbours never take one another's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../../core/bytes.ts";
import type { Count, Effect } from "../../../core/effects.ts";
import { type Command, consensusStatus } from "../../../core/wire/commands.ts";
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
  geometry,
  keysOf,
  told,
} from "./fixture.ts";

const counted = (effects: ReadonlyArray<Effect>): ReadonlyArray<string | undefined> =>
  effects.filter((effect): effect is Count => effect.type === "Count" && effect.name === "connections-refused")
    .map(({ label }) => label);

const refused = (effects: ReadonlyArray<Effect>): ReadonlyArray<string> =>
  effects.flatMap((effect) => (effect.type === "Refuse" ? [effect.connection] : []));

/** A connection from an address; an evicted one's session ends at once, as the system has it. */
const open = (driver: Driver, connection: string, remote: string): ReadonlyArray<Effect> => {
  const effects = driver.tell({ type: "Incoming", connection, remote });
  for (const gone of refused(effects)) {
    if (gone !== connection) driver.report(gone, { type: "Down", reason: "evicted" });
  }
  return effects;
};

const authorize = (driver: Driver, connection: string, name: string, additionalData: Uint8Array) => {
  const key = keysOf(name).linkKey;
  return driver.report(connection, { type: "Authorize", additionalData, key, remote: "" });
};

const loginNode = (driver: Driver, connection: string, peer: string): ReadonlyArray<Effect> =>
  authorize(driver, connection, peer, keysOf(peer).identityKey);

/** A Provider with so many users, user-0 and on. */
const providerWith = (users: number, limits: Parameters<typeof createDriver>[1]): Driver => {
  const provider = createRunning("p1", limits);
  for (let n = 0; n < users; n++) provider.register(`user-${n}`);
  return provider;
};

test("[FAULT-16] a flood from one address evicts its own oldest handshake, and nobody else's", () => {
  const mix = createRunning("a1", { limits: { handshakesPerAddress: 3, handshakesMax: 10 } });
  assert.deepEqual(refused(open(mix, "honest", "198.51.100.7:1")), []);
  for (let n = 0; n < 50; n++) {
    const effects = open(mix, `flood/${n}`, `203.0.113.9:${1000 + n}`);
    assert.deepEqual(refused(effects), n < 3 ? [] : [`flood/${n - 3}`]);
    assert.deepEqual(counted(effects), n < 3 ? [] : ["address-crowded"]);
  }
  assert.equal(mix.state().connections.bySession.size, 4);
  assert.equal(mix.state().connections.bySession.has("honest"), true);
});

test("[MIXNET-4.1-08] [FAULT-16] a flood from many addresses fills the strangers' room alone: neighbours are let in throughout", () => {
  const mix = createRunning("a1", { limits: { handshakesMax: 8, handshakesPerAddress: 4 } });
  for (let n = 0; n < 100; n++) open(mix, `flood/${n}`, `203.0.${n}.1:1`);
  // The document says that p1 is at 127.0.0.1.
  open(mix, "known", "127.0.0.1:5");
  for (let n = 100; n < 200; n++) open(mix, `flood/${n}`, `203.0.${n}.1:1`);
  assert.equal(mix.state().connections.bySession.size, 9);
  assert.deepEqual(told(loginNode(mix, "known", "p1"), "known"), [{ type: "Allowed" }]);
  // Another neighbour comes from where nobody expects it: a crowd with fewer addresses than there is room gives way.
  for (let n = 0; n < 100; n++) open(mix, `crowd/${n}`, `192.0.2.${n % 2}:1`);
  open(mix, "behind NAT", "100.64.0.1:1");
  for (let n = 100; n < 200; n++) open(mix, `crowd/${n}`, `192.0.2.${n % 2}:1`);
  assert.deepEqual(told(loginNode(mix, "behind NAT", "p2"), "behind NAT"), [{ type: "Allowed" }]);
});

test("[MIXNET-4.1-07] [FAULT-16] who comes too often is refused before it costs a key exchange, neighbours never", () => {
  const mix = createRunning("a1", { limits: { arrivalsPerMinute: 8, arrivalsPerMinuteInAll: 800 } });
  const reasons = (remote: string, count: number): ReadonlyArray<string | undefined> =>
    Array.from({ length: count }, (_, n) => {
      const effects = open(mix, `${remote}/${n}`, remote);
      assert.equal(effects.some(({ type }) => type === "Spawn"), counted(effects).length === 0);
      return counted(effects)[0];
    });
  assert.deepEqual(reasons("203.0.113.9:1", 4), [undefined, undefined, "address-rate", "address-rate"]);
  assert.deepEqual(reasons("203.0.113.10:1", 1), [undefined]);
  // The document says that p1 is at 127.0.0.1.
  assert.deepEqual(reasons("127.0.0.1:1", 4), [undefined, undefined, undefined, undefined]);
  mix.sleep(7_500);
  assert.deepEqual(reasons("203.0.113.9:1", 2), [undefined, "address-rate"]);
});

test("[MIXNET-4.1-07] [FAULT-16] a crowd that comes without end leaves room for a stranger that comes once", () => {
  const mix = createRunning("a1", { limits: { arrivalsPerMinuteInAll: 80 } });
  const crowd = Array.from({ length: 100 }, (_, n) => counted(open(mix, `crowd/${n}`, `203.0.113.${n % 4}:1`))[0]);
  assert.deepEqual([crowd.filter((reason) => reason === undefined).length, crowd.at(-1)], [10, "common-rate"]);
  assert.deepEqual(counted(open(mix, "once", "198.51.100.7:1")), []);
});

test("[FAULT-16] the 18,446,744,073,709,551,616 addresses of one /64 are one address", () => {
  const mix = createRunning("a1", { limits: { handshakesPerAddress: 2 } });
  for (let n = 0; n < 20; n++) open(mix, `flood/${n}`, `[2001:db8:0:1::${n.toString(16)}]:1`);
  assert.equal(mix.state().connections.bySession.size, 2);
  open(mix, "other", "[2001:db8:0:2::1]:1");
  assert.equal(mix.state().connections.bySession.size, 3);
});

test("[FAULT-16] an evicted connection is destroyed, its session told to end, and its place is free", () => {
  const mix = createRunning("a1", { limits: { handshakesPerAddress: 1 } });
  mix.tell({ type: "Incoming", connection: "first", remote: "203.0.113.9:1" });
  const effects = mix.tell({ type: "Incoming", connection: "second", remote: "203.0.113.9:2" });
  assert.deepEqual(refused(effects), ["first"]);
  assert.deepEqual(told(effects, "first"), [{ type: "Abort" }]);
  mix.report("first", { type: "Down", reason: "evicted" });
  mix.report("second", { type: "Down", reason: "handshake-timeout" });
  const { bySession, byPeer, admission, clientsByAddress, unwrapping } = mix.state().connections;
  const sizes = [bySession, byPeer, admission.places, admission.strangers.crowds, clientsByAddress, unwrapping]
    .map(({ size }) => size);
  assert.deepEqual(sizes, [0, 0, 0, 0, 0, 0]);
});

test("[FAULT-16] one identity has one connection, however often it comes; the older stays", () => {
  const mix = createDriver("b1");
  mix.document(documentOf(firstEpoch));
  mix.connectNode("a1");
  open(mix, "again", "198.51.100.1:1");
  const effects = loginNode(mix, "again", "a1");
  assert.deepEqual(told(effects, "again"), [{ type: "Denied", reason: "identity-full" }]);
  assert.deepEqual(counted(effects), ["identity-full"]);
});

test("[MIXDESIGN-1-04] [FAULT-16] clients have a bound in all and by address, which does not touch nodes", () => {
  const provider = providerWith(5, { limits: { clientsMax: 3, clientsPerAddress: 2 } });
  const login = (n: number, remote: string): ReadonlyArray<Effect> => {
    const effects = open(provider, `c/${n}`, remote);
    if (refused(effects).includes(`c/${n}`)) return effects;
    return authorize(provider, `c/${n}`, `user-${n}`, utf8(`user-${n}`));
  };
  for (const n of [0, 1]) assert.deepEqual(told(login(n, "203.0.113.1:1"), `c/${n}`), [{ type: "Allowed" }]);
  assert.deepEqual(counted(login(2, "203.0.113.1:1")), ["address-full"]);
  assert.deepEqual(told(login(3, "203.0.113.2:1"), "c/3"), [{ type: "Allowed" }]);
  assert.deepEqual(counted(login(4, "203.0.113.3:1")), ["clients-full"]);
  open(provider, "node", "203.0.113.4:1");
  assert.deepEqual(told(loginNode(provider, "node", "c1"), "node"), [{ type: "Allowed" }]);
  provider.report("c/0", { type: "Down", reason: "peer-closed" });
  open(provider, "c/0 again", "203.0.113.1:1");
  const again = authorize(provider, "c/0 again", "user-0", utf8("user-0"));
  assert.deepEqual(told(again, "c/0 again"), [{ type: "Allowed" }]);
});

test("[FAULT-16] clients that were let in while others were asked count at the address, too", () => {
  const provider = providerWith(2, { limits: { clientsPerAddress: 1 } });
  for (const n of [0, 1]) open(provider, `c/${n}`, "203.0.113.1:1");
  authorize(provider, "c/0", "user-0", utf8("user-0"));
  const second = authorize(provider, "c/1", "user-1", utf8("user-1"));
  assert.deepEqual(told(second, "c/1"), [{ type: "Denied", reason: "address-full" }]);
});

test("[FAULT-16] valid but unknown keys are refused by reason and leave nothing behind", () => {
  const mix = createRunning("a1");
  for (let n = 0; n < 20; n++) {
    open(mix, `in/${n}`, "203.0.113.9:1");
    const effects = loginNode(mix, `in/${n}`, `nobody ${n}`);
    assert.deepEqual(told(effects, `in/${n}`), [{ type: "Denied", reason: "unknown-peer" }]);
    mix.report(`in/${n}`, { type: "Down", reason: "denied" });
  }
  assert.equal(mix.state().connections.bySession.size, 0);
});

test("[FAULT-17] a connection with its share of packets in unwrapping is not read until half of them are done", () => {
  const mix = createRunning("a1", { limits: { unwrapsPerConnection: 4 } });
  const [greedy, other] = [mix.connectNode("p1"), mix.connectNode("p2")];
  const sent = [1, 2, 3, 4].map(() => told(mix.send(greedy), greedy));
  assert.deepEqual(sent, [[], [], [], [{ type: "Pause" }]]);
  assert.deepEqual(told(mix.send(other), other), []);
  const done = [1, 2, 3, 4].map(() => told(mix.unwrapped(forwardTo("b1", 1)), greedy));
  assert.deepEqual(done, [[], [{ type: "Resume" }], [], []]);
  mix.unwrapped(forwardTo("b1", 1));
  assert.equal(mix.state().connections.unwrapping.size, 0);
  mix.advance(1);
  assertConserved(mix);
});

test("[FAULT-17] what a connection left in unwrapping goes its way, and nobody is resumed", () => {
  const mix = createRunning("a1", { limits: { unwrapsPerConnection: 2 } });
  const session = mix.connectNode("p1");
  mix.send(session);
  mix.send(session);
  mix.report(session, { type: "Down", reason: "peer-closed" });
  assert.deepEqual(told(mix.unwrapped(forwardTo("b1", 1)), session), []);
  mix.unwrapped(forwardTo("b1", 1));
  assert.equal(mix.state().connections.unwrapping.size, 0);
  mix.advance(1);
  assertConserved(mix);
});

test("[FAULT-17] pipelined requests for documents wait in a short queue of the session's", () => {
  const provider = providerWith(1, { limits: { answersMax: 3 } });
  const spawned = open(provider, "c", "203.0.113.1:1").find((effect) => effect.type === "Spawn");
  assert.equal((spawned?.config as SessionConfig).queueLength, 3);
  authorize(provider, "c", "user-0", utf8("user-0"));
  provider.report("c", { type: "Up", clockSkewMs: 0, handshakeHash: new Uint8Array(64) });
  const before = provider.state();
  for (let n = 0; n < 100; n++) {
    const command: Command = { type: "GetConsensus", epoch: n % 2 === 0 ? firstEpoch : n * 1e9 };
    const [answer] = told(provider.report("c", { type: "Command", command }), "c");
    assert.equal(answer?.type === "Send" && answer.command.type, "Consensus");
    if (answer?.type !== "Send" || answer.command.type !== "Consensus") continue;
    const status = n % 2 === 0
      ? consensusStatus.ok
      : n * 1e9 < firstEpoch
      ? consensusStatus.gone
      : consensusStatus.notFound;
    assert.equal(answer.command.status, status);
  }
  // The answers are in the session's hands; the node has kept none of them.
  assert.equal(provider.state().connections, before.connections);
});

test("[FAULT-19] roles are not confused: keys of users, of other layers, of authorities and of the node itself", () => {
  const denied = (driver: Driver, additionalData: Uint8Array, key: string): boolean =>
    driver.connect(additionalData, keysOf(key).linkKey).answer?.type === "Denied";
  const mix = createRunning("b1");
  const provider = providerWith(1, {});
  const { identityKey } = keysOf("a1");
  assert.equal(denied(mix, utf8("user-0"), "user-0"), true, "a client at a mix");
  assert.equal(denied(mix, new Uint8Array(0), "user-0"), true, "a client as authorities know them");
  assert.equal(denied(mix, keysOf("auth").identityKey, "auth"), true, "an authority at a mix");
  assert.equal(denied(mix, keysOf("c1").identityKey, "c1"), true, "the layer behind");
  assert.equal(denied(mix, keysOf("p1").identityKey, "p1"), true, "a Provider that skips a layer");
  assert.equal(denied(mix, keysOf("b1").identityKey, "b1"), true, "the node itself");
  assert.equal(denied(mix, keysOf("b2").identityKey, "b2"), true, "its own layer");
  assert.equal(denied(mix, identityKey, "a2"), true, "a node's name with another node's key");
  assert.equal(denied(mix, identityKey.subarray(1), "a1"), true, "a shorter name");
  assert.equal(denied(mix, identityKey, "a1"), false, "the layer before");
  assert.equal(denied(provider, utf8("user-0"), "c1"), true, "a user's name with a node's key");
  assert.equal(denied(provider, keysOf("c1").identityKey, "user-0"), true, "a node's name with a user's key");
  assert.equal(denied(provider, identityKey, "a1"), true, "the layer behind a Provider");
  assert.equal(denied(provider, keysOf("c1").identityKey, "c1"), false, "the layer before a Provider");
});

test("[FAULT-19] a client that acts as a mix, and a mix that acts as a client, are hung up on or dropped", () => {
  const provider = providerWith(1, {});
  const node = provider.connectNode("c1");
  const asked = provider.report(node, { type: "Command", command: { type: "RetrieveMessage", sequence: 0 } });
  assert.deepEqual(told(asked, node), [{ type: "Close", polite: true }]);
  const client = provider.connectUser("user-0");
  provider.send(client);
  // What a client sends has to go on: it cannot end here as if it had come through the mixes.
  const effects = provider.unwrapped(
    [{ type: "Recipient", id: new Uint8Array(64) }],
    new Uint8Array(geometry.userPayloadLength),
  );
  assert.deepEqual(dropped(effects), ["client-must-forward"]);
  assertConserved(provider);
});
