/**
 * `node --import tsx conformance/bench/mix_load.ts [PACKETS TAGS]`: what a mix's load costs each further packet.
 * At most 1.25 times the time of a packet of an empty mix is promised.
 *
 * Mixes take turns: an empty one, another empty one that tells how far the figures can be trusted, one with 10,000
 * packets of 51,676 bytes in its delay queue (each in memory of its own; the queue's bound is raised for them, for by
 * default it is 256 MiB), one whose store has 1,000,000 replay tags of the key. Each is the machine of core/mix/node.ts
 * with the native suite and a store in a file, in its thread.
 *
 * The time is that of a packet's whole way but its links': the node takes it from a session, it is unwrapped, its tag
 * is recorded durably, it waits, is due and is handed to the next session. Packets come in batches of 64, as many as
 * one peer may have in unwrapping. Tags of a batch are one transaction, as with any packets that come while the disk
 * is busy. Medians of the rounds are divided, of the time that passed and of what the process used of the processors.
 *
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { defaultReplayTagsMax, type Store } from "../../adapters/store.ts";
import { openThreadStore } from "../../adapters/store_thread.ts";
import { queueSize } from "../../core/mix/delay_queue.ts";
import { stream, uniformInteger } from "../../core/random.ts";
import { katzenpostGeometry as geometry } from "../../core/sphinx/geometry.ts";
import { firstEpoch } from "../properties/mix/fixture.ts";
import { median } from "./measure.ts";
import { createMix, type Mix } from "./mix_machine.ts";

const queued = Number(process.argv[2] ?? 10_000);
const tagged = Number(process.argv[3] ?? 1_000_000);
const rounds = 61;
const batch = 64;
/** Tags of one transaction while the store is filled. */
const fillBatch = 10_000;

const folder = mkdtempSync(join(tmpdir(), "samtpfote-bench-"));

const open = async (name: string): Promise<{ mix: Mix; store: Store }> => {
  const store = await openThreadStore({ path: join(folder, name), replayTagsMax: defaultReplayTagsMax });
  const mix = await createMix(store, { schedulerQueueSize: queued + 2 * batch });
  return { mix, store };
};

const record = (store: Store, count: number): Promise<unknown> =>
  Promise.all(
    Array.from({ length: count }, () =>
      new Promise<void>((resolve) =>
        store.perform({ type: "TestAndSetReplay", id: 1, epoch: firstEpoch, tag: randomBytes(32) }, () =>
          resolve())
      )),
  );

interface Times {
  readonly passed: number[];
  readonly used: number[];
}

const usedMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Times a batch; the packets are made before. */
const round = async (mix: Mix, { passed, used }: Times): Promise<void> => {
  const packets = Array.from({ length: batch }, () => mix.packet());
  const [began, before] = [performance.now(), usedMs()];
  const sent = await mix.forward(packets);
  passed.push((performance.now() - began) / batch);
  used.push((usedMs() - before) / batch);
  assert.equal(sent, batch, "a packet was not forwarded");
};

const ratioOf = (empty: ReadonlyArray<number>, loaded: ReadonlyArray<number>): number =>
  Number((median(loaded) / median(empty)).toFixed(3));

const report = (name: string, empty: Times, loaded: Times): void =>
  console.log(JSON.stringify({
    name,
    emptyMs: Number(median(empty.passed).toFixed(3)),
    loadedMs: Number(median(loaded.passed).toFixed(3)),
    ratio: ratioOf(empty.passed, loaded.passed),
    ratioOfCpuTime: ratioOf(empty.used, loaded.used),
  }));

const random = stream(new Uint8Array(32).fill(5));

const shuffled = <A>(items: ReadonlyArray<A>): A[] => {
  const left = [...items];
  return items.map(() => left.splice(uniformInteger(random, left.length), 1)[0]!);
};

const mixes = {
  empty: await open("empty"),
  control: await open("control"),
  queue: await open("queue"),
  tags: await open("tags"),
};
for (let at = 0; at < queued; at++) await mixes.queue.mix.hold(new Uint8Array(randomBytes(geometry.packetLength)));
for (let done = 0; done < tagged; done += fillBatch) await record(mixes.tags.store, Math.min(fillBatch, tagged - done));

const names = ["empty", "control", "queue", "tags"] as const;
const times = new Map(names.map((name) => [name, { passed: [], used: [] }]));
// The engine compiles what it sees often.
for (const name of [...names, ...names, ...names]) await round(mixes[name].mix, { passed: [], used: [] });
for (let at = 0; at < rounds; at++) {
  // In no order that a garbage collection, which comes every so many packets, could keep step with.
  for (const name of shuffled(names)) await round(mixes[name].mix, times.get(name)!);
}
assert.equal(queueSize(mixes.queue.mix.state().queue), queued, "what is held is still held");
report("empty, too", times.get("empty")!, times.get("control")!);
report(`${queued} packets queued`, times.get("empty")!, times.get("queue")!);
report(`${tagged} replay tags`, times.get("empty")!, times.get("tags")!);
for (const { store } of Object.values(mixes)) await store.close();
rmSync(folder, { recursive: true, force: true });
