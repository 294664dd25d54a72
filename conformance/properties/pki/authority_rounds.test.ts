/**
 * Voting authorities together: identical documents epoch after epoch, and what they do when one is late, absent or
 * cheats.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { equal, toHex } from "../../../core/bytes.ts";
import type { LogLevel } from "../../../core/effects.ts";
import type { AuthorityConfig } from "../../../core/pki/authority_config.ts";
import { decodeCertificate } from "../../../core/pki/cert.ts";
import { type Document, verifyDocument } from "../../../core/pki/document.ts";
import { epochStart } from "../../../core/pki/epoch.ts";
import { consensusStatus } from "../../../core/wire/commands.ts";
import { right, suite } from "./fixture.ts";
import { clock, createVoting, firstEpoch, holdRounds, saying, type Voting } from "./voting.ts";

const authorityKeys = (voting: Voting) => voting.keys.map(({ identityKey }) => identityKey);

/** The document that an authority gives out, or null. */
const documentAt = (voting: Voting, number: number, epoch: number): Uint8Array | null => {
  const { answer } = voting.ask(number, null, { type: "GetConsensus", epoch });
  assert.equal(answer?.type, "Consensus");
  return answer.status === consensusStatus.ok ? answer.payload : null;
};

/** What all authorities give out for an epoch: the same bytes. */
const agreed = (
  voting: Voting,
  epoch: number,
  numbers: ReadonlyArray<number>,
): { readonly document: Document; readonly signatures: number; readonly raw: Uint8Array } => {
  const [raw, ...others] = numbers.map((number) => documentAt(voting, number, epoch));
  assert.ok(raw !== null && raw !== undefined, `a document for epoch ${epoch}`);
  for (const other of others) assert.ok(other !== null && equal(other, raw), `one document for epoch ${epoch}`);
  const document = right(
    verifyDocument(suite, { authorities: authorityKeys(voting) }, raw, { epoch, nowSeconds: null }),
  );
  return { document, signatures: right(decodeCertificate(raw)).signatures.length, raw };
};

const linesOf = (voting: Voting, number: number, ...levels: LogLevel[]): string[] =>
  voting.logs(number).filter(({ level }) => levels.includes(level)).map(({ message }) => message);

const fieldsOf = (voting: Voting, number: number, reason: string) =>
  saying(voting, number, reason).map(({ fields }) => fields ?? {});

test("[PKI-3.4b-01] [PKI-1.4-02] [PKI-1.3-02] [PKI-3.4-01] [PKI-3.5-01] 20 epochs of one document with three signatures", () => {
  const voting = createVoting({ authorities: 3 });
  const genesis = firstEpoch + 1;
  let prior = "";
  for (let epoch = genesis; epoch <= genesis + 20; epoch++) {
    holdRounds(voting, epoch, epoch);
    const { document, signatures } = agreed(voting, epoch, [0, 1, 2]);
    assert.equal(signatures, 3);
    assert.equal(document.genesisEpoch, genesis);
    assert.deepEqual(document.topology.map((layer) => layer.length), [2, 2]);
    const values = document.priorSharedRandom.map(toHex);
    const age = epoch - genesis;
    if (age === 0 || age === 16) assert.equal(values[0], toHex(document.sharedRandomValue));
    else assert.equal(values.join(), prior, `the prior values stay at genesis+${age}`);
    prior = values.join();
  }
  for (const number of [0, 1, 2]) {
    assert.deepEqual(linesOf(voting, number, "WARNING", "ERROR", "CRITICAL"), []);
    assert.deepEqual(
      fieldsOf(voting, number, "consensus").map((
        { signatures, of, mixes, providers },
      ) => [signatures, of, mixes, providers]),
      Array(21).fill([3, 3, 4, 1]),
    );
    assert.equal(saying(voting, number, "vote").length, 21);
    assert.equal(saying(voting, number, "reveal").length, 21);
    assert.equal(saying(voting, number, "descriptor").length, 21 * 5);
    const { documents, descriptors, errands, links, admission } = voting.state(number);
    assert.ok(documents.size <= 4 && descriptors.size <= 4, "old epochs are forgotten");
    assert.deepEqual([errands.size, links.size, admission.places.size], [0, 0, 0]);
  }
});

