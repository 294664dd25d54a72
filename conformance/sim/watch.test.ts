/** Observers see what they name, in the order in which they came. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { count, drop } from "../../core/effects.ts";
import { createWatch } from "./watch.ts";

test("an observer is told of the events and effects that it names, and of all where it names none", () => {
  const said: string[] = [];
  const watch = createWatch();
  watch.add({
    input: (_at, host, input) => said.push(`all in ${host} ${JSON.stringify(input?.event)}`),
    emission: (_at, host, { effect }) => said.push(`all out ${host} ${effect.type}`),
  });
  watch.add({
    events: ["A"],
    input: (_at, host) => said.push(`A in ${host}`),
    effects: ["Drop"],
    emission: (_at, host) => said.push(`drop out ${host}`),
  });
  watch.input(1, "x", { to: "node", event: { type: "A" } });
  watch.input(2, "y", { to: "node", event: { type: "B" } });
  watch.input(3, "z", null);
  watch.emission(4, "x", { from: "node", effect: drop("replayed") });
  watch.emission(5, "y", { from: "node", effect: count("packets") });
  assert.deepEqual(said, [
    'all in x {"type":"A"}',
    "A in x",
    'all in y {"type":"B"}',
    "all in z undefined",
    "all out x Drop",
    "drop out x",
    "all out y Count",
  ]);
});

test("who begins to watch later is told of what comes then", () => {
  const said: number[] = [];
  const watch = createWatch();
  watch.input(1, "x", { to: "node", event: { type: "A" } });
  watch.add({ events: ["A"], input: (at) => said.push(at) });
  watch.input(2, "x", { to: "node", event: { type: "A" } });
  assert.deepEqual(said, [2]);
});
