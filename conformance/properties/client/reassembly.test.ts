/** Reassembly: any order, duplicates, anomalies, and bounds in messages, bytes and time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Block, fragmentMessage } from "../../../core/client/block.ts";
import {
  addBlock,
  emptyReassembly,
  expireMessages,
  nextExpiry,
  type Reassembly,
  type ReassemblyOutcome,
} from "../../../core/client/reassembly.ts";
import { mono } from "../../../core/machine.ts";
import { createGeometry } from "../../../core/sphinx/geometry.ts";
import { rightOf, toySuite } from "../noise/fixture.ts";

const geometry = createGeometry(5, 2 + 556 + 96 + 24 + 60);
const limits = { messagesMax: 3, bytesMax: 600, lifetimeMs: 1_000 };
const alice = new Uint8Array(32).fill(1);
const eve = new Uint8Array(32).fill(2);

const blocksOf = (length: number, id = 1, fill = 7): ReadonlyArray<Block> =>
  rightOf(fragmentMessage(geometry, new Uint8Array(16).fill(id), new Uint8Array(length).fill(fill)));

/** Adds blocks one after another and gives each outcome. */
const addAll = (
  start: Reassembly,
  blocks: ReadonlyArray<Block>,
  { now = 0, sender = alice } = {},
): { readonly reassembly: Reassembly; readonly outcomes: ReadonlyArray<ReassemblyOutcome> } => {
  let reassembly = start;
  const outcomes = blocks.map((block) => {
    const added = addBlock(toySuite, geometry, limits, reassembly, mono(now), sender, block);
    reassembly = added.reassembly;
    return added.outcome;
  });
  return { reassembly, outcomes };
};

const typesOf = (outcomes: ReadonlyArray<ReassemblyOutcome>): string[] => outcomes.map(({ type }) => type);

test("[CLIENT-4-01] [E2E-4.2.1-01] blocks in any order, each perhaps several times, make the message exactly once", () => {
  const blocks = blocksOf(150);
  fc.assert(
    fc.property(
      fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
      fc.array(fc.nat(2), { maxLength: 6 }),
      (order, again) => {
        const { reassembly, outcomes } = addAll(emptyReassembly, [...order, ...again].map((id) => blocks[id]!));
        assert.deepEqual(typesOf(outcomes), ["Incomplete", "Incomplete", "Complete", ...again.map(() => "Duplicate")]);
        const complete = outcomes[2]!;
        assert.ok(complete.type === "Complete");
        assert.deepEqual(complete.message, new Uint8Array(150).fill(7));
        assert.deepEqual([complete.sender, complete.messageId], [alice, blocks[0]!.messageId]);
        assert.equal(reassembly.bytes, 0);
      },
    ),
    { numRuns: 40 },
  );
});

test("[E2E-4.2.1-02] another sender, id or total is another message", () => {
  const [first, second] = blocksOf(100);
  const start = addAll(emptyReassembly, [first!]).reassembly;
  assert.deepEqual(typesOf(addAll(start, [second!], { sender: eve }).outcomes), ["Incomplete"]);
  assert.deepEqual(typesOf(addAll(start, [{ ...second!, messageId: new Uint8Array(16) }]).outcomes), ["Incomplete"]);
  assert.deepEqual(typesOf(addAll(start, [{ ...second!, total: 3 }]).outcomes), ["Incomplete"]);
  assert.deepEqual(typesOf(addAll(start, [second!]).outcomes), ["Complete"]);
});

test("[E2E-4.2.1-03] the same block id with another payload is an anomaly, before and after delivery", () => {
  const [first, second] = blocksOf(100);
  const other = { ...first!, payload: new Uint8Array(60).fill(8) };
  const { outcomes } = addAll(emptyReassembly, [first!, other, first!, second!, other, first!]);
  assert.deepEqual(typesOf(outcomes), ["Incomplete", "Conflict", "Duplicate", "Complete", "Conflict", "Duplicate"]);
});

test("a message longer than the bound is refused at its first block, one that fits is not", () => {
  const long = addAll(emptyReassembly, blocksOf(60 * 12).slice(0, 1)).outcomes[0]!;
  assert.deepEqual(long, { type: "Refused", reason: "message-long" });
  assert.equal(addAll(emptyReassembly, blocksOf(60 * 10)).outcomes.at(-1)!.type, "Complete");
});

test("incomplete messages are bounded in number; messages of one block still pass", () => {
  const firsts = [1, 2, 3, 4].map((id) => blocksOf(100, id)[0]!);
  const { reassembly, outcomes } = addAll(emptyReassembly, firsts);
  assert.deepEqual(outcomes[3], { type: "Refused", reason: "reassembly-full" });
  assert.equal(addAll(reassembly, blocksOf(10, 5)).outcomes[0]!.type, "Complete");
  assert.equal(addAll(reassembly, [blocksOf(100, 2)[1]!]).outcomes[0]!.type, "Complete");
});

test("incomplete messages are bounded in bytes", () => {
  const start = addAll(emptyReassembly, blocksOf(60 * 9, 1).slice(0, 8)).reassembly;
  const { reassembly, outcomes } = addAll(start, blocksOf(60 * 9, 2).slice(0, 3));
  assert.deepEqual(typesOf(outcomes), ["Incomplete", "Incomplete", "Refused"]);
  assert.ok(reassembly.bytes <= limits.bytesMax);
});

test("what was delivered is remembered in bounded number", () => {
  let { reassembly } = addAll(emptyReassembly, []);
  for (let id = 1; id <= 10; id++) reassembly = addAll(reassembly, blocksOf(10, id)).reassembly;
  assert.equal(reassembly.delivered.size, limits.messagesMax);
  assert.deepEqual(typesOf(addAll(reassembly, blocksOf(10, 10)).outcomes), ["Duplicate"]);
});

test("[E2E-4.2.1-06] a message that stays incomplete is given up after its time, no sooner, and its bytes are free", () => {
  const first = addAll(emptyReassembly, blocksOf(100, 1).slice(0, 1)).reassembly;
  const second = addAll(first, blocksOf(100, 2).slice(0, 1), { now: 400 }).reassembly;
  assert.equal(nextExpiry(second), 1_000);
  assert.deepEqual(expireMessages(second, mono(999)), { reassembly: second, givenUp: 0 });
  const { reassembly, givenUp } = expireMessages(second, mono(1_000));
  assert.equal(givenUp, 1);
  assert.equal(reassembly.bytes, 60);
  assert.equal(nextExpiry(reassembly), 1_400);
  assert.equal(nextExpiry(expireMessages(reassembly, mono(5_000)).reassembly), null);
});

test("a late block does not prolong a message's life", () => {
  const blocks = blocksOf(150);
  const { reassembly } = addAll(addAll(emptyReassembly, [blocks[0]!]).reassembly, [blocks[1]!], { now: 900 });
  assert.equal(nextExpiry(reassembly), 1_000);
});
