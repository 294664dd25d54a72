/** Retrieval and mailboxes against a naive mailbox: an array, from which what has arrived is removed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "../../../core/bytes.ts";
import { createProviderHarness, type Harness } from "./harness.ts";

/** What a client and its senders may do; a lost answer is one that the client never saw, so that it asks again. */
const action = fc.oneof(
  { weight: 4, arbitrary: fc.constant("deliver" as const) },
  { weight: 6, arbitrary: fc.constantFrom("retrieve" as const, "retrieve-lost" as const) },
  { weight: 1, arbitrary: fc.constantFrom("reconnect" as const, "count-up-after-empty" as const, "restart" as const) },
);
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

interface Model {
  mailbox: string[];
  /** The next sequence number that the client sends. */
  sequence: number;
  /** What was answered under the last one. */
  shown: string | null;
  readonly seen: string[];
}

const retrieve = (harness: Harness, model: Model, isSeen: boolean): void => {
  const { sequence } = model;
  // A sequence number that has not been used says that what was shown has arrived.
  if (model.shown !== null && model.sequence > harness.lastSequence()) {
    model.mailbox = model.mailbox.filter((text) => text !== model.shown);
  }
  const answer = harness.retrieve(sequence);
  const expected = model.mailbox[0] ?? null;
  assert.deepEqual(answer, {
    text: expected,
    sequence,
    hint: expected === null ? null : Math.min(255, model.mailbox.length - 1),
  });
  model.shown = expected;
  if (!isSeen || expected === null) return;
  if (!model.seen.includes(expected)) model.seen.push(expected);
  model.sequence++;
};

const perform = (harness: Harness, model: Model, next: Action, at: number): void => {
  switch (next) {
    case "deliver":
      harness.deliver(utf8(`message ${at}`));
      model.mailbox.push(`message ${at}`);
      return;
    case "retrieve":
    case "retrieve-lost":
      return retrieve(harness, model, next === "retrieve");
    case "count-up-after-empty":
      // Against the rules, and harmless: no message that the client has not seen is lost.
      if (model.shown === null && harness.lastSequence() === model.sequence) model.sequence++;
      return;
    case "reconnect":
    case "restart":
      harness.reconnect(next === "restart");
      model.sequence = 0;
      model.shown = null;
  }
};

test("[E2E-3.2.1-01] [E2E-3.2.1-04] a client gets every message, in order, and nothing is deleted unseen", () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60, size: "max" }), (actions) => {
      const harness = createProviderHarness();
      const model: Model = { mailbox: [], sequence: 0, shown: null, seen: [] };
      const sent: string[] = [];
      for (const [at, next] of actions.entries()) {
        perform(harness, model, next, at);
        if (next === "deliver") sent.push(`message ${at}`);
      }
      harness.reconnect(false);
      model.sequence = 0;
      model.shown = null;
      while (model.mailbox.length > 0) {
        retrieve(harness, model, true);
        if (model.mailbox.length === 1) {
          retrieve(harness, model, true);
          break;
        }
      }
      assert.deepEqual(model.seen, sent);
    }),
    { numRuns: 30 },
  );
});
