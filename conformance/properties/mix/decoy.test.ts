/** Decoy loops: real packets, followed by hand through the toy suite's network and back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../../../core/bytes.ts";
import type { Effect } from "../../../core/effects.ts";
import { deriveSeed } from "../../../core/random.ts";
import { E } from "../../../core/fp.ts";
import { decodeForwardPayload, encodeServiceReply } from "../../../core/sphinx/payload.ts";
import { packetFromSurb } from "../../../core/sphinx/surb.ts";
import { unwrap } from "../../../core/sphinx/unwrap.ts";
import type { SessionRequest } from "../../../core/wire/session.ts";
import {
  assertConserved,
  createDriver,
  createRunning,
  documentOf,
  type Driver,
  dropped,
  firstEpoch,
  geometry,
  keysOf,
  logged,
  parameters,
  periodMs,
  plan,
  suite,
} from "./fixture.ts";

const seed = new Uint8Array(32).fill(7);
const sphinx = { suite, geometry };
const names = new Map([...plan.layers.flat(), ...plan.providers].map((name) => [keysOf(name).id, name]));

interface Sent {
  readonly to: string;
  readonly packet: Uint8Array;
}

/** The packets that were handed to sessions, with the name of the link's node. */
const sentPackets = (driver: Driver, effects: ReadonlyArray<Effect>): ReadonlyArray<Sent> =>
  effects.flatMap((effect) => {
    if (effect.type !== "Tell" || !effect.to.startsWith("out/")) return [];
    const request = effect.event as SessionRequest;
    if (request.type !== "Send" || request.command.type !== "SendPacket") return [];
    driver.report(effect.to, { type: "Sent", id: request.id!, dropped: null });
    return [{ to: names.get(driver.state().links.bySession.get(effect.to)!)!, packet: request.command.packet }];
  });

const hop = (name: string, packet: Uint8Array) => {
  const opened = unwrap(sphinx, deriveSeed(seed, `mix key ${name} ${firstEpoch}`), packet);
  assert.ok(E.isRight(opened), `${name} opens the packet`);
  return opened.right;
};

/** Follows a packet hop by hop; gives the hops, and the last one's result. */
const follow = ({ to, packet }: Sent, until: (name: string) => boolean = () => false) => {
  const hops = [to];
  let opened = until(to) ? null : hop(to, packet);
  let bytes = packet;
  while (opened?.packet) {
    const next = opened.commands.find((command) => command.type === "NextNodeHop")!;
    assert.ok(next.type === "NextNodeHop");
    bytes = opened.packet;
    hops.push(names.get(toHex(next.id))!);
    opened = until(hops.at(-1)!) ? null : hop(hops.at(-1)!, bytes);
  }
  return { hops, opened, bytes };
};

/** The reply that the loop service of the last hop sends, as it comes back to the sender of the loop. */
const replyTo = (opened: NonNullable<ReturnType<typeof follow>["opened"]>, sender: string) => {
  const payload = decodeForwardPayload(geometry, opened.payload!);
  assert.ok(E.isRight(payload) && payload.right.surb !== null);
  const data = encodeServiceReply(geometry, new Uint8Array(0));
  const reply = packetFromSurb(sphinx, payload.right.surb, E.isRight(data) ? data.right : new Uint8Array(0));
  assert.ok(E.isRight(reply));
  return follow({ to: names.get(toHex(reply.right.firstHop))!, packet: reply.right.packet }, (name) => name === sender);
};

/** Gives the node its packet: unwrapped with the key that the test's documents hold for it. */
const receive = (driver: Driver, name: string, from: string, packet: Uint8Array): ReadonlyArray<Effect> => {
  const session = [...driver.state().connections.bySession.keys()][0] ?? driver.connectNode(from);
  driver.send(session, packet);
  const { commands, payload } = hop(name, packet);
  return driver.unwrapped(commands, payload);
};

const firstLoop = (driver: Driver): Sent => {
  for (let waited = 0; waited < 100; waited++) {
    const [sent] = sentPackets(driver, driver.advance(200));
    if (sent !== undefined) return sent;
  }
  return assert.fail("no loop within 20 s");
};

const layers = ["a", "b", "c", "p"];

