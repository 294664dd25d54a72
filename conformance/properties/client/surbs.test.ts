/** What a client makes of its SURBs: each reply counts once, in its time, and there are never too many of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PersistentMap } from "../../../core/collections/map.ts";
import { toHex, utf8 } from "../../../core/bytes.ts";
import { loopSurbsMax, surbsMax } from "../../../core/client/config.ts";
import type { ClientState, SurbEntry, Turn } from "../../../core/client/state.ts";
import { addSurb, expireSurbs, hasRoom, removeSurb, restartSurb } from "../../../core/client/surbs.ts";
import { mono, wall } from "../../../core/machine.ts";
import { epochStart } from "../../../core/pki/epoch.ts";
import { draws } from "../../../core/random.ts";
import { freshSurbId } from "../../../core/sphinx/surb.ts";
import { createRunning, type Driver, keepAlive, outcomesOf, ping, receive, sendAll, slowClock } from "./fixture.ts";
import { documentOf, firstEpoch, geometry, parameters, replyTo, suite } from "./network.ts";

type SurbReply = ReturnType<typeof replyTo>;

/** Only lambdaP, so that the packets sent are the user's until the FIFO is empty. */
const quiet = documentOf(firstEpoch, { parameters: { ...parameters, lambdaL: 0, lambdaD: 0 } });
const create = (more = {}): Driver => createRunning({ clock: slowClock, run: "surbs", decoys: false, ...more }, quiet);

/** Opening decrypts in place. */
const copyOf = ({ surbId, payload }: SurbReply): SurbReply => ({ surbId, payload: payload.slice() });

/** A ping that was sent. */
const asked = (more = {}): Driver => {
  const driver = create(more);
  driver.request(ping("q"));
  sendAll(driver);
  return driver;
};

test("[FAULT-08] of two replies to one SURB the first counts, whether they are the same or not", () => {
  for (const second of ["pong", "another"]) {
    const driver = asked();
    const { packet } = driver.packets[0]!;
    const [one, two] = [replyTo(packet.slice(), utf8("pong")), replyTo(packet.slice(), utf8(second))];
    receive(driver, copyOf(one));
    receive(driver, copyOf(two));
    const [outcome, ...more] = outcomesOf(driver, "q");
    assert.deepEqual([outcome?.type, more], ["Reply", []]);
    assert.deepEqual(driver.drops, ["client-surb-duplicate"]);
    assert.equal(driver.state().surbs.entries.size, 0);
    assert.equal(driver.state().link.type, "Up");
  }
});

test("[FAULT-08] two replies that wait in one mailbox: the second finds no SURB after a reconnection either", () => {
  const driver = asked();
  const reply = replyTo(driver.packets[0]!.packet, utf8("pong"));
  receive(driver, copyOf(reply));
  driver.down();
  driver.advance(300);
  driver.authorize();
  driver.up();
  receive(driver, copyOf(reply));
  assert.equal(outcomesOf(driver, "q").length, 1);
  assert.deepEqual(driver.drops, ["client-surb-duplicate"]);
});

test("[FAULT-08] a reply that comes when its SURB was given up is counted and dropped; its request has timed out once", () => {
  const driver = asked();
  const reply = replyTo(driver.packets[0]!.packet, utf8("pong"));
  const { deadline, keys } = driver.state().surbs.entries.first()!;
  driver.advance(deadline - driver.now() + 1, keepAlive(driver));
  assert.equal(driver.state().surbs.entries.size, 0);
  assert.equal(driver.consumed.includes(keys), true, "its keys are to be wiped");
  receive(driver, reply);
  assert.deepEqual(outcomesOf(driver, "q").map(({ type }) => type), ["Timeout"]);
  assert.deepEqual(driver.drops, ["client-surb-unknown"]);
  assert.equal(driver.state().link.type, "Up");
});

test("[FAULT-08] a reply after the end of the epochs whose keys it needs is nobody's, however long the client waits", () => {
  // The slack alone would let it wait for longer than the keys live.
  const driver = asked({ timing: { pollMs: 100_000_000, replySlackMs: 2 ** 40, answerMs: 2 ** 40 } });
  const reply = replyTo(driver.packets[0]!.packet, utf8("pong"));
  const { deadline, keysDieAt } = driver.state().surbs.entries.first()!;
  assert.equal(deadline, keysDieAt);
  driver.sleep(keysDieAt - driver.now());
  driver.tick();
  assert.deepEqual(outcomesOf(driver, "q").map(({ type }) => type), ["Timeout"]);
  assert.equal(driver.state().surbs.entries.size, 0);
  if (driver.state().retrieval.answerBy === null) driver.advance(200_000_000);
  driver.deliver(reply);
  assert.deepEqual(driver.drops, ["client-surb-unknown"]);
});

