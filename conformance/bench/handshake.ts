/**
 * Benchmark of a link's handshake (specs/wire-protocol.rst §2.1): both ends, from the first byte until both are up.
 */
import assert from "node:assert/strict";
import { nativeSuite } from "../../adapters/crypto_native.ts";
import { concat } from "../../core/bytes.ts";
import type { Suite } from "../../core/crypto/suite.ts";
import type { Effect } from "../../core/effects.ts";
import { mono, type Step, wall } from "../../core/machine.ts";
import { deriveSeed } from "../../core/random.ts";
import { katzenpostGeometry as geometry } from "../../core/sphinx/geometry.ts";
import { createSession, type SessionEvent } from "../../core/wire/session.ts";
import type { SessionState } from "../../core/wire/session_state.ts";
import { configOf } from "../properties/wire/fixture.ts";
import type { Candidate } from "./measure.ts";

/** Runs two sessions against each other until nothing more is to be said; gives the phases that they end in. */
const handshake = (suite: Suite, run: number): ReadonlyArray<string> => {
  const machine = createSession({ suite, geometry });
  let steps = 0;
  const context = () => ({
    now: mono(0),
    wall: wall(1_500_000_000_000),
    seed: deriveSeed(new Uint8Array(32), `${run}/${steps++}`),
  });
  const start = (role: "initiator" | "responder"): Step<SessionState, Effect> =>
    machine.start(context(), configOf(role, { commandLengthMax: geometry.packetLength + 6 }), undefined);
  const ends = [start("initiator"), start("responder")];
  const queue: (readonly [number, SessionEvent])[] = [[0, { type: "Connected", remote: "peer:1" }]];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const [at, event] = next;
    const step = machine.step(context(), ends[at]!.state, event);
    ends[at] = step;
    for (const effect of step.effects) {
      if (effect.type === "Write") queue.push([1 - at, { type: "Received", bytes: concat(...effect.pieces) }]);
      if (effect.type === "Tell" && isAuthorize(effect.event)) queue.push([at, { type: "Allowed" }]);
    }
  }
  return ends.map(({ state }) => state.phase.type);
};

const isAuthorize = (event: unknown): boolean =>
  (event as { readonly report: { readonly type: string } }).report.type === "Authorize";

export const handshakes = (): ReadonlyArray<Candidate> => {
  let run = 0;
  return [{
    name: "link-handshake-both-ends",
    check: () => assert.deepEqual(handshake(nativeSuite, run++), ["up", "up"]),
    run: () => handshake(nativeSuite, run++),
  }];
};
