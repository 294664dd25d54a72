/**
 * Authorities who cheat: different things to different peers, promises that are not kept, documents of their own. There
 * is one document or none, and evidence in the log.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toHex } from "../../../core/bytes.ts";
import { sign } from "../../../core/pki/cert.ts";
import { type DocumentFields, encodeDocument } from "../../../core/pki/document.ts";
import { epochStart } from "../../../core/pki/epoch.ts";
import { commitTo, sharedRandomValue } from "../../../core/pki/shared_random.ts";
import { stream } from "../../../core/random.ts";
import { type Command, revealStatus, voteStatus } from "../../../core/wire/commands.ts";
import { documentFields, keysOf, suite } from "./fixture.ts";
import { clock, createVoting, firstEpoch, holdRounds, saying, type Voting } from "./voting.ts";

const epoch = firstEpoch + 1;
const until = Math.ceil(epochStart(clock, epoch + 3) / 1000);

/* Three honest authorities, and one that the tests play: three signatures make a document */

const honest = [0, 1, 2];
const rogue = keysOf("authority3");

const createPlayed = (seed = 0): Voting => {
  const voting = createVoting({ authorities: 4, down: [3], seed });
  voting.postAll(epoch);
  voting.runTo(firstEpoch, 4.2 / 8);
  return voting;
};

const secrets = (seed: number, at = epoch) => commitTo(suite, stream(new Uint8Array(32).fill(seed + 1)), at);

const certified = (fields: DocumentFields): Uint8Array =>
  sign(suite, rogue.identityPrivate, encodeDocument(fields), until);

const command = (type: "Vote" | "Reveal", payload: Uint8Array): Command => ({
  type,
  epoch,
  identityKey: rogue.identityKey,
  payload,
});

const voteOf = (commit: Uint8Array, at = epoch): Command =>
  command(
    "Vote",
    certified({ ...documentFields(at), sharedRandomCommit: commit, sharedRandomValue: new Uint8Array(32) }),
  );

const revealOf = (reveal: Uint8Array): Command => command("Reveal", sign(suite, rogue.identityPrivate, reveal, until));

const tell = (voting: Voting, number: number, what: Command): number | string => {
  const { answer, reason } = voting.ask(number, rogue, what);
  return answer !== null && "status" in answer ? answer.status : reason;
};

/** What an honest authority signed, with the rogue's signature instead. */
const cosigned = (voting: Voting, number: number): Command | null => {
  const { round, members } = voting.state(number);
  const own = round.type === "signatures" ? round.ballots.signatures.get(members.self.hex) : undefined;
  if (own === undefined) return null;
  return command("Vote", sign(suite, rogue.identityPrivate, own.certificate.certified, own.certificate.expiration));
};

/** The different documents that honest authorities have for an epoch, once they have asked one another. */
const documentsOf = (voting: Voting, of = epoch): ReadonlySet<string> =>
  new Set(honest.flatMap((number) => {
    const published = voting.state(number).documents.get(of);
    return published === undefined ? [] : [toHex(suite.sha256(published.raw))];
  }));

const certifiedOf = (voting: Voting, of = epoch): ReadonlySet<string> =>
  new Set(honest.flatMap((number) => {
    const document = voting.state(number).documents.get(of)?.document;
    return document === undefined ? [] : [toHex(document.sharedRandomValue)];
  }));

/** The next round succeeds, with as many signatures as there are honest authorities. */
const recovers = (voting: Voting): void => {
  holdRounds(voting, epoch + 1, epoch + 1);
  assert.equal(documentsOf(voting, epoch + 1).size, 1, "the round after has its document");
};

test("[FAULT-21] different votes, and the reveal of each, to different peers: no document, and the next round has one", () => {
  const voting = createPlayed();
  for (const number of honest) assert.equal(tell(voting, number, voteOf(secrets(number).commit)), voteStatus.ok);
  voting.runTo(firstEpoch, 5.2 / 8);
  for (const number of honest) assert.equal(tell(voting, number, revealOf(secrets(number).reveal)), revealStatus.ok);
  voting.runTo(firstEpoch, 6.2 / 8);
  for (const number of honest) assert.equal(tell(voting, number, cosigned(voting, number)!), voteStatus.ok);
  voting.runTo(firstEpoch, 0.99);
  assert.equal(documentsOf(voting).size, 0);
  for (const number of honest) {
    const [line] = saying(voting, number, "no-consensus");
    assert.equal(line?.fields?.["error"], "too-few-signatures");
  }
  recovers(voting);
});