test("[PKI-2.1.1-01] [PKI-2.1.2-01] phases end at P/2, 5P/8, 6P/8 and 7P/8", () => {
  const voting = createVoting({ authorities: 3 });
  voting.postAll(firstEpoch + 1);
  const phases: string[] = [];
  for (const eighths of [3.99, 4.01, 4.99, 5.01, 5.99, 6.01, 6.99, 7.01]) {
    voting.runTo(firstEpoch, eighths / 8);
    const { round } = voting.state(0);
    phases.push(`${eighths} ${round.type} ${round.votingEpoch - firstEpoch}`);
  }
  assert.deepEqual(phases, [
    "3.99 descriptors 1",
    "4.01 votes 1",
    "4.99 votes 1",
    "5.01 reveals 1",
    "5.99 reveals 1",
    "6.01 signatures 1",
    "6.99 signatures 1",
    "7.01 descriptors 2",
  ]);
  const [, ...rounds] = fieldsOf(voting, 0, "round").map(({ phase }) => phase);
  assert.deepEqual(rounds, ["votes", "reveals", "signatures", "descriptors"]);
});

test("[PKI-3.3-01] a vote is complete, a reveal follows it, and every authority has those of all", () => {
  const voting = createVoting({ authorities: 3 });
  voting.postAll(firstEpoch + 1);
  const counts = (part: number): number[][] => {
    voting.runTo(firstEpoch, part);
    return [0, 1, 2].map((number) => {
      const { round } = voting.state(number);
      assert.ok(round.type !== "waiting");
      return [round.ballots.votes.size, round.ballots.reveals.size, round.ballots.signatures.size];
    });
  };
  assert.deepEqual(counts(4.9 / 8), [[3, 0, 0], [3, 0, 0], [3, 0, 0]]);
  assert.deepEqual(counts(5.9 / 8), [[3, 3, 0], [3, 3, 0], [3, 3, 0]]);
  assert.deepEqual(counts(6.9 / 8), [[3, 3, 3], [3, 3, 3], [3, 3, 3]]);
});

test("[FAULT-23] one authority of three is down: two signatures are enough, and the log names who is missing", () => {
  const voting = createVoting({ authorities: 3, down: [2] });
  holdRounds(voting, firstEpoch + 1, firstEpoch + 3);
  for (let epoch = firstEpoch + 1; epoch <= firstEpoch + 3; epoch++) {
    assert.equal(agreed(voting, epoch, [0, 1]).signatures, 2);
  }
  for (const { signatures, of, missingVotes, missingReveals, missingSignatures } of fieldsOf(voting, 0, "consensus")) {
    assert.deepEqual([signatures, of], [2, 3]);
    for (const missing of [missingVotes, missingReveals, missingSignatures]) {
      assert.match(String(missing), /^10\.0\.0\.3:62472 \([0-9a-f]{16}\)$/);
    }
  }
});

test("[FAULT-23] two authorities of three are down: no document, and the log says who did not vote", () => {
  const voting = createVoting({ authorities: 3, down: [0, 2] });
  holdRounds(voting, firstEpoch + 1, firstEpoch + 1);
  assert.equal(documentAt(voting, 1, firstEpoch + 1), null);
  const [{ error, missingVotes, missingSignatures, threshold }] = fieldsOf(voting, 1, "no-consensus") as [
    Record<string, unknown>,
  ];
  assert.deepEqual([error, threshold], ["too-few-votes", 2]);
  assert.match(String(missingVotes), /^10\.0\.0\.1:62472 \([0-9a-f]{16}\),10\.0\.0\.3:62472 \([0-9a-f]{16}\)$/);
  assert.match(String(missingSignatures), /authority1 \(self\)/);
  const [line] = saying(voting, 1, "no-consensus");
  assert.match(line!.message, /too-few-votes; 0 signatures, 2 needed; missingVotes: 10\.0\.0\.1:62472/);
});

