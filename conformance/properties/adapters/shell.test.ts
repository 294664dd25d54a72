/**
 * The shell: one step at a time, one timer, wiping, the end of a process.
 *
 * @module
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { log } from "../../../core/effects.ts";
import { after, InvariantError, type Mono, mono, wall } from "../../../core/machine.ts";
import { createSystem } from "../../../core/system.ts";
import type { Clock } from "../../../adapters/clock.ts";
import { createMetrics } from "../../../adapters/metrics.ts";
import { isType, machineOf, notify, watch } from "./shell_fixture.ts";

/* An echo server over TCP, and its client. */

const echoListener = machineOf((event) =>
  event.type === "Incoming"
    ? { effects: [{ type: "Spawn", at: event["connection"] as string, kind: "connection", config: null }] }
    : {}
);
const echoConnection = machineOf((event) => {
  if (event.type === "Received") return { effects: [{ type: "Write", pieces: [event["bytes"] as Uint8Array] }] };
  if (event.type === "Disconnected") return { effects: [notify({ type: "ServerSawEnd" })] };
  return {};
});

test("two shells exchange what the machines write, in order and whole", async () => {
  const server = await watch({ node: echoListener, connection: echoConnection }, {
    listeners: [{ address: "127.0.0.1:0", owner: "node" }],
  });
  const sent = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7);
  let received = 0;
  const client = await watch({
    client: machineOf((event) => {
      if (event.type === "Go") {
        return { effects: [{ type: "Dial", addresses: server.shell.listening, timeoutMs: 5000 }] };
      }
      if (event.type === "Connected") {
        return {
          effects: [{ type: "Write", pieces: [sent.slice(0, 1000)] }, { type: "Write", pieces: [sent.slice(1000)] }],
        };
      }
      if (event.type === "Flushed") return { effects: [notify(event)] };
      if (event.type !== "Received") return {};
      const bytes = event["bytes"] as Uint8Array;
      assert.ok(bytes.length <= 65_536);
      assert.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype);
      assert.deepEqual(bytes, sent.slice(received, received + bytes.length));
      received += bytes.length;
      return received < sent.length ? {} : { effects: [{ type: "Hangup" }, notify({ type: "Whole" })] };
    }),
  });
  assert.equal(client.shell.tell("client", { type: "Go" }), true);
  await client.noticed("Whole");
  await server.noticed("ServerSawEnd");
  assert.deepEqual(client.notices.filter(isType("Flushed")), [{ type: "Flushed", length: 1000 }, {
    type: "Flushed",
    length: 299_000,
  }]);
  await client.shell.stop();
  await server.shell.stop();
});

test("a connection whose owner neither spawns nor refuses is closed", async () => {
  const server = await watch({ node: machineOf(() => ({})) }, {
    listeners: [{ address: "127.0.0.1:0", owner: "node" }],
  });
  const client = await watch({
    client: machineOf((event) => {
      if (event.type === "Go") {
        return { effects: [{ type: "Dial", addresses: server.shell.listening, timeoutMs: 5000 }] };
      }
      return event.type === "Disconnected" ? { effects: [notify(event)] } : {};
    }),
  });
  client.shell.tell("client", { type: "Go" });
  await client.noticed("Disconnected");
  await client.shell.stop();
  await server.shell.stop();
});

test("after Hangup nothing follows, not even what was received before", async () => {
  const server = await watch({ node: echoListener, connection: echoConnection }, {
    listeners: [{ address: "127.0.0.1:0", owner: "node" }],
  });
  let hungUp = false;
  const client = await watch({
    client: machineOf((event) => {
      if (event.type === "Go") {
        return { effects: [{ type: "Dial", addresses: server.shell.listening, timeoutMs: 5000 }] };
      }
      if (event.type === "Connected") return { effects: [{ type: "Write", pieces: [new Uint8Array(500_000)] }] };
      if (event.type === "Later") return { effects: [notify(event)] };
      assert.equal(hungUp, false, `${event.type} after Hangup`);
      if (event.type !== "Received") return {};
      hungUp = true;
      return { effects: [{ type: "Hangup" }] };
    }),
  });
  client.shell.tell("client", { type: "Go" });
  await server.noticed("ServerSawEnd");
  client.shell.tell("client", { type: "Later" });
  await client.noticed("Later");
  await client.shell.stop();
  await server.shell.stop();
});

