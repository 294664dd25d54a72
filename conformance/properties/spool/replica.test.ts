/**
 * Replicas over links that fail, with crashes and partitions (drafts/dspool.rst §8): 50 seeds in every run, 1,000 with
 * SAMTPFOTE_LONG=1 (test:long).
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { toHex, utf8 } from "../../../core/bytes.ts";
import { signRead } from "../../../core/spool/read.ts";
import type { Reply } from "../../../core/spool/replica_wire.ts";
import { contentId, decodeWrite, type SpoolIndex, type Write } from "../../../core/spool/write.ts";
import { toySuite } from "../../sim/toy_suite.ts";
import { publicOf } from "./keys.ts";
import { createReplicaWorld, epochMs, type ReplicaWorld } from "./replica_world.ts";

const seeds = process.env["SAMTPFOTE_LONG"] === "1" ? 1000 : 50;

type Host = ReplicaWorld["hosts"][number];

/** Appends until it is acknowledged, as a client does. */
const persist = (world: ReplicaWorld, host: Host, write: Write, body: Uint8Array | null, done: () => void): void => {
  let isDone = false;
  const ask = (): void => {
    if (isDone) return;
    world.ask(host, { type: "add", spool: world.spool, write, body }, (reply) => {
      if (reply?.type === "added" && reply.status === "ok" && !isDone) {
        isDone = true;
        done();
      }
    });
    world.agenda.at(world.agenda.now() + 300, ask);
  };
  ask();
};

/** Everything that a reader gets from one replica, body by content id. */
const readAll = (world: ReplicaWorld, host: Host): Map<string, string> => {
  const found = new Map<string, string>();
  let [after, isEnd]: [SpoolIndex | null, boolean] = [null, false];
  for (let turns = 0; turns < 200 && !isEnd; turns++) {
    const epoch = 100 + Math.floor(world.agenda.now() / epochMs);
    const replica = publicOf(host.key);
    const read = signRead(world.suite, world.readerKey, world.spool, replica, { part: "data", after, limit: 8, epoch });
    let answer = null as Reply | null;
    world.ask(host, { type: "read", spool: world.spool, read }, (reply) => answer = reply);
    world.agenda.runUntil(world.agenda.now() + 100);
    assert.equal(answer?.type, "items");
    if (answer?.type !== "items") break;
    assert.equal(answer.status, "ok");
    for (const { entry, body } of answer.items) {
      const write = decodeWrite(entry.message)!;
      if (body !== null) found.set(contentId(world.suite, world.spool, write), toHex(body));
      after = { replica, index: entry.header.index, signature: entry.header.signature };
    }
    isEnd = answer.items.length === 0;
  }
  return found;
};

const run = (seed: number): void => {
  const world = createReplicaWorld(toySuite, `replicas ${seed}`, 3);
  const { agenda, prng, hosts } = world;
  for (const host of hosts) world.start(host);
  let left = 0;
  for (const write of world.creation()) {
    for (const host of hosts) {
      left++;
      persist(world, host, write, null, () => left--);
    }
  }
  agenda.runUntil(10_000);
  assert.equal(left, 0, `seed ${seed}: the spool is created`);

  const written = new Map<string, string>();
  const acknowledged = new Set<string>();
  for (let at = 0; at < 12; at++) {
    agenda.at(10_000 + prng.below(20_000), () => {
      const body = utf8(`message ${at} ${"x".repeat(prng.below(3000))}`);
      const write = world.writers[prng.below(2)]!.message(body);
      const id = contentId(world.suite, world.spool, write);
      written.set(id, toHex(body));
      world.ask(hosts[prng.below(3)]!, { type: "add", spool: world.spool, write, body }, (reply) => {
        if (reply?.type === "added" && reply.status === "ok") acknowledged.add(id);
      });
    });
  }
  for (let at = 0; at < 6; at++) {
    agenda.at(10_000 + prng.below(20_000), () => {
      const host = hosts[prng.below(3)]!;
      world.crash(host);
      agenda.at(agenda.now() + 100 + prng.below(5000), () => {
        if (host.state === null) world.start(host);
      });
    });
    agenda.at(10_000 + prng.below(15_000), () => world.blocked.add(`${prng.below(3)} ${prng.below(3)}`));
    agenda.at(10_000 + prng.below(20_000), () => world.blocked.delete(`${prng.below(3)} ${prng.below(3)}`));
  }
  agenda.runUntil(36_000);
  world.heal();
  agenda.runUntil(56_000);

  const views = hosts.map((host) => readAll(world, host));
  for (const view of views) {
    for (const id of acknowledged) {
      assert.equal(view.get(id), written.get(id), `seed ${seed}: acknowledged and not read`);
    }
    for (const [id, body] of view) assert.equal(body, written.get(id), `seed ${seed}: nobody wrote it`);
  }
  assert.deepEqual(views.map((view) => [...view.keys()].sort()), views.map(() => [...views[0]!.keys()].sort()));
  for (const { state } of hosts) assert.equal(state?.kept.durable.proofs.size, 0, `seed ${seed}: nobody is convicted`);
};

test(`[DSPOOL-8.2-04] [DSPOOL-8.2-05] [DSPOOL-8-02] [DSPOOL-8.1-05] [SEED-3-04] ${seeds} seeds of crashes and partitions: every acknowledged add is read at every replica after healing, nothing appears that nobody wrote`, () => {
  for (let seed = 0; seed < seeds; seed++) run(seed);
});
