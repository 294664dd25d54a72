/**
 * An authority that is killed goes on: what it had said it says again, byte for byte, and never something else. What the
 * store refuses is not said.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, toHex } from "../../../core/bytes.ts";
import type { Commit, Effect, StoreFailure } from "../../../core/effects.ts";
import { tick } from "../../../core/machine.ts";
import type { Round } from "../../../core/pki/authority_round.ts";
import { authorityTable } from "../../../core/pki/authority_records.ts";
import { sign } from "../../../core/pki/cert.ts";
import { type DocumentFields, encodeDocument } from "../../../core/pki/document.ts";
import { commitTo } from "../../../core/pki/shared_random.ts";
import { stream } from "../../../core/random.ts";
import {
  type Command,
  consensusStatus,
  descriptorStatus,
  revealStatus,
  voteStatus,
} from "../../../core/wire/commands.ts";
import {
  allow,
  createRun,
  epoch,
  own,
  peer,
  periodMs,
  postAll,
  type Run,
  sent,
  sessionsIn,
  third,
  up,
} from "./authority_run.ts";
import { documentFields, mixFields, signed, suite } from "./fixture.ts";

const next = epoch + 1;
const eighth = (eighths: number): number => Math.round((periodMs * eighths) / 8);
const until = 1_700_000_000;

/* What the peers of the one authority under test send */

const secretsOf = (seed: number) => commitTo(suite, stream(new Uint8Array(32).fill(seed)), next);

const voteOf = (who: typeof peer, seed: number): Command => {
  const fields: DocumentFields = {
    ...documentFields(next),
    sharedRandomCommit: secretsOf(seed).commit,
    sharedRandomValue: new Uint8Array(32),
  };
  const payload = sign(suite, who.identityPrivate, encodeDocument(fields), until);
  return { type: "Vote", epoch: next, identityKey: who.identityKey, payload };
};

const revealOf = (who: typeof peer, seed: number): Command => ({
  type: "Reveal",
  epoch: next,
  identityKey: who.identityKey,
  payload: sign(suite, who.identityPrivate, secretsOf(seed).reveal, until),
});

/** The same certified bytes as ours, signed by another. */
const cosigned = (run: Run, who: typeof peer): Command => {
  const { round } = run.state();
  assert.equal(round.type, "signatures");
  const ours = round.type === "signatures" ? round.ballots.signatures.get(toHex(own.identityKey)) : undefined;
  assert.ok(ours !== undefined, "we have signed");
  const { certified, expiration } = ours.certificate;
  const payload = sign(suite, who.identityPrivate, certified, expiration);
  return { type: "Vote", epoch: next, identityKey: who.identityKey, payload };
};

/* What the authority says: to each of its peers */

/** Lets every session that effects spawn come up; gives what is said on each, by address. */
const spoken = (run: Run, ms: number, effects: ReadonlyArray<Effect>): ReadonlyMap<string, Command> => {
  const said = new Map<string, Command>();
  for (const { self, role } of sessionsIn(effects)) {
    const [address] = role.type === "initiator" ? role.addresses : [];
    allow(run, ms, self, address === "192.0.2.1:1" ? peer : third);
    const command = sent(run.report(ms, self, up), self);
    if (command !== undefined && command.type !== "GetConsensus") said.set(address!, command);
  }
  return said;
};

const hash = (command: Command | undefined): string =>
  command !== undefined && "payload" in command
    ? `${command.type} ${toHex(suite.sha256(command.payload))}`
    : String(command?.type);

const said = (run: Run, ms: number, effects: ReadonlyArray<Effect>): ReadonlyArray<string> =>
  [...spoken(run, ms, effects).values()].map(hash);

const reasons = (effects: ReadonlyArray<Effect>): string[] =>
  effects.flatMap((effect) => effect.type === "Log" ? [effect.reason] : []);

/** A round in which the order of arrival does not show. */
const plainRound = (round: Round) => {
  if (round.type === "waiting") return round;
  const { votes, reveals, signatures } = round.ballots;
  const sorted = (lines: Iterable<string>): string[] => [...lines].sort();
  return {
    ...round,
    ballots: {
      votes: sorted(votes.map(({ raw }, who) => `${who} ${toHex(raw)}`).values()),
      reveals: sorted(reveals.map((reveal, who) => `${who} ${toHex(reveal)}`).values()),
      signatures: sorted(signatures.map(({ raw }, who) => `${who} ${toHex(raw)}`).values()),
    },
  };
};

