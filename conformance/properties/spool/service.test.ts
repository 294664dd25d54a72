/** The spool service, version 2 and what both versions share: durability, quotas, expiry, abuse. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toHex, utf8 } from "../../../core/bytes.ts";
import { nativeSuite as suite } from "../../../adapters/crypto_native.ts";
import {
  decodeMemspoolResponse,
  encodeMemspoolRequest,
  type MemspoolRequest,
  signMemspool,
} from "../../../core/spool/memspool.ts";
import type { SpoolStatus } from "../../../core/spool/service_types.ts";
import {
  decodeRequest2,
  decodeResponse2,
  encodeRequest2,
  response2Length,
  signRequest2,
  type SpoolResponse2,
} from "../../../core/spool/service_wire.ts";
import { privateKey, publicOf } from "./keys.ts";
import { createServiceWorld, epochMs, geometry, type ServiceWorld } from "./service_world.ts";

const owner = privateKey(suite, "owner");
const writer = privateKey(suite, "writer");
const none = new Uint8Array(0);
const zeros = new Uint8Array(12);

type Command = Parameters<typeof signRequest2>[2];

const signed = (world: ServiceWorld, key: Uint8Array, parts: Partial<Command> & Pick<Command, "command">): Uint8Array =>
  encodeRequest2(
    geometry,
    signRequest2(suite, key, { spool: zeros, messageId: 0, epoch: world.epoch(), message: none, ...parts }),
  );

const read2 = (payload: Uint8Array | undefined): SpoolResponse2 => {
  const response = payload === undefined ? null : decodeResponse2(geometry, payload);
  assert.notEqual(response, null);
  return response!;
};

const ask = (world: ServiceWorld, key: Uint8Array, parts: Parameters<typeof signed>[2]): SpoolResponse2 =>
  read2(world.ask(signed(world, key, parts))?.payload);

const create = (world: ServiceWorld, key = owner): Uint8Array =>
  ask(world, key, { command: "create", message: publicOf(writer) }).spool;
const append = (world: ServiceWorld, spool: Uint8Array, text: string, key = writer): SpoolResponse2 =>
  ask(world, key, { command: "append", spool, message: utf8(text) });
const retrieve = (world: ServiceWorld, spool: Uint8Array, messageId: number, key = owner): SpoolResponse2 =>
  ask(world, key, { command: "retrieve", spool, messageId });

test("a message is read by its id as often as wanted, and the answer says where the spool ends", () => {
  const world = createServiceWorld(suite);
  const spool = create(world);
  assert.equal(append(world, spool, "one").messageId, 1);
  assert.equal(append(world, spool, "two").messageId, 2);
  for (let i = 0; i < 2; i++) {
    const { status, message, end } = retrieve(world, spool, 2);
    assert.deepEqual([status, toHex(message), end], ["ok", toHex(utf8("two")), 3]);
  }
});

test("[FAULT-37] creating again, appending again and purging again change nothing: no spool and no message twice", () => {
  const world = createServiceWorld(suite);
  const spool = create(world);
  assert.equal(toHex(create(world)), toHex(spool));
  const request = signed(world, writer, { command: "append", spool, message: utf8("once") });
  assert.equal(read2(world.ask(request)?.payload).messageId, 1);
  assert.equal(read2(world.ask(request)?.payload).messageId, 1);
  assert.equal(world.state().messages, 1);
  assert.equal(ask(world, owner, { command: "purge", spool }).status, "ok");
  assert.equal(ask(world, owner, { command: "purge", spool }).status, "unknown-spool");
});

test("nothing is answered before it is durable, and appends that wait share one commit", () => {
  const world = createServiceWorld(suite);
  const spool = create(world);
  world.hold();
  for (const text of ["a", "b", "c", "b"]) {
    world.ask(signed(world, writer, { command: "append", spool, message: utf8(text) }));
  }
  assert.deepEqual([world.responses.length, world.commitsHeld()], [0, 1]);
  world.release();
  assert.deepEqual(world.responses.map(({ payload }) => read2(payload).messageId), [1, 2, 3, 2]);
});

test("[FAULT-37] what waits for its signature to be checked is held, and finds what its spool is by then", () => {
  const world = createServiceWorld(suite);
  const spool = create(world);
  world.holdChecks();
  world.ask(signed(world, writer, { command: "append", spool, message: utf8("late") }));
  world.ask(signed(world, owner, { command: "retrieve", spool, messageId: 1 }));
  world.ask(signed(world, writer, { command: "purge", spool }));
  world.ask(signed(world, owner, { command: "purge", spool }));
  assert.deepEqual([world.responses.length, world.state().held, world.state().checks.size], [0, 4, 4]);
  world.releaseChecks();
  const statuses = world.responses.map(({ payload }) => read2(payload).status);
  assert.deepEqual(statuses, ["ok", "wrong-signature", "unknown-spool", "unknown-spool"]);
  assert.deepEqual([world.state().held, world.state().checks.size, world.state().messages], [0, 0, 0]);
});

test("[FAULT-37] [FAULT-38] a full disk and an I/O error have a status each, lose nothing and leave no gap", () => {
  const world = createServiceWorld(suite);
  const spool = create(world);
  append(world, spool, "kept");
  world.fail("full");
  assert.equal(append(world, spool, "refused").status, "disk-full");
  assert.equal(ask(world, owner, { command: "purge", spool }).status, "disk-full");
  world.fail("io");
  assert.equal(append(world, spool, "refused").status, "store-failed");
  assert.equal(toHex(retrieve(world, spool, 1).message), toHex(utf8("kept")));
  world.fail(null);
  assert.equal(append(world, spool, "next").messageId, 2);
  assert.deepEqual([world.state().messages, world.state().bytes, world.state().held], [2, 8, 0]);
});

test("[FAULT-37] ids are not given twice after a restart, nor after messages expired or the spool was purged", () => {
  const first = createServiceWorld(suite, { messageLifetimeEpochs: 2, spoolLifetimeEpochs: 1000 });
  const spool = create(first);
  append(first, spool, "one");
  append(first, spool, "two");
  first.pass(5 * epochMs);
  assert.equal(retrieve(first, spool, 2).status, "not-found");
  const second = createServiceWorld(suite, {}, first.store);
  assert.equal(append(second, spool, "three").messageId, 3);
  const third = createServiceWorld(suite, {}, first.store);
  assert.equal(toHex(retrieve(third, spool, 3).message), toHex(utf8("three")));
  assert.deepEqual([third.state().messages, third.state().bytes], [1, 5]);
  ask(third, owner, { command: "purge", spool });
  assert.notEqual(toHex(create(third)), toHex(spool));
});

test("[FAULT-37] a purge deletes: nothing of the spool is left in the store, also after a restart", () => {
  const world = createServiceWorld(suite);
  const spool = create(world);
  for (const text of ["a", "b", "c"]) append(world, spool, text);
  assert.equal(ask(world, owner, { command: "purge", spool }).status, "ok");
  for (const table of ["spools", "spool-index", "spool-messages"]) {
    const rows = world.store.perform({ type: "Scan", id: 0, table, after: null, limit: 10 });
    assert.equal(rows.type === "Scanned" ? rows.entries.length : -1, 0, table);
  }
  assert.equal(retrieve(createServiceWorld(suite, {}, world.store), spool, 1).status, "unknown-spool");
});

test("[FAULT-37] each abuse has its own status and its own count: unknown spool, foreign key, past the end, wrong epoch", () => {
  const world = createServiceWorld(suite);
  const spool = create(world);
  append(world, spool, "one");
  const expected: [SpoolStatus, () => SpoolResponse2][] = [
    ["unknown-spool", () => append(world, new Uint8Array(12).fill(9), "x")],
    ["wrong-signature", () => append(world, spool, "x", owner)],
    ["wrong-signature", () => retrieve(world, spool, 1, writer)],
    ["wrong-signature", () => ask(world, writer, { command: "purge", spool })],
    ["not-found", () => retrieve(world, spool, 2)],
    ["not-found", () => retrieve(world, spool, 0)],
    ["not-found", () => retrieve(world, spool, Number.MAX_SAFE_INTEGER)],
    ["wrong-epoch", () => ask(world, owner, { command: "retrieve", spool, messageId: 1, epoch: world.epoch() + 2 })],
    ["wrong-epoch", () => ask(world, owner, { command: "retrieve", spool, messageId: 1, epoch: world.epoch() - 2 })],
    ["malformed", () => ask(world, owner, { command: "create", message: utf8("short") })],
  ];
  for (const [status, attempt] of expected) {
    const before = world.counts.get(status) ?? 0;
    assert.equal(attempt().status, status);
    assert.equal(world.counts.get(status), before + 1);
  }
  assert.equal(retrieve(world, spool, 1).status, "ok");
});

test("[FAULT-37] a signature serves for nothing but what was signed: command, spool, message id, message, epoch", () => {
  const world = createServiceWorld(suite);
  const spool = create(world);
  const other = create(world, writer);
  append(world, spool, "one");
  const request = decodeRequest2(geometry, signed(world, owner, { command: "retrieve", spool, messageId: 1 }))!;
  for (const change of [{ command: "purge" as const }, { messageId: 2 }, { epoch: world.epoch() + 1 }]) {
    assert.equal(
      read2(world.ask(encodeRequest2(geometry, { ...request, ...change }))?.payload).status,
      "wrong-signature",
    );
  }
  assert.equal(
    read2(world.ask(encodeRequest2(geometry, { ...request, spool: other }))?.payload).status,
    "wrong-signature",
  );
  assert.equal(read2(world.ask(encodeRequest2(geometry, request))?.payload).status, "ok");
});

test("[FAULT-37] a flood of creations ends at the quota of the epoch, and goes on in the next one", () => {
  const world = createServiceWorld(suite, { createsPerEpochMax: 3, spoolsMax: 5 });
  const statuses = (from: number): SpoolStatus[] =>
    Array.from(
      { length: 4 },
      (_, at) =>
        ask(world, privateKey(suite, `flood ${from + at}`), { command: "create", message: publicOf(writer) }).status,
    );
  assert.deepEqual(statuses(0), ["ok", "ok", "ok", "service-full"]);
  world.pass(epochMs);
  assert.deepEqual(statuses(10), ["ok", "ok", "service-full", "service-full"]);
});

test("[FAULT-37] quotas of a spool and of all, in messages and bytes", () => {
  const world = createServiceWorld(suite, {
    messagesPerSpoolMax: 3,
    bytesPerSpoolMax: 100,
    messagesMax: 4,
    bytesMax: 150,
  });
  const [one, two] = [create(world), create(world, writer)];
  assert.equal(append(world, one, "x".repeat(101)).status, "spool-full");
  for (const text of ["a", "b", "c"]) assert.equal(append(world, one, text).status, "ok");
  assert.equal(append(world, one, "d").status, "spool-full");
  assert.equal(append(world, two, "x".repeat(100)).status, "ok");
  assert.equal(append(world, two, "y").status, "spool-full");
  ask(world, owner, { command: "purge", spool: one });
  const three = create(world, privateKey(suite, "third"));
  assert.equal(append(world, three, "x".repeat(51)).status, "service-full");
  assert.equal(append(world, three, "x".repeat(50)).status, "ok");
});

test("[FAULT-37] spools whose owner stays away expire with all that is in them; reading keeps them", () => {
  const world = createServiceWorld(suite, { spoolLifetimeEpochs: 4, messageLifetimeEpochs: 100 });
  const [read, unread] = [create(world), create(world, privateKey(suite, "lazy"))];
  for (const spool of [read, unread]) append(world, spool, "x");
  for (let i = 0; i < 6; i++) {
    world.pass(epochMs);
    retrieve(world, read, 1);
  }
  assert.equal(retrieve(world, read, 1).status, "ok");
  assert.equal(append(world, unread, "y").status, "unknown-spool");
  assert.deepEqual([world.state().spools.size, world.state().messages], [1, 1]);
});

test("[FAULT-37] [FAULT-36] garbage is malformed, and every response of version 2 has one size", () => {
  const world = createServiceWorld(suite);
  const lengths = new Set<number>();
  // A CBOR map, if only the empty one, is a request of version 1: the test below.
  const isMap = (bytes: Uint8Array) => (bytes[0] ?? 0) >> 5 === 5;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }).filter((bytes) => !isMap(bytes)), fc.boolean(), (garbage, inside) => {
      const response = inside ? world.ask(garbage) : world.askPayload(garbage);
      assert.equal(response?.status, "malformed");
      lengths.add(response!.payload.length);
    }),
    { numRuns: 200 },
  );
  const spool = create(world);
  for (const text of ["", "x", "x".repeat(geometry.messageLengthMax)]) {
    const request = signed(world, writer, { command: "append", spool, message: utf8(text) });
    assert.equal(request.length, geometry.requestLengthMax);
    lengths.add(world.ask(request)!.payload.length);
  }
  for (const id of [1, 2, 3, 4]) {
    lengths.add(world.ask(signed(world, owner, { command: "retrieve", spool, messageId: id }))!.payload.length);
  }
  assert.deepEqual([...lengths], [response2Length(geometry)]);
});

/* Version 1 */

