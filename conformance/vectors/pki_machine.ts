/**
 * The authority machine in the place of one of the Go authorities of pki.json: nodes post to it, its peers are played
 * from the file, and it has to sign and publish what the Go authority signed and published.
 *
 * Its own vote is set to the recorded one, since that was drawn from the Go authority's randomness and lists nodes in
 * the order of Go's maps. All else goes the way that it goes in operation.
 *
 * @module
 */
import { PersistentMap } from "../../core/collections/map.ts";
import { equal, toHex } from "../../core/bytes.ts";
import type { Suite } from "../../core/crypto/suite.ts";
import type { Effect } from "../../core/effects.ts";
import { E } from "../../core/fp.ts";
import { type Context, mono, tick, wall } from "../../core/machine.ts";
import { defaultLinkLimits } from "../../core/pki/authority_admission.ts";
import { type AuthorityEvent, createAuthority } from "../../core/pki/authority.ts";
import { type AuthorityConfig, membershipOf } from "../../core/pki/authority_config.ts";
import { noBallots } from "../../core/pki/authority_round.ts";
import type { AuthorityState } from "../../core/pki/authority_state.ts";
import { decodeCertificate } from "../../core/pki/cert.ts";
import { parametersFromFields } from "../../core/pki/parameters.ts";
import { verifyBallot } from "../../core/pki/document.ts";
import type { EpochClock } from "../../core/pki/epoch.ts";
import { lineageAtVote } from "../../core/pki/shared_random.ts";
import type { Command } from "../../core/wire/commands.ts";
import { consensusStatus, descriptorStatus, revealStatus, voteStatus } from "../../core/wire/commands.ts";
import type { SessionConfig, SessionReport } from "../../core/wire/session.ts";
import { compareBytes, compareValues, type Differences } from "./compare.ts";
import type { PkiFile, PkiRound } from "./pki_file.ts";

const self = "authority";
const periodMs = 20 * 60 * 1000;
const slackMs = 10 * 60 * 1000;

/** A clock by which tabulation, at 6P/8 of the epoch before, gives certificates the recorded expiration. */
const clockOf = (vector: PkiRound): EpochClock => {
  const certificate = decodeCertificate(vector.consensus_cert_b64);
  const expiration = E.isRight(certificate) ? certificate.right.expiration : 0;
  const tabulationMs = expiration * 1000 - 3 * periodMs - slackMs;
  return { periodMs, originMs: tabulationMs - (vector.epoch - 1) * periodMs - (periodMs * 6) / 8 };
};

const contextAt = (clock: EpochClock, epoch: number, eighths: number): Context => {
  const ms = clock.originMs + (epoch - 1) * clock.periodMs + (clock.periodMs * eighths) / 8;
  return { now: mono(ms), wall: wall(ms), seed: new Uint8Array(32).fill(eighths) };
};

const linkKeyOf = (authority: number): Uint8Array => new Uint8Array(32).fill(authority + 1);

const parametersOf = (vectors: PkiFile) =>
  parametersFromFields(new Map(vectors.parameters.map(([name, value]) => [name, Number(value)] as const)))!;

const configOf = (vectors: PkiFile, authority: number): AuthorityConfig => {
  const isProvider = ({ name }: { readonly name: string }): boolean => name.startsWith("provider");
  return {
    identityPrivate: vectors.authority_keys[authority]!.identity_private,
    linkPrivate: new Uint8Array(32).fill(7),
    identifier: `authority${authority}`,
    peers: vectors.authority_keys.flatMap(({ identity_public }, other) =>
      other === authority
        ? []
        : [{ identityKey: identity_public, linkKey: linkKeyOf(other), addresses: [`127.0.0.1:${other + 1}`] }]
    ),
    mixes: vectors.nodes.filter((node) => !isProvider(node)).map(({ identity_public }) => identity_public),
    providers: vectors.nodes.filter(isProvider).map(({ identity_public, name }) => ({
      identityKey: identity_public,
      name,
    })),
    parameters: parametersOf(vectors),
    layers: vectors.rounds[0]!.topology_names.length,
    minNodesPerLayer: 2,
    clock: clockOf(vectors.rounds[0]!),
    certificateExpiration: "go",
    limits: defaultLinkLimits,
  };
};

