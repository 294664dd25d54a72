/** Requests that do not go well: every one that was accepted ends, once, with a reason. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "../../../core/bytes.ts";
import { egressLengthMax, requestsMax, sendAttemptsMax } from "../../../core/client/config.ts";
import type { ClientNotice, ClientRequest } from "../../../core/client/events.ts";
import {
  createDriver,
  createQuiet,
  createRunning,
  type Driver,
  messageTo,
  outcomesOf,
  ping,
  receive,
  sendAll,
} from "./fixture.ts";
import { clock, geometry, openForward, replyTo, travel } from "./network.ts";

test("[CLIENT-5.1-01] what the session did not send is composed anew, and given up after five times", () => {
  const driver = createQuiet();
  const surbs = new Set<string | null>();
  driver.request(ping("q"));
  for (let tries = 1; tries <= sendAttemptsMax; tries++) {
    while (driver.state().egress.size > 0) driver.advance(10);
    assert.deepEqual(outcomesOf(driver, "q"), []);
    const [id, { surb }] = [...driver.state().inFlight].find(([, { item }]) => item !== null)!;
    surbs.add(surb);
    assert.equal(driver.state().surbs.entries.size, 1, "the SURB of a packet that was not sent is forgotten");
    driver.report({ type: "Sent", id, dropped: "session-queue-full" });
  }
  assert.deepEqual(outcomesOf(driver, "q"), [{ type: "Failed", id: "q", reason: "not-sent" }]);
  assert.equal(surbs.size, sendAttemptsMax);
  assert.equal(driver.of("Sent").length, 0);
  assert.equal(driver.state().surbs.entries.size, 0);
});

test("a packet of a request that was cancelled meanwhile does not come back", () => {
  const driver = createQuiet();
  driver.request(ping("q"));
  while (driver.state().egress.size > 0) driver.advance(10);
  driver.request({ type: "Cancel", id: "q" });
  driver.down();
  assert.equal(driver.state().egress.size, 0);
});

test("a connection that breaks loses nothing: its packets go out again on the next, in their order", () => {
  const driver = createQuiet();
  for (const id of ["a", "b", "c"]) driver.request(ping(id));
  while (driver.packets.length < 2) driver.advance(100);
  driver.down();
  assert.deepEqual([...driver.state().egress].map(({ request }) => request), ["a", "b", "c"]);
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
    const driver = createQuiet();
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

test("[FAULT-01] a recipient key of low order fails the request", () => {
  const driver = createQuiet();
  driver.request({ ...messageTo("q", "text"), recipientKey: new Uint8Array(32) } as ClientRequest);
  sendAll(driver);
  assert.deepEqual(outcomesOf(driver, "q"), [{ type: "Failed", id: "q", reason: "bad-key" }]);
});

test("[FAULT-08] a request that is cancelled in the FIFO is never sent, and after that its reply is nobody's", () => {
  const driver = createQuiet();
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

test("[CLIENT-5.1.1-03] an acknowledgement answers no query, and a service's reply acknowledges no message", () => {
  const query = createQuiet();
  query.request(ping("q"));
  sendAll(query);
  receive(query, replyTo(query.packets[0]!.packet, null));
  assert.deepEqual(outcomesOf(query, "q"), [{ type: "Failed", id: "q", reason: "malformed-reply" }]);
  const message = createQuiet();
  message.request(messageTo("m", "text"));
  sendAll(message);
  receive(message, replyTo(message.packets[0]!.packet, utf8("hello")));
  assert.deepEqual(outcomesOf(message, "m"), [{ type: "Failed", id: "m", reason: "malformed-reply" }]);
});

test("a reply that was changed on its way fails its request, whichever bit it was", () => {
  fc.assert(
    fc.property(fc.nat({ max: 8 * (geometry.forwardPayloadLength + 16) - 1 }), (bit) => {
      const driver = createQuiet();
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

test("shutdown fails what is under way, closes the connection politely, and stops", () => {
  const driver = createQuiet();
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
          driver.report({ type: "Sent", id: [...inFlight.keys()][0]!, dropped: "session-queue-full" });
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
  assert.equal(outcomesOf(driver).length, accepted.length);
};
