/** A durable spool as its users meet it (drafts/dspool.rst §6.1, §8): creation, receipts, reading, who may do what. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { equal, toHex, utf8 } from "../../../core/bytes.ts";
import { creation, decodeDescriptor, newDurable, placesAfter, setsOf, withCopy } from "../../../core/spool/durable.ts";
import { appendWrite, newPermissioned, setNames } from "../../../core/spool/permissioned.ts";
import { type ReadRequest, signRead } from "../../../core/spool/read.ts";
import { verifyReceipt } from "../../../core/spool/receipts.ts";
import type { Reply } from "../../../core/spool/replica_wire.ts";
import { itemsOf } from "../../../core/spool/set.ts";
import { decodeWrite, encodeTombstone, verifyWrite, type Write } from "../../../core/spool/write.ts";
import { toySuite as suite } from "../../sim/toy_suite.ts";
import { createAuthor, privateKey, publicOf } from "./keys.ts";
import { createAt } from "./replica_users.ts";
import { createReplicaWorld, type ReplicaHost, type ReplicaWorld } from "./replica_world.ts";
import { add, keys, permissionedOf, right, root, spool } from "./script.ts";

const createdWorld = (name: string): ReplicaWorld => {
  const world = createReplicaWorld(suite, name, 3);
  createAt(world, world.hosts);
  world.heal();
  world.agenda.runUntil(8_000);
  return world;
};

const ask = (world: ReplicaWorld, host: ReplicaHost, request: Parameters<ReplicaWorld["ask"]>[1]): Reply | null => {
  let answer = null as Reply | null;
  world.ask(host, request, (reply) => answer = reply);
  world.agenda.runUntil(world.agenda.now() + 100);
  return answer;
};

const addTo = (world: ReplicaWorld, host: ReplicaHost, write: Write, body: Uint8Array | null) => {
  const reply = ask(world, host, { type: "add", spool: world.spool, write, body });
  return reply?.type === "added" ? reply : assert.fail("no answer to an add");
};

const readFrom = (world: ReplicaWorld, host: ReplicaHost, read: ReadRequest) => {
  const reply = ask(world, host, { type: "read", spool: world.spool, read });
  return reply?.type === "items" ? reply : assert.fail("no answer to a read");
};

test("[DSPOOL-1-03] [DSPOOL-6.1-13] [DSPOOL-8-03] an add returns the receipts of the replicas that hold it; the same add again those of all that hold it by now", () => {
  const world = createdWorld("receipts");
  const body = utf8("a message");
  const write = world.writers[0]!.message(body);
  const [first] = world.hosts;
  const now = addTo(world, first!, write, body);
  assert.deepEqual([now.status, now.receipts.length], ["ok", 1]);
  world.agenda.runUntil(world.agenda.now() + 5_000);
  const later = addTo(world, first!, write, body);
  assert.deepEqual(
    later.receipts.map(({ replica }) => toHex(replica)).sort(),
    world.hosts.map(({ key }) => toHex(publicOf(key))).sort(),
  );
  for (const receipt of later.receipts) assert.equal(verifyReceipt(suite, world.spool, write, receipt), true);
});

test("[DSPOOL-4-09] [DSPOOL-6.1-08] [DSPOOL-6.1-14] [DSPOOL-8-04] [DSPOOL-6.1-05] a read gives messages with index and both signatures, after a position that names replica and signature", () => {
  const world = createdWorld("reading");
  const [host] = world.hosts;
  const replica = publicOf(host!.key);
  for (const text of ["one", "two", "three"]) {
    assert.equal(addTo(world, host!, world.writers[0]!.message(utf8(text)), utf8(text)).status, "ok");
  }
  const request = (after: ReadRequest["after"], limit: number): ReadRequest =>
    signRead(suite, world.readerKey, world.spool, replica, { part: "data", after, limit, epoch: 100 });
  const all = readFrom(world, host!, request(null, 8)).items;
  assert.deepEqual(all.map(({ body }) => toHex(body!)), ["one", "two", "three"].map((text) => toHex(utf8(text))));
  assert.deepEqual(all.map(({ entry }) => entry.header.index), [0, 1, 2]);
  for (const { entry } of all) assert.equal(verifyWrite(suite, world.spool, decodeWrite(entry.message)!), true);
  assert.equal(readFrom(world, host!, request(null, 1)).items.length, 1);
  const after = { replica, index: 0, signature: all[0]!.entry.header.signature };
  assert.deepEqual(readFrom(world, host!, request(after, 8)).items.map(({ entry }) => entry.header.index), [1, 2]);
});

test("[DSPOOL-6.1-09] [DSPOOL-8-05] [DSPOOL-6.1-10] a read's signature is for one replica, one question and a present reader", () => {
  const world = createdWorld("readers");
  const [host, other] = world.hosts;
  const unsigned = { part: "data", after: null, limit: 8, epoch: 100 } as const;
  const read = signRead(suite, world.readerKey, world.spool, publicOf(host!.key), unsigned);
  assert.equal(readFrom(world, host!, read).status, "ok");
  assert.equal(readFrom(world, other!, read).status, "not-permitted");
  assert.equal(readFrom(world, host!, { ...read, limit: 9 }).status, "not-permitted");
  const stranger = privateKey(suite, "stranger");
  const strange = signRead(suite, stranger, world.spool, publicOf(host!.key), unsigned);
  assert.equal(readFrom(world, host!, strange).status, "not-permitted");
  const late = signRead(suite, world.readerKey, world.spool, publicOf(host!.key), { ...unsigned, epoch: 90 });
  assert.equal(readFrom(world, host!, late).status, "wrong-epoch");
  const removal = { type: "remove", set: setNames.dataReaders, item: publicOf(world.readerKey) } as const;
  assert.equal(addTo(world, host!, world.root.operation(removal), null).status, "ok");
  const canonical = { ...removal, set: setNames.canonicalReaders };
  assert.equal(addTo(world, host!, world.root.operation(canonical), null).status, "ok");
  assert.equal(readFrom(world, host!, read).status, "not-permitted");
});

test("[DSPOOL-6.1-16] [DSPOOL-8.1-01] [DSPOOL-8.1-03] [DSPOOL-6.1-01] creation: the root key writes descriptors and every role; nobody else does", () => {
  const replicas = keys.map((key, at) => ({ key: publicOf(key), addresses: [`+spool@provider-${at}`] }));
  const names = [
    "metaWriters",
    "metaReaders",
    "dataWriters",
    "dataReaders",
    "canonicalReaders",
    "dataEncryption",
  ] as const;
  const roles = Object.fromEntries(names.map((name) => [name, [publicOf(privateKey(suite, name))]]));
  const author = createAuthor(suite, root, spool);
  const one = creation(replicas, roles).reduce(
    (state, operation) => right(appendWrite(suite, keys[0]!, state, author.operation(operation), 100)),
    newPermissioned(spool, publicOf(keys[0]!)),
  );
  const sets = setsOf(withCopy(newDurable(spool), one));
  for (const name of names) {
    assert.equal(itemsOf(sets, setNames[name]).some((item) => equal(item, roles[name]![0]!)), true, name);
  }
  assert.deepEqual(
    itemsOf(sets, setNames.replicas).map((item) => decodeDescriptor(item)!.addresses[0]).sort(),
    replicas.map(({ addresses }) => addresses[0]),
  );
  // A meta writer that the root key has named may name others.
  const deputy = createAuthor(suite, privateKey(suite, "metaWriters"), spool).operation(
    add(setNames.dataWriters, spool),
  );
  assert.equal(right(appendWrite(suite, keys[0]!, one, deputy, 100)).contents.size, one.contents.size + 1);
});

test("[DSPOOL-8.1-04] [DSPOOL-8.2-01] replicas hear of every write and role from one another, and take none that roles forbid", () => {
  const world = createdWorld("subscriptions");
  const [first, second, third] = world.hosts;
  const newcomer = privateKey(suite, "newcomer");
  const author = createAuthor(suite, newcomer, world.spool);
  const body = utf8("hello");
  assert.equal(addTo(world, second!, author.message(body), body).status, "not-permitted");
  const grant = world.root.operation(add(setNames.dataWriters, publicOf(newcomer)));
  assert.equal(addTo(world, first!, grant, null).status, "ok");
  world.agenda.runUntil(world.agenda.now() + 5_000);
  assert.equal(addTo(world, second!, author.message(body), body).status, "ok");
  world.agenda.runUntil(world.agenda.now() + 5_000);
  assert.equal(third!.state!.kept.held.size, 1);
});

test("[DSPOOL-8.2-03] after another replica's position comes what is not in its spool up to there; after an unknown one what is not in it as it is known", () => {
  const [one, two] = [permissionedOf(0, [0, 2]), permissionedOf(1, [0, 2, 3])];
  const durable = [one, two].reduce(withCopy, newDurable(spool));
  const [known] = [one.data.headers.get(0)!];
  const at = (signature: Uint8Array) =>
    placesAfter(durable, two, "data", { replica: one.key, index: 0, signature }).map(({ index }) => index);
  assert.deepEqual(at(known.signature), [1]);
  assert.deepEqual(at(new Uint8Array(64)), [1]);
  const nobody = { replica: publicOf(privateKey(suite, "nobody")), index: 0, signature: known.signature };
  assert.deepEqual(placesAfter(durable, two, "data", nobody).map(({ index }) => index), [0, 1]);
});

test("[DSPOOL-6.1-11] [DSPOOL-4-10] forgetting is a canonical reader's signed tombstone that names replica and signature; no replica serves it afterwards", () => {
  const world = createdWorld("forgetting");
  const [host] = world.hosts;
  for (const text of ["old", "new"]) {
    assert.equal(addTo(world, host!, world.writers[0]!.message(utf8(text)), utf8(text)).status, "ok");
  }
  const replica = publicOf(host!.key);
  const { signature } = host!.state!.kept.durable.copies.get(toHex(replica))!.data.headers.get(1)!;
  const body = encodeTombstone({ replica, index: 1, signature });
  assert.equal(addTo(world, host!, world.writers[1]!.tombstone(body), null).status, "not-permitted");
  assert.equal(addTo(world, host!, world.canonical.tombstone(body), null).status, "ok");
  world.agenda.runUntil(world.agenda.now() + 5_000);
  for (const { state } of world.hosts) assert.deepEqual([...state!.kept.held.values()], [3], "the new one is left");
});
