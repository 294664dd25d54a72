/** The words of the machine contract. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { absurd, after, earliest, invariant, InvariantError, mono } from "../../core/machine.ts";

test("earliest is the least deadline that is set, in any order", () => {
  const deadline = fc.option(fc.integer({ min: 0, max: 1000 }).map(mono));
  fc.assert(fc.property(fc.array(deadline), (deadlines) => {
    const set = deadlines.filter((one) => one !== null);
    assert.equal(earliest(...deadlines), set.length === 0 ? null : Math.min(...set));
    assert.equal(earliest(...deadlines.toReversed()), earliest(...deadlines));
  }));
  assert.equal(earliest(), null);
});

test("a deadline of 0 is a deadline", () => assert.equal(earliest(mono(5), mono(0), null), 0));

test("after adds ms", () => assert.equal(after(mono(10), 5), 15));

test("invariant throws on false only, and what it throws can be told from other errors", () => {
  invariant(true, "holds");
  assert.throws(
    () => invariant(false, "broken"),
    (error) => error instanceof InvariantError && error.message === "broken",
  );
  assert.throws(() => absurd("variant" as never), InvariantError);
});