/* Restarts in every phase */

/** Leads to a phase with both peers taking part; gives what was said as it began. */
const leadTo = (run: Run, phase: "votes" | "reveals" | "signatures"): ReadonlyArray<string> => {
  postAll(run, 100);
  const votes = said(run, eighth(4), run.step(eighth(4), tick));
  for (const [who, seed] of [[peer, 1], [third, 2]] as const) {
    assert.equal(run.ask(eighth(4) + 1, who, voteOf(who, seed)), voteStatus.ok);
  }
  if (phase === "votes") return votes;
  const reveals = said(run, eighth(5), run.step(eighth(5), tick));
  for (const [who, seed] of [[peer, 1], [third, 2]] as const) {
    assert.equal(run.ask(eighth(5) + 1, who, revealOf(who, seed)), revealStatus.ok);
  }
  return phase === "reveals" ? reveals : said(run, eighth(6), run.step(eighth(6), tick));
};

for (const [phase, at] of [["votes", 4.5], ["reveals", 5.5], ["signatures", 6.5]] as const) {
  test(`[FAULT-23] killed in phase ${phase}: what was said is said again to every peer, with the same bytes`, () => {
    const run = createRun();
    const before = leadTo(run, phase);
    assert.equal(before.length, 2);
    const { round } = run.state();
    const again = run.restart(eighth(at));
    assert.deepEqual(plainRound(again.state().round), plainRound(round));
    assert.deepEqual(again.state().lineage, run.state().lineage);
    assert.deepEqual(said(again, eighth(at), again.effects), before);
  });
}

test("[FAULT-23] killed again and again, in every phase, an authority comes to the consensus that it would have come to", () => {
  const outcome = (kill: (run: Run, ms: number) => Run): readonly [string, unknown] => {
    let run = createRun();
    postAll(run, 100);
    run = kill(run, 200);
    run.step(eighth(4), tick);
    run = kill(run, eighth(4) + 1);
    for (const [who, seed] of [[peer, 1], [third, 2]] as const) {
      assert.equal(run.ask(eighth(4) + 2, who, voteOf(who, seed)), voteStatus.ok);
    }
    run = kill(run, eighth(4) + 3);
    run.step(eighth(5), tick);
    for (const [who, seed] of [[peer, 1], [third, 2]] as const) {
      assert.equal(run.ask(eighth(5) + 2, who, revealOf(who, seed)), revealStatus.ok);
    }
    run = kill(run, eighth(5) + 3);
    run.step(eighth(6), tick);
    run = kill(run, eighth(6) + 1);
    assert.equal(run.ask(eighth(6) + 2, peer, cosigned(run, peer)), voteStatus.ok);
    run = kill(run, eighth(6) + 3);
    run.step(eighth(7), tick);
    run = kill(run, eighth(7) + 1);
    const { documents, round, lineage } = run.state();
    assert.deepEqual([round.type, round.votingEpoch], ["descriptors", next + 1]);
    return [hash({ type: "Consensus", status: 0, payload: documents.get(next)!.raw }), lineage];
  };
  assert.deepEqual(outcome((run, ms) => run.restart(ms)), outcome((run) => run));
});

test("[FAULT-23] killed before it voted, an authority votes for what was posted to it, also somewhat late", () => {
  for (const at of [0.5, 3.9, 4.4]) {
    const run = createRun();
    postAll(run, 100);
    const again = run.restart(eighth(at));
    const votes = at < 4 ? said(again, eighth(4), again.step(eighth(4), tick)) : said(again, eighth(at), again.effects);
    assert.equal(votes.length, 2, `restarted at ${at}/8`);
    assert.equal(again.state().round.type, "votes");
  }
});

test("[FAULT-23] killed before it voted and started when votes are too late, an authority sits the round out", () => {
  const run = createRun();
  postAll(run, 100);
  const again = run.restart(eighth(5.1));
  assert.deepEqual(said(again, eighth(5.1), again.effects), []);
  assert.deepEqual([again.state().round.type, again.state().round.votingEpoch], ["waiting", next + 1]);
});

