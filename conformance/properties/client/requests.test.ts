import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { equal, utf8 } from "../../../core/bytes.ts";
import { blockPayloadLength, openBlock } from "../../../core/client/block.ts";
import { egressLengthMax, requestsMax, sendAttemptsMax } from "../../../core/client/config.ts";
import type { ClientNotice, ClientRequest } from "../../../core/client/events.ts";
import { createEpochClock } from "../../../core/pki/epoch.ts";
import {
  bobIdentity,
  clock,
  createDriver,
  createRunning,
  documentOf,
  type Driver,
  firstEpoch,
  geometry,
  messageTo,
  openForward,
  parameters,
  periodMs,
  ping,
  replyTo,
  rightOf,
  suite,
  travel,
} from "./fixture.ts";

const slowClock = createEpochClock(1_000_000_000, 0);

/** Only lambdaP, so that the packets sent are the user's until the FIFO is empty. */
const quiet = { parameters: { ...parameters, lambdaL: 0, lambdaD: 0 } };
const create = (more = {}): Driver =>
  createRunning({ clock: slowClock, run: "requests", ...more }, documentOf(firstEpoch, quiet));

const outcomes: ReadonlySet<ClientNotice["type"]> = new Set(["Reply", "Delivered", "Timeout", "Failed"]);
const outcomesOf = ({ notices }: Driver, id: string): ReadonlyArray<ClientNotice> =>
  notices.filter((notice) => outcomes.has(notice.type) && "id" in notice && notice.id === id);

const keepAlive = (driver: Driver) => (): void => {
  if (driver.state().retrieval.answerBy !== null) driver.deliver(null);
  driver.written();
};

/** Lets the FIFO run empty. */
const sendAll = (driver: Driver): void => {
  while (driver.state().egress.size > 0) driver.advance(100, keepAlive(driver));
};

/** Puts a message into the mailbox and lets the client fetch it. */
const receive = (driver: Driver, message: Parameters<Driver["deliver"]>[0]): void => {
  keepAlive(driver)();
  while (driver.state().retrieval.answerBy === null) {
    driver.advance(driver.state().retrieval.pollAt! - driver.now(), () => driver.written());
  }
  driver.deliver(message);
};

test("[KAETZ-3.1-01, KAETZ-3.1-02, CLIENT-1-05, CLIENT-5.1.1-01] a query travels the path told, its reply comes back", () => {
  const driver = create();
  driver.request(ping("q"));
  assert.deepEqual(driver.of("Accepted").map(({ id }) => id), ["q"]);
  assert.equal(driver.of("Sent").length, 0, "it waits for lambdaP");
  sendAll(driver);
  const [{ packet, of, sent }, { packet: bytes, at }] = [driver.of("Sent")[0]!, driver.packets[0]!];
  assert.deepEqual([packet, of], [0, 1]);
  const arrival = travel(bytes);
  assert.deepEqual(sent.path, arrival.path);
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
  const driver = create();
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
  const driver = create();
  driver.request({ ...ping("q") as Extract<ClientRequest, { type: "Query" }>, lengthPrefix: true });
  sendAll(driver);
  const { userPayload } = openForward(travel(driver.packets[0]!.packet));
  assert.deepEqual([...userPayload.subarray(0, 9)], [0, 0, 0, 4, ...utf8("ping"), 0]);
});

test("a query without a Provider goes to one that offers the service", () => {
  const driver = create();
  for (let i = 0; i < 12; i++) driver.request(ping(`q${i}`, null));
  sendAll(driver);
  const destinations = new Set(driver.of("Sent").map(({ sent }) => sent.path[4]));
  assert.ok(destinations.size >= 2, "drawn anew each time");
});

