/** Who may do what with a durable spool, by the keys that its meta spools name (drafts/dspool.rst §1, §6.1, §8). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromUtf8, toHex, utf8 } from "../../../core/bytes.ts";
import { replicatedSpoolsOf } from "../../../adapters/replicated_client.ts";
import { createEpochClock } from "../../../core/pki/epoch.ts";
import {
  decodeDescriptor,
  encodeDescriptor,
  newDurable,
  receiptsOf,
  setsOf,
  withCopy,
} from "../../../core/spool/durable.ts";
import { decodeHost, encodeHosted, framed } from "../../../core/spool/hosting_wire.ts";
import { appendWrite, newPermissioned, setNames } from "../../../core/spool/permissioned.ts";
import { signRead } from "../../../core/spool/read.ts";
import { decodeRequest, encodeReply, type Reply, type Request, signSync } from "../../../core/spool/replica_wire.ts";
import { itemsOf } from "../../../core/spool/set.ts";
import { vectorOf } from "../../../core/spool/version_vector.ts";
import { encodeTombstone, type Write } from "../../../core/spool/write.ts";
import { katzenpostGeometry } from "../../../core/sphinx/geometry.ts";
import { toySuite as suite } from "../../sim/toy_suite.ts";
import { createAuthor, privateKey, publicOf } from "./keys.ts";
import { createAt, readAll } from "./replica_users.ts";
import { createReplicaWorld, type ReplicaHost, type ReplicaWorld } from "./replica_world.ts";
import { add, right } from "./script.ts";

const createdWorld = (name: string): ReplicaWorld => {
  const world = createReplicaWorld(suite, name, 2);
  createAt(world, world.hosts);
  world.heal();
  world.agenda.runUntil(8_000);
  return world;
};

const statusOf = (world: ReplicaWorld, host: ReplicaHost, request: Request): string => {
  let answer = null as Reply | null;
  world.ask(host, request, (reply) => answer = reply);
  world.agenda.runUntil(world.agenda.now() + 100);
  return answer?.status ?? assert.fail("no answer");
};

/** What somebody with a key asks of a replica, by the set that has to name the key. */
const createSomebody = (world: ReplicaWorld, host: ReplicaHost, key: Uint8Array) => {
  const author = createAuthor(suite, key, world.spool);
  const replica = publicOf(host.key);
  let grants = 0;
  const read = (part: "data" | "meta") => (): Request => ({
    type: "read",
    spool: world.spool,
    read: signRead(suite, key, world.spool, replica, { part, after: null, limit: 1, epoch: 100 }),
  });
  const write = (made: ReturnType<typeof author.message>, body: Uint8Array | null): Request => ({
    type: "add",
    spool: world.spool,
    write: made,
    body,
  });
  const text = utf8("a message");
  const nowhere = encodeTombstone({ replica, index: 0, signature: new Uint8Array(64) });
  const exchange = { vector: vectorOf(newDurable(world.spool).copies), items: [], proof: null };
  return new Map<Uint8Array, () => Request>([
    [setNames.dataWriters, () => write(author.message(text), text)],
    [setNames.dataReaders, read("data")],
    [setNames.metaReaders, read("meta")],
    [setNames.canonicalReaders, () => write(author.tombstone(nowhere), null)],
    [
      setNames.metaWriters,
      () => write(author.operation(add(setNames.dataReaders, utf8(`${grants++}`.padEnd(32)))), null),
    ],
    [
      setNames.replicas,
      () => signSync(suite, key, { spool: world.spool, from: publicOf(key), to: replica, epoch: 100, exchange }),
    ],
  ]);
};

