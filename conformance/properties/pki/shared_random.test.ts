/** Commit and reveal, the shared random value, and what of it lives on from epoch to epoch. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, uint64, utf8, viewOf } from "../../../core/bytes.ts";
import { nobleSuite } from "../../../core/crypto/noble.ts";
import { createEpochClock } from "../../../core/pki/epoch.ts";
import {
  commitTo,
  keeps,
  type Lineage,
  lineageAtTabulation,
  lineageAtVote,
  noLineage,
  sharedRandomValue,
} from "../../../core/pki/shared_random.ts";
import { stream } from "../../../core/random.ts";

const suite = nobleSuite;
const epoch = 1234;
const key = (seed: number): Uint8Array => new Uint8Array(32).fill(seed);
const made = (seed: number, at = epoch) => commitTo(suite, stream(key(seed)), at);

test("[PKI-4.3-01] a commit hashes the reveal, a reveal a secret, both for an epoch", () => {
  const { commit, reveal } = made(1);
  assert.deepEqual(reveal, concat(uint64(epoch), suite.sha3_256(stream(key(1)).bytes(32))));
  assert.deepEqual(commit, concat(uint64(epoch), suite.sha3_256(reveal)));
});

test("[PKI-3.4-07] a reveal keeps its own commit and no other, not with one bit changed, not for another epoch", () => {
  const { commit, reveal } = made(1);
  assert.ok(keeps(suite, commit, reveal));
  assert.ok(!keeps(suite, commit, made(2).reveal));
  assert.ok(!keeps(suite, commit, reveal.subarray(1)));
  assert.ok(!keeps(suite, commit.subarray(1), reveal));
  fc.assert(fc.property(fc.nat(39), fc.nat(7), (at, bit) => {
    const changed = reveal.slice();
    changed[at]! ^= 1 << bit;
    assert.ok(!keeps(suite, commit, changed));
  }));
  // Even where the hash is that of a reveal for another epoch.
  const other = made(1, epoch + 1).reveal;
  assert.ok(!keeps(suite, concat(uint64(epoch), suite.sha3_256(other)), other));
});

const revealed = [1, 2, 3, 4].map((seed) => ({ identityKey: key(seed), reveal: made(seed).reveal }));

test("[PKI-4.3-02] the value hashes label, epoch, descending reveals and the previous value", () => {
  const descending = [...revealed].sort((a, b) =>
    Number(viewOf(b.reveal).getBigUint64(8) > viewOf(a.reveal).getBigUint64(8)) * 2 - 1
  );
  const input = concat(
    utf8("shared-random"),
    uint64(epoch),
    ...descending.flatMap(({ identityKey, reveal }) => [identityKey, reveal]),
  );
  assert.deepEqual(sharedRandomValue(suite, epoch, revealed, null), suite.sha3_256(concat(input, new Uint8Array(32))));
  assert.deepEqual(sharedRandomValue(suite, epoch, revealed, key(7)), suite.sha3_256(concat(input, key(7))));
});

test("[PKI-3.4-01] the value does not depend on the order of arrival, but on every reveal", () => {
  const value = sharedRandomValue(suite, epoch, revealed, null);
  fc.assert(fc.property(fc.shuffledSubarray(revealed), (some) => {
    const same = some.length === revealed.length;
    assert.equal(String(sharedRandomValue(suite, epoch, some, null)) === String(value), same);
  }));
});

/** Rounds from genesis on; the value of an epoch is the epoch in 32 bytes. */
const rotations = (periodMs: number, epochs: number): number[] => {
  const clock = createEpochClock(periodMs, 0);
  const genesis = 5000;
  const at: number[] = [];
  let lineage: Lineage = noLineage;
  for (let voting = genesis; voting <= genesis + epochs; voting++) {
    const before = lineage.priorSharedRandom[0];
    lineage = lineageAtTabulation(
      lineageAtVote(lineage, voting, voting === genesis ? null : lineage),
      clock,
      voting,
      concat(uint64(voting), new Uint8Array(24)),
    );
    if (String(lineage.priorSharedRandom[0]) !== String(before)) at.push(voting - genesis);
    assert.equal(lineage.genesisEpoch, genesis);
    assert.equal(lineage.priorSharedRandom.length, 2);
  }
  return at;
};

test("the prior values move 16 epochs after genesis and weekly then, as in Go", () => {
  assert.deepEqual(rotations(3 * 3600_000, 200), [0, 16, 72, 128, 184]);
  assert.deepEqual(rotations(20 * 60_000, 1200), [0, 16, 520, 1024]);
  assert.deepEqual(rotations(2 * 60_000, 6000), [0, 16, 5056]);
});

test("the first value is both prior values; later ones push out the older", () => {
  const clock = createEpochClock(20 * 60_000, 0);
  const first = lineageAtTabulation(lineageAtVote(noLineage, 10, null), clock, 10, key(1));
  assert.deepEqual(first, { genesisEpoch: 10, priorSharedRandom: [key(1), key(1)] });
  assert.deepEqual(lineageAtTabulation(first, clock, 11, key(2)), first);
  assert.deepEqual(lineageAtTabulation(first, clock, 26, key(3)).priorSharedRandom, [key(3), key(1)]);
});

test("an authority without memory takes genesis and prior values from the document before, or starts anew", () => {
  const previous: Lineage = { genesisEpoch: 3, priorSharedRandom: [key(1), key(2)] };
  assert.deepEqual(lineageAtVote(noLineage, 10, previous), previous);
  assert.deepEqual(lineageAtVote(noLineage, 10, null), { genesisEpoch: 10, priorSharedRandom: [] });
  assert.deepEqual(lineageAtVote(previous, 10, null), previous);
});