test("[FAULT-23] after a lost round a new one succeeds, with a new genesis where there is no document to go on from", () => {
  // Both others come up in the epoch after the lost round, before P/2.
  const startMs = (number: number): number => number === 0 ? 0 : 1.2 * clock.periodMs;
  const voting = createVoting({ authorities: 3, startMs });
  const lost = firstEpoch + 1;
  holdRounds(voting, lost, lost);
  holdRounds(voting, lost + 2, lost + 3);
  assert.equal(documentAt(voting, 0, lost), null);
  for (const epoch of [lost + 2, lost + 3]) {
    const { document, signatures } = agreed(voting, epoch, [0, 1, 2]);
    assert.deepEqual([document.genesisEpoch, signatures], [lost + 2, 3]);
  }
});

test("an authority that starts after P/2 sits the round out, fetches the document and joins the next round", () => {
  const late = 0.55 * clock.periodMs;
  const voting = createVoting({ authorities: 3, startMs: (number) => number === 2 ? late : 0 });
  holdRounds(voting, firstEpoch + 1, firstEpoch + 3);
  assert.equal(agreed(voting, firstEpoch + 1, [0, 1, 2]).signatures, 2);
  for (const epoch of [firstEpoch + 2, firstEpoch + 3]) {
    const { document, signatures } = agreed(voting, epoch, [0, 1, 2]);
    assert.deepEqual([document.genesisEpoch, signatures], [firstEpoch + 1, 3]);
  }
  assert.deepEqual(fieldsOf(voting, 2, "round").slice(0, 2).map(({ epoch, phase }) => [epoch, phase]), [[
    firstEpoch + 2,
    "waiting",
  ], [firstEpoch + 2, "descriptors"]]);
  assert.equal(saying(voting, 2, "fetched").length, 1);
});

test("too few nodes: no vote, and the log names who did not post", () => {
  const voting = createVoting({ authorities: 3 });
  voting.runTo(firstEpoch + 1, 0);
  const [{ phase, error, missingDescriptors }] = fieldsOf(voting, 0, "no-consensus") as [
    Record<string, ReadonlyArray<string>>,
  ];
  assert.deepEqual([phase, error], ["descriptors", "too-few-descriptors"]);
  assert.equal(missingDescriptors!.length, 5);
  assert.ok(missingDescriptors!.includes("provider"));
  holdRounds(voting, firstEpoch + 2, firstEpoch + 2);
  assert.equal(agreed(voting, firstEpoch + 2, [0, 1, 2]).signatures, 3);
});

test("[PKI-3.4-04] a node that reached fewer than half of the authorities is left out", () => {
  const voting = createVoting({
    authorities: 3,
    configure: (config, number) => number === 0 ? config : { ...config, mixes: config.mixes.slice(1) },
  });
  holdRounds(voting, firstEpoch + 1, firstEpoch + 1);
  const { document, signatures } = agreed(voting, firstEpoch + 1, [0, 1, 2]);
  assert.deepEqual([document.topology.flat().length, signatures], [3, 3]);
});

test("parameters are those that more than half vote for; without such there is no document", () => {
  const withMu = (mus: ReadonlyArray<number>) =>
    createVoting({
      authorities: 3,
      configure: (config, number) => ({ ...config, parameters: { ...config.parameters, mu: mus[number]! } }),
    });
  const two = withMu([0.5, 0.25, 0.5]);
  holdRounds(two, firstEpoch + 1, firstEpoch + 1);
  const { document, signatures } = agreed(two, firstEpoch + 1, [0, 1, 2]);
  assert.deepEqual([document.parameters.mu, signatures], [0.5, 3]);
  const three = withMu([0.5, 0.25, 0.125]);
  holdRounds(three, firstEpoch + 1, firstEpoch + 1);
  assert.deepEqual(fieldsOf(three, 0, "no-consensus").map(({ error }) => error), ["parameters-disagree"]);
  assert.deepEqual(fieldsOf(three, 0, "no-tally").map(({ error }) => error), ["parameters-disagree"]);
});

