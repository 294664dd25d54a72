/** The whole process of a spool plugin: requests of every kind, new replicas, a restart. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../../core/bytes.ts";
import { mono, type Step, wall } from "../../../core/machine.ts";
import { defaultHosting } from "../../../core/spool/hosting_types.ts";
import { decodeHosted, encodeHost, framed, signHost } from "../../../core/spool/hosting_wire.ts";
import { decodeReply, encodeRequest } from "../../../core/spool/replica_wire.ts";
import { encodeMemspoolRequest, signMemspool } from "../../../core/spool/memspool.ts";
import { defaultSpoolLimits } from "../../../core/spool/service_types.ts";
import { padded } from "../../../core/spool/service_wire.ts";
import { bootSpools, createSpoolSystem } from "../../../core/spool/system.ts";
import type { Emission, SystemState } from "../../../core/system.ts";
import { createStore } from "../../sim/store.ts";
import { toySuite as suite } from "../../sim/toy_suite.ts";
import { clock, createProcess, geometry, host, packets, request, rootKey, spool } from "./hosting_process.ts";
import { createAuthor, privateKey, publicOf } from "./keys.ts";

test("[DSPOOL-8.1-02] a root key is given a replica, once; it outlives a restart, and is served", () => {
  const store = createStore();
  const one = createProcess({}, store);
  const { status, key } = host(one);
  assert.equal(status, "ok");
  assert.deepEqual(host(one), { status, key });
  const again = createProcess({}, store);
  assert.deepEqual(host(again), { status, key });
  const root = createAuthor(suite, rootKey, spool);
  const write = root.operation({ type: "add", set: utf8("data writer"), item: publicOf(rootKey) });
  const reply = request(again, { type: "add", spool, write, body: null });
  assert.equal(reply?.status, "ok");
  assert.deepEqual(reply?.type === "added" ? reply.receipts.map(({ replica }) => replica) : null, [key]);
});

test("[FAULT-37] replicas are for root keys, as many as the operator hosts and takes in an epoch; a full disk makes none", () => {
  const one = createProcess({ hostedMax: 3, hostsPerEpochMax: 2 });
  const keys = ["a", "b", "c"].map((name) => privateKey(suite, name));
  one.fail(true);
  assert.equal(host(one, keys[0]).status, "disk-full");
  one.fail(false);
  assert.deepEqual(keys.map((key) => host(one, key).status), ["ok", "full", "full"]);
  assert.equal(host(one, keys[0], 98).status, "wrong-epoch");
  const forged = { ...signHost(suite, keys[1]!, 100), spool };
  assert.equal(decodeHosted(one.send(encodeHost(forged)))?.status, "wrong-signature");
});

test("[FAULT-37] every request has one answer: of memspool's, garbage, unknown spools, wrong lengths; of replicated spools all have one size", () => {
  const one = createProcess();
  const owner = privateKey(suite, "owner");
  const create = encodeMemspoolRequest({
    command: "create",
    spool: new Uint8Array(12),
    messageId: 0,
    publicKey: publicOf(owner),
    signature: signMemspool(suite, owner),
    message: new Uint8Array(0),
  });
  assert.notEqual(one.ask(padded(geometry.userPayloadLength, framed(create))).length, 0);
  const root = createAuthor(suite, rootKey, spool);
  const write = root.operation({ type: "add", set: utf8("s"), item: utf8("i") });
  const add = encodeRequest({ type: "add", spool, write, body: null });
  assert.deepEqual(decodeReply(one.send(add)), { type: "refused", status: "unknown-spool" });
  assert.deepEqual(decodeReply(one.send(Uint8Array.of(0x81, 0x00))), { type: "refused", status: "malformed" });
  for (const payload of [new Uint8Array(0), new Uint8Array(3), new Uint8Array(geometry.userPayloadLength).fill(0xff)]) {
    assert.notEqual(one.ask(payload).length, 0);
  }
  for (const bytes of [add, Uint8Array.of(0x80), encodeHost(signHost(suite, rootKey, 100))]) {
    assert.equal(one.ask(padded(geometry.userPayloadLength, framed(bytes))).length, geometry.replyLengthMax);
  }
});

test("the process says once that it is ready: when the service and every replica that it hosts have been read back", () => {
  const store = createStore();
  host(createProcess({}, store));
  const system = createSpoolSystem({ suite, geometry: packets });
  const config = { service: { ...defaultSpoolLimits, clock }, hosting: defaultHosting, client: null };
  const context = { now: mono(0), wall: wall(1_000_000), seed: new Uint8Array(32) };
  const waiting: Emission[] = [];
  const said: string[] = [];
  const take = ({ state, effects }: Step<SystemState, Emission>): SystemState => {
    for (const emission of effects) {
      const { effect } = emission;
      if (effect.type === "Notify") said.push((effect.event as { readonly type: string }).type);
      else if (effect.type === "Scan") waiting.push(emission);
    }
    return state;
  };
  let state = take(system.start(context, bootSpools(config)));
  const scanned: string[] = [];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    assert.deepEqual(said, [], "not before the last page");
    if (next.effect.type !== "Scan") continue;
    scanned.push(next.effect.table);
    state = take(system.step(context, state, { to: next.from, event: store.perform(next.effect) }));
  }
  assert.deepEqual(said, ["SpoolsReady"]);
  assert.equal(scanned.includes("dspool-entries") && scanned.includes("spools"), true, scanned.join());
});