/** A machine under test, with what it has asked for since it was last looked at. */
class Driver {
  readonly #machine;
  #connections = 0;
  state: AuthorityState;
  effects: Effect[] = [];

  constructor(suite: Suite, config: AuthorityConfig, context: Context) {
    this.#machine = createAuthority(suite, self);
    const { state, effects } = this.#machine.start(context, config, undefined);
    this.state = state;
    this.#perform(context, effects);
  }

  step(context: Context, event: AuthorityEvent | typeof tick): ReadonlyArray<Effect> {
    const { state, effects } = this.#machine.step(context, this.state, event);
    this.state = state;
    return this.#perform(context, effects);
  }

  /** The effects of a step, and of those in which the store answers. */
  #perform(context: Context, effects: ReadonlyArray<Effect>): ReadonlyArray<Effect> {
    this.effects.push(...effects);
    const following = effects.flatMap((effect) => {
      if (effect.type === "Commit") return this.step(context, { type: "Committed", id: effect.id });
      return effect.type === "Scan" ? this.step(context, { type: "Scanned", id: effect.id, entries: [] }) : [];
    });
    return [...effects, ...following];
  }

  /** One connection with one command; the answer, or null where there is none. */
  ask(context: Context, additionalData: Uint8Array, key: Uint8Array, command: Command): Command | null {
    const session = `conn/${this.#connections++}`;
    const report = (of: SessionReport["report"]): SessionReport => ({ type: "Session", session, report: of });
    this.step(context, { type: "Incoming", connection: session, remote: "127.0.0.1:9" });
    this.step(context, report({ type: "Authorize", additionalData, key, remote: "127.0.0.1:9" }));
    const told = this.step(context, report({ type: "Command", command }));
    this.step(context, report({ type: "Down", reason: "closed" }));
    for (const effect of told) {
      if (effect.type === "Tell" && effect.to === session) {
        const request = effect.event as { readonly type: string; readonly command: Command };
        if (request.type === "Send") return request.command;
      }
    }
    return null;
  }
}

const statusOf = (command: Command | null): number | null =>
  command !== null && "status" in command ? command.status : null;

const post = (suite: Suite, driver: Driver, vectors: PkiFile, vector: PkiRound, context: Context): Differences =>
  vector.descriptors.flatMap(({ name, cert_b64 }) => {
    const identity = vectors.nodes.find((node) => node.name === name)!.identity_public;
    const command = { type: "PostDescriptor", epoch: vector.epoch, payload: cert_b64 } as const;
    const answer = driver.ask(context, identity, suite.ed25519PublicToX25519(identity)!, command);
    return compareValues(`status of ${name}'s descriptor`, statusOf(answer), descriptorStatus.ok);
  });

/** Puts the recorded vote in the place of the machine's own. */
const castRecorded = (suite: Suite, state: AuthorityState, vector: PkiRound, authority: number): AuthorityState => {
  const own = vector.authorities[authority]!;
  const { self: { identityKey, hex } } = membershipOf(suite, state.config);
  const ballot = verifyBallot(suite, identityKey, own.vote_cert_b64, { epoch: vector.epoch, nowSeconds: null });
  if (E.isLeft(ballot)) return state;
  const votes = PersistentMap([[hex, { raw: own.vote_cert_b64, document: ballot.right.document }] as const]);
  const previous = state.documents.get(vector.epoch - 1)?.document ?? null;
  return {
    ...state,
    lineage: lineageAtVote(state.lineage, vector.epoch, previous),
    round: { type: "votes", votingEpoch: vector.epoch, ballots: { ...noBallots, votes }, reveal: own.reveal },
  };
};

type PeerPayload = (authority: PkiRound["authorities"][number]) => Uint8Array;

