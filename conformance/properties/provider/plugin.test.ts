/** A plugin's machine: instances, requests, deadlines, each against a model of what may be told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Effect, PluginEvent } from "../../../core/effects.ts";
import { mono, type Step, tick, wall } from "../../../core/machine.ts";
import { createPlugin } from "../../../core/provider/plugin.ts";
import { defaultPluginLimits, type PluginLimits } from "../../../core/provider/plugin_config.ts";
import { restartWaitMs } from "../../../core/provider/plugin_instances.ts";
import { encodePluginParameters, encodePluginResponse } from "../../../core/provider/plugin_messages.ts";
import type { PluginMachineEvent, PluginReport, PluginState } from "../../../core/provider/plugin_state.ts";
import { deepFreeze } from "../mix/fixture.ts";

const createDriver = (instances = 1, more: Partial<PluginLimits> = {}) => {
  const machine = createPlugin();
  let now = 1000;
  const context = () => ({ now: mono(now), wall: wall(0), seed: new Uint8Array(32) });
  const service = { capability: "echo", endpoint: "+echo", command: "echo", args: ["-a", "b"], instances };
  const config = {
    self: "plugin/echo",
    owner: "node",
    service,
    limits: { ...defaultPluginLimits, ...more },
    replyLengthMax: 100,
  };
  const reports: PluginReport["report"][] = [];
  const effects: Effect[] = [];
  let step: Step<PluginState, Effect>;
  const settle = (next: Step<PluginState, Effect>): ReadonlyArray<Effect> => {
    deepFreeze(next.state);
    step = next;
    effects.push(...next.effects);
    for (const effect of next.effects) {
      if (effect.type === "Tell") reports.push((effect.event as PluginReport).report);
    }
    return next.effects;
  };
  settle(machine.start(context(), config, undefined));
  const driver = {
    reports,
    effects,
    state: () => step.state,
    wakeAt: () => step.wakeAt,
    tell: (event: PluginMachineEvent) => settle(machine.step(context(), step.state, event)),
    /** Time passes, and the machine is woken whenever it wants. */
    advance: (ms: number): void => {
      const until = now + ms;
      for (let wakes = 0; step.wakeAt !== null && step.wakeAt <= until; wakes++) {
        assert.equal(wakes < 1000, true, "it clears its deadlines");
        now = Math.max(now, step.wakeAt);
        settle(machine.step(context(), step.state, tick));
      }
      now = until;
    },
    /** The numbers of the programs that have been started. */
    started: () => effects.flatMap((effect) => (effect.type === "PluginStart" ? [effect.instance] : [])),
    given: () => effects.flatMap((effect) => (effect.type === "PluginRequest" ? [effect] : [])),
    up: (instance: number, parameters: Record<string, string> = {}) =>
      driver.tell({
        type: "PluginStarted",
        instance,
        parameters: encodePluginParameters(new Map(Object.entries(parameters))),
      }),
    serve: (id: number, dwellMs = 1000) =>
      driver.tell({
        type: "Serve",
        id,
        payload: Uint8Array.of(id),
        hasSurb: true,
        notAfter: mono(now + dwellMs),
      }),
    reply: (instance: number, id: number, payload = Uint8Array.of(1)) =>
      driver.tell({ type: "PluginReplied", instance, id, body: encodePluginResponse(payload) }),
    exit: (instance: number) => driver.tell({ type: "PluginExited", instance, reason: "exit code 1" }),
  };
  return driver;
};

test("[HB-MIX-4-06] [HB-MIX-4-05] MaxConcurrency programs run; the parameters are the first one's that is up", () => {
  const plugin = createDriver(2);
  assert.deepEqual(plugin.started(), [1, 2]);
  plugin.up(2, { of: "second" });
  assert.deepEqual(plugin.reports, [{ type: "Up", parameters: new Map([["of", "second"]]) }]);
  plugin.up(1, { of: "first" });
  assert.deepEqual(plugin.reports.at(-1), { type: "Up", parameters: new Map([["of", "first"]]) });
  plugin.exit(1);
  assert.deepEqual(plugin.reports.at(-1), { type: "Up", parameters: new Map([["of", "second"]]) });
  plugin.exit(2);
  assert.deepEqual(plugin.reports.at(-1), { type: "Down" });
});

test("one request at a time for each instance; the rest waits, to a bound, and not for ever", () => {
  const plugin = createDriver(2, { queueLength: 2 });
  plugin.serve(1);
  assert.deepEqual(plugin.reports, [{ type: "Unanswered", id: 1, reason: "plugin-down" }]);
  plugin.up(1);
  plugin.up(2);
  for (const id of [2, 3, 4, 5, 6]) plugin.serve(id);
  assert.deepEqual(plugin.given().map(({ id }) => id), [2, 3]);
  assert.deepEqual(plugin.reports.at(-1), { type: "Unanswered", id: 6, reason: "plugin-busy" });
  plugin.reply(2, 3, Uint8Array.of(9));
  assert.deepEqual(plugin.reports.at(-1), { type: "Answered", id: 3, data: Uint8Array.of(9) });
  assert.deepEqual(plugin.given().map(({ id, instance }) => [id, instance]).at(-1), [4, 2]);
  plugin.advance(1000);
  assert.deepEqual(plugin.reports.at(-1), { type: "Unanswered", id: 5, reason: "kaetzchen-late" });
});

