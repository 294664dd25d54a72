/** What an authority shows of itself: the round, who takes part, nodes, documents, clocks, the store. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../../../core/bytes.ts";
import type { Effect } from "../../../core/effects.ts";
import { tick } from "../../../core/machine.ts";
import type { AuthorityView, StatusReport } from "../../../core/pki/authority_view.ts";
import { epochStart } from "../../../core/pki/epoch.ts";
import {
  allow,
  clock,
  config,
  createRun,
  epoch,
  own,
  peer,
  periodMs,
  postAll,
  type Run,
  up,
  voting,
} from "./authority_run.ts";
import { keysOf } from "./fixture.ts";

const viewIn = (effects: ReadonlyArray<Effect>, id: number): AuthorityView => {
  const reports = effects.flatMap((effect) => effect.type === "Notify" ? [effect.event as StatusReport] : []);
  assert.deepEqual(reports.map((report) => [report.type, report.id]), [["Status", id]]);
  return reports[0]!.view;
};

let asked = 0;
const viewOf = (run: Run, ms: number): AuthorityView => {
  const id = ++asked;
  return viewIn(run.step(ms, { type: "Status", id }), id);
};

test("the view follows the round: phase, deadlines, who voted, revealed and signed, documents", () => {
  const run = createRun({ peers: [] });
  const start = epochStart(clock, epoch);
  const before = viewOf(run, 50);
  assert.deepEqual([before.epoch, before.elapsedMs, before.round.phase], [epoch, 50, "descriptors"]);
  assert.equal(before.round.phaseEnds, start + periodMs / 2);
  assert.equal(before.round.phaseEndsInMs, periodMs / 2 - 50);
  assert.deepEqual(before.nodes.map(({ role, name, epochs }) => [role, name, epochs]), [
    ["mix", "", []],
    ["mix", "", []],
    ["provider", "provider", []],
  ]);
  postAll(run, 100);
  assert.deepEqual(viewOf(run, 200).nodes.map(({ name, epochs }) => [name, epochs]), [
    ["mix1", [epoch + 1]],
    ["mix2", [epoch + 1]],
    ["provider", [epoch + 1]],
  ]);
  const standing: unknown[] = [];
  for (const eighths of [4, 5, 6]) {
    run.step((periodMs * eighths) / 8, tick);
    const { round, authorities } = viewOf(run, (periodMs * eighths) / 8 + 1);
    const [self] = authorities;
    standing.push([round.phase, self?.voted, self?.revealed, self?.signed]);
  }
  assert.deepEqual(standing, [
    ["votes", true, false, false],
    ["reveals", true, true, false],
    ["signatures", true, true, true],
  ]);
  run.step((periodMs * 7) / 8, tick);
  const after = viewOf(run, (periodMs * 7) / 8 + 1);
  assert.deepEqual(after.documents, [{ epoch: epoch + 1, signatures: 1, mixes: 2, providers: 1 }]);
  assert.deepEqual([after.round.phase, after.round.votingEpoch], ["descriptors", epoch + 2]);
});

test("the view shows peers: connections either way and how far each clock is ahead", () => {
  const run = createRun();
  const session = voting(run).get("192.0.2.1:1")!;
  const incoming = { type: "Incoming", connection: "in/peer", remote: "192.0.2.1:9" } as const;
  run.step(periodMs / 2, incoming);
  run.report(periodMs / 2, "in/peer", {
    type: "Authorize",
    additionalData: peer.identityKey,
    key: peer.linkKey,
    remote: "",
  });
  allow(run, periodMs / 2, session);
  run.report(periodMs / 2, session, { ...up, clockSkewMs: 1500 });
  const { authorities, connections } = viewOf(run, periodMs / 2);
  const shown = authorities.find(({ identity }) => identity === toHex(peer.identityKey));
  assert.deepEqual(shown?.connected, { in: 1, out: 3 }, "a vote, and two documents are asked for");
  assert.equal(shown?.clockOffsetMs, -1500, "ours is ahead");
  assert.equal(authorities[0]?.identity, toHex(own.identityKey));
  assert.deepEqual([authorities[0]?.isSelf, authorities[0]?.clockOffsetMs], [true, null]);
  assert.deepEqual(connections, { opening: 0, client: 0, node: 0, authority: 1, closing: 0 });
});

test("the view shows a store that fails, and not what could not be stored", () => {
  const run = createRun({ peers: [] });
  postAll(run, 100);
  run.setDisk("full");
  run.step(periodMs / 2, tick);
  const { store, authorities } = viewOf(run, periodMs / 2 + 1);
  assert.deepEqual(store, { restoring: false, failing: "full", failures: { full: 1 }, pending: 1 });
  assert.equal(authorities[0]?.voted, false, "what is not stored is not said");
});

test("[FAULT-49] the view is JSON, and has no secrets in it", () => {
  const run = createRun();
  voting(run);
  const view = viewOf(run, periodMs / 2 + 1);
  const text = JSON.stringify(view);
  assert.deepEqual(JSON.parse(text), view);
  const { round } = run.state();
  assert.equal(round.type, "votes");
  const secrets = [config.identityPrivate, config.linkPrivate, keysOf("mix1").identityPrivate];
  if (round.type === "votes") secrets.push(round.reveal);
  for (const secret of secrets) assert.equal(text.includes(toHex(secret.subarray(0, 32))), false);
});
