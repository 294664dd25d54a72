/** The authority machine by itself: errands to peers, room for connections, and the habits of every machine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Effect } from "../../../core/effects.ts";
import { type Context, tick, wall } from "../../../core/machine.ts";
import type { AuthorityEvent } from "../../../core/pki/authority.ts";
import { encodeDocument } from "../../../core/pki/document.ts";
import { epochStart } from "../../../core/pki/epoch.ts";
import { defaultLinkLimits } from "../../../core/pki/authority_admission.ts";
import type { Command } from "../../../core/wire/commands.ts";
import type { SessionConfig, SessionReport } from "../../../core/wire/session.ts";
import {
  allow,
  at,
  clock,
  createRun,
  epoch,
  machine,
  own,
  peer,
  periodMs,
  postAll,
  requestsTo,
  self,
  sent,
  sessionsIn,
  third,
  up,
  voting,
} from "./authority_run.ts";
import { authorityNames, certify, documentFields, keysOf, suite } from "./fixture.ts";

/* Errands */

test("a vote is brought to every peer, who has to present its identity and its link key", () => {
  const run = createRun();
  const sessions = voting(run);
  assert.deepEqual([...sessions.keys()].sort(), ["192.0.2.1:1", "192.0.2.2:1"]);
  const session = sessions.get("192.0.2.1:1")!;
  const wrongIdentity = { ...peer, identityKey: third.identityKey };
  assert.deepEqual(allow(run, periodMs / 2, session, wrongIdentity), [{ type: "Denied", reason: "wrong-identity" }]);
  const wrongLink = { ...peer, linkKey: third.linkKey };
  assert.deepEqual(allow(run, periodMs / 2, session, wrongLink), [{ type: "Denied", reason: "wrong-link-key" }]);
  assert.deepEqual(allow(run, periodMs / 2, session), [{ type: "Allowed" }]);
  const command = sent(run.report(periodMs / 2, session, up), session);
  assert.equal(command?.type, "Vote");
  assert.deepEqual(command.identityKey, own.identityKey);
});

test("an errand that fails is tried again after 250 ms, 500 ms, … 4 s, until the phase ends", () => {
  const run = createRun();
  let session = voting(run).get("192.0.2.1:1")!;
  const pauses: number[] = [];
  let ms = periodMs / 2;
  const phaseEndMs = (periodMs * 5) / 8;
  for (;;) {
    const failed = run.report(ms, session, { type: "Down", reason: "dial-failed" });
    assert.ok(failed.some((effect) => effect.type === "Stop" && effect.at === session));
    const wakeAtMs = run.wakeAtMs()!;
    if (wakeAtMs >= phaseEndMs) break;
    pauses.push(wakeAtMs - ms);
    ms = wakeAtMs;
    const [next] = sessionsIn(run.step(ms, tick));
    assert.ok(next !== undefined && next.self !== session);
    session = next.self;
  }
  assert.deepEqual(pauses.slice(0, 6), [250, 500, 1000, 2000, 4000, ...pauses.slice(5, 6)]);
  assert.equal(run.state().round.type, "votes");
  const [reveal] = sessionsIn(run.step(phaseEndMs, tick)).filter(({ role }) =>
    role.type === "initiator" && role.addresses[0] === "192.0.2.1:1"
  );
  assert.ok(reveal !== undefined);
  assert.equal(run.state().errands.get(`send/${[...run.state().members.peers.keys()][0]}`)?.purpose, "reveal");
});

test("a peer that is not ready yet is asked again; one that refuses is not, and that is logged", () => {
  const answers: ReadonlyArray<readonly [number, "again" | "done" | "refused"]> = [
    [0, "done"],
    [6, "done"],
    [1, "again"],
    [2, "refused"],
    [3, "refused"],
    [4, "refused"],
    [5, "refused"],
  ];
  for (const [status, expected] of answers) {
    const run = createRun();
    const ms = periodMs / 2;
    const session = voting(run).get("192.0.2.1:1")!;
    allow(run, ms, session);
    run.report(ms, session, up);
    const effects = run.report(ms, session, { type: "Command", command: { type: "VoteStatus", status } });
    assert.deepEqual(requestsTo(effects, session), [{ type: "Close", polite: false }]);
    const refused = effects.some((effect) => effect.type === "Log" && effect.reason === "peer-refused");
    assert.equal(run.state().errands.has(`send/${[...run.state().members.peers.keys()][0]}`), expected === "again");
    assert.equal(refused, expected === "refused");
    assert.deepEqual(run.report(ms, session, { type: "Down", reason: "closed" }), [{ type: "Stop", at: session }]);
  }
});

