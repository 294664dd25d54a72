/**
 * Replicas over links that fail, with crashes, partitions and revocations (drafts/dspool.rst §8): 50 seeds in every
 * run, 1,000 with SAMTPFOTE_LONG=1 (test:long).
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { toHex, utf8 } from "../../../core/bytes.ts";
import { setNames } from "../../../core/spool/permissioned.ts";
import { contentId, encodeRemoval } from "../../../core/spool/write.ts";
import { toySuite } from "../../sim/toy_suite.ts";
import { createAt, persist, readAll } from "./replica_users.ts";
import { publicOf } from "./keys.ts";
import { createReplicaWorld } from "./replica_world.ts";

const seeds = process.env["SAMTPFOTE_LONG"] === "1" ? 1000 : 50;

const run = (seed: number): void => {
  const world = createReplicaWorld(toySuite, `replicas ${seed}`, 3);
  const { agenda, prng, hosts } = world;
  createAt(world, hosts);

  const written = new Map<string, string>();
  const acknowledged = new Set<string>();
  const removed = new Set<string>();
  for (let at = 0; at < 12; at++) {
    agenda.at(5_000 + prng.below(12_000), () => {
      const body = utf8(`message ${at} ${"x".repeat(prng.below(3000))}`);
      const write = world.writers[prng.below(2)]!.message(body);
      const id = contentId(world.suite, world.spool, write);
      written.set(id, toHex(body));
      world.ask(hosts[prng.below(3)]!, { type: "add", spool: world.spool, write, body }, (reply) => {
        if (reply?.type === "added" && reply.status === "ok") acknowledged.add(id);
      });
    });
  }
  // Every other time a writer is revoked meanwhile: some replicas hear of that before what it wrote at others.
  if (seed % 2 === 1) {
    agenda.at(5_000 + prng.below(12_000), () => {
      const item = publicOf(world.writerKeys[1]!);
      const revocation = world.root.operation({ type: "remove", set: setNames.dataWriters, item });
      persist(world, hosts[prng.below(3)]!, revocation, null, () => {});
    });
  }
  // Two readers remove what they like, the same or not, at replicas that may not have heard of it yet.
  for (const canonical of [world.canonical, world.otherCanonical]) {
    for (let at = 0; at < 2; at++) {
      agenda.at(7_000 + prng.below(10_000), () => {
        const all = [...written.keys()];
        const id = all[prng.below(Math.max(1, all.length))];
        if (id === undefined) return;
        removed.add(id);
        persist(world, hosts[prng.below(3)]!, canonical.tombstone(encodeRemoval(id)), null, () => {});
      });
    }
  }
  for (let at = 0; at < 6; at++) {
    agenda.at(5_000 + prng.below(12_000), () => {
      const host = hosts[prng.below(3)]!;
      world.crash(host);
      agenda.at(agenda.now() + 100 + prng.below(3000), () => {
        if (host.state === null) world.start(host);
      });
    });
    agenda.at(5_000 + prng.below(9_000), () => world.blocked.add(`${prng.below(3)} ${prng.below(3)}`));
    agenda.at(5_000 + prng.below(12_000), () => world.blocked.delete(`${prng.below(3)} ${prng.below(3)}`));
  }
  agenda.runUntil(20_000);
  world.heal();
  agenda.runUntil(32_000);

  const views = hosts.map((host) => readAll(world, host));
  for (const view of views) {
    for (const id of removed) assert.equal(view.has(id), false, `seed ${seed}: removed and read`);
    for (const id of acknowledged) {
      if (removed.has(id)) continue;
      assert.equal(view.get(id), written.get(id), `seed ${seed}: acknowledged and not read`);
    }
    for (const [id, body] of view) assert.equal(body, written.get(id), `seed ${seed}: nobody wrote it`);
  }
  assert.deepEqual(views.map((view) => [...view.keys()].sort()), views.map(() => [...views[0]!.keys()].sort()));
  for (const { state } of hosts) assert.equal(state?.kept.durable.proofs.size, 0, `seed ${seed}: nobody is convicted`);
};

test(`[DSPOOL-8.2-04] [DSPOOL-8.2-05] [DSPOOL-8-02] [DSPOOL-8.1-05] [SEED-3-04] ${seeds} seeds of crashes, partitions and revocations: every acknowledged add is read at every replica after healing, nothing appears that nobody wrote or that a reader removed`, () => {
  for (let seed = 0; seed < seeds; seed++) run(seed);
});
