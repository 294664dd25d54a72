/**
 * Replicas that lie, as machines among honest ones over links that fail: whatever they do, honest replicas keep what
 * was acknowledged, nothing appears that nobody wrote, and what can be proved is proved and freezes them.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex, utf8 } from "../../../core/bytes.ts";
import { newAudit, observeAnswer } from "../../../core/spool/audit.ts";
import { isFrozen } from "../../../core/spool/durable.ts";
import { headersOf } from "../../../core/spool/permissioned.ts";
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  type Exchange,
  signSync,
  type SyncItem,
} from "../../../core/spool/replica_wire.ts";
import { signNext } from "../../../core/spool/signed.ts";
import { contentId, decodeWrite, encodeWrite } from "../../../core/spool/write.ts";
import { createStore, type Store } from "../../sim/store.ts";
import { toySuite as suite } from "../../sim/toy_suite.ts";
import { createAuthor, publicOf } from "./keys.ts";
import { createAt, readAll } from "./replica_users.ts";
import { createReplicaWorld, type Lie, type ReplicaWorld } from "./replica_world.ts";

/** Changes the items and the vector of what a liar says, and signs it again. */
const changing = (world: ReplicaWorld, change: (items: ReadonlyArray<SyncItem>) => ReadonlyArray<SyncItem>): Lie => {
  const exchangeOf = (one: Exchange): Exchange => ({ ...one, items: change(one.items) });
  return ({ type, bytes }) => {
    if (type === "request") {
      const request = decodeRequest(bytes);
      if (request?.type !== "sync") return [bytes];
      return [
        encodeRequest(signSync(suite, world.hosts[0]!.key, { ...request, exchange: exchangeOf(request.exchange) })),
      ];
    }
    const reply = decodeReply(bytes);
    if (reply?.type === "synced") return [encodeReply({ ...reply, exchange: exchangeOf(reply.exchange) })];
    return [reply?.type === "items" ? encodeReply({ ...reply, items: change(reply.items) }) : bytes];
  };
};

/** An entry in the liar's own name with a message that it wrote itself. */
const invented = (world: ReplicaWorld): SyncItem => {
  const [liar] = world.hosts;
  const spool = liar!.state!.kept.durable.copies.get(toHex(publicOf(liar!.key)))!;
  const body = utf8("nobody wrote this");
  const write = createAuthor(suite, liar!.key, world.spool).message(body);
  const message = encodeWrite(write);
  const header = signNext(suite, liar!.key, spool.data, message, 100, headersOf(spool, "meta").size);
  return { replica: spool.key, entry: { header, message }, body };
};

/** The body, the write or the header of an item is another. */
const altered = (item: SyncItem, at: number): SyncItem => {
  if (at % 3 === 0) return { ...item, body: utf8("another body") };
  const message = item.entry.message.map((byte, index) => index === 60 ? byte ^ 1 : byte);
  if (at % 3 === 1) return { ...item, entry: { ...item.entry, message } };
  return { ...item, entry: { ...item.entry, header: { ...item.entry.header, epoch: item.entry.header.epoch + 1 } } };
};

interface Liar {
  readonly name: string;
  readonly lie: (world: ReplicaWorld) => Lie;
  /** What a reader that asks it finds. */
  readonly finding: ReadonlyArray<string | null>;
  /** What honest replicas count. */
  readonly counted?: string;
}

const liars: ReadonlyArray<Liar> = [
  { name: "never answers", lie: () => () => [], finding: [], counted: "dspool-syncs failed" },
  {
    name: "answers garbage",
    lie: ({ prng }) => ({ bytes }) => [bytes.map((byte) => prng.once(4) ? byte ^ 0x55 : byte)],
    finding: [],
    counted: "dspool-syncs failed",
  },
  {
    name: "drops every second entry",
    lie: (world) => changing(world, (items) => items.filter((_, at) => at % 2 === 1)),
    finding: ["gap"],
    counted: "dspool-refused gap",
  },
  {
    name: "reorders",
    lie: (world) => changing(world, (items) => items.toReversed()),
    finding: ["gap"],
    counted: "dspool-refused gap",
  },
  {
    name: "repeats",
    lie: (world) => changing(world, (items) => items.flatMap((item) => [item, item])),
    finding: ["duplicate"],
  },
  { name: "alters", lie: (world) => changing(world, (items) => items.map(altered)), finding: ["altered"] },
  {
    name: "forges",
    lie: (world) => changing(world, (items) => [...items, invented(world)]),
    finding: ["gap", "altered", "fork", "rollback", null],
    counted: "dspool-refused not-permitted",
  },
  {
    name: "replays what it once said",
    lie: () => {
      const said = new Map<string, Uint8Array>();
      return ({ type, bytes }) => {
        const kind = `${type} ${decodeReply(bytes)?.type}`;
        if (!said.has(kind)) said.set(kind, bytes);
        return [said.get(kind)!];
      };
    },
    finding: ["altered", null],
  },
  {
    name: "floods",
    lie: () => ({ type, bytes }) => type === "request" ? Array.from({ length: 40 }, () => bytes) : [bytes],
    finding: [null],
  },
];

