/** Retrieval from the mailbox: sequences, schedule, duplicates, against a naive mailbox. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "../../../core/bytes.ts";
import { sealBlock } from "../../../core/client/block.ts";
import { pollIntervalMs } from "../../../core/client/retrieval.ts";
import { draws } from "../../../core/random.ts";
import { createDriver, createRunning, type Driver, keepAlive, ping, slowClock } from "./fixture.ts";
import {
  aliceIdentity,
  bobIdentity,
  clock,
  documentOf,
  firstEpoch,
  geometry,
  parameters,
  replyTo,
  rightOf,
  suite,
} from "./network.ts";

const silent = documentOf(firstEpoch, { parameters: { ...parameters, lambdaP: 0, lambdaL: 0, lambdaD: 0 } });
const timing = { pollMs: 1_000, reconnectStepMs: 100, reconnectMaxMs: 200 };
/** A client that sends nothing and polls once a second. */
const create = (): Driver => createRunning({ clock: slowClock, timing }, silent);

const retrievals = ({ commands }: Driver): number[] =>
  commands.flatMap((command) => (command.type === "RetrieveMessage" ? [command.sequence] : []));

const closes = (driver: Driver, act: () => ReturnType<Driver["tell"]>): boolean =>
  act().some((effect) => effect.type === "Tell" && (effect.event as { type: string }).type === "Close") &&
  driver.state().link.type === "Closing";

/** A block of a message from Bob, as it lies in the mailbox. */
const blockFromBob = (id: number, text: string): Uint8Array => {
  const messageId = new Uint8Array(16).fill(id);
  const block = { messageId, total: 1, id: 0, payload: utf8(text) };
  const random = draws(new Uint8Array(32).fill(id))(text);
  return rightOf(sealBlock(suite, geometry, random, bobIdentity, suite.x25519Public(aliceIdentity), block)).ciphertext;
};

test("[E2E-3.2.1-01] [E2E-3.2.1-02] sequences count what was received, one request at a time", () => {
  const driver = create();
  assert.deepEqual(retrievals(driver), [0], "the first is sent at once");
  driver.advance(5_000);
  assert.deepEqual(retrievals(driver), [0], "while one is outstanding there is no other");
  driver.deliver(null);
  driver.advance(1_000);
  driver.deliver(blockFromBob(1, "one"));
  driver.advance(1_000);
  driver.deliver({ surbId: new Uint8Array(16), payload: new Uint8Array(geometry.forwardPayloadLength + 16) });
  driver.advance(1_000);
  assert.deepEqual(retrievals(driver), [0, 0, 1, 2]);
});

test("[E2E-3.2-01] nothing is asked of a Provider before it has shown its keys and the session is up", () => {
  const driver = createDriver({ clock: slowClock, timing });
  driver.document(silent);
  driver.advance(100);
  driver.authorize();
  assert.deepEqual(driver.commands, []);
  driver.up();
  assert.deepEqual(retrievals(driver), [0]);
});

test("[E2E-3.2.1-03] an answer with another sequence, or to no question, ends the connection", () => {
  const wrong = create();
  assert.ok(closes(wrong, () => wrong.command({ type: "MessageEmpty", sequence: 1 })));
  const unasked = create();
  unasked.deliver(null);
  assert.ok(closes(unasked, () => unasked.command({ type: "MessageEmpty", sequence: 0 })));
});

test("a Provider that does not answer in time is given up", () => {
  const driver = create();
  driver.advance(59_999);
  assert.equal(driver.state().link.type, "Up");
  driver.advance(1);
  assert.equal(driver.state().link.type, "Closing");
  assert.ok(driver.wakeAt()! > driver.now(), "what is overdue is not waited for again");
});

test("[E2E-3.2.1-08] the schedule of retrievals depends on neither contents nor hints", () => {
  const instants = (answer: (driver: Driver, n: number) => void): number[] => {
    const driver = create();
    const found: number[] = [];
    for (let n = 0; n < 12; n++) {
      answer(driver, n);
      const before = retrievals(driver).length;
      while (retrievals(driver).length === before) driver.advance(100);
      found.push(driver.now());
    }
    return found;
  };
  const empty = instants((driver) => void driver.deliver(null));
  const full = instants((driver, n) =>
    void driver.command({
      type: "Message",
      queueSizeHint: 255,
      sequence: driver.state().retrieval.sequence,
      payload: blockFromBob(n, "text"),
    })
  );
  assert.deepEqual(full, empty);
});

test("by default a client polls twice as often as replies can arrive, within bounds", () => {
  const rates = (lambdaP: number, lambdaL: number) => ({ ...parameters, lambdaP, lambdaL });
  assert.equal(pollIntervalMs(rates(0.00025, 0.00025)), 1_000);
  assert.equal(pollIntervalMs(rates(1, 1)), 100);
  assert.equal(pollIntervalMs(rates(0, 0)), 60_000);
});

test("a client polls at the pace of another document as soon as that is in force", () => {
  const driver = createRunning({ elapsedMs: clock.periodMs - 5_000 }, silent);
  const untilNext = (): number => driver.state().retrieval.pollAt! - driver.now();
  assert.equal(untilNext(), 60_000, "a network without rates has no pace");
  driver.deliver(null);
  driver.document(documentOf(firstEpoch + 1));
  assert.equal(untilNext(), 60_000, "the next epoch has not begun");
  driver.advance(5_000, keepAlive(driver));
  assert.equal(untilNext() <= pollIntervalMs(parameters), true, `${untilNext()} ms`);
});

