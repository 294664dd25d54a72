/**
 * `node --import tsx conformance/bench/mix_load.ts`: what a mix's load costs each further packet. Ratios of the time
 * per packet of a loaded candidate to that of an empty one, whose rounds take turns; at most 1.25 is promised.
 *
 * - queue: the delay queue with 10,000 packets in it: one comes, one is sent, one is evicted.
 * - tags: a store in a file with 1,000,000 replay tags of the key: fresh tags in batches of 64, durable. A hop's own
 *   work is added to both (`hopUs`, of a real unwrap), since the promise is of a packet.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { openLmdbStore } from "../../adapters/store_lmdb.ts";
import { mono } from "../../core/machine.ts";
import { type DelayQueue, dequeueDue, emptyQueue, enqueue, evict } from "../../core/mix/delay_queue.ts";
import { stream } from "../../core/random.ts";

const queued = 10_000;
const tagged = Number(process.argv[2] ?? 1_000_000);
const rounds = 31;
const batch = 64;
/** A hop's unwrap without its store: X25519 and AEZ of 50 KiB (bench/aez.ts). */
const hopUs = 400;

const random = stream(new Uint8Array(32).fill(5));

const median = (values: ReadonlyArray<number>): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

const report = (name: string, empty: number, loaded: number, added: number): void =>
  console.log(JSON.stringify({
    name,
    emptyUs: Number(empty.toFixed(1)),
    loadedUs: Number(loaded.toFixed(1)),
    ratio: Number(((loaded + added) / (empty + added)).toFixed(3)),
  }));

/* The delay queue */

const packetAt = (due: number) => ({ due: mono(due), nextHop: "next", packet: new Uint8Array(0) });

const filled = (count: number): DelayQueue => {
  let queue = emptyQueue;
  for (let at = 0; at < count; at++) queue = enqueue(queue, packetAt(1e9 + ((at * 7919) % count)));
  return queue;
};

const queueRound = (start: DelayQueue): number => {
  const packets = 500;
  let queue = start;
  const began = performance.now();
  for (let packet = 0; packet < packets; packet++) {
    queue = dequeueDue(enqueue(queue, packetAt(packet)), mono(packet))!.queue;
    queue = evict(enqueue(queue, packetAt(2e9)), random).queue;
  }
  return ((performance.now() - began) * 1000) / packets;
};

const benchQueue = (): void => {
  const [empty, loaded] = [filled(0), filled(queued)];
  const times: Array<readonly [number, number]> = [];
  for (let round = 0; round < rounds; round++) times.push([queueRound(empty), queueRound(loaded)]);
  report("queue", median(times.map(([time]) => time)), median(times.map(([, time]) => time)), hopUs);
};

/* Replay tags */

type Store = ReturnType<typeof openLmdbStore>;

const record = (store: Store, count: number): Promise<unknown> =>
  Promise.all(
    Array.from({ length: count }, () =>
      new Promise((resolve) =>
        store.perform({ type: "TestAndSetReplay", id: 1, epoch: 1, tag: random.bytes(32) }, resolve)
      )),
  );

const tagRound = async (store: Store): Promise<number> => {
  const began = performance.now();
  await record(store, batch);
  return ((performance.now() - began) * 1000) / batch;
};

const benchTags = async (): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "samtpfote-bench-"));
  const [empty, loaded] = ["empty", "loaded"].map((name) => openLmdbStore(join(folder, name)));
  for (let done = 0; done < tagged; done += 1000) await record(loaded!, 1000);
  const times: Array<readonly [number, number]> = [];
  for (let round = 0; round < rounds; round++) times.push([await tagRound(empty!), await tagRound(loaded!)]);
  report("tags", median(times.map(([time]) => time)), median(times.map(([, time]) => time)), hopUs);
  await Promise.all([empty!.close(), loaded!.close()]);
  rmSync(folder, { recursive: true, force: true });
};

benchQueue();
await benchTags();