/** Ten messages through all replicas, of which those count that an honest one acknowledged. */
const write = (world: ReplicaWorld, from: number, through: ReadonlyArray<number>) => {
  const [written, acknowledged] = [new Map<string, string>(), new Set<string>()];
  for (let at = 0; at < 10; at++) {
    world.agenda.at(from + at * 300, () => {
      const body = utf8(`message ${from} ${at}`);
      const one = world.writers[at % 2]!.message(body);
      const id = contentId(suite, world.spool, one);
      written.set(id, toHex(body));
      const host = through[at % through.length]!;
      world.ask(world.hosts[host]!, { type: "add", spool: world.spool, write: one, body }, (reply) => {
        if (host !== 0 && reply?.type === "added" && reply.status === "ok") acknowledged.add(id);
      });
    });
  }
  return { written, acknowledged };
};

type Written = ReturnType<typeof write>;

const holds = (world: ReplicaWorld, honest: ReadonlyArray<number>, { written, acknowledged }: Written): void => {
  for (const at of honest) {
    const view = readAll(world, world.hosts[at]!);
    for (const id of acknowledged) assert.equal(view.get(id), written.get(id), `replica ${at} lacks one`);
    for (const [id, body] of view) assert.equal(body, written.get(id), `replica ${at}: nobody wrote it`);
    const { waiting, gatherings, kept } = world.hosts[at]!.state!;
    assert.equal(waiting.size + gatherings.size <= 256 && kept.durable.copies.size <= 16, true, "bounded");
    for (const other of honest) {
      const key = toHex(publicOf(world.hosts[other]!.key));
      assert.equal(isFrozen(kept.durable, key), false, "an honest replica is not convicted");
    }
  }
};

for (const { name, lie, finding, counted } of liars) {
  test(`[FAULT-44] [DSPOOL-1-04] a replica that ${name}: honest ones keep what was acknowledged, and its reader sees it`, () => {
    const world = createReplicaWorld(suite, `liar ${name}`, 3);
    createAt(world, world.hosts);
    world.agenda.runUntil(7_000);
    world.lies.set(world.hosts[0]!, lie(world));
    const written = write(world, 7_000, [0, 1, 2]);
    world.agenda.runUntil(11_000);
    world.heal();
    world.agenda.runUntil(23_000);
    holds(world, [1, 2], written);
    if (counted !== undefined) assert.equal((world.counts.get(counted) ?? 0) > 0, true, `${counted} is counted`);
    if (finding.length === 0) return;
    let audit = newAudit(world.spool);
    const found: Array<string | null> = [];
    readAll(world, world.hosts[0]!, (read, { items, head }) => {
      const shown = items.map(({ entry, body }) => ({ header: entry.header, write: decodeWrite(entry.message), body }));
      const genuine = shown.flatMap((item) => item.write === null ? [] : [{ ...item, write: item.write }]);
      const seen = observeAnswer(suite, audit, publicOf(world.hosts[0]!.key), read, { items: genuine, head: head! });
      audit = seen.audit;
      found.push(genuine.length < shown.length ? "altered" : seen.finding);
    }, 2);
    assert.equal(
      found.some((one) => finding.includes(one) && (one !== null || finding.length === 1)),
      true,
      `${found}`,
    );
  });
}

test("[FAULT-44] [DSPOOL-4-08] a replica that shows two histories is convicted by those who compare them, and frozen; what honest ones acknowledged is read", () => {
  const world = createReplicaWorld(suite, "twins", 3, true);
  createAt(world, world.hosts);
  // Each half hears of its own writes only, so that they do not take the same ones in the same order by chance.
  for (const way of ["1 2", "2 1"]) world.blocked.add(way);
  const written = write(world, 7_000, [1, 2]);
  world.agenda.runUntil(11_000);
  world.heal();
  world.agenda.runUntil(30_000);
  holds(world, [1, 2], written);
  const liar = toHex(publicOf(world.hosts[0]!.key));
  for (const at of [1, 2]) {
    const { kept, others } = world.hosts[at]!.state!;
    assert.deepEqual([isFrozen(kept.durable, liar), others.has(liar)], [true, false], "frozen and not followed");
  }
  assert.equal((world.counts.get("dspool-convicted ") ?? 0) > 0, true, "counted");
});

const copyOf = (store: Store): Store => {
  const copy = createStore();
  for (const table of store.sizes().keys()) {
    const found = store.perform({ type: "Scan", id: 0, table, after: null, limit: 1_000_000 });
    if (found.type !== "Scanned") continue;
    copy.perform({ type: "Commit", id: 0, writes: found.entries.map(({ key, value }) => ({ table, key, value })) });
  }
  return copy;
};

test("[FAULT-44] a replica that goes back to an old state and signs anew is convicted, and what it had acknowledged is read from the others", () => {
  const world = createReplicaWorld(suite, "rollback", 3);
  const [liar] = world.hosts;
  createAt(world, world.hosts);
  const old = copyOf(liar!.store);
  const before = write(world, 7_000, [1, 0, 2]);
  world.agenda.runUntil(11_000);
  world.heal();
  world.agenda.runUntil(20_000);
  world.crash(liar!);
  liar!.store = old;
  world.start(liar!);
  // Before it hears from the others.
  for (const at of ["1", "2"]) for (const way of [`0 ${at}`, `${at} 0`]) world.blocked.add(way);
  const after = write(world, 20_100, [0, 0, 1]);
  world.agenda.runUntil(25_000);
  world.heal();
  world.agenda.runUntil(50_000);
  const both = {
    written: new Map([...before.written, ...after.written]),
    acknowledged: new Set([...before.acknowledged, ...after.acknowledged]),
  };
  holds(world, [1, 2], both);
  const key = toHex(publicOf(liar!.key));
  for (const at of [1, 2]) assert.equal(isFrozen(world.hosts[at]!.state!.kept.durable, key), true, `replica ${at}`);
});
