/**
 * A node whose store fails: what is new is refused with a reason, what is stored stays and is served as long as it can
 * be read, and with a store that works again the node goes on without a restart.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Effect, StoreEvent, StoreFailure } from "../../../core/effects.ts";
import { encodeForwardPayload } from "../../../core/sphinx/payload.ts";
import { readUint64, utf8 } from "../../../core/bytes.ts";
import type { Address } from "../../../core/system.ts";
import { createStore, type Store, type StoreEffect } from "../../sim/store.ts";
import { rightOf } from "../sphinx/fixture.ts";
import {
  assertConserved,
  createDriver,
  documentOf,
  type Driver,
  dropped,
  firstEpoch,
  forwardTo,
  geometry,
  keysOf,
  logged,
  periodMs,
  recipient,
  told,
} from "./fixture.ts";

const failures: ReadonlyArray<StoreFailure> = ["full", "read-only", "io", "corrupt"];
/** Of a disk that takes nothing more, what is on it can be read. */
const isReadable = (failure: StoreFailure): boolean => failure === "full" || failure === "read-only";

const refusalOf = ({ type, id }: StoreEffect, reason: StoreFailure): StoreEvent => {
  if (type === "Scan") return { type: "ScanFailed", id, reason };
  if (type === "TestAndSetReplay") return { type: "ReplayTested", id, outcome: "failed" };
  return { type: "CommitFailed", id, reason };
};

/** A store that fails while it is told to, for all effects or for some. */
const createFailing = () => {
  const store = createStore();
  let failing: { readonly reason: StoreFailure; readonly spares: ReadonlyArray<StoreEffect["type"]> } | null = null;
  const faulty: Store = {
    ...store,
    perform: (effect) =>
      failing === null || failing.spares.includes(effect.type) ||
        (effect.type === "Scan" && isReadable(failing.reason))
        ? store.perform(effect)
        : refusalOf(effect, failing.reason),
  };
  return {
    store: faulty,
    fail: (reason: StoreFailure, ...spares: ReadonlyArray<StoreEffect["type"]>): void => {
      failing = { reason, spares };
    },
    recover: (): void => {
      failing = null;
    },
  };
};

const running = (name: string, store: Store): Driver => {
  const node = createDriver(name, {}, store);
  node.document(documentOf(firstEpoch));
  node.linkUp();
  return node;
};

const register = (provider: Driver, user: string): unknown => {
  const asked = provider.tell({ type: "Register", id: 1, user, linkKey: keysOf(user).linkKey, identityKey: null });
  const note = [...asked, ...provider.flush()].find((effect) => effect.type === "Notify");
  return (note?.event as { readonly outcome: string } | undefined)?.outcome;
};

const deliver = (provider: Driver, sender: Address, text: string): ReadonlyArray<Effect> => {
  provider.send(sender);
  const payload = rightOf(encodeForwardPayload(geometry, null, utf8(text)));
  return provider.unwrapped([{ type: "Recipient", id: recipient("alice") }], payload);
};

/** The text of a message, "" where there is none, null where the session was closed. */
const retrieve = (provider: Driver, session: Address, sequence: number): string | null => {
  const asked = provider.report(session, { type: "Command", command: { type: "RetrieveMessage", sequence } });
  const [answer] = told([...asked, ...provider.flush()], session);
  if (answer?.type !== "Send") return null;
  return answer.command.type === "Message" ? new TextDecoder().decode(answer.command.payload).replace(/\0+$/, "") : "";
};

const reconnect = (provider: Driver, session: Address): Address => {
  provider.report(session, { type: "Down", reason: "peer-closed" });
  return provider.connectUser("alice");
};

