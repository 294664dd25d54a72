/**
 * Authors that poison a replica: each bound at its limit. What is counted are states, commits and signatures that were
 * looked at, not time.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { List } from "../../../core/collections/list.ts";
import { toHex, utf8 } from "../../../core/bytes.ts";
import type { Suite } from "../../../core/crypto/suite.ts";
import { E } from "../../../core/fp.ts";
import { appendDiscrete, discreteLength } from "../../../core/spool/discrete.ts";
import { entriesMax, replicasMax, writesPerAuthorMax } from "../../../core/spool/domains.ts";
import { encodeDescriptor, replicasOf } from "../../../core/spool/durable.ts";
import { appendWrite, entriesFrom, newPermissioned, setNames } from "../../../core/spool/permissioned.ts";
import { keepExchange, type Kept, newKept, noChanges } from "../../../core/spool/replica_keep.ts";
import type { Reply } from "../../../core/spool/replica_wire.ts";
import { encodeTombstone, signWrite, type Write } from "../../../core/spool/write.ts";
import { toySuite } from "../../sim/toy_suite.ts";
import { createAuthor, privateKey, publicOf } from "./keys.ts";
import { createAt } from "./replica_users.ts";
import { createReplicaWorld, type ReplicaWorld } from "./replica_world.ts";
import { add, keys, left, right, root, spool, writer, writes } from "./script.ts";

/** A suite that counts the signatures that are verified. */
const counting = (): { readonly suite: Suite; readonly verified: () => number } => {
  let verified = 0;
  const suite: Suite = {
    ...toySuite,
    ed25519Verify: (...args) => {
      verified++;
      return toySuite.ed25519Verify(...args);
    },
  };
  return { suite, verified: () => verified };
};

const lone = (): { readonly world: ReplicaWorld; readonly ask: (write: Write, body?: Uint8Array) => string } => {
  const world = createReplicaWorld(toySuite, "poison", 1);
  createAt(world, world.hosts);
  world.heal();
  const ask = (write: Write, body: Uint8Array | null = null): string => {
    let answer = null as Reply | null;
    world.ask(world.hosts[0]!, { type: "add", spool: world.spool, write, body }, (reply) => answer = reply);
    world.agenda.runUntil(world.agenda.now() + 50);
    return answer?.status ?? "none";
  };
  return { world, ask };
};

const sizes = ({ hosts }: ReplicaWorld): ReadonlyArray<number> => {
  const { durable, held, heldBytes, unplaced } = hosts[0]!.state!.kept;
  const rows = [...hosts[0]!.store.sizes().values()].reduce((sum, size) => sum + size, 0);
  return [durable.copies.first()!.contents.size, held.size, heldBytes, unplaced.size, rows];
};

test("[FAULT-43] future clocks: a write may be one epoch ahead, of a client and in another replica's chain; two are refused", () => {
  const { world, ask } = lone();
  const [alice] = world.writers;
  const body = utf8("from the future");
  assert.equal(ask(alice!.message(body, 102), body), "future-epoch");
  assert.equal(ask(alice!.message(body, 2 ** 31), body), "future-epoch");
  assert.equal(ask(alice!.message(body, 101), body), "ok");
  const bound = {
    suite: toySuite,
    privateKey: keys[0]!,
    bodyLengthMax: 1000,
    bytesMax: 10_000,
    messageLifetimeEpochs: 10,
  };
  const descriptor = encodeDescriptor({ key: publicOf(keys[1]!), addresses: ["+spool@b"] });
  const followed = createAuthor(toySuite, root, spool).operation(add(setNames.replicas, descriptor));
  const followedSpool = right(
    appendWrite(toySuite, keys[0]!, newPermissioned(spool, publicOf(keys[0]!)), followed, 100),
  );
  const start = newKept(bound, spool);
  const kept: Kept = {
    ...start,
    durable: { ...start.durable, copies: start.durable.copies.set(toHex(followedSpool.key), followedSpool) },
  };
  const refusedAt = (epoch: number): ReadonlyArray<string> => {
    const other = right(appendWrite(toySuite, keys[1]!, newPermissioned(spool, publicOf(keys[1]!)), writes[0]!, epoch));
    const [entry] = entriesFrom(other, "meta", 0, 1);
    const changes = noChanges();
    keepExchange(
      bound,
      kept,
      { items: [{ replica: other.key, entry: entry!, body: null }], proof: null },
      100,
      changes,
    );
    return changes.refused;
  };
  assert.deepEqual([refusedAt(101), refusedAt(102)], [[], ["future-epoch"]]);
});

test("[FAULT-43] a million operations: an author has 16,384 numbers; what is beyond is refused before any signature is looked at", () => {
  const { suite, verified } = counting();
  const granted = right(
    appendWrite(suite, keys[0]!, newPermissioned(spool, publicOf(keys[0]!)), writes[0]!, 100),
  );
  const last = signWrite(
    suite,
    writer,
    spool,
    { kind: "message", sequence: writesPerAuthorMax - 1, epoch: 100 },
    utf8("x"),
  );
  assert.equal(right(appendWrite(suite, keys[0]!, granted, last, 100)).contents.size, 2);
  const before = verified();
  for (let sequence = writesPerAuthorMax; sequence < 1_000_000; sequence += 997) {
    assert.equal(left(appendWrite(suite, keys[0]!, granted, { ...last, sequence }, 100)), "malformed");
  }
  assert.equal(verified(), before);
});

