/** Replicas that end: purged by the root key's signature, or since nobody has written for too long. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../../core/bytes.ts";
import type { HostingConfig } from "../../../core/spool/hosting_types.ts";
import { setNames } from "../../../core/spool/permissioned.ts";
import { decodePurge, encodePurge, type Purge, signPurge, verifyPurge } from "../../../core/spool/purge.ts";
import { decodeReply, type Reply } from "../../../core/spool/replica_wire.ts";
import type { Write } from "../../../core/spool/write.ts";
import { createStore, type Store } from "../../sim/store.ts";
import { toySuite as suite } from "../../sim/toy_suite.ts";
import { createProcess, host, type Process, request, rootKey, spool } from "./hosting_process.ts";
import { createAuthor, privateKey, publicOf } from "./keys.ts";

const writerKey = privateKey(suite, "writer");
const lives: Partial<HostingConfig> = { lifetimeEpochs: 20, messageLifetimeEpochs: 8 };

/** A process that hosts a spool with some messages, each of the epoch in which it is added. */
const founded = (limits: Partial<HostingConfig> = lives, store: Store = createStore()) => {
  const one = createProcess(limits, store);
  assert.equal(host(one).status, "ok");
  const [root, writer] = [rootKey, writerKey].map((key) => createAuthor(suite, key, spool));
  const grant = root!.operation({ type: "add", set: setNames.dataWriters, item: publicOf(writerKey) });
  assert.equal(request(one, { type: "add", spool, write: grant, body: null })?.status, "ok");
  const add = (text: string, epoch = 100): string => {
    const body = utf8(text);
    return request(one, { type: "add", spool, write: writer!.message(body, epoch), body })!.status;
  };
  return { one, store, add };
};

const purge = (one: Process, what: Purge = signPurge(suite, rootKey)): Reply =>
  decodeReply(one.send(encodePurge(what)))!;

/** Rows by table, but for empty ones. */
const rowsOf = (store: Store): Record<string, number> =>
  Object.fromEntries([...store.sizes()].filter(([name, size]) => size > 0 && name.startsWith("dspool")));

test("a purge is signed by the root key for one spool, and nothing else is taken for one", () => {
  const signed = signPurge(suite, rootKey);
  assert.equal(verifyPurge(suite, decodePurge(encodePurge(signed))!), true);
  const other = privateKey(suite, "other");
  assert.equal(verifyPurge(suite, { ...signed, spool: publicOf(other) }), false);
  assert.equal(verifyPurge(suite, { ...signPurge(suite, other), spool }), false);
  const bytes = encodePurge(signed);
  for (let end = 0; end < bytes.length; end++) assert.equal(decodePurge(bytes.subarray(0, end)), null);
  assert.equal(decodePurge(Uint8Array.of(...bytes, 0)), null);
});

test("a purged spool leaves nothing but the root key's signature, which everybody who asks is shown; also after a restart", () => {
  const { one, store, add } = founded();
  // More than one page of rows.
  for (let at = 0; at < 300; at++) assert.equal(add(`message ${at}`), "ok");
  const { signature } = signPurge(suite, rootKey);
  assert.deepEqual(purge(one), { type: "purged", status: "ok", signature: null });
  assert.deepEqual(rowsOf(store), { "dspool-graves": 1 });
  assert.equal(one.machines().some((name) => name.startsWith("replica/")), false, "its machine has stopped");
  const again = createProcess(lives, store);
  for (const process of [one, again]) {
    const write = createAuthor(suite, writerKey, spool).message(utf8("late"));
    const late = request(process, { type: "add", spool, write, body: utf8("late") });
    assert.deepEqual(late, { type: "purged", status: "purged", signature });
    assert.deepEqual(purge(process), { type: "purged", status: "ok", signature: null });
    assert.deepEqual(host(process), { status: "purged", key: null }, "it does not come back");
  }
  assert.deepEqual(rowsOf(store), { "dspool-graves": 1 });
});

test("[FAULT-43] nobody but the root key purges; what is not there cannot be purged, and leaves nothing behind", () => {
  const { one, store, add } = founded();
  assert.equal(add("kept"), "ok");
  const rows = rowsOf(store);
  const stranger = privateKey(suite, "stranger");
  assert.equal(purge(one, { ...signPurge(suite, stranger), spool }).status, "wrong-signature");
  assert.equal(purge(one, { ...signPurge(suite, writerKey), spool }).status, "wrong-signature");
  assert.equal(purge(one, signPurge(suite, stranger)).status, "unknown-spool");
  assert.deepEqual(rowsOf(store), rows);
});

test("[FAULT-38] a purge that the disk refuses is refused as such, changes nothing, and succeeds later", () => {
  const { one, store, add } = founded();
  assert.equal(add("kept"), "ok");
  const rows = rowsOf(store);
  one.fail(true);
  assert.equal(purge(one).status, "disk-full");
  one.fail(false);
  assert.deepEqual(rowsOf(store), rows);
  assert.equal(add("more"), "ok");
  assert.equal(purge(one).status, "ok");
  assert.deepEqual(rowsOf(store), { "dspool-graves": 1 });
});

