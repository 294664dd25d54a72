/**
 * An authority that is killed goes on: what it had said it says again, byte for byte, and never something else.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toHex } from "../../../core/bytes.ts";
import { tick } from "../../../core/machine.ts";
import type { Round } from "../../../core/pki/authority_round.ts";
import { type Command, consensusStatus, revealStatus, voteStatus } from "../../../core/wire/commands.ts";
import { createRun, epoch, peer, periodMs, postAll, type Run, sent, sessionsIn, third } from "./authority_run.ts";
import { mixFields, signed } from "./fixture.ts";

import { cosigned, eighth, hash, leadTo, next, revealOf, said, tableOf, voteOf } from "./authority_said.ts";

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