test("[E2E-4.2.1-01] a message of a user is delivered with its sender's key", () => {
  const driver = create();
  driver.deliver(blockFromBob(3, "Hello, Alice"));
  const [message] = driver.of("Message");
  assert.deepEqual(message?.from, suite.x25519Public(bobIdentity));
  assert.deepEqual(message?.payload, utf8("Hello, Alice"));
  assert.deepEqual(message?.messageId, new Uint8Array(16).fill(3));
});

test("[E2E-4.2.1-04] blocks that do not decrypt, or are for another key, are dropped with a reason", () => {
  const driver = create();
  const garbled = blockFromBob(4, "text");
  garbled[60]! ^= 1;
  driver.deliver(garbled);
  driver.advance(1_000);
  driver.deliver(new Uint8Array(geometry.userPayloadLength));
  assert.equal(driver.of("Message").length, 0);
  assert.deepEqual(driver.drops, ["client-block-decrypt", "client-block-point"]);
});

test("without an identity key messages are dropped with a reason", () => {
  const driver = createRunning({ clock: slowClock, timing, identityPrivate: null }, silent);
  driver.deliver(blockFromBob(5, "text"));
  assert.deepEqual(driver.drops, ["client-no-identity-key"]);
});

test("[E2E-4.2.1-03] a block that differs from an earlier one is told to the user", () => {
  const driver = create();
  driver.deliver(blockFromBob(6, "one text"));
  driver.advance(1_000);
  driver.deliver(blockFromBob(6, "another text"));
  assert.equal(driver.of("Message").length, 1);
  assert.equal(driver.of("MessageConflict").length, 1);
  assert.deepEqual(driver.drops, ["client-block-conflict"]);
});

test("[FAULT-08] a reply with an unknown SURB id is counted and dropped", () => {
  const driver = create();
  driver.deliver({ surbId: new Uint8Array(16).fill(9), payload: new Uint8Array(geometry.forwardPayloadLength + 16) });
  assert.deepEqual(driver.drops, ["client-surb-unknown"]);
  assert.equal(driver.state().link.type, "Up");
});

/** Connects again after the connection went down. */
const reconnect = (driver: Driver): void => {
  driver.down();
  driver.advance(300);
  driver.authorize();
  driver.up();
};

test("[CLIENT-5.1.1-10] what a Provider repeats after a reconnection is delivered once", () => {
  const active = documentOf(firstEpoch, { parameters: { ...parameters, lambdaL: 0, lambdaD: 0 } });
  const driver = createRunning({ clock: slowClock, timing, run: "repeat" }, active);
  driver.request(ping("q"));
  while (driver.state().egress.size > 0) driver.advance(50);
  driver.written();
  const reply = replyTo(driver.packets[0]!.packet, utf8("pong"));
  const again = { surbId: reply.surbId, payload: reply.payload.slice() };
  driver.deliver(reply);
  reconnect(driver);
  assert.equal(retrievals(driver).at(-1), 0, "sequences begin anew");
  driver.deliver(again);
  assert.equal(driver.of("Reply").length, 1);
  assert.deepEqual(driver.drops, ["client-surb-duplicate"]);
  const message = blockFromBob(7, "text");
  driver.advance(1_000);
  driver.deliver(message.slice());
  reconnect(driver);
  driver.deliver(message.slice());
  assert.equal(driver.of("Message").length, 1);
  assert.deepEqual(driver.drops.slice(1), ["client-message-duplicate"]);
});

/** A mailbox as the reference keeps it (wire-facts §6.4): the naive model. */
const createMailbox = (texts: ReadonlyArray<string>) => {
  const queue = texts.map((text, i) => blockFromBob(i, text));
  let expected = 0;
  return {
    connect: (): void => void (expected = 0),
    /** The head, or null where the mailbox is empty; throws where the Provider would close. */
    retrieve: (sequence: number): Uint8Array | null => {
      if (sequence === expected + 1) {
        queue.shift();
        expected++;
      } else assert.equal(sequence, expected, "the Provider would close the connection");
      return queue[0]?.slice() ?? null;
    },
    size: (): number => queue.length,
  };
};

test("[E2E-3.2.1-04] against a naive mailbox each message comes once, in order, however often connections break", () => {
  const texts = fc.array(fc.string({ maxLength: 20 }), { maxLength: 8 });
  const breaks = fc.array(fc.constantFrom("before", "after", "none"), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(texts, breaks, (sent, moments) => {
      const driver = create();
      const mailbox = createMailbox(sent);
      const answer = (): void => {
        const { retrieval } = driver.state();
        if (retrieval.answerBy === null) return;
        const message = mailbox.retrieve(retrieval.sequence);
        driver.deliver(message);
      };
      const again = (): void => {
        mailbox.connect();
        reconnect(driver);
      };
      for (const moment of [...moments, ...sent.map(() => "none"), "none", "none"]) {
        if (moment === "before") again();
        answer();
        if (moment === "after") again();
        driver.advance(1_000);
      }
      assert.deepEqual(driver.of("Message").map(({ payload }) => payload), sent.map((text) => utf8(text)));
      assert.equal(mailbox.size(), 0);
      assert.equal(driver.state().link.type, "Up");
    }),
    { numRuns: 30 },
  );
});

test("the memory for duplicates is bounded", () => {
  const driver = create();
  for (let i = 0; i < 600; i++) {
    driver.deliver({ surbId: Uint8Array.of(i >> 8, i & 255, ...new Uint8Array(14)), payload: new Uint8Array(16) });
    driver.advance(1_000);
  }
  assert.equal(driver.state().retrieval.seen.size, 512);
});