test("a crash in the middle of a purge: the next start deletes the rest, of all tables, and nothing of other spools", () => {
  const { add, store } = founded();
  for (let at = 0; at < 5; at++) assert.equal(add(`message ${at}`), "ok");
  const neighbour = privateKey(suite, "neighbour");
  assert.equal(host(createProcess(lives, store), neighbour).status, "ok");
  // As the crash leaves it: the row by which the spool is hosted is what goes first.
  store.perform({ type: "Commit", id: 1, writes: [{ table: "dspool-hosted", key: spool, value: null }] });
  const before = rowsOf(store);
  assert.deepEqual([before["dspool-held"], before["dspool-bodies"]], [5, 5]);
  const again = createProcess(lives, store);
  assert.deepEqual(rowsOf(store), { "dspool-hosted": 1 });
  assert.equal(host(again, neighbour).status, "ok");
  assert.equal(host(again).status, "ok", "the name is free");
});

test("a spool lives for so many epochs after the last write, a message after its own: then its rows are deleted", () => {
  const { one, store, add } = founded();
  assert.equal(add("early"), "ok");
  one.moveTo(106);
  assert.equal(add("later", 106), "ok");
  one.moveTo(108);
  assert.equal(rowsOf(store)["dspool-bodies"], 2);
  one.moveTo(109);
  assert.equal(rowsOf(store)["dspool-bodies"], 1, "8 epochs after 100");
  assert.equal(add("much too late", 100), "forgotten");
  one.moveTo(126);
  assert.equal(rowsOf(store)["dspool-hosted"], 1, "20 epochs after 106");
  one.moveTo(127);
  assert.deepEqual(rowsOf(store), {});
  assert.equal(one.machines().some((name) => name.startsWith("replica/")), false);
  assert.equal(add("after its end", 127), "unknown-spool");
  // Its root key may have it anew.
  assert.equal(host(one, rootKey, 127).status, "ok");
});

test("[FAULT-38] what is forgotten is deleted a little at a time, as a full disk allows, and after a restart goes on", () => {
  const { add, store } = founded();
  for (let at = 0; at < 40; at++) assert.equal(add(`message ${at}`), "ok");
  let [commits, most] = [0, 0];
  const watched: Store = {
    ...store,
    perform: (effect) => {
      const deleted = effect.type === "Commit" ? effect.writes.filter(({ value }) => value === null).length : 0;
      [commits, most] = [commits + Number(deleted > 0), Math.max(most, deleted)];
      return store.perform(effect);
    },
  };
  // Away while all of them became too old, but not the spool.
  const later = createProcess(lives, watched, 110);
  later.moveTo(110.5);
  assert.deepEqual([rowsOf(store)["dspool-bodies"], rowsOf(store)["dspool-held"]], [undefined, undefined]);
  assert.deepEqual([commits, most], [7, 12], "40 bodies, 6 at once, each with its length");
  assert.equal(rowsOf(store)["dspool-hosted"], 1);
});

test("[FAULT-37] [FAULT-43] all replicas together have so much room: what one leaves another may take", () => {
  const { one, add } = founded({ ...lives, bytesMax: 1000 });
  const other = privateKey(suite, "other");
  assert.equal(host(one, other).status, "ok");
  const author = createAuthor(suite, other, publicOf(other));
  const ask = (write: Write, body: Uint8Array | null = null): string =>
    request(one, { type: "add", spool: publicOf(other), write, body })!.status;
  assert.equal(ask(author.operation({ type: "add", set: setNames.dataWriters, item: publicOf(other) })), "ok");
  const body = new Uint8Array(600);
  const message = author.message(body);
  assert.equal(add("x".repeat(600)), "ok");
  assert.equal(ask(message, body), "full");
  assert.equal(add("x".repeat(400)), "ok");
  assert.equal(add("x"), "full");
  assert.equal(purge(one).status, "ok");
  assert.equal(ask(message, body), "ok");
});

test("one that nobody ever wrote to, and one that was away for long, have time before they end", () => {
  const store = createStore();
  const empty = createProcess(lives, store);
  assert.equal(host(empty).status, "ok");
  empty.moveTo(120);
  assert.equal(rowsOf(store)["dspool-hosted"], 1);
  empty.moveTo(121);
  assert.deepEqual(rowsOf(store), {});
  const { store: old } = founded();
  const back = createProcess(lives, old, 500);
  back.moveTo(503);
  assert.equal(rowsOf(old)["dspool-hosted"], 1, "others may tell it of later writes");
  back.moveTo(504);
  assert.deepEqual(rowsOf(old), {});
});

test("[FAULT-43] graves and replicas together are as many as the operator hosts; a grave goes when no replica elsewhere can live any more", () => {
  const { one, store } = founded({ ...lives, hostedMax: 2 });
  const second = privateKey(suite, "second");
  assert.equal(host(one, second).status, "ok");
  assert.equal(purge(one).status, "ok");
  const third = privateKey(suite, "third");
  assert.equal(host(one, third).status, "full");
  one.moveTo(121);
  assert.equal(host(one, third, 121).status, "ok");
  assert.equal(rowsOf(store)["dspool-graves"] ?? 0, 0);
});