test("[FAULT-43] a spool has 65,536 positions for ever; the last is taken, one more is refused as full", () => {
  const almost = { first: entriesMax - 1, items: List<Uint8Array>() };
  const full = right(appendDiscrete(almost, utf8("last"))).spool;
  assert.equal(discreteLength(full), entriesMax);
  assert.equal(left(appendDiscrete(full, utf8("one more"))), "full");
  const granted = right(
    appendWrite(toySuite, keys[0]!, newPermissioned(spool, publicOf(keys[0]!)), writes[0]!, 100),
  );
  const one = right(appendWrite(toySuite, keys[0]!, granted, writes[2]!, 100));
  const headers = List(Array.from({ length: entriesMax }, () => one.data.headers.last()!));
  const crowded = { ...one, data: { ...one.data, headers, spool: full } };
  assert.equal(left(appendWrite(toySuite, keys[0]!, crowded, writes[3]!, 100)), "full");
});

test("[FAULT-43] duplicate ids: the same write again changes nothing, another under its number is refused; a forged author is refused", () => {
  const { world, ask } = lone();
  const [first, second] = [utf8("first"), utf8("second")];
  const key = world.writerKeys[0]!;
  const numbered = (body: Uint8Array, sequence = 0): Write =>
    signWrite(toySuite, key, world.spool, { kind: "message", sequence, epoch: 100 }, body);
  assert.equal(ask(numbered(first), first), "ok");
  const before = sizes(world);
  for (let at = 0; at < 20; at++) {
    assert.equal(ask(numbered(first), first), "ok");
    assert.equal(ask(numbered(second), second), "slot-taken");
  }
  const stranger = privateKey(toySuite, "stranger");
  const forged = {
    ...createAuthor(toySuite, stranger, world.spool).message(second),
    author: publicOf(key),
    sequence: 7,
  };
  assert.equal(ask(forged, second), "wrong-write-signature");
  assert.equal(ask(createAuthor(toySuite, stranger, world.spool).message(second), second), "not-permitted");
  assert.equal(ask(numbered(second, 8), first), "wrong-digest");
  assert.equal(ask(numbered(new Uint8Array(8192 - 2560 + 1), 9), new Uint8Array(8192 - 2560 + 1)), "too-long");
  assert.deepEqual(sizes(world), before);
});

test("[FAULT-43] tombstone bombs: thousands that name nothing forget nothing and take one position each; one that is true forgets bodies, not positions", () => {
  const { world, ask } = lone();
  const bodies = ["one", "two", "three"].map(utf8);
  for (const body of bodies) assert.equal(ask(world.writers[0]!.message(body), body), "ok");
  const [contents, held] = sizes(world);
  const bombs = 300;
  for (let at = 0; at < bombs; at++) {
    const named = {
      replica: publicOf(privateKey(toySuite, `nobody ${at}`)),
      index: 2 ** 31,
      signature: new Uint8Array(64),
    };
    assert.equal(ask(world.canonical.tombstone(encodeTombstone(named))), "ok");
  }
  assert.deepEqual(sizes(world).slice(0, 2), [contents! + bombs, held]);
  const copy = world.hosts[0]!.state!.kept.durable.copies.first()!;
  const at = copy.data.headers.get(2)!;
  const all = encodeTombstone({ replica: copy.key, index: 2, signature: at.signature });
  assert.equal(ask(world.canonical.tombstone(all)), "ok");
  assert.deepEqual(sizes(world).slice(0, 3), [contents! + bombs + 1, 1, bodies[2]!.length]);
  assert.equal(ask(world.writers[1]!.tombstone(all)), "not-permitted");
});

test("[FAULT-43] a flood of adds while the store is slow: 256 wait, the others are told `busy`, and all are answered", () => {
  const { world } = lone();
  const statuses = new Map<string, number>();
  for (let at = 0; at < 600; at++) {
    const body = utf8(`${at}`);
    world.ask(
      world.hosts[0]!,
      { type: "add", spool: world.spool, write: world.writers[0]!.message(body), body },
      (reply) => statuses.set(reply!.status, (statuses.get(reply!.status) ?? 0) + 1),
    );
    assert.equal(world.hosts[0]!.state!.waiting.size <= 256, true, "at most 256 wait");
  }
  world.agenda.runUntil(world.agenda.now() + 1_000);
  assert.deepEqual([...statuses].sort(), [["busy", 600 - 257], ["ok", 257]]);
});

test("[FAULT-43] thousands of replica descriptors: sixteen are followed", () => {
  const author = createAuthor(toySuite, root, spool);
  let one = newPermissioned(spool, publicOf(keys[0]!));
  for (let at = 0; at < 40; at++) {
    const key = publicOf(privateKey(toySuite, `many ${at}`));
    const operation = author.operation(add(setNames.replicas, encodeDescriptor({ key, addresses: ["+spool@x"] })));
    one = E.getOrElse(() => one)(appendWrite(toySuite, keys[0]!, one, operation, 100));
  }
  assert.equal(one.contents.size, 40);
  assert.equal(replicasOf(one).length, replicasMax);
});
