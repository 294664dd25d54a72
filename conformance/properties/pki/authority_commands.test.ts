/** What an authority answers to whom: roles, descriptors, votes, reveals, and those who cheat. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, equal, uint64 } from "../../../core/bytes.ts";
import { sign } from "../../../core/pki/cert.ts";
import { type DescriptorFields, signDescriptor } from "../../../core/pki/descriptor.ts";
import { decodeDocument, type DocumentFields, encodeDocument } from "../../../core/pki/document.ts";
import { commitTo } from "../../../core/pki/shared_random.ts";
import { stream } from "../../../core/random.ts";
import { type Command, descriptorStatus, revealStatus, voteStatus } from "../../../core/wire/commands.ts";
import { documentFields, keysOf, mixFields, providerFields, right, suite } from "./fixture.ts";
import { clock, createVoting, firstEpoch, nodeCredentials, saying, type Voting } from "./voting.ts";
import { epochStart } from "../../../core/pki/epoch.ts";

const epoch = firstEpoch + 1;
const until = Math.ceil(epochStart(clock, epoch + 3) / 1000);

const post = (fields: DescriptorFields, at = epoch, signer = fields.name): Command => ({
  type: "PostDescriptor",
  epoch: at,
  payload: signDescriptor(suite, keysOf(signer).identityPrivate, fields, until),
});

const statusOf = (voting: Voting, as: string, command: Command, number = 0): number | string => {
  const credentials = as.startsWith("authority") ? keysOf(as) : nodeCredentials(as);
  const { answer, reason } = voting.ask(number, credentials, command);
  return answer !== null && "status" in answer ? answer.status : reason;
};

/* Descriptors */

const { ok, invalid, conflict, forbidden } = descriptorStatus;

test("[PKI-5.1-01] [PKI-5.1.2-01] [PKI-1.3-03] what a node posts is accepted, refused, or comes too late", () => {
  const voting = createVoting({ authorities: 1 });
  const mix = mixFields("mix0", epoch);
  assert.equal(statusOf(voting, "mix0", post(mix)), ok);
  assert.equal(statusOf(voting, "mix0", post(mix)), ok, "the same again");
  assert.equal(statusOf(voting, "mix0", post({ ...mix, loadWeight: 5 })), conflict, "another one for the epoch");
  assert.equal(statusOf(voting, "mix1", post(mix)), forbidden, "another node's");
  assert.equal(
    statusOf(voting, "mix1", post({ ...mixFields("mix1", epoch), identityKey: mix.identityKey }, epoch, "mix0")),
    forbidden,
  );
  assert.equal(statusOf(voting, "mix1", post(mixFields("mix1", epoch), epoch, "mix0")), invalid, "signed by another");
  assert.equal(statusOf(voting, "provider", post(providerFields("provider", epoch))), ok);
  const renamed = { ...providerFields("provider", epoch - 1), name: "other" };
  assert.equal(statusOf(voting, "provider", post(renamed, epoch - 1, "provider")), forbidden, "under another name");
  assert.equal(statusOf(voting, "mix1", post(providerFields("mix1", epoch))), forbidden, "a mix as a Provider");
  const low = { ...mixFields("mix2", epoch), linkKey: new Uint8Array(32) };
  assert.equal(statusOf(voting, "mix2", post(low)), invalid, "a key that gives no secret");
  assert.equal(
    statusOf(voting, "mix2", { type: "PostDescriptor", epoch, payload: new Uint8Array(0) }),
    invalid,
    "nothing",
  );
  assert.equal(saying(voting, 0, "descriptor").length, 2);
});

test("[FAULT-20] descriptors are taken for the epochs before, now and next", () => {
  const voting = createVoting({ authorities: 1 });
  const statuses = [-2, -1, 0, 1, 2, 1000].map((ahead) =>
    statusOf(voting, "mix0", post(mixFields("mix0", firstEpoch + ahead), firstEpoch + ahead))
  );
  assert.deepEqual(statuses, [invalid, ok, ok, ok, invalid, invalid]);
});

test("a descriptor that comes after the vote is late; the one that was voted for is not", () => {
  const voting = createVoting({ authorities: 1 });
  const posted = post(mixFields("mix0", epoch));
  for (const name of ["mix0", "mix1"]) assert.equal(statusOf(voting, name, post(mixFields(name, epoch))), ok);
  assert.equal(statusOf(voting, "provider", post(providerFields("provider", epoch))), ok);
  for (const part of [0.51, 0.9]) {
    voting.runTo(firstEpoch, part);
    assert.equal(statusOf(voting, "mix2", post(mixFields("mix2", epoch))), conflict);
    assert.equal(statusOf(voting, "mix0", posted), ok);
  }
});