test("what is under way when a phase ends is called off, and its end disturbs nothing", () => {
  const run = createRun();
  const session = voting(run).get("192.0.2.2:1")!;
  const effects = run.step((periodMs * 5) / 8, tick);
  assert.deepEqual(requestsTo(effects, session), [{ type: "Close", polite: false }]);
  assert.equal(sessionsIn(effects).length, 2);
  const before = run.state().errands;
  assert.deepEqual(allow(run, (periodMs * 5) / 8, session, third), []);
  assert.deepEqual(run.report((periodMs * 5) / 8, session, { type: "Down", reason: "closed" }), [{
    type: "Stop",
    at: session,
  }]);
  assert.equal(run.state().errands, before);
});

test("missed documents are looked for at one peer after the other, until one has it or none ever will", () => {
  const run = createRun();
  const fetched = (): string[] => [...run.state().errands.keys()];
  // In the order of their keys, which are text.
  assert.deepEqual(fetched(), [`fetch/${epoch}`, `fetch/${epoch - 1}`]);
  const [now, before] = sessionsIn(run.effects) as [SessionConfig, SessionConfig];
  const answer = (session: string, of: typeof peer, status: number, payload: Uint8Array): ReadonlyArray<Effect> => {
    allow(run, 0, session, of);
    assert.equal(sent(run.report(0, session, up), session)?.type, "GetConsensus");
    return run.report(0, session, { type: "Command", command: { type: "Consensus", status, payload } });
  };
  const next = (effects: ReadonlyArray<Effect>): string => sessionsIn(effects)[0]!.self;
  // The one before: gone at both.
  const second = next(answer(before.self, peer, 2, new Uint8Array(0)));
  assert.deepEqual(sessionsIn(answer(second, third, 2, new Uint8Array(0))), []);
  assert.deepEqual(fetched(), [`fetch/${epoch}`]);
  // The current one: an invalid document, then unreachable for once, then the document.
  const valid = certify(authorityNames.slice(0, 2), encodeDocument(documentFields(epoch)));
  const invalid = answer(now.self, peer, 0, certify(authorityNames.slice(0, 1), encodeDocument(documentFields(epoch))));
  assert.ok(invalid.some((effect) => effect.type === "Log" && effect.reason === "invalid-document"));
  run.report(0, next(invalid), { type: "Down", reason: "dial-timeout" });
  answer(next(run.step(250, tick)), third, 0, valid);
  assert.deepEqual(fetched(), []);
  assert.deepEqual(run.state().documents.get(epoch)?.raw, valid);
});

test("[PKI-2-02] a clock that differs from a peer's by more than half a phase is warned of", () => {
  const warned = (clockSkewMs: number): boolean => {
    const run = createRun();
    const session = voting(run).get("192.0.2.1:1")!;
    allow(run, periodMs / 2, session);
    const effects = run.report(periodMs / 2, session, { ...up, clockSkewMs });
    assert.equal(sent(effects, session)?.type, "Vote");
    return effects.some((effect) => effect.type === "Log" && effect.reason === "clock-skew");
  };
  assert.deepEqual([0, 5000, -5000, 5001, -5001].map(warned), [false, false, false, true, true]);
});

/* Room for connections */

const incoming = (connection: string, remote: string): AuthorityEvent => ({ type: "Incoming", connection, remote });

const opened = (run: ReturnType<typeof createRun>, connection: string, host: string): ReadonlyArray<string> => {
  const effects = run.step(1, incoming(connection, `${host}:9`));
  const gone = effects.flatMap((effect) => (effect.type === "Refuse" ? [effect.connection] : []));
  for (const session of gone) {
    assert.deepEqual(requestsTo(effects, session), [{ type: "Abort" }]);
    run.report(1, session, { type: "Down", reason: "evicted" });
  }
  return gone;
};

const limits = {
  ...defaultLinkLimits,
  strangersMax: 6,
  strangersPerAddress: 3,
  strangersOfPeersMax: 2,
  perIdentity: 2,
};

test("[FAULT-16] a flood loses its own oldest connections; whoever else waits, stays", () => {
  const run = createRun({ limits });
  assert.deepEqual(opened(run, "honest", "198.51.100.1"), []);
  for (let i = 0; i < 20; i++) assert.deepEqual(opened(run, `in/${i}`, "203.0.113.1"), i < 3 ? [] : [`in/${i - 3}`]);
  for (let i = 20; i < 22; i++) assert.deepEqual(opened(run, `in/${i}`, `203.0.113.${i}`), []);
  // All are there now: the most crowded address gives way.
  assert.deepEqual(opened(run, "in/22", "203.0.113.22"), ["in/17"]);
  assert.equal(run.state().links.size, 6);
  assert.equal(run.state().links.has("honest"), true);
  // One ends, there is room for one.
  run.report(2, "in/22", { type: "Down", reason: "peer-closed" });
  assert.deepEqual(opened(run, "in/23", "203.0.113.23"), []);
});

