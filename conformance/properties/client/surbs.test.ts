/** What a client keeps of the SURBs that it gave away is bounded. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Map as PersistentMap } from "immutable";
import { loopSurbsMax, surbsMax } from "../../../core/client/config.ts";
import type { ClientState, SurbEntry } from "../../../core/client/state.ts";
import { hasRoom } from "../../../core/client/surbs.ts";

const holding = (count: number): ClientState => {
  const entries = PersistentMap<string, SurbEntry>().withMutations((map) => {
    for (let at = 0; at < count; at++) map.set(String(at), {} as SurbEntry);
  });
  return { surbs: { entries } } as unknown as ClientState;
};

test("[FAULT-09] SURBs are outstanding up to a limit, of which loops have half: decoys never crowd requests out", () => {
  const loop = { type: "Loop" } as const;
  const request = { type: "Request", request: "r" } as const;
  const room = (count: number) => [hasRoom(holding(count), loop), hasRoom(holding(count), request)];
  assert.deepEqual(room(loopSurbsMax - 1), [true, true]);
  assert.deepEqual(room(loopSurbsMax), [false, true]);
  assert.deepEqual(room(surbsMax - 1), [false, true]);
  assert.deepEqual(room(surbsMax), [false, false]);
  assert.equal(loopSurbsMax * 2 <= surbsMax, true);
});