/** Every peer brings one thing. */
const hearPeers = (
  driver: Driver,
  vectors: PkiFile,
  vector: PkiRound,
  authority: number,
  context: Context,
  type: "Vote" | "Reveal",
  payload: PeerPayload,
): Differences =>
  vector.authorities.filter((other) => other.authority !== authority).flatMap((other) => {
    const identityKey = vectors.authority_keys[other.authority]!.identity_public;
    const command = { type, epoch: vector.epoch, identityKey, payload: payload(other) } as const;
    const answer = driver.ask(context, identityKey, linkKeyOf(other.authority), command);
    const ok = type === "Vote" ? voteStatus.ok : revealStatus.ok;
    return compareValues(`status of authority ${other.authority}'s ${type}`, statusOf(answer), ok);
  });

/** What the machine wants to bring to its first peer: the payload of the errand under way. */
const brought = ({ state }: Driver): Uint8Array | null => {
  const errand = state.errands.find(({ purpose }) => purpose !== "document");
  return errand !== undefined && "payload" in errand.command ? errand.command.payload : null;
};

const checkRound = (
  suite: Suite,
  driver: Driver,
  vectors: PkiFile,
  vector: PkiRound,
  authority: number,
): Differences => {
  const clock = clockOf(vector);
  const at = (eighths: number): Context => contextAt(clock, vector.epoch, eighths);
  const own = vector.authorities[authority]!;
  driver.state = { ...driver.state, config: { ...driver.state.config, clock } };
  const posted = post(suite, driver, vectors, vector, at(1));
  driver.state = castRecorded(suite, driver.state, vector, authority);
  const votes = hearPeers(driver, vectors, vector, authority, at(4.5), "Vote", (other) => other.vote_cert_b64);
  driver.step(at(5), tick);
  const reveals = hearPeers(driver, vectors, vector, authority, at(5.5), "Reveal", (other) => other.signed_reveal_cert);
  driver.step(at(6), tick);
  const signed = brought(driver);
  const signatures = hearPeers(
    driver,
    vectors,
    vector,
    authority,
    at(6.5),
    "Vote",
    (other) => other.consensus_cert_own_signature_b64,
  );
  const before = driver.ask(at(6.75), new Uint8Array(0), new Uint8Array(32), {
    type: "GetConsensus",
    epoch: vector.epoch,
  });
  driver.step(at(7), tick);
  const published = driver.ask(at(7.5), new Uint8Array(0), new Uint8Array(32), {
    type: "GetConsensus",
    epoch: vector.epoch,
  });
  return [
    ...posted,
    ...votes,
    ...reveals,
    ...compareBytes("consensus_cert_own_signature_b64", signed, own.consensus_cert_own_signature_b64),
    ...signatures,
    ...compareValues("status before publication", statusOf(before), consensusStatus.notFound),
    ...compareBytes(
      "consensus_cert_b64",
      published?.type === "Consensus" ? published.payload : null,
      vector.consensus_cert_b64,
    ),
  ].map((difference) => `epoch ${vector.epoch}: ${difference}`);
};

/** The machine through all rounds; what it asked for names no failure. */
export const checkMachine = (suite: Suite, vectors: PkiFile, authority: number): Differences => {
  const config = configOf(vectors, authority);
  const first = vectors.rounds[0]!;
  const driver = new Driver(suite, config, contextAt(config.clock, first.epoch, 0));
  const rounds = vectors.rounds.flatMap((vector) => checkRound(suite, driver, vectors, vector, authority));
  const sessions = driver.effects.flatMap((effect) => effect.type === "Spawn" ? [effect.config as SessionConfig] : []);
  const dialled = new Set(sessions.flatMap(({ role }) => role.type === "initiator" ? role.addresses : []));
  const warnings = driver.effects.flatMap((effect) =>
    effect.type === "Log" && effect.level === "WARNING" ? [`warning: ${effect.message}`] : []
  );
  const presented = sessions.every(({ additionalData }) =>
    equal(additionalData, vectors.authority_keys[authority]!.identity_public)
  );
  return [
    ...rounds,
    ...warnings,
    ...compareValues("peers dialled", dialled.size, config.peers.length),
    ...compareValues(`presents ${toHex(config.identityPrivate.slice(32)).slice(0, 8)}`, presented, true),
  ];
};