test("results come as further inputs: no step runs within another", async () => {
  let inside = false;
  let tellAgain: () => void = () => {};
  const seen: string[] = [];
  const finished = new Promise<void>((resolve) => {
    tellAgain = resolve;
  });
  const { shell } = await watch({
    node: machineOf((event) => {
      assert.equal(inside, false);
      seen.push(event.type);
      if (event.type === "Scanned") tellAgain();
      return event.type !== "Go" ? {} : {
        effects: [
          notify({ type: "Asked" }),
          { type: "Commit", id: 1, writes: [{ table: "t", key: Uint8Array.of(1), value: Uint8Array.of(2) }] },
          { type: "Scan", id: 2, table: "t", after: null, limit: 10 },
        ],
      };
    }),
  }, {
    onNotify: () => {
      inside = true;
      shell.tell("node", { type: "Told" });
      inside = false;
    },
  });
  shell.tell("node", { type: "Go" });
  await finished;
  assert.deepEqual(seen, ["Go", "Told", "Committed", "Scanned"]);
  await shell.stop();
});

test("inputs are handled in the order in which they came", async () => {
  const seen: unknown[] = [];
  const { shell, noticed } = await watch({
    node: machineOf((event) => {
      seen.push(event["n"]);
      return event["n"] === 4999 ? { effects: [notify({ type: "Done" })] } : {};
    }),
  });
  for (let n = 0; n < 5000; n++) assert.equal(shell.tell("node", { type: "N", n }), true);
  await noticed("Done");
  assert.deepEqual(seen, Array.from({ length: 5000 }, (_, n) => n));
  await shell.stop();
});

test("the queue is bounded: tell refuses, and takes again later", async () => {
  const { shell, noticed } = await watch({
    node: machineOf((event) => (event.type === "Last" ? { effects: [notify(event)] } : {})),
  });
  let taken = 0;
  while (shell.tell("node", { type: "N" })) assert.ok(++taken <= 100_000);
  await new Promise((resolve) => setTimeout(resolve, 200));
  while (!shell.tell("node", { type: "Last" })) await new Promise((resolve) => setTimeout(resolve, 20));
  await noticed("Last");
  await shell.stop();
  assert.equal(shell.tell("node", { type: "N" }), false);
});

test("a deadline ticks its machine, not before its time, and a spurious one is survived", async () => {
  let due: Mono | null = null;
  const { shell, notices, noticed } = await watch({
    node: machineOf((event, now) => {
      if (event.type === "Go") return { wakeAt: due = after(now, 30) };
      if (event.type === "Tick") return { wakeAt: null, effects: [notify({ type: "Ticked", early: now < due! })] };
      return {};
    }),
  });
  shell.tell("node", { type: "Go" });
  await noticed("Ticked");
  assert.deepEqual(notices, [{ type: "Ticked", early: false }]);
  await shell.stop();
});

test("a deadline beyond what a platform timer can wait neither rings at once nor keeps the process busy", async () => {
  let reads = 0;
  const clock: Clock = { now: () => mono(reads++), wall: () => wall(0) };
  const { shell, notices, noticed } = await watch({
    node: machineOf((event, now) => ({ wakeAt: after(now, 2 ** 33), effects: [notify(event)] })),
  }, { clock });
  shell.tell("node", { type: "Far" });
  await noticed("Far");
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(notices, [{ type: "Far" }]);
  // Two steps, and each time the timer was set.
  assert.ok(reads <= 4, `${reads} reads`);
  await shell.stop();
});

