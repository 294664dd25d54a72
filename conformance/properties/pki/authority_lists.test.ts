/** Lists of nodes that are read again while a voting authority runs: in force from the next epoch on, not before. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { tick } from "../../../core/machine.ts";
import type { Relist } from "../../../core/pki/authority_lists.ts";
import { descriptorStatus } from "../../../core/wire/commands.ts";
import { createStore } from "../../sim/store.ts";
import { createRun, epoch, periodMs, type Run } from "./authority_run.ts";
import { keysOf, mixFields, providerFields, signed } from "./fixture.ts";

const { ok } = descriptorStatus;
/** Who is not listed is not let in. */
const refused = null;
const second = 1000;

const relist = (mixes: ReadonlyArray<string>, providers: ReadonlyArray<string>): Relist => ({
  type: "Relist",
  mixes: mixes.map((name) => keysOf(name).identityKey),
  providers: providers.map((name) => ({ name, identityKey: keysOf(name).identityKey })),
});

const postMix = (run: Run, ms: number, name: string, of: number) => run.post(ms, name, signed(mixFields(name, of)), of);
const postProvider = (run: Run, ms: number, name: string, of: number) =>
  run.post(ms, name, signed(providerFields(name, of)), of);

test("who is removed may join until the epoch ends, who is added from then on; of several lists the last one counts", () => {
  const run = createRun();
  run.step(second, relist(["mix1"], []));
  run.step(2 * second, relist(["mix1", "mix3"], ["elsewhere"]));
  assert.equal(postMix(run, 3 * second, "mix2", epoch + 1), ok);
  assert.equal(postMix(run, 3 * second, "mix3", epoch + 1), refused);
  assert.equal(postProvider(run, 3 * second, "provider", epoch + 1), ok);

  const later = periodMs + second;
  const lines = run.step(later, tick).flatMap((effect) =>
    effect.type === "Log" && effect.reason === "lists" ? [effect] : []
  );
  assert.deepEqual(lines.map(({ fields }) => fields), [{ epoch: epoch + 1, mixes: 2, providers: 1 }]);
  assert.equal(postMix(run, later, "mix1", epoch + 2), ok);
  assert.equal(postMix(run, later, "mix2", epoch + 2), refused);
  assert.equal(postMix(run, later, "mix3", epoch + 2), ok);
  assert.equal(postProvider(run, later, "provider", epoch + 2), refused);
  assert.equal(postProvider(run, later, "elsewhere", epoch + 2), ok);
  assert.deepEqual([...run.state().descriptors.get(epoch + 2)!.keys()].length, 3);
  assert.equal(run.state().coming, null);
});

test("lists that come while the past is read back are not lost", () => {
  const store = createStore();
  const held: Parameters<typeof store.perform>[0][] = [];
  const run = createRun({}, 0, {
    ...store,
    perform: (effect) => {
      if (effect.type === "Scan" && held.push(effect) === 1) return { type: "Committed", id: -1 };
      return store.perform(effect);
    },
  });
  assert.equal(run.state().storage.restoring === null, false);
  run.step(second, relist(["mix3"], ["provider"]));
  run.step(2 * second, store.perform(held[0]!) as Parameters<Run["step"]>[1]);
  assert.equal(run.state().storage.restoring, null);
  assert.equal(postMix(run, periodMs + second, "mix3", epoch + 2), ok);
  assert.equal(postMix(run, periodMs + second, "mix1", epoch + 2), refused);
});
