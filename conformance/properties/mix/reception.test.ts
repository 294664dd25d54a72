/** What a node does with a packet that arrives: order of checks, classification, delays, replays, keys in the grace. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { classify, type Opened, type Origin } from "../../../core/mix/classify.ts";
import { delayMaxMs, remainingDelay } from "../../../core/mix/delay.ts";
import { expiredKeys, keysInForce, withKeysFrom } from "../../../core/mix/keys.ts";
import { epochAt } from "../../../core/pki/epoch.ts";
import { wall } from "../../../core/machine.ts";
import { draws } from "../../../core/random.ts";
import type { RoutingCommand } from "../../../core/sphinx/commands.ts";
import { PersistentMap } from "../../../core/collections/map.ts";
import {
  assertConserved,
  clock,
  createDriver,
  createRunning,
  documentOf,
  dropped,
  firstEpoch,
  forwardTo,
  geometry,
  keysOf,
  packetOf,
  periodMs,
  suite,
  told,
} from "./fixture.ts";

const hop: RoutingCommand = { type: "NextNodeHop", id: new Uint8Array(32), mac: new Uint8Array(16) };
const delay: RoutingCommand = { type: "NodeDelay", delayMs: 5 };
const recipient: RoutingCommand = { type: "Recipient", id: new Uint8Array(64) };
const reply: RoutingCommand = { type: "SurbReply", id: new Uint8Array(16) };

const opened = (commands: ReadonlyArray<RoutingCommand>): Opened => {
  const isForward = commands.some(({ type }) => type === "NextNodeHop");
  return {
    ok: true,
    epoch: 1,
    replayTag: new Uint8Array(32),
    commands,
    packet: isForward ? new Uint8Array(1) : null,
    payload: isForward ? null : new Uint8Array(1),
  };
};

const outcome = (commands: ReadonlyArray<RoutingCommand>, origin: Origin, isProvider: boolean): string => {
  const classified = classify(opened(commands), origin, isProvider);
  return typeof classified === "string" ? classified : classified.type;
};

test("[DECOY-1.3-01] [MIXNET-4.3-02] [MIXNET-4.3-04] four combinations of commands mean something, all others are dropped", () => {
  const all = [hop, delay, recipient, reply];
  const meanings = new Map([
    ["NextNodeHop NodeDelay", "Forward"],
    ["NodeDelay Recipient", "ToUser"],
    ["Recipient", "ToUser"],
    ["Recipient SurbReply", "SurbReply"],
  ]);
  for (let bits = 0; bits < 16; bits++) {
    const commands = all.filter((_, i) => (bits & (1 << i)) !== 0);
    const name = commands.map(({ type }) => type).join(" ");
    // Each way round: the order of commands means nothing.
    for (const order of [commands, [...commands].reverse()]) {
      const classified = classify(opened(order), name.includes("NextNodeHop") ? "client" : "mix", true);
      assert.equal(
        typeof classified === "string" ? classified : classified.type,
        meanings.get(name) ?? "commands",
        name,
      );
    }
  }
});

test("a command that comes twice makes the packet one to drop", () => {
  for (const commands of [[hop, delay, delay], [recipient, recipient], [recipient, reply, reply], [hop, hop, delay]]) {
    assert.equal(classify(opened(commands), "mix", false), "commands");
  }
});

test("clients must forward, at a Provider mixes must terminate, at a mix only replies end", () => {
  const table: ReadonlyArray<readonly [ReadonlyArray<RoutingCommand>, Origin, boolean, string]> = [
    [[hop, delay], "client", true, "Forward"],
    [[hop, delay], "mix", true, "mix-must-terminate"],
    [[hop, delay], "mix", false, "Forward"],
    [[delay, recipient], "client", true, "client-must-forward"],
    [[delay, recipient], "mix", true, "ToUser"],
    [[delay, recipient], "mix", false, "mix-must-forward"],
    [[recipient], "mix", false, "mix-must-forward"],
    [[recipient, reply], "client", true, "client-must-forward"],
    [[recipient, reply], "mix", true, "SurbReply"],
    [[recipient, reply], "mix", false, "SurbReply"],
  ];
  for (const [commands, origin, isProvider, expected] of table) {
    assert.equal(outcome(commands, origin, isProvider), expected);
  }
});

test("[MIXNET-4.3-03] [FAULT-27] what a packet waited is taken off its delay; bounds hold at 0 and 2^32-1 ms", () => {
  const maxMs = delayMaxMs(clock, 20_000);
  const table: ReadonlyArray<readonly [number, number, number | string]> = [
    [0, 0, 1],
    [0, 0.25, 0.75],
    [0, 1, "delay-zero"],
    [1, 0, 1],
    [1, 5, 1],
    [10, 3, 7],
    [10, 10, 1],
    [10, 11, 1],
    [20_000, 0, 20_000],
    [20_001, 0, "delay-too-long"],
    [20_001, 1, 20_000],
    [3 * periodMs, 3 * periodMs - 1, 1],
    [3 * periodMs + 1, 3 * periodMs, "delay-too-long"],
    [2 ** 32 - 1, 0, "delay-too-long"],
    [2 ** 32 - 1, 2 ** 32 - 2, "delay-too-long"],
  ];
  for (const [delayMs, dwellMs, expected] of table) {
    assert.equal(remainingDelay(clock, maxMs, delayMs, dwellMs), expected, `${delayMs} after ${dwellMs}`);
  }
  assert.equal(delayMaxMs(clock, 0), 3 * periodMs);
  assert.equal(delayMaxMs(clock, null), 3 * periodMs);
  assert.equal(delayMaxMs(clock, 4 * periodMs), 3 * periodMs);
});

test("[MIXNET-4-02] [MIXNET-4.3-01] a packet is unwrapped, looked for among replays, delayed from its reception, and sent", () => {
  const mix = createRunning("a1");
  const session = mix.connectNode("p1");
  mix.send(session);
  assert.equal(mix.unwraps.length, 1);
  mix.sleep(40);
  mix.unwrapped(forwardTo("b1", 100));
  assert.deepEqual(mix.advance(59).filter(({ type }) => type === "Tell"), []);
  const link = [...mix.state().links.byId.values()].find(({ descriptor }) => descriptor.name === "b1")!;
  assert.ok(link.phase.type === "up");
  const sends = told(mix.advance(1), link.phase.session);
  assert.equal(sends.length, 1);
  const [send] = sends;
  assert.ok(send?.type === "Send" && send.command.type === "SendPacket" && send.id !== undefined);
  assert.equal(send.notAfter, mix.now() + mix.config.limits.sendSlackMs);
  assertConserved(mix);
  mix.report(link.phase.session, { type: "Sent", id: send.id, dropped: null });
  assert.equal(mix.state().tally.forwarded, 1);
  assertConserved(mix);
});

test("[SPHINX-6.2-02] [MIXNET-4.3-09] a packet is a replay also when its first copy was dropped", () => {
  const mix = createRunning("a1");
  const session = mix.connectNode("p1");
  const tag = new Uint8Array(32).fill(3);
  mix.send(session);
  assert.deepEqual(dropped(mix.unwrapped([recipient], new Uint8Array(9), tag)), ["mix-must-forward"]);
  mix.send(session);
  assert.deepEqual(dropped(mix.unwrapped(forwardTo("b1", 100), null, tag)), ["replayed"]);
  assertConserved(mix);
});

test("[SPHINX-6-01] [REPLAY-4.1-01] nothing is recorded of a packet that could not be unwrapped", () => {
  const mix = createRunning("a1");
  mix.send(mix.connectNode("p1"));
  const { id } = mix.unwraps.shift()!;
  const effects = mix.tell({ type: "Unwrapped", id, result: { ok: false, reason: "mac" } });
  assert.deepEqual(dropped(effects), ["unwrap-mac"]);
  assert.deepEqual(mix.storing, []);
  // A result that nobody waits for changes nothing.
  assert.deepEqual(mix.tell({ type: "Unwrapped", id, result: { ok: false, reason: "mac" } }), []);
  assert.deepEqual(mix.tell({ type: "ReplayTested", id, outcome: "fresh" }), []);
  assertConserved(mix);
});

test("a packet whose tag could not be recorded does not pass", () => {
  const mix = createRunning("a1");
  mix.send(mix.connectNode("p1"));
  const unwrap = mix.unwraps.shift()!;
  const { id, keys } = unwrap;
  const packet = packetOf(unwrap);
  const commands = forwardTo("b1", 5);
  mix.tell({
    type: "Unwrapped",
    id,
    result: { ok: true, epoch: keys[0]!.epoch, replayTag: new Uint8Array(32), commands, packet, payload: null },
  });
  assert.deepEqual(dropped(mix.tell({ type: "ReplayTested", id, outcome: "failed" })), ["replay-store-failed"]);
  assertConserved(mix);
});

test("[HB-MIX-3-07] a packet that waited too long to be unwrapped is dropped, after its tag was recorded", () => {
  const mix = createRunning("a1", { limits: { unwrapDelayMs: 100 } });
  const session = mix.connectNode("p1");
  mix.send(session);
  mix.sleep(101);
  assert.deepEqual(dropped(mix.unwrapped(forwardTo("b1", 5000), null, new Uint8Array(32))), ["unwrap-late"]);
  mix.send(session);
  assert.deepEqual(dropped(mix.unwrapped(forwardTo("b1", 5000), null, new Uint8Array(32))), ["replayed"]);
});

test("[WIRE-3.3-02] a packet of another size ends the connection and is counted", () => {
  const mix = createRunning("a1");
  for (const [peer, length] of [["p1", 0], ["p2", geometry.packetLength + 1]] as const) {
    const session = mix.connectNode(peer);
    const effects = mix.send(session, new Uint8Array(length));
    assert.deepEqual(dropped(effects), ["packet-size"]);
    assert.equal(told(effects, session)[0]?.type, "Close");
    assert.deepEqual(dropped(mix.send(session)), ["connection-closing"]);
    assert.deepEqual(dropped(mix.send(session, new Uint8Array(length))), ["connection-closing"]);
  }
  assertConserved(mix);
});

test("[FAULT-17] packets in inspection are bounded", () => {
  const mix = createRunning("a1", { limits: { unwrapPendingMax: 3 } });
  const session = mix.connectNode("p1");
  const drops = Array.from({ length: 5 }, () => dropped(mix.send(session))).flat();
  assert.deepEqual(drops, ["unwrap-queue-full", "unwrap-queue-full"]);
  const bytes = createRunning("a1", { limits: { unwrapPendingBytes: geometry.packetLength } });
  const other = bytes.connectNode("p1");
  assert.deepEqual([...dropped(bytes.send(other)), ...dropped(bytes.send(other))], ["unwrap-queue-full"]);
});

test("[FAULT-19] a packet for a node that is no neighbour, or for later than the document allows, goes nowhere", () => {
  const mix = createRunning("a1");
  const session = mix.connectNode("p1");
  mix.send(session);
  const effects = mix.unwrapped(forwardTo("c1", 5));
  assert.deepEqual(dropped(effects), ["next-hop-unknown"]);
  assert.equal(effects.filter(({ type }) => type === "Release").length, 1, "its memory is given back");
  mix.send(session);
  assert.deepEqual(dropped(mix.unwrapped(forwardTo("b1", 20_001))), ["delay-too-long"]);
  mix.send(session);
  assert.deepEqual(dropped(mix.unwrapped(forwardTo("b1", 2 ** 32 - 1))), ["delay-too-long"]);
  assertConserved(mix);
});

const timeAt = (elapsedMs: number) => epochAt(clock, wall(clock.originMs + firstEpoch * periodMs + elapsedMs));

test("[MIXNET-4.2-01] [PKI-2.1.2-04] [MIXNET-4.3-05] [MIXNET-4.3-06] the neighbouring epoch's key is in force within the grace of a boundary", () => {
  const draw = draws(new Uint8Array(32));
  const { keys } = withKeysFrom(suite, draw, PersistentMap(), firstEpoch - 1);
  const epochs = (elapsedMs: number): number[] =>
    keysInForce(keys, timeAt(elapsedMs), 10_000).map(({ epoch }) => epoch);
  assert.deepEqual(epochs(0), [firstEpoch, firstEpoch - 1]);
  assert.deepEqual(epochs(9_999), [firstEpoch, firstEpoch - 1]);
  assert.deepEqual(epochs(10_000), [firstEpoch]);
  assert.deepEqual(epochs(periodMs - 10_000), [firstEpoch]);
  assert.deepEqual(epochs(periodMs - 9_999), [firstEpoch, firstEpoch + 1]);
});

test("[MIXNET-4.2-01] [SPHINX-9.3-01] [PKI-2-01] keys are those of three epochs, and end with their grace", () => {
  const draw = draws(new Uint8Array(32));
  const first = withKeysFrom(suite, draw, PersistentMap(), firstEpoch - 1);
  assert.deepEqual(first.made, [firstEpoch - 1, firstEpoch, firstEpoch + 1]);
  const second = withKeysFrom(suite, draw, first.keys, firstEpoch);
  assert.deepEqual(second.made, [firstEpoch + 2]);
  assert.equal(second.keys.get(firstEpoch), first.keys.get(firstEpoch));
  assert.deepEqual(expiredKeys(second.keys, timeAt(9_999), 10_000), []);
  assert.deepEqual(expiredKeys(second.keys, timeAt(10_000), 10_000), [firstEpoch - 1]);
});

test("[PKI-2.1.2-04] [MIXNET-4.3-07] [REPLAY-4.2-01] an expired key is wiped, and its replay tags and stored copy are dropped", () => {
  const mix = createDriver("a1", { elapsedMs: periodMs - 20_000 });
  const key = mix.state().keys.get(firstEpoch)!.privateKey;
  const effects = mix.advance(29_999);
  assert.ok(mix.state().keys.has(firstEpoch));
  assert.ok(!effects.some(({ type }) => type === "DropTable"));
  const expiry = mix.advance(1);
  assert.ok(!mix.state().keys.has(firstEpoch));
  assert.ok(expiry.some((effect) => effect.type === "DropTable" && effect.table === `replay/${firstEpoch}`));
  const stored = mix.store.perform({ type: "Scan", id: 0, table: "mix-keys", after: null, limit: 99 });
  assert.ok(stored.type === "Scanned" && !stored.entries.some(({ value }) => value.join() === [1, ...key].join()));
});

test("[MIXNET-4.1-03] packets of a node that no document lists now are dropped, the connection stays", () => {
  const mix = createDriver("a1", { elapsedMs: periodMs - 16_000 });
  mix.document(documentOf(firstEpoch));
  // p3 joins with the next epoch: it may connect early, and send within the grace.
  mix.document(documentOf(firstEpoch + 1, { layers: [["a1"], ["b1"], ["c1"]], providers: ["p1", "p3"] }));
  const early = mix.connectNode("p3");
  assert.deepEqual(dropped(mix.send(early)), ["peer-not-listed"]);
  mix.advance(6_500);
  assert.deepEqual(dropped(mix.send(early)), []);
  assert.equal(mix.unwraps[0]!.keys.length, 2);
  assertConserved(mix);
});

test("[MIXNET-4.1-04] [FAULT-19] who is no neighbour, or comes with another key, is turned away", () => {
  const mix = createRunning("b1");
  const answers = [
    mix.connect(keysOf("a1").identityKey, keysOf("a1").linkKey),
    mix.connect(keysOf("a2").identityKey, keysOf("a1").linkKey),
    mix.connect(keysOf("c1").identityKey, keysOf("c1").linkKey),
    mix.connect(keysOf("p1").identityKey, keysOf("p1").linkKey),
    mix.connect(keysOf("b1").identityKey, keysOf("b1").linkKey),
    mix.connect(keysOf("a2").identityKey.slice(1), keysOf("a2").linkKey),
    mix.connect(new Uint8Array(0), keysOf("a2").linkKey),
    mix.connect(keysOf("a2").identityKey, keysOf("a2").linkKey),
    mix.connect(keysOf("a1").identityKey, keysOf("a1").linkKey),
  ].map(({ answer }) => answer?.type);
  const denied = "Denied";
  // The last one is connected already: the older connection stays.
  assert.deepEqual(answers, ["Allowed", denied, denied, denied, denied, denied, denied, "Allowed", denied]);
});
