/** Clients of replicas in virtual time. */
import assert from "node:assert/strict";
import { toHex } from "../../../core/bytes.ts";
import { type ReadRequest, signRead } from "../../../core/spool/read.ts";
import type { Reply } from "../../../core/spool/replica_wire.ts";
import { contentId, decodeWrite, type SpoolIndex, type Write } from "../../../core/spool/write.ts";
import { publicOf } from "./keys.ts";
import { epochMs, type ReplicaHost, type ReplicaWorld } from "./replica_world.ts";

/** Appends until it is acknowledged, as a client does. */
export const persist = (
  world: ReplicaWorld,
  host: ReplicaHost,
  write: Write,
  body: Uint8Array | null,
  done: () => void,
): void => {
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
export const readAll = (
  world: ReplicaWorld,
  host: ReplicaHost,
  onAnswer: (read: ReadRequest, answer: Extract<Reply, { type: "items" }>) => void = () => undefined,
  answers = 200,
): Map<string, string> => {
  const found = new Map<string, string>();
  let [after, isEnd]: [SpoolIndex | null, boolean] = [null, false];
  for (let turns = 0; turns < answers && !isEnd; turns++) {
    const epoch = 100 + Math.floor(world.agenda.now() / epochMs);
    const replica = publicOf(host.key);
    const read = signRead(world.suite, world.readerKey, world.spool, replica, { part: "data", after, limit: 8, epoch });
    let answer = null as Reply | null;
    world.ask(host, { type: "read", spool: world.spool, read }, (reply) => answer = reply);
    world.agenda.runUntil(world.agenda.now() + 100);
    assert.equal(answer?.type, "items");
    if (answer?.type !== "items") break;
    assert.equal(answer.status, "ok");
    onAnswer(read, answer);
    for (const { entry, body } of answer.items) {
      const write = decodeWrite(entry.message)!;
      if (body !== null) found.set(contentId(world.suite, world.spool, write), toHex(body));
      after = { replica, index: entry.header.index, signature: entry.header.signature };
    }
    isEnd = answer.items.length === 0;
  }
  return found;
};

/** Creates the spool at all its replicas. */
export const createAt = (world: ReplicaWorld, hosts: ReadonlyArray<ReplicaHost>): void => {
  let left = 0;
  for (const host of hosts) world.start(host);
  for (const write of world.creation()) {
    for (const host of hosts) {
      left++;
      persist(world, host, write, null, () => left--);
    }
  }
  world.agenda.runUntil(5_000);
  assert.equal(left, 0, "the spool is created");
};