test("[FAULT-37] an empty map is a create of version 1 without its key: malformed, answered in version 1", () => {
  const response = createServiceWorld(suite).ask(Uint8Array.of(0xa0));
  assert.equal(response?.status, "malformed");
  assert.equal(decodeMemspoolResponse(response!.payload)?.status, "malformed");
});

const memspool = (parts: Partial<MemspoolRequest> & Pick<MemspoolRequest, "command">): Uint8Array =>
  encodeMemspoolRequest({
    message: none,
    messageId: 0,
    publicKey: publicOf(owner),
    signature: signMemspool(suite, owner),
    spool: zeros,
    ...parts,
  });

test("version 1 may be switched off, and opens no door of version 2", () => {
  const world = createServiceWorld(suite);
  const spool = create(world);
  append(world, spool, "one");
  for (const command of ["append", "retrieve", "purge"] as const) {
    assert.equal(world.ask(memspool({ command, spool, messageId: 1 }))?.status, "unknown-spool");
  }
  assert.equal(world.ask(memspool({ command: "create" }))?.status, "ok");
  const strict = createServiceWorld(suite, { acceptsVersion1: false });
  assert.equal(strict.ask(memspool({ command: "create" }))?.status, "version-refused");
});

test("a message longer than one may be is malformed", () => {
  const message = new Uint8Array(geometry.messageLengthMax + 1);
  const request = memspool({ command: "append", message, publicKey: none, signature: none });
  assert.equal(createServiceWorld(suite).ask(request)?.status, "malformed");
});

test("a store that a newer version has written is refused: the service does not start", () => {
  const world = createServiceWorld(suite);
  const spool = create(world);
  world.store.perform({ type: "Commit", id: 0, writes: [{ table: "spools", key: spool, value: Uint8Array.of(2) }] });
  assert.notEqual(createServiceWorld(suite, {}, world.store).state().restoring, null);
});