test("what cannot be accepted is refused with a reason and has no outcome", () => {
  const query = ping("q") as Extract<ClientRequest, { type: "Query" }>;
  const message = messageTo("q", "text") as Extract<ClientRequest, { type: "SendMessage" }>;
  const refusal = (request: ClientRequest, more = {}): string => {
    const driver = create(more);
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
  const driver = create();
  driver.request(ping("q"));
  driver.request(ping("q"));
  assert.deepEqual(driver.of("Refused").map(({ reason }) => reason), ["duplicate-id"]);
  driver.request({ type: "Cancel", id: "q" });
  driver.request(ping("q"));
  assert.equal(driver.of("Accepted").length, 2);
});

test("[CLIENT-5.1.1-07] the FIFO holds 40 packets and refuses one more, or a message of which some do not fit", () => {
  const driver = create();
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
  const driver = create({ timing: { replySlackMs: 1_000_000 } });
  for (let i = 0; i < requestsMax; i++) {
    driver.request(ping(`q${i}`));
    if (i % 30 === 29) sendAll(driver);
  }
  assert.equal(driver.state().requests.size, requestsMax);
  driver.request(ping("one more"));
  assert.deepEqual(driver.of("Refused").map(({ reason }) => reason), ["too-many-requests"]);
});

test("without a reply a query times out when its ETA and the slack have passed", () => {
  const driver = create({ timing: { replySlackMs: 7_000 } });
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

test("[CLIENT-5.1-01] what the session did not send is composed anew, and given up after five times", () => {
  const driver = create();
  const surbs = new Set<string | null>();
  driver.request(ping("q"));
  for (let tries = 1; tries <= sendAttemptsMax; tries++) {
    while (driver.state().egress.size > 0) driver.advance(10);
    assert.deepEqual(outcomesOf(driver, "q"), []);
    const [id, { surb }] = [...driver.state().inFlight].find(([, { item }]) => item !== null)!;
    surbs.add(surb);
    driver.report({ type: "Sent", id, dropped: "session-queue-full" });
  }
  assert.deepEqual(outcomesOf(driver, "q"), [{ type: "Failed", id: "q", reason: "not-sent" }]);
  assert.equal(surbs.size, sendAttemptsMax);
  assert.equal(driver.of("Sent").length, 0);
  assert.equal(driver.state().surbs.entries.size, 0);
});

test("a connection that breaks loses nothing: its packets go out again on the next, in their order", () => {
  const driver = create();
  for (const id of ["a", "b", "c"]) driver.request(ping(id));
  while (driver.packets.length < 2) driver.advance(100);
  driver.down();
  assert.deepEqual(driver.state().egress.map(({ request }) => request).toArray(), ["a", "b", "c"]);
  driver.advance(0);
  driver.authorize();
  driver.up();
  sendAll(driver);
  driver.written();
  assert.deepEqual(driver.of("Sent").map(({ id }) => id), ["a", "b", "c"]);
});

test("a request whose packets cannot leave for too long fails", () => {
  const driver = createDriver({ timing: { queuedMaxMs: 30_000 } });
  driver.request(ping("q"));
  driver.advance(29_999);
  assert.deepEqual(outcomesOf(driver, "q"), []);
  driver.advance(1);
  assert.deepEqual(outcomesOf(driver, "q"), [{ type: "Failed", id: "q", reason: "not-sent" }]);
});

test("a Provider or service that does not exist fails the request, and a packet leaves all the same", () => {
  const failure = (request: ClientRequest): ClientNotice | undefined => {
    const driver = create();
    driver.request(request);
    sendAll(driver);
    assert.equal(driver.packets.length, 1, "lambdaP had its turn");
    return outcomesOf(driver, "q")[0];
  };
  const service = (capability: string, provider: string | null): ClientRequest =>
    ({ ...ping("q"), target: { type: "Service", capability, provider } }) as ClientRequest;
  assert.deepEqual(failure(ping("q", "nobody")), { type: "Failed", id: "q", reason: "unknown-provider" });
  assert.deepEqual(failure(service("nothing", null)), { type: "Failed", id: "q", reason: "unknown-service" });
  assert.deepEqual(failure(service("nothing", "p2")), { type: "Failed", id: "q", reason: "unknown-service" });
});

test("a recipient key of low order fails the request", () => {
  const driver = create();
  driver.request({ ...messageTo("q", "text"), recipientKey: new Uint8Array(32) } as ClientRequest);
  sendAll(driver);
  assert.deepEqual(outcomesOf(driver, "q"), [{ type: "Failed", id: "q", reason: "bad-key" }]);
});

test("a request that is cancelled in the FIFO is never sent, and after that its reply is nobody's", () => {
  const driver = create();
  driver.request(ping("early"));
  driver.request({ type: "Cancel", id: "early" });
  assert.deepEqual(outcomesOf(driver, "early"), [{ type: "Failed", id: "early", reason: "cancelled" }]);
  driver.request(ping("late"));
  sendAll(driver);
  const reply = replyTo(driver.packets[0]!.packet, utf8("pong"));
  driver.request({ type: "Cancel", id: "late" });
  receive(driver, reply);
  assert.deepEqual(outcomesOf(driver, "late"), [{ type: "Failed", id: "late", reason: "cancelled" }]);
  assert.deepEqual(driver.drops, ["client-surb-unknown"]);
});

test("[E2E-4-01, E2E-4-04, E2E-4-08, CLIENT-4-02] encrypted blocks make a message, delivered when all are acknowledged", () => {
  const driver = create();
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
  const driver = create();
  driver.request(messageTo("m", "x".repeat(1_500)));
  sendAll(driver);
  driver.written();
  const packets = driver.packets.slice(0, driver.of("Sent").length);
  assert.ok(packets.length > 8);
  assert.ok(new Set(packets.map(({ at }) => at)).size > packets.length / 2);
  assert.ok(new Set(driver.of("Sent").map(({ sent }) => sent.path.join())).size > 3);
});

test("[CLIENT-5.1.1-03] an acknowledgement answers no query, and a service's reply acknowledges no message", () => {
  const query = create();
  query.request(ping("q"));
  sendAll(query);
  receive(query, replyTo(query.packets[0]!.packet, null));
  assert.deepEqual(outcomesOf(query, "q"), [{ type: "Failed", id: "q", reason: "malformed-reply" }]);
  const message = create();
  message.request(messageTo("m", "text"));
  sendAll(message);
  receive(message, replyTo(message.packets[0]!.packet, utf8("hello")));
  assert.deepEqual(outcomesOf(message, "m"), [{ type: "Failed", id: "m", reason: "malformed-reply" }]);
});

test("a reply that was changed on its way fails its request, whichever bit it was", () => {
  fc.assert(
    fc.property(fc.nat({ max: 8 * (geometry.forwardPayloadLength + 16) - 1 }), (bit) => {
      const driver = create();
      driver.request(ping("q"));
      sendAll(driver);
      const reply = replyTo(driver.packets[0]!.packet, utf8("pong"));
      reply.payload[bit >> 3]! ^= 1 << (bit & 7);
      receive(driver, reply);
      assert.deepEqual(outcomesOf(driver, "q"), [{ type: "Failed", id: "q", reason: "malformed-reply" }]);
      assert.deepEqual(driver.drops, ["client-reply-malformed"]);
    }),
    { numRuns: 15 },
  );
});

test("a reply that overtakes the session's report of the packet is told after it", () => {
  const driver = create();
  driver.request(ping("q"));
  while (driver.packets.length === 0) driver.advance(10);
  const reply = replyTo(driver.packets[0]!.packet, utf8("pong"));
  while (driver.state().retrieval.answerBy === null) driver.advance(10);
  driver.deliver(reply);
  assert.deepEqual(driver.notices.slice(-2).map(({ type }) => type), ["Sent", "Reply"]);
});

test("shutdown fails what is under way, closes the connection politely, and stops", () => {
  const driver = create();
  driver.request(ping("queued"));
  driver.request({ type: "Shutdown" });
  assert.deepEqual(outcomesOf(driver, "queued"), [{ type: "Failed", id: "queued", reason: "shutdown" }]);
  assert.equal(driver.of("Stopped").length, 0);
  driver.down("closed");
  assert.equal(driver.of("Stopped").length, 1);
  assert.equal(driver.wakeAt(), null);
  driver.request(ping("after"));
  assert.deepEqual(driver.of("Refused").map(({ reason }) => reason), ["stopped"]);
  driver.request({ type: "Shutdown" });
  assert.equal(driver.of("Stopped").length, 1);
});

test("the status counts", () => {
  const driver = create();
  driver.request(ping("a"));
  driver.request(ping("b"));
  driver.request({ type: "Status", id: "s" });
  const { status } = driver.of("Status")[0]!;
  assert.deepEqual([status.connected, status.epoch, status.queuedPackets, status.requests], [true, firstEpoch, 2, 2]);
});

test("whatever happens, every accepted request has exactly one outcome, and everything stays bounded", () => {
  const action = fc.record({ what: fc.nat({ max: 11 }), n: fc.nat({ max: 999 }) });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const driver = createRunning({ clock, timing: { replySlackMs: 5_000, queuedMaxMs: 20_000, pollMs: 200 } });
      let ids = 0;
      const perform = (what: number, n: number): void => {
        const { link, retrieval, inFlight } = driver.state();
        const isUp = link.type === "Up";
        if (what === 0) driver.request(ping(`q${ids++}`, n % 4 === 0 ? null : n % 7 === 0 ? "nobody" : "p2"));
        if (what === 1) driver.request(messageTo(`m${ids++}`, "x".repeat(n)));
        if (what === 2) driver.request({ type: "Cancel", id: `${n % 2 === 0 ? "q" : "m"}${n % (ids + 1)}` });
        if (what === 3) driver.advance(n);
        if (what === 4) driver.advance(10 * n, () => driver.written());
        if (what === 5 && isUp) driver.written();
        if (what === 6 && isUp && inFlight.size > 0) {
          driver.report({ type: "Sent", id: inFlight.keySeq().first()!, dropped: "session-queue-full" });
        }
        if (what === 7 && link.type !== "Idle" && n % 3 === 0) {
          driver.down();
        }
        if (what === 8 && link.type === "Connecting") driver.up();
        if (what === 9 && isUp && retrieval.answerBy !== null) driver.deliver(null);
        if (what === 10 && isUp && retrieval.answerBy !== null) answerSome(driver, n);
        if (what === 11) driver.tick();
      };
      for (const { what, n } of actions) {
        perform(what, n);
        const { egress, requests, surbs } = driver.state();
        assert.ok(egress.size <= egressLengthMax + 16 && requests.size <= requestsMax);
        assert.ok(surbs.deadlines.size <= 2 * surbs.entries.size + 66);
      }
      // Nothing answers any more: all that is left runs into its deadline.
      driver.advance(40_000, () => driver.written());
      assertOneOutcomeEach(driver);
      assert.equal(driver.state().requests.size, 0);
      assert.equal(
        [...driver.state().surbs.entries.values()].filter(({ purpose }) => purpose.type === "Request").length,
        0,
      );
    }),
    { numRuns: 25 },
  );
});

/** Replies to a packet that has a SURB, rightly or not. */
const answerSome = (driver: Driver, n: number): void => {
  const withSurb = driver.packets.filter(({ packet }) => openForward(travel(packet)).surb !== null);
  const chosen = withSurb[n % Math.max(1, withSurb.length)];
  if (chosen === undefined) return;
  driver.deliver(replyTo(chosen.packet, n % 2 === 0 ? null : utf8("answer")));
};

const assertOneOutcomeEach = (driver: Driver): void => {
  const accepted = driver.of("Accepted").map(({ id }) => id);
  for (const id of accepted) assert.equal(outcomesOf(driver, id).length, 1, `outcomes of ${id}`);
  for (const { id } of driver.of("Refused")) assert.ok(!accepted.includes(id));
  const all = driver.notices.filter(({ type }) => outcomes.has(type));
  assert.equal(all.length, accepted.length);
};
