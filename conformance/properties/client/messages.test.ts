/** Messages in blocks and queries without an identity: ids, and when which packet is composed for what time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { equal, toHex, utf8 } from "../../../core/bytes.ts";
import { blockPayloadLength, openBlock } from "../../../core/client/block.ts";
import {
  createRunning,
  type Driver,
  keepAlive,
  messageTo,
  ping,
  quiet,
  receive,
  sendAll,
  slowClock,
} from "./fixture.ts";
import {
  bobIdentity,
  documentOf,
  firstEpoch,
  geometry,
  openForward,
  periodMs,
  replyTo,
  rightOf,
  suite,
  travel,
} from "./network.ts";

const size = blockPayloadLength(geometry);

/** The message ids of the blocks that a client has sent, in hex. */
const idsOf = ({ packets }: Driver): string[] =>
  packets.map(({ packet }) => travel(packet)).filter(({ recipient }) => recipient === "bob").map((arrival) => {
    const { block } = rightOf(openBlock(suite, geometry, bobIdentity, openForward(arrival).userPayload));
    return toHex(block.messageId);
  });

test("[E2E-4-03] blocks of one message share an id of 16 bytes; equal messages have ids of their own, in any run", () => {
  const ids = ["a run", "another run"].flatMap((run) => {
    const driver = createRunning({ clock: slowClock, run }, documentOf(firstEpoch, quiet));
    for (const id of ["m1", "m2", "m3"]) driver.request(messageTo(id, "x".repeat(size + 1)));
    sendAll(driver);
    return idsOf(driver);
  });
  assert.equal(ids.length, 12);
  for (const [at, id] of ids.entries()) assert.equal(id, ids[at - (at % 2)], "two blocks each");
  assert.deepEqual([new Set(ids).size, ids[0]!.length], [6, 32]);
});

test("[E2E-4-12] blocks leave at random intervals, and each is composed for the time at which it leaves", () => {
  const driver = createRunning({ elapsedMs: periodMs - 4_000, run: "trickle" }, documentOf(firstEpoch, quiet));
  driver.document(documentOf(firstEpoch + 1, quiet));
  driver.request(messageTo("m", "x".repeat(30 * size)));
  const boundary = driver.now() + 4_000;
  sendAll(driver);
  const instants = driver.packets.map(({ at }) => at);
  const intervals = instants.slice(1).map((at, i) => at - instants[i]!);
  assert.equal(new Set(intervals).size > intervals.length / 2, true, intervals.join(" "));
  const [before, after] = [instants.filter((at) => at < boundary).length, instants.filter((at) => at >= boundary)];
  assert.equal(before > 0 && after.length > 0, true, `${before} before the boundary, ${after.length} after it`);
  // Only the keys of the new epoch and later ones are tried.
  for (const { packet } of driver.packets.slice(before)) travel(packet, firstEpoch + 1);
  assert.throws(() => travel(driver.packets[0]!.packet, firstEpoch + 1), /no node can unwrap/);
});

test("[CLIENT-2-04] who has no peers needs no identity key to ask services and be answered by SURB", () => {
  const driver = createRunning({ clock: slowClock, identityPrivate: null }, documentOf(firstEpoch, quiet));
  driver.request(ping("q"));
  while (driver.packets.length === 0) driver.advance(100, keepAlive(driver));
  receive(driver, replyTo(driver.packets[0]!.packet, utf8("pong")));
  const [reply] = driver.of("Reply");
  assert.equal(reply !== undefined && equal(reply.payload.subarray(0, 4), utf8("pong")), true);
});