test("[DECOY-2-02] loops go through the layers behind a node, and come back through those before", () => {
  const cases = [["a1", "p2", ["b", "c", "p"], ["a"]], ["c2", "b1", ["p"], ["a", "b", "c"]], [
    "p1",
    "c1",
    layers,
    layers,
  ]] as const;
  for (const [name, from, there, back] of cases) {
    const driver = createRunning(name, { sendDecoyTraffic: true });
    const sent = firstLoop(driver);
    const forward = follow(sent);
    assert.deepEqual(forward.hops.map((hopName) => hopName[0]), [...there]);
    assert.deepEqual(forward.opened!.commands.map(({ type }) => type), ["NodeDelay", "Recipient"]);
    const reply = replyTo(forward.opened!, name);
    assert.deepEqual(reply.hops.map((hopName) => hopName[0]), [...back]);
    assert.equal(reply.hops.at(-1), name);
    const { delivered } = driver.state().tally;
    receive(driver, name, from, reply.bytes.slice());
    assert.equal(driver.state().tally.delivered, delivered + 1);
    assert.equal([...driver.state().decoys.byEpoch.values()][0]!.returned, 1);
    // The id is used up: were it to come again past the replay detection, it would be unknown.
    assert.deepEqual(dropped(receive(driver, name, from, reply.bytes.slice())), ["decoy-unknown"]);
    assertConserved(driver);
  }
});

test("a reply whose payload somebody changed counts as none", () => {
  const driver = createRunning("a1", { sendDecoyTraffic: true });
  const reply = replyTo(follow(firstLoop(driver)).opened!, "a1");
  reply.bytes[geometry.headerLength + 100]! ^= 1;
  assert.deepEqual(dropped(receive(driver, "a1", "p2", reply.bytes)), ["decoy-garbled"]);
  assert.equal([...driver.state().decoys.byEpoch.values()][0]!.returned, 0);
});

test("a mix drops replies that are not for its decoys", () => {
  const driver = createRunning("a1");
  driver.send(driver.connectNode("p1"));
  const commands = [{ type: "Recipient", id: new Uint8Array(64) }, {
    type: "SurbReply",
    id: new Uint8Array(16),
  }] as const;
  assert.deepEqual(dropped(driver.unwrapped(commands, new Uint8Array(geometry.forwardPayloadLength + 16))), [
    "decoy-unknown",
  ]);
});

test("[DECOY-1-03] loops that do not come back are counted as lost, and an epoch of losses is a warning", () => {
  const driver = createRunning("a1", { sendDecoyTraffic: true, elapsedMs: 20_000, limits: { decoySlackMs: 100 } });
  let effects = driver.advance(60_000);
  const { sent } = driver.state().decoys.byEpoch.get(firstEpoch)!;
  assert.ok(sent > 20, `${sent} loops`);
  effects = [...effects, ...driver.advance(periodMs)];
  const [line] = logged(effects, "loops");
  assert.equal(line?.level, "WARNING");
  assert.equal(line.fields!.lost, line.fields!.sent);
  assert.deepEqual([driver.state().decoys.pending.size, driver.state().decoys.byEpoch.size], [0, 0]);
});

test("[HB-MIX-3-08] loops leave at the rate lambdaM, and none without a document, a rate, or the operator's wish", () => {
  const sentIn = (name: string, lambdaM: number, sendDecoyTraffic: boolean, known = true): number => {
    const driver = createDriver(name, { sendDecoyTraffic, elapsedMs: 0 });
    if (known) {
      driver.document(documentOf(firstEpoch, plan, { parameters: { ...parameters, lambdaM, lambdaMMaxDelayMs: 0 } }));
    }
    driver.linkUp();
    driver.advance(90_000);
    return driver.seen.counts.get("loops-sent") ?? 0;
  };
  const sent = sentIn("a1", 0.002, true);
  // Poisson of mean 180, and the seed is fixed.
  assert.ok(Math.abs(sent - 180) < 4 * Math.sqrt(180), `${sent} loops`);
  assert.deepEqual([sentIn("a1", 0, true), sentIn("a1", 0.002, false), sentIn("a1", 0.002, true, false)], [0, 0, 0]);
});

test("a loop is not sent into a link that is down: it would count as lost", () => {
  const driver = createDriver("a1", { sendDecoyTraffic: true });
  driver.document(documentOf(firstEpoch));
  driver.advance(20_000);
  assert.equal(driver.seen.counts.get("loops-sent") ?? 0, 0);
  assert.ok(driver.seen.counts.get("loops-skipped")! > 0);
});