test("[DSPOOL-1-02] keys decide who writes, reads, deletes, replicates, and gives and takes all that: without its role none does, with it whoever has it does, and nothing else, and not once it is taken away", () => {
  const world = createdWorld("capabilities");
  const [host] = world.hosts as [ReplicaHost];
  const change = (type: "add" | "remove", set: Uint8Array, item: Uint8Array): void => {
    const write = world.root.operation({ type, set, item });
    assert.equal(statusOf(world, host, { type: "add", spool: world.spool, write, body: null }), "ok");
  };
  /** Who may forget may read, and who changes the meta spool may read that. */
  const implied = new Map([[setNames.canonicalReaders, [setNames.dataReaders]], [setNames.metaWriters, [
    setNames.metaReaders,
  ]]]);
  for (const set of createSomebody(world, host, world.readerKey).keys()) {
    const name = fromUtf8(set)!;
    const key = privateKey(suite, name);
    const key32 = publicOf(key);
    const item = set === setNames.replicas ? encodeDescriptor({ key: key32, addresses: ["+spool@other"] }) : key32;
    const somebody = createSomebody(world, host, key);
    const allowed = (): string[] =>
      [...somebody].filter(([, request]) => statusOf(world, host, request()) === "ok").map(([of]) => fromUtf8(of)!)
        .sort();
    assert.deepEqual(allowed(), [], `${name}: before`);
    change("add", set, item);
    const expected = [set, ...implied.get(set) ?? []].map((one) => fromUtf8(one)!).sort();
    assert.deepEqual(allowed(), expected, `${name}: with it`);
    change("remove", set, item);
    assert.deepEqual(allowed(), [], `${name}: after`);
  }
});

test("[DSPOOL-0-01] who publishes and who subscribes need not meet: two write at replicas that are cut off from one another, the reader comes later and finds all at either, in an order of its own", () => {
  const world = createdWorld("publishers");
  const [first, second] = world.hosts as [ReplicaHost, ReplicaHost];
  for (const link of ["0 1", "1 0"]) world.blocked.add(link);
  const publish = (host: ReplicaHost, writer: number, text: string): void => {
    const write = world.writers[writer]!.message(utf8(text));
    assert.equal(statusOf(world, host, { type: "add", spool: world.spool, write, body: utf8(text) }), "ok");
  };
  for (const text of ["one", "two"]) publish(first, 0, text);
  for (const text of ["three", "four"]) publish(second, 1, text);
  const words = new Map(["one", "two", "three", "four"].map((text) => [toHex(utf8(text)), text]));
  const read = (host: ReplicaHost): string[] => [...readAll(world, host).values()].map((hex) => words.get(hex)!);
  assert.deepEqual(read(second), ["three", "four"]);
  world.heal();
  world.agenda.runUntil(world.agenda.now() + 20_000);
  for (const [host, own] of [[first, ["one", "two"]], [second, ["three", "four"]]] as const) {
    const found = read(host);
    assert.deepEqual(found.slice(0, 2), own, "its own come first");
    assert.deepEqual(found.toSorted(), [...words.values()].toSorted());
  }
});

test("[DSPOOL-6.1-15] a spool that a client creates has one canonical reader, one writer and the replicas that were asked for", async () => {
  const keys = new Map(["p1", "p2"].map((name) => [name, privateKey(suite, name)]));
  const clock = createEpochClock(20 * 60_000, 0);
  let root = new Uint8Array(0);
  const spools = new Map<string, ReturnType<typeof newPermissioned>>();
  /** Providers whose replicas hear of nothing but what they are asked. */
  const query = ({ provider }: { readonly provider: string | null }, message: Uint8Array) => {
    const key = keys.get(provider!)!;
    const host = decodeHost(message);
    if (host !== null) {
      root = Uint8Array.from(host.spool);
      const hosted = encodeHosted("ok", publicOf(key));
      return Promise.resolve({ payload: framed(hosted) });
    }
    const request = decodeRequest(message);
    if (request?.type !== "add") return assert.fail("only adds");
    const before = spools.get(provider!) ?? newPermissioned(root, publicOf(key));
    const after = right(appendWrite(suite, key, before, request.write, 100));
    spools.set(provider!, after);
    const receipts = receiptsOf(suite, withCopy(newDurable(root), after), request.write);
    return Promise.resolve({ payload: framed(encodeReply({ type: "added", status: "ok", receipts })) });
  };
  const document = {
    providers: [...keys.keys()].map((name) => ({
      name,
      kaetzchen: new Map([["spool", new Map([["endpoint", "+spool"]])]]),
    })),
  };
  const client = { query, document: () => document } as unknown as Parameters<
    typeof replicatedSpoolsOf
  >[0]["client"];
  const made = await replicatedSpoolsOf({ client, suite, clock, geometry: katzenpostGeometry }).create(["p1", "p2"]);
  const sets = setsOf([...spools.values()].reduce(withCopy, newDurable(root)));
  const members = (set: Uint8Array): string[] => itemsOf(sets, set).map(toHex);
  assert.deepEqual(members(setNames.canonicalReaders), [toHex(made.read.readKey.subarray(32))]);
  assert.deepEqual(members(setNames.dataWriters), [toHex(made.write.writeKey.subarray(32))]);
  assert.deepEqual(
    itemsOf(sets, setNames.replicas).map((item) => toHex(decodeDescriptor(item)!.key)).sort(),
    [...keys.values()].map((key) => toHex(publicOf(key))).sort(),
  );
});

