/** What becomes of requests whose packet, or whose answer, the network has lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ClientError } from "../../../adapters/client_error.ts";
import { nativeSuite } from "../../../adapters/crypto_native.ts";
import { replicatedSpoolsOf } from "../../../adapters/replicated_client.ts";
import { equal, utf8 } from "../../../core/bytes.ts";
import { katzenpostClock } from "../../../core/pki/epoch.ts";
import { createRunning, keepAlive, outcomesOf, ping, sendAll, slowClock } from "./fixture.ts";
import { documentOf, firstEpoch, openForward, parameters, travel } from "./network.ts";

/** Only lambdaP, whose packets go to Providers as queries do. */
const quiet = { parameters: { ...parameters, lambdaL: 0, lambdaD: 0 } };

test("[KAETZ-5-01] a request that brings no answer ends as a timeout and is not sent again, however long one waits: what leaves after it are decoys", () => {
  const driver = createRunning({ clock: slowClock, run: "unanswered" }, documentOf(firstEpoch, quiet));
  const isQuery = (packet: Uint8Array): boolean =>
    equal(openForward(travel(packet)).userPayload.subarray(0, 4), utf8("ping"));
  for (const id of ["a", "b", "c"]) driver.request(ping(id));
  sendAll(driver);
  driver.written();
  assert.equal(driver.packets.filter(({ packet }) => isQuery(packet)).length, 3);
  const sent = driver.packets.length;
  driver.advance(400_000, keepAlive(driver));
  assert.deepEqual(outcomesOf(driver).map(({ type }) => type), ["Timeout", "Timeout", "Timeout"]);
  const later = driver.packets.slice(sent);
  assert.equal(later.length > 20, true, "it goes on sending");
  assert.equal(later.some(({ packet }) => isQuery(packet)), false);
});

test("[KAETZ-5-01] [E2E-4-15] [CLIENT-5.1-02] who makes a replicated spool asks again what was lost, one in 3 s, after pauses that are drawn", async (t) => {
  const pauses: number[] = [];
  const { setTimeout: original } = globalThis;
  t.after(() => void (globalThis.setTimeout = original));
  globalThis.setTimeout = ((then: () => void, ms: number) => {
    pauses.push(ms);
    queueMicrotask(then);
  }) as unknown as typeof setTimeout;
  const providers = [{ name: "p1", kaetzchen: new Map([["spool", new Map([["endpoint", "+spool"]])]]) }];
  const client = {
    query: () => Promise.reject(new ClientError("timeout")),
    document: () => ({ providers }),
  } as unknown as Parameters<typeof replicatedSpoolsOf>[0]["client"];
  const creating = replicatedSpoolsOf({ client, suite: nativeSuite, clock: katzenpostClock }).create(["p1"]);
  await assert.rejects(creating, (error) => (error as ClientError).code === "timeout");
  assert.equal(pauses.length, 7, "eight attempts");
  // The pauses have not passed here, so that each is counted from the one before.
  const apart = pauses.map((ms, index) => Math.round(ms - (pauses[index - 1] ?? 0)));
  assert.equal(apart.every((ms) => ms >= 2_900), true, `${apart}`);
  assert.equal(new Set(apart).size > 3, true, `${apart}`);
});