for (const failure of failures) {
  test(`[FAULT-38] a Provider whose store answers "${failure}" refuses what is new, keeps what it has, and recovers`, () => {
    const disk = createFailing();
    const provider = running("p1", disk.store);
    assert.equal(register(provider, "alice"), "ok");
    const sender = provider.connectNode("c1");
    assert.deepEqual(dropped(deliver(provider, sender, "one")), []);
    assert.deepEqual(dropped(deliver(provider, sender, "two")), []);

    disk.fail(failure);
    assert.equal(register(provider, "bob"), "store-failed");
    assert.deepEqual(dropped(deliver(provider, sender, "lost")), ["replay-store-failed"]);
    // The tag is recorded, and the disk fails in between.
    disk.fail(failure, "TestAndSetReplay");
    const effects = deliver(provider, sender, "lost, too");
    assert.deepEqual(dropped(effects), ["store-failed"]);
    assert.equal(logged(effects, "store-failed")[0]?.fields?.["failure"], failure);
    let session = provider.connectUser("alice");
    assert.equal(retrieve(provider, session, 0), isReadable(failure) ? "one" : null);
    session = reconnect(provider, session);
    assertConserved(provider);

    disk.recover();
    assert.equal(register(provider, "bob"), "ok");
    assert.deepEqual(dropped(deliver(provider, sender, "three")), []);
    const texts = [0, 1, 2, 3].map((sequence) => retrieve(provider, session, sequence));
    assert.deepEqual(texts, ["one", "two", "three", ""]);
    assertConserved(provider);
  });

  test(`[FAULT-38] a message whose removal the store answers with "${failure}" comes again after a start, never too few`, () => {
    const disk = createFailing();
    const provider = running("p1", disk.store);
    register(provider, "alice");
    const sender = provider.connectNode("c1");
    for (const text of ["one", "two"]) deliver(provider, sender, text);
    const session = provider.connectUser("alice");
    assert.equal(retrieve(provider, session, 0), "one");
    disk.fail(failure, "Scan");
    assert.equal(retrieve(provider, session, 1), "two", "the next one is served");
    disk.recover();
    const again = running("p1", disk.store);
    const next = again.connectUser("alice");
    assert.deepEqual([0, 1, 2].map((sequence) => retrieve(again, next, sequence)), ["one", "two", ""]);
  });

  test(`[FAULT-38] keys and descriptors that the store answers with "${failure}" are kept as soon as it takes them`, () => {
    const disk = createFailing();
    const mix = running("a1", disk.store);
    disk.fail(failure);
    const effects = mix.advance(periodMs);
    assert.equal(logged(effects, "store-failed").length > 0, true, "the operator is told");
    disk.recover();
    // Half an epoch, one, and a quarter of one have passed.
    mix.advance(periodMs / 4);
    const [kept, published] = [mix.state().keys, mix.state().publications];
    const again = createDriver("a1", { elapsedMs: (periodMs * 7) / 4 }, disk.store);
    for (const [epoch, { privateKey }] of kept) {
      assert.deepEqual(again.state().keys.get(epoch)?.privateKey, privateKey, `the key of epoch ${epoch}`);
    }
    for (const [epoch, { raw }] of published) {
      assert.deepEqual(again.state().publications.get(epoch)?.raw, raw, `the descriptor for epoch ${epoch}`);
    }
  });

  test(`[FAULT-38] [FAULT-46] keys, tags and descriptors that the store, "${failure}" for two epochs, did not delete go when it can`, () => {
    const disk = createFailing();
    const mix = running("a1", disk.store);
    mix.send(mix.connectNode("p1"));
    mix.unwrapped(forwardTo("b1", 10), null, new Uint8Array(32).fill(7));
    assert.equal(disk.store.sizes().get(`replay/${firstEpoch}`), 1);
    disk.fail(failure);
    mix.advance(2 * periodMs);
    disk.recover();
    assert.equal(disk.store.sizes().get(`replay/${firstEpoch}`), 1, "still there");
    mix.advance(periodMs / 4);
    assert.equal(disk.store.sizes().has(`replay/${firstEpoch}`), false);
    const stored = (table: string): ReadonlyArray<number> => {
      const found = disk.store.perform({ type: "Scan", id: 0, table, after: null, limit: 100 });
      return found.type === "Scanned" ? found.entries.map(({ key }) => readUint64(key, 0)!) : [];
    };
    assert.deepEqual(stored("mix-keys"), [...mix.state().keys.keys()].sort());
    assert.deepEqual(stored("descriptors"), [...mix.state().publications.keys()].sort());
    assert.equal(mix.state().unkept, null);
  });

  const word = isReadable(failure) ? "starts" : "does not start";
  test(`[FAULT-38] a node whose store answers "${failure}" from the beginning ${word}`, () => {
    const disk = createFailing();
    disk.fail(failure);
    const life = createDriver("p1", {}, disk.store);
    assert.equal(life.state().restoring === null, isReadable(failure));
  });
}