test("[FAULT-21] whatever an authority says to whom: one document or none, never two, and the next round has one", () => {
  const choice = fc.record({
    vote: fc.constantFrom(1, 2, null),
    reveal: fc.constantFrom(1, 2, null),
    signature: fc.constantFrom("same", "own", "another's", null),
  });
  fc.assert(
    fc.property(fc.tuple(choice, choice, choice), fc.nat(255), (choices, seed) => {
      const voting = createPlayed(seed);
      for (const [number, { vote }] of choices.entries()) {
        if (vote !== null) tell(voting, number, voteOf(secrets(vote).commit));
      }
      voting.runTo(firstEpoch, 5.2 / 8);
      for (const [number, { reveal }] of choices.entries()) {
        if (reveal !== null) tell(voting, number, revealOf(secrets(reveal).reveal));
      }
      voting.runTo(firstEpoch, 6.2 / 8);
      for (const [number, { signature }] of choices.entries()) {
        const chosen = signature === "same"
          ? cosigned(voting, number)
          : signature === "another's"
          ? cosigned(voting, (number + 1) % honest.length)
          : signature === "own"
          ? command("Vote", certified(documentFields(epoch)))
          : null;
        if (chosen !== null) tell(voting, number, chosen);
      }
      voting.runTo(firstEpoch + 1, 0.05);
      assert.ok(certifiedOf(voting).size <= 1, `${certifiedOf(voting).size} documents`);
      recovers(voting);
    }),
    { numRuns: 4 },
  );
});

test("[PKI-3.4-02] [FAULT-21] the vote of the last epoch, as it was or for this one, is refused", () => {
  const voting = createPlayed();
  const old = voteOf(secrets(1, epoch - 1).commit, epoch - 1);
  assert.equal(tell(voting, 0, { ...old, epoch: epoch - 1 } as Command), voteStatus.tooLate);
  assert.equal(tell(voting, 0, old), voteStatus.malformed);
  const [line] = saying(voting, 0, "vote-refused");
  assert.equal(line?.fields?.["error"], "wrong-epoch");
});

test("[FAULT-21] who signs two documents is refused the second; the evidence has the hashes of both", () => {
  const voting = createPlayed();
  voting.runTo(firstEpoch, 6.2 / 8);
  const first = cosigned(voting, 0)!;
  const second = command("Vote", certified(documentFields(epoch)));
  assert.equal(tell(voting, 0, first), voteStatus.ok);
  assert.equal(tell(voting, 0, second), voteStatus.alreadyReceived);
  const [line] = saying(voting, 0, "equivocation");
  const hashOf = (what: Command): string => toHex(suite.sha256((what as { readonly payload: Uint8Array }).payload));
  assert.equal(line?.fields?.["what"], "signature");
  assert.deepEqual([line?.fields?.["first"], line?.fields?.["second"]], [hashOf(first), hashOf(second)]);
});

test("[FAULT-21] who signs another document than the others is named with the hashes of both", () => {
  const voting = createPlayed();
  voting.runTo(firstEpoch, 6.2 / 8);
  assert.equal(tell(voting, 0, command("Vote", certified(documentFields(epoch)))), voteStatus.ok);
  voting.runTo(firstEpoch, 7.1 / 8);
  const [line] = saying(voting, 0, "partition");
  assert.match(String(line?.fields?.["authorities"]), /^10\.0\.0\.4:62472/);
  assert.match(`${line?.fields?.["consensus"]} ${line?.fields?.["others"]}`, /^[0-9a-f]{64} [0-9a-f]{64}$/);
  assert.notEqual(line?.fields?.["consensus"], String(line?.fields?.["others"]));
});

/* The shared random value */

const valueAt = (voting: Voting, of = epoch): string => [...certifiedOf(voting, of)].join();