test("[FAULT-23] a state of long ago is forgotten, and the round joined as by a new authority", () => {
  const run = createRun({ peers: [] });
  postAll(run, 100);
  for (const at of [4, 5, 6, 7]) run.step(eighth(at), tick);
  assert.equal(run.state().documents.has(next), true);
  const again = run.restart(20 * periodMs + 100);
  const { round, documents, descriptors, storage } = again.state();
  assert.deepEqual([round.type, round.votingEpoch], ["descriptors", epoch + 21]);
  assert.deepEqual([documents.size, descriptors.size, storage.keys.size], [0, 0, 0]);
  const [standing, ...others] = tableOf(again);
  assert.equal(standing?.key[0], 7);
  assert.deepEqual(others, []);
});

test("old epochs are deleted from the store: after many rounds it holds no more than after a few", () => {
  const run = createRun({ peers: [] });
  const sizes: number[] = [];
  for (let round = 0; round < 10; round++) {
    const begin = round * periodMs;
    postAll(run, begin + 100, next + round);
    for (const at of [4, 5, 6, 7]) run.step(begin + eighth(at), tick);
    assert.equal(run.state().documents.has(next + round), true, `a document in round ${round}`);
    sizes.push(tableOf(run).length);
  }
  assert.deepEqual(sizes.slice(4), Array(6).fill(sizes[4]));
});

const tableOf = (run: Run) => {
  const scanned = run.store.perform({ type: "Scan", id: 0, table: authorityTable, after: null, limit: 10_000 });
  return scanned.type === "Scanned" ? scanned.entries : [];
};

/* Nothing is said before it is stored */

test("no vote, reveal, signature or document leaves before the store has it, and no upload is answered", () => {
  const run = createRun();
  run.setDisk("held");
  assert.equal(run.post(100, "mix1", signed(mixFields("mix1", next))), null);
  assert.equal(run.state().descriptors.size, 0);
  const answered = run.release(150);
  assert.equal(sent(answered, "in/0")?.type, "PostDescriptorStatus");
  postAll(run, 200);

  run.setDisk("held");
  assert.deepEqual(sessionsIn(run.step(eighth(4), tick)), []);
  assert.equal(said(run, eighth(4), run.release(eighth(4) + 1)).length, 2);
  for (const [who, seed] of [[peer, 1], [third, 2]] as const) {
    run.setDisk("held");
    assert.equal(run.ask(eighth(4) + 2, who, voteOf(who, seed)), null);
    run.release(eighth(4) + 3);
  }

  run.setDisk("held");
  assert.deepEqual(sessionsIn(run.step(eighth(5), tick)), []);
  assert.equal(said(run, eighth(5), run.release(eighth(5) + 1)).length, 2);
  for (const [who, seed] of [[peer, 1], [third, 2]] as const) {
    assert.equal(run.ask(eighth(5) + 2, who, revealOf(who, seed)), revealStatus.ok);
  }

  run.setDisk("held");
  assert.deepEqual(sessionsIn(run.step(eighth(6), tick)), []);
  assert.equal(said(run, eighth(6), run.release(eighth(6) + 1)).length, 2);
  assert.equal(run.ask(eighth(6) + 2, peer, cosigned(run, peer)), voteStatus.ok);

  run.setDisk("held");
  run.step(eighth(7), tick);
  const get: Command = { type: "GetConsensus", epoch: next };
  const client = { identityKey: new Uint8Array(0), linkKey: new Uint8Array(32) };
  assert.equal(run.ask(eighth(7) + 1, client, get), consensusStatus.notFound, "there will be one");
  run.release(eighth(7) + 2);
  assert.equal(run.ask(eighth(7) + 3, client, get), consensusStatus.ok);
});