test("a descriptor that expires within its epoch is refused: the document would expire with it", () => {
  const voting = createVoting({ authorities: 1 });
  const end = epochStart(clock, epoch + 1) / 1000;
  const expiring = (expiration: number): Command => {
    const payload = signDescriptor(suite, keysOf("mix0").identityPrivate, mixFields("mix0", epoch), expiration);
    return { type: "PostDescriptor", epoch, payload };
  };
  assert.equal(statusOf(voting, "mix0", expiring(end - 1)), invalid);
  assert.equal(statusOf(voting, "mix0", expiring(end)), ok);
});

/* Roles */

test("who may not ask something is not answered", () => {
  const voting = createVoting({ authorities: 2, down: [1] });
  const get: Command = { type: "GetConsensus", epoch };
  const vote: Command = { type: "Vote", epoch, identityKey: voting.keys[1]!.identityKey, payload: new Uint8Array(9) };
  const reveal: Command = { ...vote, type: "Reveal" };
  const client = (command: Command) => {
    const { answer, reason } = voting.ask(0, null, command);
    return answer?.type ?? reason;
  };
  assert.equal(client(get), "Consensus");
  for (const command of [post(mixFields("mix0", epoch)), vote, reveal]) assert.equal(client(command), "peer-closed");
  assert.equal(statusOf(voting, "mix0", get), 1);
  for (const command of [vote, reveal]) assert.equal(statusOf(voting, "mix0", command), "peer-closed");
  assert.equal(statusOf(voting, "authority1", get), 1);
  assert.equal(statusOf(voting, "authority1", post(mixFields("mix0", epoch))), "peer-closed");
  const getVote: Command = { type: "GetVote", epoch, identityKey: voting.keys[1]!.identityKey };
  assert.equal(statusOf(voting, "authority1", getVote), "peer-closed");
  assert.ok(saying(voting, 0, "wrong-command").length >= 6);
});

test("strangers, wrong keys and additional data of other lengths are turned away", () => {
  const voting = createVoting({ authorities: 2, down: [1] });
  const get: Command = { type: "GetConsensus", epoch };
  const refused = (identityKey: Uint8Array, linkPrivate: Uint8Array) =>
    voting.ask(0, { identityKey, linkPrivate }, get).answer === null;
  const mix = nodeCredentials("mix0");
  const peer = keysOf("authority1");
  assert.ok(!refused(mix.identityKey, mix.linkPrivate));
  assert.ok(refused(mix.identityKey, keysOf("mix0").linkPrivate), "the node's own link key is not what it posts with");
  assert.ok(!refused(peer.identityKey, peer.linkPrivate));
  assert.ok(
    refused(peer.identityKey, suite.ed25519PrivateToX25519(peer.identityPrivate)),
    "an authority has a link key of its own",
  );
  assert.ok(refused(nodeCredentials("stranger").identityKey, nodeCredentials("stranger").linkPrivate));
  for (const length of [1, 31, 33, 255]) assert.ok(refused(new Uint8Array(length).fill(1), mix.linkPrivate));
});

/* Votes and reveals */

const voteFields = (commit: Uint8Array, at = epoch): DocumentFields => ({
  ...documentFields(at),
  sharedRandomCommit: commit,
  sharedRandomValue: new Uint8Array(32),
});

const secrets = (seed: number, at = epoch) => commitTo(suite, stream(new Uint8Array(32).fill(seed)), at);
const rogue = keysOf("authority1");

const voteOf = (fields: DocumentFields, signer = rogue, at = epoch, identityKey = rogue.identityKey): Command => ({
  type: "Vote",
  epoch: at,
  identityKey,
  payload: sign(suite, signer.identityPrivate, encodeDocument(fields), until),
});

const revealOf = (reveal: Uint8Array, signer = rogue, at = epoch, identityKey = rogue.identityKey): Command => ({
  type: "Reveal",
  epoch: at,
  identityKey,
  payload: sign(suite, signer.identityPrivate, reveal, until),
});

