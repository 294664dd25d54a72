/**
 * What the peers of one authority send, and what it says to them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { toHex } from "../../../core/bytes.ts";
import type { Effect } from "../../../core/effects.ts";
import { tick } from "../../../core/machine.ts";
import { authorityTable } from "../../../core/pki/authority_records.ts";
import { sign } from "../../../core/pki/cert.ts";
import { type DocumentFields, encodeDocument } from "../../../core/pki/document.ts";
import { commitTo } from "../../../core/pki/shared_random.ts";
import { stream } from "../../../core/random.ts";
import { type Command, revealStatus, voteStatus } from "../../../core/wire/commands.ts";
import { allow, epoch, own, peer, periodMs, postAll, type Run, sent, sessionsIn, third, up } from "./authority_run.ts";
import { documentFields, suite } from "./fixture.ts";

export const next = epoch + 1;
export const eighth = (eighths: number): number => Math.round((periodMs * eighths) / 8);
export const until = 1_700_000_000;

/* What the peers of the one authority under test send */

export const secretsOf = (seed: number) => commitTo(suite, stream(new Uint8Array(32).fill(seed)), next);

export const voteOf = (who: typeof peer, seed: number): Command => {
  const fields: DocumentFields = {
    ...documentFields(next),
    sharedRandomCommit: secretsOf(seed).commit,
    sharedRandomValue: new Uint8Array(32),
  };
  const payload = sign(suite, who.identityPrivate, encodeDocument(fields), until);
  return { type: "Vote", epoch: next, identityKey: who.identityKey, payload };
};

export const revealOf = (who: typeof peer, seed: number): Command => ({
  type: "Reveal",
  epoch: next,
  identityKey: who.identityKey,
  payload: sign(suite, who.identityPrivate, secretsOf(seed).reveal, until),
});

/** The same certified bytes as ours, signed by another. */
export const cosigned = (run: Run, who: typeof peer): Command => {
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
export const spoken = (run: Run, ms: number, effects: ReadonlyArray<Effect>): ReadonlyMap<string, Command> => {
  const said = new Map<string, Command>();
  for (const { self, role } of sessionsIn(effects)) {
    const [address] = role.type === "initiator" ? role.addresses : [];
    allow(run, ms, self, address === "192.0.2.1:1" ? peer : third);
    const command = sent(run.report(ms, self, up), self);
    if (command !== undefined && command.type !== "GetConsensus") said.set(address!, command);
  }
  return said;
};

export const hash = (command: Command | undefined): string =>
  command !== undefined && "payload" in command
    ? `${command.type} ${toHex(suite.sha256(command.payload))}`
    : String(command?.type);

export const said = (run: Run, ms: number, effects: ReadonlyArray<Effect>): ReadonlyArray<string> =>
  [...spoken(run, ms, effects).values()].map(hash);

export const reasons = (effects: ReadonlyArray<Effect>): string[] =>
  effects.flatMap((effect) => effect.type === "Log" ? [effect.reason] : []);

/** Leads to a phase with both peers taking part; gives what was said as it began. */
export const leadTo = (run: Run, phase: "votes" | "reveals" | "signatures"): ReadonlyArray<string> => {
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

export const tableOf = (run: Run) => {
  const scanned = run.store.perform({ type: "Scan", id: 0, table: authorityTable, after: null, limit: 10_000 });
  return scanned.type === "Scanned" ? scanned.entries : [];
};