test("while a vote is being written down, another vote of the same peer is refused, and the evidence logged", () => {
  const run = createRun();
  postAll(run, 100);
  run.step(eighth(4), tick);
  run.setDisk("held");
  assert.equal(run.ask(eighth(4) + 1, peer, voteOf(peer, 1)), null);
  assert.equal(run.ask(eighth(4) + 2, peer, voteOf(peer, 3)), voteStatus.alreadyReceived);
  assert.equal(run.ask(eighth(4) + 3, peer, voteOf(peer, 1)), null, "the same again is no other");
  run.release(eighth(4) + 4);
  const { round } = run.state();
  assert.equal(round.type === "votes" && round.ballots.equivocators.size, 1);
  assert.equal(run.ask(eighth(4) + 5, peer, voteOf(peer, 1)), voteStatus.ok);
});

test("killed at any instant, with any of its writes done, an authority never says two different things", () => {
  const seen = new Map<string, string>();
  const check = (spoke: ReadonlyArray<string>): void => {
    for (const one of spoke) {
      const [what = ""] = one.split(" ");
      assert.equal(seen.get(what) ?? one, one, `one ${what} only`);
      seen.set(what, one);
    }
  };
  fc.assert(
    fc.property(
      fc.array(fc.record({ eighths: fc.integer({ min: 380, max: 620 }), written: fc.boolean() }), { maxLength: 6 }),
      (kills) => {
        seen.clear();
        let run = createRun();
        postAll(run, 100);
        for (const { eighths, written } of [...kills].sort((a, b) => a.eighths - b.eighths)) {
          const at = eighth(eighths / 100);
          run.setDisk("held");
          check(said(run, at, run.step(at, tick)));
          // The disk did it, or did not; the authority never learnt which.
          if (written) { for (const effect of run.held()) run.store.perform(effect); }
          run = run.restart(at + 1);
          check(said(run, at + 1, run.effects));
        }
      },
    ),
    { numRuns: 60 },
  );
});

/* A store that fails */

const failures: ReadonlyArray<StoreFailure> = ["full", "read-only", "corrupt", "io"];

test("a store that fails: uploads are refused, told once, counted each time, and taken again when it recovers", () => {
  for (const failure of failures) {
    const run = createRun();
    const descriptor = signed(mixFields("mix1", next));
    run.setDisk(failure);
    assert.equal(run.post(100, "mix1", descriptor), descriptorStatus.conflict);
    assert.equal(run.post(200, "mix1", descriptor), descriptorStatus.conflict);
    assert.equal(run.ask(300, peer, voteOf(peer, 1)), voteStatus.tooEarly, "which makes a peer come again");
    const { storage, descriptors } = run.state();
    assert.deepEqual([storage.failing, storage.failures.get(failure), descriptors.size], [failure, 3, 0]);
    run.setDisk("good");
    assert.equal(run.post(400, "mix1", descriptor), descriptorStatus.ok);
    assert.equal(run.state().storage.failing, null);
  }
});

test("the first failure of the store is an error in the log, its recovery a notice", () => {
  const run = createRun({ peers: [] });
  postAll(run, 100);
  run.setDisk("full");
  const failed = run.step(eighth(4), tick);
  assert.equal(reasons(failed).filter((reason) => reason === "store-failed").length, 1);
  const counted = failed.flatMap((effect) => effect.type === "Count" ? [`${effect.name} ${effect.label}`] : []);
  assert.deepEqual(counted, ["store-failed full"]);
  const retriedAt = run.wakeAtMs()!;
  assert.deepEqual(reasons(run.step(retriedAt, tick)), [], "the same failure again");
  run.setDisk("good");
  assert.deepEqual(reasons(run.step(run.wakeAtMs()!, tick)), ["store-recovered", "vote"]);
});

test("a vote that could not be stored is cast when there is space again, while votes are still taken", () => {
  const run = createRun();
  postAll(run, 100);
  run.setDisk("full");
  assert.deepEqual(sessionsIn(run.step(eighth(4), tick)), []);
  const first = run.wakeAtMs()!;
  assert.ok(first > eighth(4) && first <= eighth(4) + 2500, `tried again at ${first}`);
  run.setDisk("good");
  const votes = said(run, first, run.step(first, tick));
  assert.deepEqual(votes.map((vote) => vote.split(" ")[0]), ["Vote", "Vote"]);
});

test("a vote that could not be stored in time is never cast, and not opened; the round goes on without it", () => {
  const run = createRun();
  postAll(run, 100);
  run.setDisk("read-only");
  run.step(eighth(4), tick);
  run.setDisk("good");
  assert.deepEqual(sessionsIn(run.step(eighth(5), tick)), []);
  assert.equal(run.state().round.type, "reveals");
  const again = run.restart(eighth(5.5));
  assert.deepEqual(said(again, eighth(5.5), again.effects), []);
});