/** Parts of a turn that SURBs are added and removed in. */
const turnOf = (driver: Driver): Turn => {
  const context = { now: mono(driver.now()), wall: wall(epochStart(slowClock, firstEpoch) + 1000) };
  return {
    kit: { suite, geometry },
    context: { ...context, seed: new Uint8Array(32) },
    draw: draws(new Uint8Array(32)),
    state: driver.state(),
    effects: [],
    consumed: [],
  };
};

test("[FAULT-09] of 100,000 SURBs that want to be outstanding 4,096 may, half of them loops'", () => {
  const driver = create();
  const sent = { path: [], delaysMs: [], returnPath: [], returnDelaysMs: [], etaMs: 1000 };
  const turn = turnOf(driver);
  const purposes = [{ type: "Loop" }, { type: "Request", request: "q" }] as const;
  const held = { Loop: 0, Request: 0 };
  for (let number = 0; number < 100_000; number++) {
    const purpose = purposes[number % 2]!;
    if (!hasRoom(turn.state, purpose)) continue;
    const surb = { id: String(number), keys: new Uint8Array(0) };
    addSurb(turn, { packet: new Uint8Array(0), sent, surb }, quiet, purpose);
    held[purpose.type]++;
  }
  assert.equal(turn.state.surbs.entries.size, surbsMax);
  assert.equal(held.Loop <= loopSurbsMax, true, `${held.Loop} loops`);
  assert.equal(hasRoom(turn.state, purposes[1]), false);
});

test("[FAULT-09] 100,000 SURBs that come and go: no more deadlines are kept than for twice those outstanding", () => {
  const driver = create();
  const sent = { path: [], delaysMs: [], returnPath: [], returnDelaysMs: [], etaMs: 1000 };
  const turn = turnOf(driver);
  for (let number = 0; number < 100_000; number++) {
    const surb = { id: String(number), keys: new Uint8Array(0) };
    addSurb(turn, { packet: new Uint8Array(0), sent, surb }, quiet, { type: "Loop" });
    restartSurb(turn, surb.id);
    if (number >= 100) removeSurb(turn, String(number - 100));
    expireSurbs(turn, () => assert.fail("no deadline has passed"));
    const { entries, deadlines } = turn.state.surbs;
    assert.equal(deadlines.size <= 2 * entries.size + 64, true, `${deadlines.size} for ${entries.size}`);
    turn.consumed.length = 0;
  }
  assert.equal(turn.state.surbs.entries.size, 100);
});

test("[FAULT-09] loops that never come back leave room for requests, and go on as decoys without a SURB", () => {
  const busy = documentOf(firstEpoch, { parameters: { ...parameters, lambdaP: 0, lambdaD: 0, lambdaL: 0.1 } });
  const patient = { pollMs: 100_000_000, replySlackMs: 2 ** 40, answerMs: 2 ** 40 };
  const driver = createRunning({ clock: slowClock, run: "flood", timing: patient }, busy);
  while (driver.state().tally.loopsSent < loopSurbsMax) driver.advance(100, driver.written);
  driver.advance(500, driver.written);
  assert.equal(driver.state().surbs.entries.size, loopSurbsMax);
  assert.equal(driver.state().tally.dropsSent > 0, true, "further decoys go without one");
});

test("[FAULT-09] loops have half of the room: decoys never crowd requests out", () => {
  const holding = (count: number): ClientState => {
    const entries = PersistentMap(Array.from({ length: count }, (_, at) => [String(at), {} as SurbEntry] as const));
    return { surbs: { entries } } as unknown as ClientState;
  };
  const room = (count: number) => [
    hasRoom(holding(count), { type: "Loop" }),
    hasRoom(holding(count), { type: "Request", request: "r" }),
  ];
  assert.deepEqual([room(loopSurbsMax - 1), room(loopSurbsMax)], [[true, true], [false, true]]);
  assert.deepEqual([room(surbsMax - 1), room(surbsMax)], [[false, true], [false, false]]);
});

test("[FAULT-09] an id that is outstanding is not given to a second SURB", () => {
  const ids = [1, 1, 2, 3].map((byte) => new Uint8Array(16).fill(byte));
  const outstanding = new Set([1, 2].map((byte) => toHex(new Uint8Array(16).fill(byte))));
  let reads = 0;
  const random = { bytes: (length: number) => ids[reads++]!.slice(0, length) };
  assert.deepEqual(freshSurbId(random, outstanding), new Uint8Array(16).fill(3));
  assert.equal(reads, 4);
});
