/** Authorities that are late, cut off, killed or whose clock is wrong: the others go on, and they come back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../../../core/bytes.ts";
import { suite } from "./fixture.ts";
import { clock, createVoting, firstEpoch, holdRounds, saying, type Voting } from "./voting.ts";

const epoch = firstEpoch + 1;
const all = [0, 1, 2];

const nameOf = (number: number): string => `authority${number}`;

const cut = (voting: Voting, number: number, by: 1 | -1): void => {
  for (const other of all) {
    if (other !== number) voting.world.link(nameOf(number), nameOf(other)).cut(by);
  }
};

const restart = (voting: Voting, number: number): void => {
  voting.world.host(nameOf(number)).crash();
  voting.world.at(voting.world.now() + 1000, voting.world.host(nameOf(number)).start);
  voting.world.runUntil(voting.world.now() + 2000);
};

/** The different documents that authorities have for an epoch, and how many have one. */
const documents = (voting: Voting, of: number, numbers = all): readonly [number, number] => {
  const found = numbers.flatMap((number) => {
    const published = voting.state(number).documents.get(of);
    return published === undefined ? [] : [toHex(suite.sha256(published.document.sharedRandomValue))];
  });
  return [new Set(found).size, found.length];
};

const signaturesOf = (voting: Voting, number: number, of: number): unknown =>
  saying(voting, number, "consensus").find(({ fields }) => fields?.["epoch"] === of)?.fields?.["signatures"];

const phases = [["descriptors", 1, 4], ["votes", 4, 5], ["reveals", 5, 6], ["signatures", 6, 7]] as const;

for (const [phase, from, to] of phases) {
  test(`[FAULT-23] one of three is cut off while it is ${phase}: one document, and all three have the next`, () => {
    const voting = createVoting({ authorities: 3 });
    voting.postAll(epoch);
    voting.runTo(firstEpoch, (from + 0.01) / 8);
    cut(voting, 2, 1);
    voting.runTo(firstEpoch, (to + 0.01) / 8);
    cut(voting, 2, -1);
    // It fetches the document as soon as the next epoch begins.
    voting.runTo(epoch, 0.05);
    assert.deepEqual(documents(voting, epoch), [1, 3]);
    holdRounds(voting, epoch + 1, epoch + 1);
    assert.deepEqual(documents(voting, epoch + 1), [1, 3]);
    assert.equal(signaturesOf(voting, 0, epoch + 1), 3);
  });
}

for (const [phase, at] of [["descriptors", 2], ["votes", 4.1], ["reveals", 5.1], ["signatures", 6.1]] as const) {
  test(`[FAULT-23] killed while it is ${phase}, an authority goes on: three signatures, nothing told against it`, () => {
    const voting = createVoting({ authorities: 3 });
    voting.postAll(epoch);
    voting.runTo(firstEpoch, at / 8);
    restart(voting, 2);
    voting.runTo(firstEpoch, 0.95);
    assert.deepEqual(documents(voting, epoch), [1, 3]);
    for (const number of all) {
      assert.equal(signaturesOf(voting, number, epoch), 3, nameOf(number));
      assert.deepEqual(saying(voting, number, "equivocation"), []);
      assert.deepEqual(voting.logs(number).filter(({ level }) => level === "WARNING"), []);
    }
  });
}

test("[FAULT-23] two of three are cut off from each other and from the third: no document, and one in the next epoch", () => {
  const voting = createVoting({ authorities: 3 });
  voting.postAll(epoch);
  voting.runTo(firstEpoch, 0.45);
  for (const number of [0, 1, 2]) cut(voting, number, 1);
  voting.runTo(firstEpoch, 0.97);
  assert.deepEqual(documents(voting, epoch), [0, 0]);
  for (const number of [0, 1, 2]) cut(voting, number, -1);
  holdRounds(voting, epoch + 1, epoch + 2);
  assert.deepEqual(documents(voting, epoch + 1), [1, 3]);
  assert.deepEqual(documents(voting, epoch + 2), [1, 3]);
});

test("[FAULT-23] a full disk at one authority: two signatures; with space again three, without a restart", () => {
  const voting = createVoting({ authorities: 3 });
  holdRounds(voting, epoch, epoch);
  voting.world.host(nameOf(2)).disk.setFull(true);
  holdRounds(voting, epoch + 1, epoch + 1);
  assert.deepEqual(documents(voting, epoch + 1, [0, 1]), [1, 2]);
  assert.equal(signaturesOf(voting, 0, epoch + 1), 2);
  assert.equal(saying(voting, 2, "store-failed").length, 1);
  voting.world.host(nameOf(2)).disk.setFull(false);
  voting.runTo(epoch + 1, 0.05);
  holdRounds(voting, epoch + 2, epoch + 2);
  assert.equal(saying(voting, 2, "store-recovered").length, 1);
  assert.deepEqual(documents(voting, epoch + 2), [1, 3]);
  assert.equal(signaturesOf(voting, 0, epoch + 2), 3);
});

/* Clocks */

test("[FAULT-24] a clock that is wrong by more than a phase: the others agree, and it says that its clock is wrong", () => {
  for (const parts of [0.4, -0.4]) {
    const voting = createVoting({ authorities: 3, skewMs: (number) => number === 2 ? parts * clock.periodMs : 0 });
    holdRounds(voting, epoch, epoch);
    assert.deepEqual(documents(voting, epoch, [0, 1]), [1, 2]);
    const wrong = saying(voting, 2, "clock-wrong");
    assert.ok(wrong.length > 0 && wrong.every(({ level }) => level === "CRITICAL"), `ahead by ${parts} epochs`);
    assert.deepEqual(saying(voting, 0, "clock-wrong"), [], "who is in the majority is not wrong");
    assert.ok(Math.abs(voting.state(2).clockOffsets.first()! + parts * clock.periodMs) < 2000, "shown in the view");
  }
});

test("[FAULT-24] a clock that is stepped in any phase, forth and back: one vote an epoch, and the network goes on", () => {
  const steps = [-90_000, 5 * clock.periodMs, -clock.periodMs];
  const voting = createVoting({ authorities: 3 });
  const host = voting.world.host(nameOf(2));
  let of = epoch;
  for (const [index, ms] of steps.entries()) {
    voting.runTo(of - 1, 0.1);
    voting.postAll(of);
    voting.runTo(of - 1, (3.5 + (index % 4)) / 8);
    host.stepClock(ms);
    voting.runTo(of - 1, 0.95);
    host.stepClock(-ms);
    voting.runTo(of, 0.05);
    assert.deepEqual(documents(voting, of, [0, 1]), [1, 2], `stepped by ${ms} ms`);
    of++;
  }
  for (const number of all) assert.deepEqual(saying(voting, number, "equivocation"), [], nameOf(number));
  holdRounds(voting, of, of + 1);
  assert.deepEqual(documents(voting, of + 1), [1, 3]);
  assert.equal(signaturesOf(voting, 0, of + 1), 3);
});