test("a deadline that stays in the past ticks again and again without holding up what else is to be done", async () => {
  let ticks = 0;
  const { shell, noticed } = await watch({
    node: machineOf((event) => {
      if (event.type === "Tick") ticks++;
      if (event.type === "Stop") return { wakeAt: null, effects: [notify(event)] };
      return { wakeAt: mono(0) };
    }),
  });
  shell.tell("node", { type: "Past" });
  while (ticks < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  shell.tell("node", { type: "Stop" });
  await noticed("Stop");
  await shell.stop();
});

test("consumed secrets are forgotten by the suite and wiped, once the state is replaced and not before the step is done", async () => {
  const secret = Uint8Array.of(1, 2, 3);
  const before: number[][] = [];
  const { shell, forgotten, noticed } = await watch({
    node: machineOf((event) => {
      before.push([...secret]);
      return event.type === "Go"
        ? { consumed: [secret], effects: [notify({ type: "Gone" })] }
        : { effects: [notify({ type: "After" })] };
    }),
  });
  shell.tell("node", { type: "Go" });
  shell.tell("node", { type: "Look" });
  await noticed("After");
  assert.deepEqual(before, [[1, 2, 3], [0, 0, 0]]);
  assert.deepEqual(forgotten, [secret]);
  await shell.stop();
});

test("each step has a seed of its own, which is wiped after it", async () => {
  const system = createSystem({});
  const seeds: Uint8Array[] = [];
  const copies: string[] = [];
  const spy: typeof system = {
    start: system.start,
    step: (context, state, input) => {
      seeds.push(context.seed);
      copies.push(String(context.seed));
      return system.step(context, state, input);
    },
  };
  const { shell } = await watch({}, { system: spy });
  for (let n = 0; n < 10; n++) shell.tell("nobody", {});
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(new Set(copies).size, 10);
  for (const seed of seeds) assert.deepEqual(seed, new Uint8Array(32));
  await shell.stop();
});

test("a broken invariant is logged as CRITICAL and ends the process with 70; nothing runs after it", async () => {
  let steps = 0;
  const { shell, records, exited } = await watch({
    node: machineOf(() => {
      steps++;
      throw new InvariantError("two and two");
    }),
  });
  shell.tell("node", {});
  shell.tell("node", {});
  assert.equal(await exited, 70);
  assert.equal(steps, 1);
  assert.equal(records[0]?.level, "CRITICAL");
  assert.match(records[0]?.message ?? "", /two and two/);
  assert.equal(shell.tell("node", {}), false);
});

test("Exit ends the process with its code after a last line; effects behind it are not performed", async () => {
  const { shell, records, exited, notices } = await watch({
    node: machineOf(() => ({ effects: [{ type: "Exit", code: 3, message: "enough" }, notify({ type: "Never" })] })),
  });
  shell.tell("node", {});
  assert.equal(await exited, 3);
  assert.deepEqual(records.map(({ level, message }) => [level, message]), [["CRITICAL", "enough"]]);
  assert.deepEqual(notices, []);
});

test("log lines carry the machine's address; dropped packets are counted by reason and logged", async () => {
  const metrics = createMetrics();
  const { shell, records, noticed } = await watch({
    node: machineOf(() => ({
      effects: [log("INFO", "hello", "Hello"), { type: "Drop", reason: "replayed" }, {
        type: "Count",
        name: "sent",
        by: 2,
      }, notify({ type: "Done" })],
    })),
  }, { metrics });
  shell.tell("node", {});
  await noticed("Done");
  assert.deepEqual(records.map(({ module, level, reason }) => [module, level, reason]), [["node", "INFO", "hello"], [
    "node",
    "DEBUG",
    "replayed",
  ]]);
  assert.deepEqual(metrics.snapshot(), { "dropped{replayed}": 1, "undeclared{sent}": 2 });
  await shell.stop();
});

test("what waits when the shell is stopped is forgotten", async () => {
  let steps = 0;
  const { shell } = await watch({ node: machineOf(() => (steps++, {})) });
  for (let n = 0; n < 10; n++) shell.tell("node", {});
  await shell.stop();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(steps, 0);
});

test("a port in use is a CommandError with exit code 69 that names address and cause", async () => {
  const first = await watch({ node: echoListener }, { listeners: [{ address: "127.0.0.1:0", owner: "node" }] });
  const address = first.shell.listening[0]!;
  await assert.rejects(
    watch({ node: echoListener }, { listeners: [{ address, owner: "node" }] }),
    { code: 69, message: `cannot listen on ${address}: the port is in use` },
  );
  await first.shell.stop();
});

test("both clocks are read once a step", async () => {
  let reads = 0;
  const clock: Clock = { now: () => mono(reads), wall: () => wall(++reads) };
  const { shell, noticed } = await watch({ node: machineOf(() => ({ effects: [notify({ type: "Done" })] })) }, {
    clock,
  });
  for (let n = 0; n < 3; n++) shell.tell("node", {});
  await noticed("Done", 3);
  assert.equal(reads, 4);
  await shell.stop();
});
