/**
 * A whole network of real processes, a message through it, and a replicated spool that outlives one of its Providers.
 * One run: it takes a minute.
 *
 * @module
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { run } from "./process.ts";

/** A packet there and back, as the JSON line has it. */
interface Trip {
  readonly path: ReadonlyArray<string>;
  readonly delaysMs: ReadonlyArray<number>;
  readonly returnPath: ReadonlyArray<string>;
  readonly returnDelaysMs: ReadonlyArray<number>;
  readonly etaMs: number;
  readonly rttMs: number;
}

const assertTrip = ({ path, delaysMs, returnPath, returnDelaysMs, etaMs, rttMs }: Trip): void => {
  const [own, ...hops] = path;
  assert.equal(own, "provider1");
  assert.equal(hops.pop(), "provider2");
  assert.equal(returnPath.at(-1), "provider1");
  for (const mixes of [hops, returnPath.slice(0, -1)]) {
    assert.equal(mixes.length, 3);
    assert.equal(new Set(mixes).size, 3);
    for (const mix of mixes) assert.match(mix, /^mix[1-6]$/);
  }
  assert.equal(delaysMs.length, path.length);
  assert.equal(returnDelaysMs.length, returnPath.length);
  assert.equal(etaMs, [...delaysMs, ...returnDelaysMs].reduce((sum, ms) => sum + ms, 0));
  // A packet waits where it was told to wait.
  assert.ok(rttMs >= etaMs, `${rttMs} ms for ${etaMs} ms of delays`);
};

test("[HB-GEN-1-01] [CLIENT-3-01] [CLIENT-3.2-01] [SEED-8-02] [SEED-3-03] [HB-AUTH-3-02] [HB-MIX-1-02] [HB-MIX-4-03] real processes over TCP make a network: consensus by all authorities, a ping, a message to another user, a spool that outlives its Provider", async () => {
  const { code, stdout, stderr } = await run("testnet", ["--once"]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^[^\n]+\n$/);
  const result = JSON.parse(stdout) as {
    readonly epoch: number;
    readonly signatures: number;
    readonly of: number;
    readonly ping: Trip;
    readonly message: Trip & { readonly text: string };
    readonly spool: {
      readonly replicas: ReadonlyArray<string>;
      readonly receipts: number;
      readonly killed: string;
      readonly read: { readonly text: string; readonly from: string };
      readonly caughtUp: { readonly text: string; readonly from: string };
    };
    readonly timesMs: Readonly<Record<string, number>>;
  };
  assert.ok(result.epoch > 1000);
  assert.deepEqual([result.signatures, result.of], [3, 3]);
  assertTrip(result.ping);
  assertTrip(result.message);
  assert.equal(result.message.text, "Hello Bob, this went through the mix network.");
  assert.deepEqual(result.spool, {
    replicas: ["provider3", "provider4", "provider5"],
    receipts: 3,
    killed: "provider3",
    read: { text: "Kept by three Providers.", from: "provider4" },
    caughtUp: { text: "Written while one of them was dead.", from: "provider3" },
  });
  const times = ["loaded", "consensus", "connected", "delivered", "spool", "killed", "read", "caughtUp"];
  assert.deepEqual(Object.keys(result.timesMs), times);
  const first = ["keys", "loaded", "votes", "reveals", "consensus", "connected", "ping", "message"];
  for (const step of [...first, "spool", "append", "kill", "read", "append", "caught up"]) {
    assert.match(stderr, new RegExp(`^ *[0-9.]+ s {2}${step} `, "m"));
  }
});
