/** A Provider's plugins as the node sees them: who is asked, what follows, and what the descriptor says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { E } from "../../../core/fp.ts";
import type { PluginReport, Serve } from "../../../core/provider/plugin_state.ts";
import type { Effect } from "../../../core/effects.ts";
import { stream } from "../../../core/random.ts";
import { newSurb, type Surb } from "../../../core/sphinx/surb.ts";
import { arrive, delayed, payloadOf, to } from "../provider/harness.ts";
import {
  assertConserved,
  createDriver,
  documentOf,
  type Driver,
  dropped,
  firstEpoch,
  geometry,
  keysOf,
  recipient,
  suite,
} from "./fixture.ts";

const service = { capability: "echo", endpoint: "+echo", command: "echo", args: [], instances: 1 };
const report = (what: PluginReport["report"]): PluginReport => ({ type: "Plugin", capability: "echo", report: what });
const up = report({ type: "Up", parameters: new Map([["version", "1"], ["endpoint", "not its to say"]]) });

const createProvider = (elapsedMs?: number): Driver => {
  const driver = createDriver("p1", {
    provider: { plugins: [service] },
    ...(elapsedMs === undefined ? {} : { elapsedMs }),
  });
  driver.document(documentOf(firstEpoch));
  driver.linkUp();
  return driver;
};

const served = (effects: ReadonlyArray<Effect>): Serve | undefined =>
  effects.flatMap((
    effect,
  ) => (effect.type === "Tell" && effect.to === "plugin/echo" ? [effect.event as Serve] : []))[0];

const published = (effects: ReadonlyArray<Effect>): ReadonlyArray<number> =>
  effects.flatMap((effect) =>
    effect.type === "Tell" && effect.to === "directory" && (effect.event as { type: string }).type === "Publish"
      ? [(effect.event as { epoch: number }).epoch]
      : []
  );

const servicesOf = (driver: Driver, epoch: number): unknown => {
  const { raw } = driver.state().publications.get(epoch)!;
  const text = new TextDecoder("latin1").decode(raw);
  return [...text.matchAll(/"(echo|loop|keyserver)":\{[^}]*\}/g)].map(([entry]) => entry);
};

test("[HB-MIX-4-05] descriptors wait until it is known whether plugins run, and name the parameters of those that do", () => {
  const driver = createProvider(0);
  assert.equal(driver.state().publications.size, 0);
  const effects = driver.tell(up);
  assert.deepEqual(published(effects), [firstEpoch, firstEpoch + 1]);
  assert.deepEqual(servicesOf(driver, firstEpoch), [
    '"echo":{"endpoint":"+echo","version":"1"}',
    '"keyserver":{"endpoint":"+keyserver"}',
    '"loop":{"endpoint":"+loop"}',
  ]);
});

test("[FAULT-35] a plugin that is down is left out of what is signed meanwhile; what is signed stays", () => {
  const driver = createProvider(0);
  driver.tell(up);
  const before = driver.state().publications.get(firstEpoch + 1)!.raw;
  driver.tell(report({ type: "Down" }));
  driver.advance(100_000);
  assert.equal(driver.state().publications.get(firstEpoch + 1)!.raw, before);
  assert.deepEqual(servicesOf(driver, firstEpoch + 2), [
    '"keyserver":{"endpoint":"+keyserver"}',
    '"loop":{"endpoint":"+loop"}',
  ]);
});

test("[FAULT-35] a request that a plugin does not answer is dropped for its reason, one it answers is delivered, once", () => {
  const driver = createProvider();
  driver.tell(up);
  const request = served(arrive(driver, [delayed(100), to("+echo")], payloadOf(null)));
  assert.equal(request?.hasSurb, false);
  assertConserved(driver);
  const effects = driver.tell(report({ type: "Unanswered", id: request!.id, reason: "plugin-timeout" }));
  assert.deepEqual(dropped(effects), ["plugin-timeout"]);
  assertConserved(driver);
  const next = served(arrive(driver, [delayed(100), to("+echo")], payloadOf(null)))!;
  const delivered = driver.state().tally.delivered;
  for (let i = 0; i < 2; i++) driver.tell(report({ type: "Answered", id: next.id, data: Uint8Array.of(1) }));
  assert.equal(driver.state().tally.delivered, delivered + 1);
  assertConserved(driver);
});

/** A SURB whose only hop is a1. */
const surb = (): Surb => {
  const random = stream(new Uint8Array(32).fill(9));
  const made = newSurb({ suite, geometry }, { r: random, filler: random }, [{
    id: keysOf("a1").identityKey,
    publicKey: suite.x25519Public(random.bytes(32)),
    commands: [{ type: "Recipient", id: recipient("x") }, { type: "SurbReply", id: new Uint8Array(16) }],
  }]);
  assert.equal(E.isRight(made), true);
  return (made as { readonly right: { readonly surb: Surb } }).right.surb;
};

test("[SEED-7-03] one query with a SURB brings at most one reply, and none where the plugin has nothing to say", () => {
  const driver = createProvider();
  driver.tell(up);
  const answer = (data: Uint8Array, times: number): number => {
    const before = driver.state().tally.created;
    const { id, hasSurb } = served(arrive(driver, [delayed(100), to("+echo")], payloadOf(surb())))!;
    assert.equal(hasSurb, true);
    for (let i = 0; i < times; i++) driver.tell(report({ type: "Answered", id, data }));
    assertConserved(driver);
    return driver.state().tally.created - before;
  };
  assert.equal(answer(Uint8Array.of(1, 2, 3), 3), 1);
  assert.equal(answer(new Uint8Array(0), 1), 0);
});