const createPlayed = (): Voting => createVoting({ authorities: 3, down: [1, 2] });
const tell = (voting: Voting, command: Command): number | string => statusOf(voting, "authority1", command);

test("[PKI-5.2-01] [PKI-5.2.2-01] [PKI-3.2.3-01] votes: accepted once, or refused by number", () => {
  const voting = createPlayed();
  const { commit } = secrets(1);
  const vote = voteOf(voteFields(commit));
  assert.equal(
    tell(voting, voteOf(voteFields(secrets(1, epoch - 1).commit, epoch - 1), rogue, epoch - 1)),
    2,
    "an older epoch: too late",
  );
  assert.equal(
    tell(voting, voteOf(voteFields(secrets(1, epoch + 1).commit, epoch + 1), rogue, epoch + 1)),
    1,
    "a newer epoch: too early",
  );
  assert.equal(
    tell(voting, voteOf(voteFields(commit), rogue, epoch, keysOf("authority2").identityKey)),
    voteStatus.notAuthorised,
    "in another's name",
  );
  assert.equal(
    tell(voting, voteOf(voteFields(commit), keysOf("authority2"))),
    voteStatus.notSigned,
    "signed by another",
  );
  assert.equal(
    tell(voting, { type: "Vote", epoch, identityKey: rogue.identityKey, payload: new Uint8Array(100) }),
    voteStatus.malformed,
  );
  assert.equal(
    tell(voting, voteOf(voteFields(secrets(1, epoch - 1).commit, epoch - 1))),
    voteStatus.malformed,
    "last epoch's vote again",
  );
  assert.equal(tell(voting, voteOf({ ...voteFields(commit), providers: [] })), voteStatus.malformed);
  assert.equal(tell(voting, vote), voteStatus.ok);
  assert.equal(tell(voting, vote), voteStatus.ok, "the same again, since an answer may have been lost");
  assert.equal(tell(voting, voteOf(voteFields(secrets(2).commit))), voteStatus.alreadyReceived);
  assert.equal(tell(voting, voteOf(documentFields(epoch))), voteStatus.ok, "the signature");
  assert.equal(tell(voting, voteOf(documentFields(epoch))), voteStatus.ok);
  assert.equal(
    tell(voting, voteOf({ ...documentFields(epoch), sharedRandomValue: new Uint8Array(32).fill(1) })),
    voteStatus.alreadyReceived,
  );
});

test("[FAULT-21] an authority that signs two votes is refused the second, and the evidence is logged once", () => {
  const voting = createPlayed();
  for (const seed of [1, 2, 3, 4]) tell(voting, voteOf(voteFields(secrets(seed).commit)));
  const lines = saying(voting, 0, "equivocation");
  assert.equal(lines.length, 1);
  const { what, first, second, authority } = lines[0]!.fields!;
  assert.equal(what, "vote");
  assert.match(String(authority), /^10\.0\.0\.2:62472/);
  assert.match(`${first} ${second}`, /^[0-9a-f]{64} [0-9a-f]{64}$/);
  assert.notEqual(first, second);
});

test("[PKI-3.3.3-01] [PKI-3.4-07] reveals: after the vote, once, and as committed to", () => {
  const voting = createPlayed();
  const { commit, reveal } = secrets(1);
  assert.equal(tell(voting, revealOf(reveal)), revealStatus.tooEarly, "before the vote");
  assert.equal(tell(voting, voteOf(voteFields(commit))), voteStatus.ok);
  assert.equal(tell(voting, revealOf(secrets(1, epoch - 1).reveal, rogue, epoch - 1)), 12, "an older epoch: too late");
  assert.equal(tell(voting, revealOf(secrets(1, epoch + 1).reveal, rogue, epoch + 1)), 9, "a newer epoch: too early");
  assert.equal(tell(voting, revealOf(secrets(1, epoch - 1).reveal)), 12, "an older epoch inside");
  assert.equal(tell(voting, revealOf(secrets(1, epoch + 1).reveal)), 9);
  assert.equal(tell(voting, revealOf(secrets(2).reveal)), revealStatus.notAuthorised, "what was not committed to");
  assert.equal(tell(voting, revealOf(reveal.subarray(1))), revealStatus.notAuthorised);
  assert.equal(tell(voting, revealOf(concat(reveal, uint64(0)))), revealStatus.notAuthorised);
  assert.equal(tell(voting, revealOf(reveal, keysOf("authority2"))), revealStatus.notAuthorised, "signed by another");
  assert.equal(
    tell(voting, revealOf(reveal, rogue, epoch, keysOf("authority2").identityKey)),
    revealStatus.notAuthorised,
  );
  assert.equal(tell(voting, revealOf(reveal)), revealStatus.ok);
  assert.equal(tell(voting, revealOf(reveal)), revealStatus.ok);
  assert.equal(tell(voting, revealOf(secrets(2).reveal)), revealStatus.alreadyReceived);
});