test("[MIXNET-4.1-07] [FAULT-16] strangers who come too often are refused at once, the other authorities never", () => {
  const run = createRun({ limits: { ...limits, arrivalsPerMinute: 8 } });
  const come = (host: string): ReadonlyArray<string | undefined> =>
    Array.from({ length: 4 }, (_, n) => {
      const effects = run.step(1, incoming(`${host}/${n}`, `${host}:9`));
      const spawned = effects.some(({ type }) => type === "Spawn");
      const refusal = effects.find((effect) => effect.type === "Count");
      return spawned ? undefined : refusal?.type === "Count" ? refusal.label : "nothing";
    });
  assert.deepEqual(come("203.0.113.1"), [undefined, undefined, "address-rate", "address-rate"]);
  assert.equal(run.state().links.size, 2);
  assert.deepEqual(come("192.0.2.1"), [undefined, undefined, undefined, undefined]);
});

test("[FAULT-16] authorities' addresses have room of their own; nodes and authorities leave that of strangers", () => {
  const run = createRun({ limits });
  for (let i = 0; i < 50; i++) opened(run, `in/${i}`, `203.0.113.${i}`);
  assert.equal(run.state().links.size, 6);
  assert.deepEqual(opened(run, "vote", "192.0.2.1"), []);
  for (let i = 50; i < 100; i++) opened(run, `in/${i}`, `203.0.113.${i}`);
  assert.equal(run.state().links.has("vote"), true);
  assert.deepEqual(opened(run, "mix", "198.51.100.1").length, 1);
  const { identityKey } = keysOf("mix1");
  const key = suite.ed25519PublicToX25519(identityKey)!;
  const answer = (session: string) =>
    requestsTo(run.report(1, session, { type: "Authorize", additionalData: identityKey, key, remote: "" }), session);
  assert.deepEqual(answer("mix"), [{ type: "Allowed" }]);
  for (let i = 100; i < 150; i++) opened(run, `in/${i}`, `203.0.113.${i}`);
  assert.equal(run.state().links.get("mix")!.type, "listening");
  // One identity has so many connections, however many addresses it comes from.
  opened(run, "mix again", "198.51.100.2");
  assert.deepEqual(answer("mix again"), [{ type: "Allowed" }]);
  opened(run, "mix once more", "198.51.100.3");
  assert.deepEqual(answer("mix once more"), [{ type: "Denied", reason: "identity-full" }]);
});

test("connections without a command are closed after 30 s, the oldest first", () => {
  const run = createRun({ peers: [] });
  run.step(1, incoming("in/0", "198.51.100.1:1"));
  run.step(1001, incoming("in/1", "198.51.100.1:2"));
  assert.equal(run.wakeAtMs(), 30_001);
  const effects = run.step(30_001, tick);
  assert.deepEqual(requestsTo(effects, "in/0"), [{ type: "Close", polite: false }]);
  assert.deepEqual(requestsTo(effects, "in/1"), []);
  assert.equal(run.wakeAtMs(), 31_001);
});

/* Time */

test("a clock that jumps over the end of a round loses it; the next one may be joined", () => {
  const run = createRun({ peers: [] });
  postAll(run, 100);
  run.step(periodMs / 2, tick);
  assert.equal(run.state().round.type, "votes");
  const effects = run.step(3.2 * periodMs, tick);
  const [lost] = effects.flatMap((effect) => effect.type === "Log" && effect.reason === "no-consensus" ? [effect] : []);
  assert.equal(lost?.fields?.["error"], "clock-jumped");
  const { round, documents } = run.state();
  assert.deepEqual([round.type, round.votingEpoch, documents.size], ["descriptors", epoch + 4, 0]);
});

test("a clock that is set back lengthens the phase, and repeats nothing", () => {
  const run = createRun({ peers: [] });
  postAll(run, 100);
  run.step(periodMs / 2, tick);
  const { round } = run.state();
  const back: Context = { ...at(periodMs / 2 + 10), wall: wall(epochStart(clock, epoch) + 100) };
  const step = machine.step(back, run.state(), tick);
  assert.equal(step.state.round, round);
  assert.equal(step.wakeAt! - back.now, (periodMs * 5) / 8 - 100);
});