test("[FAULT-24] clocks that differ by seconds do no harm with expirations of the epoch", () => {
  const voting = createVoting({ authorities: 3, skewMs: (number) => (number - 1) * 7_300 });
  holdRounds(voting, firstEpoch + 1, firstEpoch + 3);
  assert.equal(agreed(voting, firstEpoch + 3, [0, 1, 2]).signatures, 3);
  const { expiration } = right(decodeCertificate(documentAt(voting, 0, firstEpoch + 3)!));
  assert.equal(expiration, epochStart(clock, firstEpoch + 7) / 1000);
});

test("with Go's formula a document expires three periods and ten minutes after it was tabulated", () => {
  const configure = (config: AuthorityConfig): AuthorityConfig => ({ ...config, certificateExpiration: "go" });
  const voting = createVoting({ authorities: 3, configure });
  holdRounds(voting, firstEpoch + 1, firstEpoch + 1);
  const { raw, signatures } = agreed(voting, firstEpoch + 1, [0, 1, 2]);
  assert.equal(signatures, 3);
  const tabulated = epochStart(clock, firstEpoch) + 0.75 * clock.periodMs;
  assert.equal(right(decodeCertificate(raw)).expiration, Math.floor(tabulated / 1000) + 3 * 1200 + 600);
});

test("[PKI-3.4b-02] who signs another document is named, and adopts the other", () => {
  const configure = (config: AuthorityConfig, number: number): AuthorityConfig => ({
    ...config,
    certificateExpiration: number === 2 ? "go" : "epoch",
  });
  const voting = createVoting({ authorities: 3, configure });
  holdRounds(voting, firstEpoch + 1, firstEpoch + 2);
  for (const epoch of [firstEpoch + 1, firstEpoch + 2]) assert.equal(agreed(voting, epoch, [0, 1, 2]).signatures, 2);
  assert.deepEqual(
    fieldsOf(voting, 2, "partition").map(({ authorities }) => String(authorities)),
    Array(2).fill("authority2 (self)"),
  );
  for (const { authorities } of fieldsOf(voting, 0, "partition")) {
    assert.match(String(authorities), /^10\.0\.0\.3:62472/);
  }
});

test("one authority alone, and seven, make documents", () => {
  for (const authorities of [1, 7]) {
    const voting = createVoting({ authorities });
    holdRounds(voting, firstEpoch + 1, firstEpoch + 2);
    const all = Array.from({ length: authorities }, (_, i) => i);
    assert.equal(agreed(voting, firstEpoch + 2, all).signatures, authorities);
  }
});

test("[PKI-5.3.1-01] [PKI-5.3.2-01] documents are given out, or there will be one, or there will never be", () => {
  const voting = createVoting({ authorities: 3 });
  const status = (epoch: number): number => {
    const { answer } = voting.ask(0, null, { type: "GetConsensus", epoch });
    assert.equal(answer?.type, "Consensus");
    assert.equal(answer.payload.length > 0, answer.status === consensusStatus.ok);
    return answer.status;
  };
  const { ok, notFound, gone } = consensusStatus;
  assert.deepEqual([-2, -1, 0, 1, 2, 1000].map((ahead) => status(firstEpoch + ahead)), [
    gone,
    gone,
    gone,
    notFound,
    notFound,
    notFound,
  ]);
  voting.postAll(firstEpoch + 1);
  voting.runTo(firstEpoch, 0.87);
  assert.equal(status(firstEpoch + 1), notFound);
  voting.runTo(firstEpoch, 0.88);
  assert.deepEqual([0, 1, 2].map((ahead) => status(firstEpoch + ahead)), [gone, ok, notFound]);
  // Nobody posts for the epoch after: once its document is due, there will never be one.
  voting.runTo(firstEpoch + 1, 0.87);
  assert.deepEqual([1, 2].map((ahead) => status(firstEpoch + ahead)), [ok, notFound]);
  voting.runTo(firstEpoch + 1, 0.88);
  assert.deepEqual([1, 2].map((ahead) => status(firstEpoch + ahead)), [ok, gone]);
  // Two epochs later it is still kept, three later it is not.
  voting.runTo(firstEpoch + 3, 0.5);
  assert.equal(status(firstEpoch + 1), ok);
  voting.runTo(firstEpoch + 4, 0.5);
  assert.equal(status(firstEpoch + 1), gone);
});