test("[FAULT-22] nobody can commit after others have revealed, nor reveal after the tally", () => {
  const voting = createPlayed();
  const first = secrets(1);
  voting.postAll(epoch);
  voting.runTo(firstEpoch, 4.5 / 8);
  assert.equal(tell(voting, voteOf(voteFields(first.commit))), voteStatus.ok);
  voting.runTo(firstEpoch, 5.1 / 8);
  assert.equal(
    statusOf(
      voting,
      "authority2",
      voteOf(voteFields(secrets(2).commit), keysOf("authority2"), epoch, keysOf("authority2").identityKey),
    ),
    voteStatus.tooLate,
  );
  voting.runTo(firstEpoch, 6.1 / 8);
  assert.equal(tell(voting, revealOf(first.reveal)), revealStatus.tooLate);
  voting.runTo(firstEpoch, 7.1 / 8);
  const [{ error, missingVotes, missingReveals }] = saying(voting, 0, "no-consensus").map(({ fields }) => fields!) as [
    Record<string, unknown>,
  ];
  assert.equal(error, "too-few-reveals");
  assert.match(String(missingVotes), /^10\.0\.0\.3:62472/);
  assert.match(String(missingReveals), /^10\.0\.0\.2:62472 .*,10\.0\.0\.3:62472/);
});

test("[FAULT-21] a consensus is never one that fewer than the threshold signed, whatever a peer sends", () => {
  const voting = createPlayed();
  voting.postAll(epoch);
  voting.runTo(firstEpoch, 6.5 / 8);
  assert.equal(tell(voting, voteOf(documentFields(epoch))), voteStatus.ok, "a document of its own making");
  voting.runTo(firstEpoch, 7.5 / 8);
  const { answer } = voting.ask(0, null, { type: "GetConsensus", epoch });
  assert.deepEqual([answer?.type, answer !== null && "status" in answer && answer.status], ["Consensus", 2]);
});

test("[PKI-3.4-05] a descriptor that expires within the epoch is not listed, whoever votes for it", () => {
  const voting = createPlayed();
  const end = epochStart(clock, epoch + 1) / 1000;
  const expiring = signDescriptor(suite, keysOf("short").identityPrivate, mixFields("short", epoch), end - 1);
  const peers = ["authority1", "authority2"].map((name, seed) => ({ name, keys: keysOf(name), ...secrets(seed + 1) }));
  voting.postAll(epoch);
  voting.runTo(firstEpoch, 4.5 / 8);
  for (const { name, keys, commit } of peers) {
    const fields = voteFields(commit);
    const vote = voteOf({ ...fields, topology: [...fields.topology, [expiring]] }, keys, epoch, keys.identityKey);
    assert.equal(statusOf(voting, name, vote), voteStatus.ok);
  }
  voting.runTo(firstEpoch, 5.5 / 8);
  for (const { name, keys, reveal } of peers) {
    assert.equal(statusOf(voting, name, revealOf(reveal, keys, epoch, keys.identityKey)), revealStatus.ok);
  }
  voting.runTo(firstEpoch, 6.5 / 8);
  const { round, members } = voting.state(0);
  assert.ok(round.type === "signatures" && round.failure === null);
  const { certificate } = round.ballots.signatures.get(members.self.hex)!;
  const { topology, providers } = right(decodeDocument(certificate.certified));
  assert.deepEqual([topology.flat().length, providers.length], [3, 1]);
  assert.ok(!topology.flat().some((raw) => equal(raw, expiring)));
});

test("a connection on which nothing is asked is closed after 30 s", () => {
  const voting = createVoting({ authorities: 1 });
  const before = voting.world.now();
  const { answer, atMs } = voting.ask(0, null, null);
  assert.equal(answer, null);
  assert.ok(atMs - before > 29_000 && atMs - before < 31_000, `${atMs - before} ms`);
  assert.equal(voting.state(0).links.size, 0);
});