/** The value of what authority 0 has heard, with and without the rogue's part. */
const expected = (voting: Voting, withRogue: boolean): string => {
  const { round } = voting.state(0);
  assert.notEqual(round.type, "waiting");
  const reveals = round.type === "waiting" ? [] : [...round.ballots.reveals.entries()];
  const counted = reveals.filter(([authority]) => withRogue || authority !== toHex(rogue.identityKey));
  const revealed = counted.map(([authority, reveal]) => ({
    identityKey: [...voting.keys].find(({ identityKey }) => toHex(identityKey) === authority)!.identityKey,
    reveal,
  }));
  return toHex(sharedRandomValue(suite, epoch, revealed, null));
};

test("[FAULT-22] [FAULT-21] who withholds its reveal is left out: it chooses between two values, and no more", () => {
  for (const reveals of [true, false]) {
    const voting = createPlayed();
    for (const number of honest) assert.equal(tell(voting, number, voteOf(secrets(1).commit)), voteStatus.ok);
    voting.runTo(firstEpoch, 5.9 / 8);
    if (reveals) { for (const number of honest) tell(voting, number, revealOf(secrets(1).reveal)); }
    const value = expected(voting, reveals);
    voting.runTo(firstEpoch, 7.2 / 8);
    assert.equal(documentsOf(voting).size, 1);
    assert.equal(valueAt(voting), value);
    const [consensus] = saying(voting, 0, "consensus");
    assert.equal(String(consensus?.fields?.["missingReveals"]).startsWith("10.0.0.4:62472"), !reveals);
  }
});

test("[FAULT-22] no commit, a late reveal and a reveal of something else do not touch the value", () => {
  const cheats: ReadonlyArray<(voting: Voting) => void> = [
    (voting) => {
      for (const number of honest) {
        // Without a commit it is taken for a signature, and counts for nothing.
        assert.equal(tell(voting, number, command("Vote", certified(documentFields(epoch)))), voteStatus.ok);
        assert.equal(tell(voting, number, voteOf(new Uint8Array(0))), voteStatus.alreadyReceived);
        assert.equal(tell(voting, number, revealOf(secrets(1).reveal)), revealStatus.tooEarly);
      }
    },
    (voting) => {
      for (const number of honest) assert.equal(tell(voting, number, voteOf(secrets(1).commit)), voteStatus.ok);
      voting.runTo(firstEpoch, 6.1 / 8);
      for (const number of honest) {
        assert.equal(tell(voting, number, revealOf(secrets(1).reveal)), revealStatus.tooLate);
      }
    },
    (voting) => {
      for (const number of honest) assert.equal(tell(voting, number, voteOf(secrets(1).commit)), voteStatus.ok);
      voting.runTo(firstEpoch, 5.2 / 8);
      for (const number of honest) {
        assert.equal(tell(voting, number, revealOf(secrets(2).reveal)), revealStatus.notAuthorised);
      }
    },
  ];
  for (const cheat of cheats) {
    const voting = createPlayed();
    cheat(voting);
    if (voting.state(0).round.type !== "signatures") voting.runTo(firstEpoch, 5.9 / 8);
    const value = expected(voting, false);
    voting.runTo(firstEpoch, 7.2 / 8);
    assert.equal(documentsOf(voting).size, 1);
    assert.equal(valueAt(voting), value);
  }
});

test("[FAULT-22] who copies another's commit and reveal does not divide the others", () => {
  const voting = createPlayed();
  const { round, members } = voting.state(0);
  assert.equal(round.type, "votes");
  const copied = round.type === "votes" ? round.ballots.votes.get(members.self.hex)!.document.sharedRandomCommit : null;
  for (const number of honest) assert.equal(tell(voting, number, voteOf(copied!)), voteStatus.ok);
  voting.runTo(firstEpoch, 5.2 / 8);
  const opened = voting.state(0).round;
  assert.equal(opened.type, "reveals");
  const reveal = opened.type === "reveals" ? opened.ballots.reveals.get(members.self.hex)! : null;
  for (const number of honest) assert.equal(tell(voting, number, revealOf(reveal!)), revealStatus.ok);
  voting.runTo(firstEpoch, 7.2 / 8);
  assert.equal(documentsOf(voting).size, 1);
});
