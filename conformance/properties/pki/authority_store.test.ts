/** What the store refuses an authority does not say, and says when there is space again; what a store may hold. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, toHex } from "../../../core/bytes.ts";
import type { Commit, StoreFailure } from "../../../core/effects.ts";
import { tick } from "../../../core/machine.ts";
import { authorityTable } from "../../../core/pki/authority_records.ts";
import { descriptorStatus, voteStatus } from "../../../core/wire/commands.ts";
import { createRun, epoch, peer, periodMs, postAll, type Run, sessionsIn } from "./authority_run.ts";
import { mixFields, signed } from "./fixture.ts";

import { eighth, leadTo, next, reasons, said, tableOf, voteOf } from "./authority_said.ts";

/* A store that fails */

const failures: ReadonlyArray<StoreFailure> = ["full", "read-only", "corrupt", "io"];

test("a store that fails: uploads are refused, told once, counted each time, and taken again when it recovers", () => {
  for (const failure of failures) {
    const run = createRun();
    const descriptor = signed(mixFields("mix1", next));
    run.setDisk(failure);
    assert.equal(run.post(100, "mix1", descriptor), descriptorStatus.conflict);
    assert.equal(run.post(200, "mix1", descriptor), descriptorStatus.conflict);
    assert.equal(run.ask(300, peer, voteOf(peer, 1)), voteStatus.tooEarly, "which makes a peer come again");
    const { storage, descriptors } = run.state();
    assert.deepEqual([storage.failing, storage.failures.get(failure), descriptors.size], [failure, 3, 0]);
    run.setDisk("good");
    assert.equal(run.post(400, "mix1", descriptor), descriptorStatus.ok);
    assert.equal(run.state().storage.failing, null);
  }
});

test("the first failure of the store is an error in the log, its recovery a notice", () => {
  const run = createRun({ peers: [] });
  postAll(run, 100);
  run.setDisk("full");
  const failed = run.step(eighth(4), tick);
  assert.equal(reasons(failed).filter((reason) => reason === "store-failed").length, 1);
  const counted = failed.flatMap((effect) => effect.type === "Count" ? [`${effect.name} ${effect.label}`] : []);
  assert.deepEqual(counted, ["store-failed full"]);
  const retriedAt = run.wakeAtMs()!;
  assert.deepEqual(reasons(run.step(retriedAt, tick)), [], "the same failure again");
  run.setDisk("good");
  assert.deepEqual(reasons(run.step(run.wakeAtMs()!, tick)), ["store-recovered", "vote"]);
});

test("a vote that could not be stored is cast when there is space again, while votes are still taken", () => {
  const run = createRun();
  postAll(run, 100);
  run.setDisk("full");
  assert.deepEqual(sessionsIn(run.step(eighth(4), tick)), []);
  const first = run.wakeAtMs()!;
  assert.ok(first > eighth(4) && first <= eighth(4) + 2500, `tried again at ${first}`);
  run.setDisk("good");
  const votes = said(run, first, run.step(first, tick));
  assert.deepEqual(votes.map((vote) => vote.split(" ")[0]), ["Vote", "Vote"]);
});

test("a vote that could not be stored in time is never cast, and not opened; the round goes on without it", () => {
  const run = createRun();
  postAll(run, 100);
  run.setDisk("read-only");
  run.step(eighth(4), tick);
  run.setDisk("good");
  assert.deepEqual(sessionsIn(run.step(eighth(5), tick)), []);
  assert.equal(run.state().round.type, "reveals");
  const again = run.restart(eighth(5.5));
  assert.deepEqual(said(again, eighth(5.5), again.effects), []);
});

test("[FAULT-23] an authority that voted and cannot read its vote any more casts no other", () => {
  const run = createRun();
  leadTo(run, "votes");
  for (const { key, value } of tableOf(run)) {
    if (key[0] !== 3 && key[0] !== 6) continue;
    const spoilt: Commit = {
      type: "Commit",
      id: 1,
      writes: [{ table: authorityTable, key, value: key[0] === 3 ? value.slice(0, 40) : null }],
    };
    run.store.perform(spoilt);
  }
  const again = run.restart(eighth(4.2));
  assert.ok(reasons(again.effects).includes("not-restored"), "told");
  assert.deepEqual(said(again, eighth(4.2), again.effects), []);
  assert.equal(again.state().round.type, "waiting");
});

test("[FAULT-24] a clock that is set back does not make an authority vote twice for an epoch", () => {
  const run = createRun();
  const [before] = leadTo(run, "votes");
  // Into the next epoch, where the round is lost; and back.
  run.step(periodMs + 100, tick);
  run.step(3 * periodMs + 100, tick);
  const again = run.restart(100);
  postAll(again, 200);
  const votes = said(again, eighth(4), again.step(eighth(4), tick));
  for (const vote of votes) assert.equal(vote, before);
  assert.equal(reasons(again.effects).includes("vote"), false);
});

/* The format */

const withRow = (key: Uint8Array, value: Uint8Array) => {
  const run = createRun();
  run.store.perform({ type: "Commit", id: 1, writes: [{ table: authorityTable, key, value }] });
  return run.restart(100);
};

const exits = (run: Run) =>
  run.effects.flatMap((effect) => effect.type === "Exit" ? [[effect.code, effect.message] as const] : []);

test("a store of a newer version is refused by its number, and nobody is listened to", () => {
  const key = concat(Uint8Array.of(7), new Uint8Array(8));
  const run = withRow(key, Uint8Array.of(2, 0, 0, 0));
  const [[code, message] = [0, ""]] = exits(run);
  assert.equal(code, 69);
  assert.match(message, /table authority .* format version 2; this program reads version 1/);
  const effects = run.step(200, { type: "Incoming", connection: "in/9", remote: "198.51.100.1:1" });
  assert.ok(effects.some(({ type }) => type === "Refuse"), "refused");
  assert.equal(run.wakeAtMs(), null);
});

test("records of unknown kinds and an unreadable standing end the start, naming the table", () => {
  const unknown = withRow(concat(Uint8Array.of(99), new Uint8Array(8)), Uint8Array.of(1, 5));
  assert.match(exits(unknown)[0]?.[1] ?? "", /table authority .* unknown kind/);
  const corrupt = withRow(concat(Uint8Array.of(7), new Uint8Array(8)), Uint8Array.of(1, 5));
  assert.match(exits(corrupt)[0]?.[1] ?? "", /table authority .* corrupt/);
});

test("more records than one page are all read back", () => {
  const run = createRun({ peers: [] });
  for (let round = 0; round < 3; round++) {
    for (let ahead = -1; ahead <= 1; ahead++) postAll(run, round * periodMs + 100, epoch + round + ahead);
    for (const at of [4, 5, 6, 7]) run.step(round * periodMs + eighth(at), tick);
  }
  const again = run.restart(2 * periodMs + eighth(7.5));
  assert.deepEqual(
    again.state().documents.map(({ raw }) => toHex(raw)),
    run.state().documents.map(({ raw }) => toHex(raw)),
  );
  assert.deepEqual([...again.state().descriptors.keys()].sort(), [...run.state().descriptors.keys()].sort());
});

test("nodes that may no longer join are not read back; what they posted is passed over and told", () => {
  const run = createRun();
  postAll(run, 100);
  const fewer = createRun({ mixes: [] }, 200, run.store);
  assert.equal(fewer.state().descriptors.get(next)?.size, 1);
  assert.equal(reasons(fewer.effects).filter((reason) => reason === "not-restored").length, 2);
});