test("clocks that drift apart a little change nothing before the phase ends", () => {
  const run = createRun({ peers: [] });
  const step = machine.step({ ...at(100), wall: wall(at(100).wall + 5) }, run.state(), tick);
  assert.deepEqual(step.state, run.state());
  assert.deepEqual(step.effects, []);
});

test("one authority alone publishes after as many wake-ups as there are phases", () => {
  const run = createRun({ peers: [] });
  postAll(run, 100);
  const wakeUps: number[] = [];
  while (run.state().documents.size === 0) {
    wakeUps.push(run.wakeAtMs()! / periodMs);
    run.step(run.wakeAtMs()!, tick);
  }
  assert.deepEqual(wakeUps, [4 / 8, 5 / 8, 6 / 8, 7 / 8]);
});

/* Habits of every machine */

const reports: fc.Arbitrary<SessionReport["report"]> = fc.oneof(
  fc.record({
    type: fc.constant("Authorize" as const),
    additionalData: fc.constantFrom(
      new Uint8Array(0),
      peer.identityKey,
      third.identityKey,
      keysOf("mix1").identityKey,
      new Uint8Array(5),
    ),
    key: fc.constantFrom(peer.linkKey, third.linkKey),
    remote: fc.constant("x"),
  }),
  fc.constant(up),
  fc.constant({ type: "Down" as const, reason: "closed" as const }),
  fc.record({
    type: fc.constant("Command" as const),
    command: fc.oneof<fc.Arbitrary<Command>[]>(
      fc.record({ type: fc.constant("GetConsensus" as const), epoch: fc.integer({ min: epoch - 3, max: epoch + 3 }) }),
      fc.record({
        type: fc.constant("Vote" as const),
        epoch: fc.constant(epoch + 1),
        identityKey: fc.constantFrom(peer.identityKey, third.identityKey),
        payload: fc.uint8Array({ maxLength: 20 }),
      }),
      fc.record({
        type: fc.constant("Reveal" as const),
        epoch: fc.constant(epoch + 1),
        identityKey: fc.constantFrom(peer.identityKey, third.identityKey),
        payload: fc.uint8Array({ maxLength: 20 }),
      }),
      fc.record({ type: fc.constant("VoteStatus" as const), status: fc.nat(8) }),
      fc.record({ type: fc.constant("RevealStatus" as const), status: fc.nat(13) }),
      fc.record({
        type: fc.constant("Consensus" as const),
        status: fc.nat(3),
        payload: fc.uint8Array({ maxLength: 20 }),
      }),
    ),
  }),
);

const events: fc.Arbitrary<AuthorityEvent | typeof tick> = fc.oneof(
  fc.constant(tick),
  fc.nat(5).map((n) => incoming(`in/${n}`, "198.51.100.1:1")),
  fc.record({ type: fc.constant("Status" as const), id: fc.nat(9) }),
  fc.record({ type: fc.constantFrom("Committed" as const), id: fc.nat(9) }),
  fc.record({
    type: fc.constant("CommitFailed" as const),
    id: fc.nat(9),
    reason: fc.constantFrom("full" as const, "io" as const),
  }),
  fc.record({
    type: fc.constant("Session" as const),
    session: fc.oneof(fc.nat(5).map((n) => `in/${n}`), fc.nat(9).map((n) => `${self}/out/${n}`)),
    report: reports,
  }),
);

const steps = fc.array(fc.record({ afterMs: fc.constantFrom(0, 1, 300, 7_000, 11_000, 200_000), event: events }), {
  maxLength: 30,
});

test("any events at any time: nothing throws, a step repeats itself, a spurious tick changes nothing", () => {
  fc.assert(fc.property(steps, (some) => {
    let [state, ms] = [createRun().state(), 0];
    const open = new Set<string>();
    for (const { afterMs, event } of some) {
      // A driver announces a connection once.
      if (event.type === "Incoming" && open.size !== open.add(event.connection).size - 1) continue;
      ms += afterMs;
      const before = machine.step(at(ms), state, event);
      const again = machine.step(at(ms), state, event);
      assert.deepEqual(again, before);
      state = before.state;
      const idle = machine.step(at(ms), state, tick);
      if (before.wakeAt !== null && before.wakeAt > at(ms).now) {
        assert.deepEqual(idle.effects, []);
        assert.deepEqual(idle.state, state);
        assert.equal(idle.wakeAt, before.wakeAt);
      }
    }
  }));
});
