/** Requests that go well: acceptance, packets, replies, messages in blocks, limits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { equal, utf8 } from "../../../core/bytes.ts";
import { blockPayloadLength, openBlock } from "../../../core/client/block.ts";
import { egressLengthMax, requestsMax } from "../../../core/client/config.ts";
import type { ClientRequest } from "../../../core/client/events.ts";
import {
  createQuiet,
  createRunning,
  keepAlive,
  messageTo,
  outcomesOf,
  ping,
  quiet,
  receive,
  sendAll,
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

test("[CLIENT-5.1.1-11] [KAETZ-3.1-01, KAETZ-3.1-02, CLIENT-1-05, CLIENT-5.1.1-01] a query travels the path told, its reply comes back", () => {
  const driver = createQuiet();
  driver.request(ping("q"));
  assert.deepEqual(driver.of("Accepted").map(({ id }) => id), ["q"]);
  assert.equal(driver.of("Sent").length, 0, "it waits for lambdaP");
  sendAll(driver);
  const [{ packet, of, sent }, { packet: bytes, at }] = [driver.of("Sent")[0]!, driver.packets[0]!];
  assert.deepEqual([packet, of], [0, 1]);
  const arrival = travel(bytes);
  assert.deepEqual(sent.path, arrival.path);
  assert.equal(arrival.path.at(-1), "p2");
  assert.deepEqual(sent.delaysMs, arrival.delaysMs);
  assert.ok(arrival.delaysMs.every((ms) => ms >= 1), "the last hop delays the reply");
  const payload = openForward(arrival).userPayload;
  assert.equal(payload.length, geometry.userPayloadLength);
  assert.ok(equal(payload.subarray(0, 4), utf8("ping")) && payload.subarray(4).every((byte) => byte === 0));

  const answer = replyTo(bytes, utf8("pong"));
  receive(driver, answer);
  const [reply] = driver.of("Reply");
  assert.ok(reply !== undefined && equal(reply.payload.subarray(0, 4), utf8("pong")));
  assert.equal(reply.payload.length, geometry.forwardPayloadLength - 2);
  assert.equal(reply.rttMs, driver.now() - at);
  assert.equal(outcomesOf(driver, "q").length, 1);
  const { surbs, requests } = driver.state();
  assert.equal(surbs.entries.size + requests.size, 0);
});

test("[CLIENT-5.1-05] the ETA is the sum of all delays, there and back", () => {
  const driver = createQuiet();
  driver.request(ping("q"));
  sendAll(driver);
  const { sent } = driver.of("Sent")[0]!;
  const sum = (delays: ReadonlyArray<number>): number => delays.reduce((a, b) => a + b, 0);
  assert.equal(sent.etaMs, sum(sent.delaysMs) + sum(sent.returnDelaysMs));
  assert.equal(sent.returnPath.length, 4);
  assert.equal(sent.returnPath.at(-1), "p1");
  assert.equal(sent.returnDelaysMs.at(-1), 0);
});

test("a length prefix frames the payload for plugins", () => {
  const driver = createQuiet();
  driver.request({ ...ping("q") as Extract<ClientRequest, { type: "Query" }>, lengthPrefix: true });
  sendAll(driver);
  const { userPayload } = openForward(travel(driver.packets[0]!.packet));
  assert.deepEqual([...userPayload.subarray(0, 9)], [0, 0, 0, 4, ...utf8("ping"), 0]);
});

test("a query goes to the Provider that was named, or to any that offers the service", () => {
  const destinations = (provider: string | null): Set<string | undefined> => {
    const driver = createQuiet();
    for (let i = 0; i < 12; i++) driver.request(ping(`q${i}`, provider));
    sendAll(driver);
    driver.written();
    return new Set(driver.of("Sent").map(({ sent }) => sent.path.at(-1)));
  };
  assert.deepEqual([...destinations("p3")], ["p3"]);
  assert.ok(destinations(null).size >= 2, "drawn anew each time");
});

test("[KAETZ-3-02] what cannot be accepted, as what is too long for one packet, is refused with a reason and has no outcome", () => {
  const query = ping("q") as Extract<ClientRequest, { type: "Query" }>;
  const message = messageTo("q", "text") as Extract<ClientRequest, { type: "SendMessage" }>;
  const refusal = (request: ClientRequest, more = {}): string => {
    const driver = createQuiet(more);
    driver.request(request);
    assert.equal(driver.of("Accepted").length, 0);
    assert.equal(driver.state().requests.size + driver.state().egress.size, 0);
    return driver.of("Refused")[0]!.reason;
  };
  const long = (length: number) => ({ ...query, payload: new Uint8Array(length) });
  assert.equal(refusal(long(geometry.userPayloadLength + 1)), "too-long");
  assert.equal(refusal({ ...long(geometry.userPayloadLength - 3), lengthPrefix: true }), "too-long");
  assert.equal(
    refusal({ ...message, payload: new Uint8Array(blockPayloadLength(geometry) * egressLengthMax + 1) }),
    "too-long",
  );
  assert.equal(refusal({ ...message, recipientKey: new Uint8Array(31) }), "bad-key");
  assert.equal(refusal({ ...message, user: "x".repeat(65) }), "bad-name");
  assert.equal(refusal({ ...message, user: "" }), "bad-name");
  assert.equal(refusal({ ...query, target: { type: "Recipient", recipient: "", provider: "p2" } }), "bad-name");
  assert.equal(refusal(message, { identityPrivate: null }), "no-identity-key");
});

test("an id is in use until its outcome", () => {
  const driver = createQuiet();
  driver.request(ping("q"));
  driver.request(ping("q"));
  assert.deepEqual(driver.of("Refused").map(({ reason }) => reason), ["duplicate-id"]);
  driver.request({ type: "Cancel", id: "q" });
  driver.request(ping("q"));
  assert.equal(driver.of("Accepted").length, 2);
});

test("[CLIENT-5.1.1-07] the FIFO holds 40 packets and refuses one more, or a message of which some do not fit", () => {
  const driver = createQuiet();
  for (let i = 0; i < egressLengthMax - 1; i++) driver.request(ping(`q${i}`));
  driver.request(messageTo("two blocks", "x".repeat(blockPayloadLength(geometry) + 1)));
  driver.request(ping("last"));
  driver.request(ping("too much"));
  assert.deepEqual(driver.of("Refused"), [
    { type: "Refused", id: "two blocks", reason: "queue-full" },
    { type: "Refused", id: "too much", reason: "queue-full" },
  ]);
  assert.equal(driver.state().egress.size, egressLengthMax);
});

test("requests under way are bounded", () => {
  const driver = createQuiet({ timing: { replySlackMs: 1_000_000 } });
  for (let i = 0; i < requestsMax; i++) {
    driver.request(ping(`q${i}`));
    if (i % 30 === 29) sendAll(driver);
  }
  assert.equal(driver.state().requests.size, requestsMax);
  driver.request(ping("one more"));
  assert.deepEqual(driver.of("Refused").map(({ reason }) => reason), ["too-many-requests"]);
});

test("without a reply a query times out when its ETA and the slack have passed", () => {
  const driver = createQuiet({ timing: { replySlackMs: 7_000 } });
  driver.request(ping("q"));
  sendAll(driver);
  const { at } = driver.packets[0]!;
  const { etaMs } = driver.of("Sent")[0]!.sent;
  driver.advance(at + etaMs + 7_000 - 1 - driver.now(), keepAlive(driver));
  assert.deepEqual(outcomesOf(driver, "q"), []);
  driver.advance(1, keepAlive(driver));
  assert.deepEqual(outcomesOf(driver, "q"), [{ type: "Timeout", id: "q", afterMs: etaMs + 7_000 }]);
  assert.equal(driver.state().surbs.entries.size, 0);
});

test("the reply's time counts from when the packet was written out", () => {
  const driver = createQuiet({ timing: { replySlackMs: 7_000 } });
  driver.request(ping("q"));
  while (driver.state().egress.size > 0) driver.advance(10);
  const { etaMs } = [...driver.state().inFlight.values()].find(({ item }) => item !== null)!.sent;
  driver.advance(5_000);
  const writtenAt = driver.now();
  driver.written();
  driver.advance(writtenAt + etaMs + 7_000 - 1 - driver.now(), keepAlive(driver));
  assert.deepEqual(outcomesOf(driver, "q"), []);
  driver.advance(1, keepAlive(driver));
  assert.deepEqual(outcomesOf(driver, "q"), [{ type: "Timeout", id: "q", afterMs: etaMs + 7_000 }]);
});

test("no reply is waited for once the mix keys are gone", () => {
  const driver = createRunning(
    { timing: { replySlackMs: 100 * periodMs }, elapsedMs: 0 },
    documentOf(firstEpoch, quiet),
  );
  driver.request(ping("q"));
  while (driver.packets.length === 0 || driver.state().egress.size > 0) driver.advance(100, keepAlive(driver));
  driver.written();
  const { keys, deadline } = [...driver.state().surbs.entries.values()].find(({ purpose }) =>
    purpose.type === "Request"
  )!;
  assert.equal(deadline, 500 + 3 * periodMs);
  driver.advance(deadline - driver.now(), keepAlive(driver));
  assert.equal(outcomesOf(driver, "q")[0]?.type, "Timeout");
  assert.ok(driver.consumed.includes(keys));
});

test("[E2E-4-01, E2E-4-04, E2E-4-08, CLIENT-4-02] encrypted blocks make a message, delivered when all are acknowledged", () => {
  const driver = createQuiet();
  const text = "0123456789".repeat(40);
  driver.request(messageTo("m", text));
  sendAll(driver);
  driver.written();
  const blocks = driver.packets.slice(0, 3).map(({ packet }) => {
    const arrival = travel(packet);
    assert.deepEqual([arrival.recipient, arrival.path[4]], ["bob", "p3"]);
    return rightOf(openBlock(suite, geometry, bobIdentity, openForward(arrival).userPayload)).block;
  });
  const total = Math.ceil(text.length / blockPayloadLength(geometry));
  assert.equal(total, blocks.length);
  assert.deepEqual(blocks.map(({ id }) => id), [0, 1, 2]);
  assert.deepEqual(Buffer.concat(blocks.map(({ payload }) => payload)).toString(), text);
  assert.deepEqual(driver.of("Sent").map(({ packet, of }) => [packet, of]), [[0, 3], [1, 3], [2, 3]]);
  for (const { packet } of [driver.packets[2]!, driver.packets[0]!, driver.packets[1]!]) {
    assert.deepEqual(outcomesOf(driver, "m"), []);
    receive(driver, replyTo(packet, null));
  }
  assert.deepEqual(outcomesOf(driver, "m").map(({ type }) => type), ["Delivered"]);
});

test("[E2E-5.1-03] [E2E-5.2.1-03] blocks are trickled: each waits for lambdaP and has a path of its own", () => {
  const driver = createQuiet();
  driver.request(messageTo("m", "x".repeat(1_500)));
  sendAll(driver);
  driver.written();
  const packets = driver.packets.slice(0, driver.of("Sent").length);
  assert.ok(packets.length > 8);
  assert.ok(new Set(packets.map(({ at }) => at)).size > packets.length / 2);
  assert.ok(new Set(driver.of("Sent").map(({ sent }) => sent.path.join())).size > 3);
});

test("a reply that overtakes the session's report of the packet is told after it", () => {
  const driver = createQuiet();
  driver.request(ping("q"));
  while (driver.packets.length === 0) driver.advance(10);
  const reply = replyTo(driver.packets[0]!.packet, utf8("pong"));
  while (driver.state().retrieval.answerBy === null) driver.advance(10);
  driver.deliver(reply);
  assert.deepEqual(driver.notices.slice(-2).map(({ type }) => type), ["Sent", "Reply"]);
});

test("the status counts", () => {
  const driver = createQuiet();
  driver.request(ping("a"));
  driver.request(ping("b"));
  driver.request({ type: "Status", id: "s" });
  const { status } = driver.of("Status")[0]!;
  assert.deepEqual([status.connected, status.epoch, status.queuedPackets, status.requests], [true, firstEpoch, 2, 2]);
});