test("[FAULT-44] [DSPOOL-8.2-01] what a revoked admin does at a replica that has not heard of it stays there: others go by who is an admin now, and the root key's word makes them agree", () => {
  const world = createReplicaWorld(suite, "revoked admin", 3);
  createAt(world, world.hosts);
  world.heal();
  world.agenda.runUntil(8_000);
  const [first, second, third] = world.hosts as [ReplicaHost, ReplicaHost, ReplicaHost];
  const [deputyKey, friendKey] = ["deputy", "friend"].map((name) => privateKey(suite, name)) as [
    Uint8Array,
    Uint8Array,
  ];
  const [deputy, friend] = [deputyKey, friendKey].map((key) => createAuthor(suite, key, world.spool));
  const say = (host: ReplicaHost, write: Write, body: Uint8Array | null = null): string => {
    let status = "none";
    world.ask(host, { type: "add", spool: world.spool, write, body }, (reply) => status = reply!.status);
    world.agenda.runUntil(world.agenda.now() + 100);
    return status;
  };
  const pass = (): void => world.agenda.runUntil(world.agenda.now() + 10_000);
  const texts = (): ReadonlyArray<number> => world.hosts.map((host) => readAll(world, host).size);

  assert.equal(say(first, world.root.operation(add(setNames.metaWriters, publicOf(deputyKey)))), "ok");
  pass();
  // The first one is cut off; at the second the deputy is revoked, at the first it still gives a friend a role.
  for (const cut of ["0 1", "1 0", "0 2", "2 0"]) world.blocked.add(cut);
  const revocation = { type: "remove", set: setNames.metaWriters, item: publicOf(deputyKey) } as const;
  assert.equal(say(second, world.root.operation(revocation)), "ok");
  assert.equal(say(first, deputy!.operation(add(setNames.dataWriters, publicOf(friendKey)))), "ok");
  const body = utf8("from a friend");
  const message = friend!.message(body);
  assert.equal(say(first, message, body), "ok");
  world.heal();
  pass();
  assert.equal(say(first, deputy!.operation(add(setNames.dataReaders, publicOf(friendKey)))), "not-permitted");
  assert.equal(say(third, friend!.message(body), body), "not-permitted");
  assert.deepEqual(texts(), [1, 0, 0], "it is read where it was taken, only");

  // The root key says which of both it wants: the role for all, or for nobody.
  const grant = world.root.operation(add(setNames.dataWriters, publicOf(friendKey)));
  assert.deepEqual([say(first, grant), say(second, grant)], ["present", "ok"]);
  pass();
  assert.deepEqual(texts(), [1, 1, 1]);
  const taken = world.root.operation({ type: "remove", set: setNames.dataWriters, item: publicOf(friendKey) });
  assert.equal(say(second, taken), "ok");
  pass();
  for (const host of world.hosts) assert.equal(say(host, friend!.message(body), body), "not-permitted");
});
