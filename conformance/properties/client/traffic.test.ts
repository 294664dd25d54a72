/** The three Poisson processes of a client as an observer of its link sees them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createDriver, createRunning, type Driver, keepAlive, messageTo, ping, slowClock } from "./fixture.ts";
import {
  clock,
  documentOf,
  firstEpoch,
  openForward,
  parameters,
  periodMs,
  providers,
  replyTo,
  travel,
} from "./network.ts";

const only = (name: "lambdaP" | "lambdaL" | "lambdaD") =>
  documentOf(firstEpoch, {
    parameters: { ...parameters, lambdaP: 0, lambdaL: 0, lambdaD: 0, [name]: parameters[name] },
  });

const instants = ({ packets }: Driver): number[] => packets.map(({ at }) => at);

for (const name of ["lambdaP", "lambdaL", "lambdaD"] as const) {
  test(`[CLIENT-2-01] an idle client sends at the rate ${name} when that alone is on`, () => {
    const driver = createRunning({ clock: slowClock, run: name }, only(name));
    const ms = 200_000;
    driver.advance(ms, keepAlive(driver));
    const expected = parameters[name] * ms;
    // Five standard deviations of a Poisson count: one seed in a million and a half.
    assert.ok(
      Math.abs(driver.packets.length - expected) < 5 * Math.sqrt(expected),
      `${driver.packets.length} for ${expected}`,
    );
  });
}

test("[DECOY-1-04] [DECOY-5-07] [DECOY-5-01] [E2E-5.1-02] a busy client sends at the very instants of an idle one", () => {
  const idle = createRunning({ clock: slowClock });
  const busy = createRunning({ clock: slowClock });
  let wakes = 0;
  idle.advance(40_000, keepAlive(idle));
  busy.advance(40_000, () => {
    keepAlive(busy)();
    wakes++;
    busy.request(ping(`ping ${wakes}`, wakes % 2 === 0 ? "p2" : null));
    if (wakes % 10 === 0) busy.request(messageTo(`message ${wakes}`, "text".repeat(200)));
    if (wakes % 7 === 0) busy.request({ type: "Cancel", id: `ping ${wakes - 3}` });
    if (wakes % 5 === 0) busy.request({ type: "Status", id: `status ${wakes}` });
  });
  assert.ok(busy.of("Sent").length > 20, "the user was busy");
  assert.ok(idle.packets.length > 50);
  assert.deepEqual(instants(busy), instants(idle));
});

test("[DECOY-5-03, DECOY-5-06, CLIENT-5.1.1-07] lambdaP sends the FIFO's head, or a drop decoy when it is empty", () => {
  const driver = createRunning({ clock: slowClock, run: "fifo" }, only("lambdaP"));
  driver.request(ping("first"));
  driver.request(ping("second"));
  while (driver.packets.length < 3) driver.advance(100, keepAlive(driver));
  assert.deepEqual(driver.of("Sent").map(({ id }) => id), ["first", "second"]);
  const [first, second, third] = driver.packets.map(({ packet }) => openForward(travel(packet)));
  assert.ok(first?.surb !== null && second?.surb !== null);
  assert.equal(third?.surb, null);
});

test("[DECOY-4-03] [DECOY-4-01, DECOY-4-04, DECOY-1-01] drop decoys go to every Provider's loop service alike, without SURB", () => {
  const driver = createRunning({ clock: slowClock }, only("lambdaD"));
  driver.advance(600_000, keepAlive(driver));
  const counts = new Map(providers.map((name) => [name, 0]));
  for (const { packet } of driver.packets) {
    const arrival = travel(packet);
    assert.equal(arrival.path.length, 5);
    assert.equal(arrival.path[0], "p1");
    assert.equal(arrival.recipient, "+loop");
    assert.equal(openForward(arrival).surb, null);
    counts.set(arrival.path[4]!, counts.get(arrival.path[4]!)! + 1);
  }
  const expected = driver.packets.length / providers.length;
  assert.ok(expected > 80);
  // Five standard deviations each.
  for (const [name, count] of counts) {
    assert.ok(Math.abs(count - expected) < 5 * Math.sqrt(expected), `${name}: ${count}`);
  }
  const lengths = new Set(driver.packets.map(({ packet }) => packet.length));
  assert.equal(lengths.size, 1);
});

test("the user's packets leave by lambdaP alone", () => {
  for (const name of ["lambdaL", "lambdaD"] as const) {
    const driver = createRunning({ clock: slowClock }, only(name));
    driver.request(ping("waits"));
    driver.advance(20_000, keepAlive(driver));
    assert.ok(driver.packets.length > 2);
    assert.equal(driver.state().egress.size, 1);
  }
});

test("[DECOY-2-01] [DECOY-5-08] [DECOY-1-06] a loop decoy comes back by its SURB and is counted", () => {
  const driver = createRunning({ clock: slowClock }, only("lambdaL"));
  while (driver.packets.length < 1) driver.advance(100, keepAlive(driver));
  driver.advance(driver.state().retrieval.pollAt! - driver.now());
  driver.deliver(replyTo(driver.packets[0]!.packet, new Uint8Array(0)));
  const { tally, surbs } = driver.state();
  assert.deepEqual({ ...tally }, { loopsSent: driver.packets.length, loopsReturned: 1, loopsLost: 0, dropsSent: 0 });
  assert.equal(surbs.entries.size, driver.packets.length - 1);
});

test("a loop that does not come back is counted as lost and its keys are wiped", () => {
  const driver = createRunning({ clock: slowClock }, only("lambdaL"));
  while (driver.packets.length < 1) driver.advance(100, keepAlive(driver));
  const [id, entry] = [...driver.state().surbs.entries][0]!;
  driver.advance(entry.deadline - driver.now() - 1, keepAlive(driver));
  assert.ok(driver.state().surbs.entries.has(id));
  assert.ok(!driver.consumed.includes(entry.keys));
  driver.advance(1, keepAlive(driver));
  assert.ok(!driver.state().surbs.entries.has(id));
  assert.ok(driver.state().tally.loopsLost > 0);
  assert.ok(driver.consumed.includes(entry.keys));
});

test("nothing is sent while there is no connection", () => {
  const driver = createRunning({ clock: slowClock });
  driver.advance(5_000, keepAlive(driver));
  driver.down();
  const before = driver.packets.length;
  driver.advance(10_000);
  assert.equal(driver.packets.length, before);
  driver.authorize();
  driver.up();
  driver.advance(10_000, keepAlive(driver));
  assert.ok(driver.packets.length > before);
});

test("nothing is sent without a document of the epoch, and traffic resumes with one", () => {
  const driver = createRunning({ elapsedMs: periodMs - 2_000 });
  driver.advance(2_000 + periodMs / 10 + periodMs / 20, keepAlive(driver));
  assert.equal(driver.state().documents.inForce, null);
  const before = driver.packets.length;
  driver.advance(10_000, keepAlive(driver));
  assert.equal(driver.packets.length, before);
  driver.document(documentOf(firstEpoch + 1));
  driver.advance(10_000, keepAlive(driver));
  assert.ok(driver.packets.length > before);
});

test("a rate of 0 is legal: its process is off", () => {
  const off = documentOf(firstEpoch, { parameters: { ...parameters, lambdaP: 0, lambdaL: 0, lambdaD: 0 } });
  const driver = createRunning({ clock: slowClock }, off);
  driver.request(ping("waits"));
  driver.advance(100_000, keepAlive(driver));
  assert.equal(driver.packets.length, 0);
});

test("with decoys off only the user's packets are sent, still at the instants of lambdaP", () => {
  const withDecoys = createRunning({ clock: slowClock, run: "off" }, only("lambdaP"));
  withDecoys.advance(20_000, keepAlive(withDecoys));
  const without = createRunning({ clock: slowClock, run: "off", decoys: false });
  without.request(ping("one"));
  without.request(ping("two"));
  without.advance(20_000, keepAlive(without));
  assert.deepEqual(instants(without), instants(withDecoys).slice(0, 2));
});

test("a document with other rates is obeyed at once", () => {
  const driver = createRunning({ elapsedMs: periodMs - 20_000 }, only("lambdaD"));
  const faster = documentOf(firstEpoch + 1, {
    parameters: { ...parameters, lambdaP: 0, lambdaL: 0, lambdaD: 0.05, lambdaDMaxDelayMs: 1_000 },
  });
  driver.document(faster);
  driver.advance(20_000, keepAlive(driver));
  const before = driver.packets.length;
  driver.advance(5_000, keepAlive(driver));
  assert.ok(driver.packets.length - before > 100, `${driver.packets.length - before} packets in 5 s at 50 a second`);
});

test("a machine that slept does not send what it missed", () => {
  const driver = createRunning({ clock: slowClock });
  driver.advance(2_000, keepAlive(driver));
  driver.sleep(600_000);
  const before = driver.packets.length;
  driver.advance(0, keepAlive(driver));
  assert.ok(driver.packets.length - before <= 3, "one turn of each process at most");
});

test("spurious ticks change nothing", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 900 }), { maxLength: 12 }), (pauses) => {
      const driver = createRunning({ clock, run: "ticks" });
      for (const pause of pauses) {
        driver.advance(pause, keepAlive(driver));
        const before = driver.state();
        if (driver.wakeAt()! <= driver.now()) continue;
        assert.deepEqual(driver.tick(), []);
        assert.equal(driver.state(), before);
      }
    }),
    { numRuns: 20 },
  );
});

test("a client that has nothing yet asks for a document and sends nothing", () => {
  const driver = createDriver();
  assert.deepEqual(driver.fetches, [{ type: "Fetch", epoch: firstEpoch }]);
  driver.advance(50_000);
  assert.deepEqual(driver.packets, []);
});