test("[FAULT-35] an answer to another request, to one that is over, or of another program changes nothing", () => {
  const plugin = createDriver();
  plugin.up(1);
  plugin.serve(1);
  const told = plugin.reports.length;
  plugin.reply(1, 7);
  plugin.reply(2, 1);
  assert.equal(plugin.reports.length, told);
  plugin.reply(1, 1);
  plugin.reply(1, 1);
  assert.equal(plugin.reports.length, told + 1);
});

test("[FAULT-35] an instance that lets a deadline pass is ended, and started again after it has ended", () => {
  const plugin = createDriver(1, { requestMs: 500, restartMs: 100 });
  plugin.up(1);
  plugin.serve(1);
  plugin.advance(499);
  assert.equal(plugin.effects.some(({ type }) => type === "PluginStop"), false);
  plugin.advance(1);
  assert.deepEqual(plugin.reports.slice(-2), [{ type: "Unanswered", id: 1, reason: "plugin-timeout" }, {
    type: "Down",
  }]);
  assert.equal(plugin.effects.filter(({ type }) => type === "PluginStop").length, 1);
  plugin.advance(10_000);
  assert.deepEqual(plugin.started(), [1]);
  plugin.exit(1);
  plugin.advance(100);
  assert.deepEqual(plugin.started(), [1, 2]);
});

test("[FAULT-35] a request that a dead program never received goes to another one", () => {
  const plugin = createDriver(2);
  plugin.up(1);
  plugin.up(2);
  plugin.serve(1);
  plugin.tell({ type: "PluginFailed", instance: 1, id: 1, reason: "unreachable" });
  assert.deepEqual(plugin.given().map(({ id, instance }) => [id, instance]), [[1, 1], [1, 2]]);
  plugin.reply(2, 1);
  assert.equal(plugin.reports.at(-1)!.type, "Answered");
});

test("[FAULT-35] wrong parameters and a start that takes too long end the program; the wait doubles to its bound", () => {
  const plugin = createDriver();
  plugin.tell({ type: "PluginStarted", instance: 1, parameters: Uint8Array.of(0x81, 1) });
  assert.deepEqual(plugin.reports, [{ type: "Down" }]);
  plugin.exit(1);
  plugin.advance(1000);
  assert.deepEqual(plugin.started(), [1, 2]);
  plugin.advance(defaultPluginLimits.startMs);
  assert.equal(plugin.effects.filter(({ type }) => type === "PluginStop").length, 2);
  const waits = [1, 2, 3, 7, 100].map((failures) => restartWaitMs(defaultPluginLimits, failures));
  assert.deepEqual(waits, [1000, 2000, 4000, 60_000, 60_000]);
});

const commands = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant("serve" as const), dwellMs: fc.integer({ min: 1, max: 2000 }) }),
    fc.record({ type: fc.constant("advance" as const), ms: fc.integer({ min: 0, max: 5000 }) }),
    fc.record({
      type: fc.constantFrom("up" as const, "exit" as const, "reply" as const, "broken" as const, "gone" as const),
      at: fc.nat(5),
      garbage: fc.boolean(),
    }),
  ),
  { maxLength: 60 },
);

test("every request has exactly one report, whatever programs do; nothing grows", () => {
  fc.assert(
    fc.property(commands, (list) => {
      const plugin = createDriver(2, { queueLength: 4, requestMs: 700, startMs: 900, restartMs: 50 });
      let served = 0;
      const gone = new Set<number>();
      for (const command of list) {
        if (command.type === "serve") plugin.serve(++served, command.dwellMs);
        else if (command.type === "advance") plugin.advance(command.ms);
        else {
          const alive = plugin.started().filter((number) => !gone.has(number));
          const instance = alive[command.at % Math.max(1, alive.length)];
          const request = plugin.given()[command.at];
          if (command.type === "up" && instance !== undefined) plugin.up(instance);
          if (command.type === "exit" && instance !== undefined) {
            gone.add(instance);
            plugin.exit(instance);
          }
          if (request === undefined) continue;
          const { instance: of, id } = request;
          const failed = (reason: "broken" | "unreachable"): PluginEvent => ({
            type: "PluginFailed",
            instance: of,
            id,
            reason,
          });
          if (command.type === "reply" && command.garbage) {
            plugin.tell({ type: "PluginReplied", instance: of, id, body: Uint8Array.of(0xa0) });
          } else if (command.type === "reply") plugin.reply(of, id);
          if (command.type === "broken") plugin.tell(failed("broken"));
          if (command.type === "gone") plugin.tell(failed("unreachable"));
        }
        const { queue, given, instances } = plugin.state();
        assert.equal(queue.size <= 5 && given.size <= 2 && instances.size === 2, true);
      }
      plugin.advance(10_000);
      const ids = plugin.reports.flatMap((report) => ("id" in report ? [report.id] : [])).sort((a, b) => a - b);
      assert.deepEqual(ids, Array.from({ length: served }, (_, i) => i + 1));
    }),
    { numRuns: 200 },
  );
});