test("[FAULT-23] an authority that voted and cannot read its vote any more casts no other", () => {
  const run = createRun();
  leadTo(run, "votes");
  for (const { key, value } of tableOf(run)) {
    if (key[0] !== 3 && key[0] !== 6) continue;
    const spoilt: Commit = {
      type: "Commit",
      id: 1,
      writes: [{ table: authorityTable, key, value: key[0] === 3 ? value.slice(0, 40) : null }],
    };
    run.store.perform(spoilt);
  }
  const again = run.restart(eighth(4.2));
  assert.ok(reasons(again.effects).includes("not-restored"), "told");
  assert.deepEqual(said(again, eighth(4.2), again.effects), []);
  assert.equal(again.state().round.type, "waiting");
});

test("[FAULT-24] a clock that is set back does not make an authority vote twice for an epoch", () => {
  const run = createRun();
  const [before] = leadTo(run, "votes");
  // Into the next epoch, where the round is lost; and back.
  run.step(periodMs + 100, tick);
  run.step(3 * periodMs + 100, tick);
  const again = run.restart(100);
  postAll(again, 200);
  const votes = said(again, eighth(4), again.step(eighth(4), tick));
  for (const vote of votes) assert.equal(vote, before);
  assert.equal(reasons(again.effects).includes("vote"), false);
});

/* The format */

const withRow = (key: Uint8Array, value: Uint8Array) => {
  const run = createRun();
  run.store.perform({ type: "Commit", id: 1, writes: [{ table: authorityTable, key, value }] });
  return run.restart(100);
};

const exits = (run: Run) =>
  run.effects.flatMap((effect) => effect.type === "Exit" ? [[effect.code, effect.message] as const] : []);

test("a store of a newer version is refused by its number, and nobody is listened to", () => {
  const key = concat(Uint8Array.of(7), new Uint8Array(8));
  const run = withRow(key, Uint8Array.of(2, 0, 0, 0));
  const [[code, message] = [0, ""]] = exits(run);
  assert.equal(code, 69);
  assert.match(message, /table authority .* format version 2; this program reads version 1/);
  const effects = run.step(200, { type: "Incoming", connection: "in/9", remote: "198.51.100.1:1" });
  assert.ok(effects.some(({ type }) => type === "Refuse"), "refused");
  assert.equal(run.wakeAtMs(), null);
});

test("records of unknown kinds and an unreadable standing end the start, naming the table", () => {
  const unknown = withRow(concat(Uint8Array.of(99), new Uint8Array(8)), Uint8Array.of(1, 5));
  assert.match(exits(unknown)[0]?.[1] ?? "", /table authority .* unknown kind/);
  const corrupt = withRow(concat(Uint8Array.of(7), new Uint8Array(8)), Uint8Array.of(1, 5));
  assert.match(exits(corrupt)[0]?.[1] ?? "", /table authority .* corrupt/);
});

test("more records than one page are all read back", () => {
  const run = createRun({ peers: [] });
  for (let round = 0; round < 3; round++) {
    for (let ahead = -1; ahead <= 1; ahead++) postAll(run, round * periodMs + 100, epoch + round + ahead);
    for (const at of [4, 5, 6, 7]) run.step(round * periodMs + eighth(at), tick);
  }
  const again = run.restart(2 * periodMs + eighth(7.5));
  assert.deepEqual(
    again.state().documents.map(({ raw }) => toHex(raw)),
    run.state().documents.map(({ raw }) => toHex(raw)),
  );
  assert.deepEqual([...again.state().descriptors.keys()].sort(), [...run.state().descriptors.keys()].sort());
});

test("nodes that may no longer join are not read back; what they posted is passed over and told", () => {
  const run = createRun();
  postAll(run, 100);
  const fewer = createRun({ mixes: [] }, 200, run.store);
  assert.equal(fewer.state().descriptors.get(next)?.size, 1);
  assert.equal(reasons(fewer.effects).filter((reason) => reason === "not-restored").length, 2);
});
