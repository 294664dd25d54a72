/**
 * What a client's own Provider sees of it: packets that leave, and replies that come. It cannot tell what is a decoy
 * (drafts/decoy_traffic.rst §2, §5). Packets are followed through the toy suite's network by real unwrapping.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { equal, fromHex, isZero, toHex, utf8 } from "../../../core/bytes.ts";
import type { RoutingCommand } from "../../../core/sphinx/commands.ts";
import { encodeAck, encodeServiceReply } from "../../../core/sphinx/payload.ts";
import { openSurbReply, packetFromSurb } from "../../../core/sphinx/surb.ts";
import { unwrap } from "../../../core/sphinx/unwrap.ts";
import { deriveSeed } from "../../../core/random.ts";
import { createRunning, type Driver, keepAlive, messageTo, ping, slowClock } from "./fixture.ts";
import { documentOf, firstEpoch, geometry, openForward, parameters, rightOf, sphinx, travel } from "./network.ts";

const one = (name: "lambdaP" | "lambdaL" | "lambdaD") =>
  documentOf(firstEpoch, {
    parameters: { ...parameters, lambdaP: 0, lambdaL: 0, lambdaD: 0, [name]: parameters[name] },
  });

/** A client that has sent one packet of each kind, and those packets. */
const sent = () => {
  const kinds = { loop: "lambdaL", drop: "lambdaD", idle: "lambdaP", query: "lambdaP", message: "lambdaP" } as const;
  const begin = ([kind, rate]: [string, (typeof kinds)[keyof typeof kinds]]): [string, Driver] => {
    const driver = createRunning({ clock: slowClock, run: kind }, one(rate));
    if (kind === "query") driver.request(ping("q"));
    if (kind === "message") driver.request(messageTo("m", "text"));
    while (driver.packets.length === 0) driver.advance(100, keepAlive(driver));
    return [kind, driver];
  };
  return new Map(Object.entries(kinds).map(begin));
};

/** The mix keys of the test's network (network.ts) at the client's own Provider. */
const ownProviderKey = deriveSeed(new Uint8Array(32).fill(5), `mix key p1 ${firstEpoch}`);

const shapeOf = (commands: ReadonlyArray<RoutingCommand>): string => commands.map(({ type }) => type).join(" ");

test("[DECOY-1-01] [DECOY-2.1-01] [DECOY-5-09] one's own Provider sees loops, drops, queries and messages leave alike", () => {
  const drivers = sent();
  for (const [kind, { packets }] of drivers) {
    const packet = packets[0]!.packet.slice();
    assert.equal(packet.length, geometry.packetLength, kind);
    const opened = rightOf(unwrap(sphinx, ownProviderKey, packet));
    assert.equal(shapeOf(opened.commands), "NodeDelay NextNodeHop", kind);
    assert.deepEqual([opened.payload, opened.packet?.length], [null, geometry.packetLength], kind);
    // To the whole network but the last hop: a way of five hops.
    assert.equal(travel(packets[0]!.packet).path.length, 5, kind);
  }
  const surbs = [...drivers].map((
    [kind, { packets }],
  ) => [kind, openForward(travel(packets[0]!.packet)).surb !== null]);
  assert.deepEqual(surbs, [["loop", true], ["drop", false], ["idle", false], ["query", true], ["message", true]]);
});

test("[DECOY-2-03] [DECOY-5-09] [CLIENT-5.1.1-12] one's own Provider sees replies to them come alike, and sealed", () => {
  const drivers = sent();
  const secret = utf8("what the service answers");
  const replies = new Map([
    ["loop", rightOf(encodeServiceReply(geometry, new Uint8Array(0)))],
    ["query", rightOf(encodeServiceReply(geometry, secret))],
    ["message", encodeAck(geometry)],
  ]);
  const shapes = new Set<string>();
  for (const [kind, plaintext] of replies) {
    const { packets, state } = drivers.get(kind)!;
    const { surb } = openForward(travel(packets[0]!.packet));
    const { packet } = rightOf(packetFromSurb(sphinx, surb!, plaintext));
    const { path, payload, recipient, surbId } = travel(packet);
    shapes.add([path.length, path.at(-1), recipient, fromHex(surbId!)!.length, payload.length].join(" "));
    assert.equal(isZero(payload.subarray(0, 16)), false, `${kind}: the tag does not show`);
    assert.equal(toHex(payload).includes(toHex(secret)), false, kind);
    const opened = openSurbReply(sphinx, state().surbs.entries.get(surbId!)!.keys, payload);
    assert.equal(opened !== null && equal(opened, plaintext), true, `${kind}: the client opens it`);
  }
  assert.deepEqual([...shapes], [`4 p1 alice 16 ${16 + geometry.forwardPayloadLength}`]);
});
