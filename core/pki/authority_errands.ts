/**
 * What an authority brings to its peers (vote, reveal, signature) and fetches from them (documents that it missed): one
 * connection and one command each, tried again after a short back-off until it is done or too late (wire-facts §5.6).
 *
 * Both the identity and the link key of the peer are checked; Go checks only the first when it dials.
 *
 * @module
 */
import { equal, fromHex } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { type Effect, log, tell } from "../effects.ts";
import { E } from "../fp.ts";
import { absurd, after, type Context, type Mono } from "../machine.ts";
import type { Address } from "../system.ts";
import { type Command, type CommandType, consensusStatus, revealStatus, voteStatus } from "../wire/commands.ts";
import type { SessionConfig, SessionReport, SessionRequest } from "../wire/session.ts";
import { type Hex, peerName } from "./authority_config.ts";
import { andThen, type AuthorityState, knownDescriptors, only, type Outcome, secondsOf } from "./authority_state.ts";
import { verifyDocument } from "./document.ts";

export type Purpose = "vote" | "reveal" | "signature" | "document";

export interface Errand {
  readonly purpose: Purpose;
  readonly epoch: number;
  /** Whom to ask, the next one first: one peer to bring something to, any that may have a document. */
  readonly peers: ReadonlyArray<Hex>;
  readonly command: Command;
  /** Failed attempts so far. */
  readonly failures: number;
  readonly standing:
    | { readonly type: "resting"; readonly until: Mono }
    | { readonly type: "travelling"; readonly session: Address };
}

const firstPauseMs = 250;
const pauseMaxMs = 4_000;
const deadlines = { dialMs: 15_000, handshakeMs: 30_000, idleMs: 60_000, writeMs: 60_000 };
/** Statuses are 7 bytes long, a document may be as long as a command can be. */
const statusLengthMax = 64;
export const commandLengthMax = 1_048_560;

const answers: Readonly<Record<Purpose, CommandType>> = {
  vote: "VoteStatus",
  signature: "VoteStatus",
  reveal: "RevealStatus",
  document: "Consensus",
};

const sendPrefix = "send/";

/** Brings a command to every peer, in place of what was being brought to them before. */
export const bringToPeers = (
  context: Context,
  state: AuthorityState,
  purpose: Purpose,
  epoch: number,
  command: Command,
): Outcome => {
  const recalled = recall(state, (key) => key.startsWith(sendPrefix));
  return [...state.members.peers.keys()].reduce<Outcome>(
    (outcome, peer) =>
      andThen(
        outcome,
        (next) => set(context, next, `${sendPrefix}${peer}`, { purpose, epoch, peers: [peer], command }),
      ),
    recalled,
  );
};

/** Looks for the document of an epoch at the peers, unless it is there or being looked for. */
export const fetchDocument = (context: Context, state: AuthorityState, epoch: number): Outcome => {
  const key = `fetch/${epoch}`;
  const peers = [...state.members.peers.keys()];
  // The first round ever is for epoch 1.
  if (epoch < 1 || state.documents.has(epoch) || state.errands.has(key) || peers.length === 0) return only(state);
  return set(context, state, key, { purpose: "document", epoch, peers, command: { type: "GetConsensus", epoch } });
};

const set = (
  context: Context,
  state: AuthorityState,
  key: string,
  errand: Pick<Errand, "purpose" | "epoch" | "peers" | "command">,
): Outcome =>
  only({
    ...state,
    errands: state.errands.set(key, { ...errand, failures: 0, standing: { type: "resting", until: context.now } }),
  });

/** Gives up errands, and the connections that they are on. */
export const recall = (state: AuthorityState, which: (key: string, errand: Errand) => boolean): Outcome => {
  const recalled = state.errands.filter((errand, key) => which(key, errand));
  if (recalled.isEmpty()) return only(state);
  const closes = [...recalled.values()].flatMap(({ standing }) =>
    standing.type === "travelling" ? [request(standing.session, { type: "Close", polite: false })] : []
  );
  return only({ ...state, errands: state.errands.filterNot((_, key) => recalled.has(key)) }, ...closes);
};

const request = (session: Address, event: SessionRequest): Effect => tell(session, event);

/** When the next errand sets out. */
export const errandsWakeAt = (state: AuthorityState): Mono | null =>
  state.errands.reduce<Mono | null>(
    (first, { standing }) =>
      standing.type === "resting" && (first === null || standing.until < first) ? standing.until : first,
    null,
  );

/** Sends out the errands whose time has come. */
export const setOut = (context: Context, state: AuthorityState, self: Address): Outcome =>
  [...state.errands.entries()].reduce<Outcome>(
    (outcome, [key, errand]) =>
      errand.standing.type === "resting" && errand.standing.until <= context.now
        ? andThen(outcome, (next) => dial(next, self, key, errand))
        : outcome,
    only(state),
  );

const dial = (state: AuthorityState, self: Address, key: string, errand: Errand): Outcome => {
  const session = `${self}/out/${state.sessions}`;
  const config: SessionConfig = {
    self: session,
    owner: self,
    role: { type: "initiator", addresses: state.members.peers.get(errand.peers[0]!)!.addresses },
    staticPrivate: state.config.linkPrivate,
    additionalData: state.members.self.identityKey,
    deadlines,
    receives: [answers[errand.purpose]],
    commandLengthMax: errand.purpose === "document" ? commandLengthMax : statusLengthMax,
    queueLength: 1,
  };
  const errands = state.errands.set(key, { ...errand, standing: { type: "travelling", session } });
  return only({ ...state, errands, sessions: state.sessions + 1 }, {
    type: "Spawn",
    at: session,
    kind: "session",
    config,
  });
};

/** The errand that a session is for. */
export const errandOn = (state: AuthorityState, session: Address): readonly [string, Errand] | null =>
  state.errands.findEntry(({ standing }) => standing.type === "travelling" && standing.session === session) ?? null;

/** What a session reports of an errand. */
export const hearOf = (
  suite: Suite,
  context: Context,
  state: AuthorityState,
  [key, errand]: readonly [string, Errand],
  { session, report }: SessionReport,
): Outcome => {
  switch (report.type) {
    case "Authorize":
      return only(state, request(session, authorize(state, errand.peers[0]!, report.additionalData, report.key)));
    case "Up":
      return only(state, request(session, { type: "Send", command: errand.command }));
    case "Command":
      return answered(suite, context, state, key, errand, session, report.command);
    case "Sent":
      return only(state);
    case "Down":
      return retry(context, state, key, errand, report.reason);
    default:
      return absurd(report);
  }
};

const authorize = (state: AuthorityState, peer: Hex, additionalData: Uint8Array, key: Uint8Array): SessionRequest => {
  if (!equal(additionalData, fromHex(peer)!)) return { type: "Denied", reason: "wrong-identity" };
  return equal(key, state.members.peers.get(peer)!.linkKey)
    ? { type: "Allowed" }
    : { type: "Denied", reason: "wrong-link-key" };
};

/** Tries again later; with several peers to ask, the next one at once until each has been asked. */
const retry = (context: Context, state: AuthorityState, key: string, errand: Errand, reason: string): Outcome => {
  const [peer, ...others] = errand.peers;
  const failures = errand.failures + 1;
  const rounds = Math.floor(failures / errand.peers.length);
  const pause = failures % errand.peers.length !== 0
    ? 0
    : Math.min(pauseMaxMs, firstPauseMs * (1 << Math.min(rounds - 1, 10)));
  const fields = {
    epoch: errand.epoch,
    authority: peerName(state.members, peer!),
    purpose: errand.purpose,
    error: reason,
  };
  const line = log(
    "DEBUG",
    "peer-unreachable",
    `No success with a ${errand.purpose} at authority ${fields.authority}: ${reason}`,
    fields,
  );
  const resting: Errand = {
    ...errand,
    peers: [...others, peer!],
    failures,
    standing: { type: "resting", until: after(context.now, pause) },
  };
  return only({ ...state, errands: state.errands.set(key, resting) }, line);
};

const answered = (
  suite: Suite,
  context: Context,
  state: AuthorityState,
  key: string,
  errand: Errand,
  session: Address,
  command: Command,
): Outcome => {
  const close = request(session, { type: "Close", polite: false });
  const outcome = judge(suite, context, state, key, errand, command);
  return { state: outcome.state, effects: [close, ...outcome.effects] };
};

const done = (state: AuthorityState, key: string, ...effects: ReadonlyArray<Effect>): Outcome =>
  only({ ...state, errands: state.errands.delete(key) }, ...effects);

const judge = (
  suite: Suite,
  context: Context,
  state: AuthorityState,
  key: string,
  errand: Errand,
  command: Command,
): Outcome => {
  if (command.type === "Consensus") return receiveConsensus(suite, context, state, key, errand, command);
  if (command.type !== "VoteStatus" && command.type !== "RevealStatus") {
    return retry(context, state, key, errand, "wrong-answer");
  }
  const statuses = command.type === "VoteStatus" ? voteStatus : revealStatus;
  const { status } = command;
  if (status === statuses.tooEarly) return retry(context, state, key, errand, "too-early");
  if (status === statuses.ok || status === statuses.alreadyReceived) return done(state, key);
  const fields = {
    epoch: errand.epoch,
    authority: peerName(state.members, errand.peers[0]!),
    purpose: errand.purpose,
    status,
  };
  return done(
    state,
    key,
    log(
      "WARNING",
      "peer-refused",
      `Authority ${fields.authority} refused our ${errand.purpose} with status ${status}`,
      fields,
    ),
  );
};

type ConsensusCommand = Extract<Command, { readonly type: "Consensus" }>;

const receiveConsensus = (
  suite: Suite,
  context: Context,
  state: AuthorityState,
  key: string,
  errand: Errand,
  command: ConsensusCommand,
): Outcome => {
  const { epoch } = errand;
  if (command.status === consensusStatus.notFound) return retry(context, state, key, errand, "not-found");
  if (command.status !== consensusStatus.ok) return withoutPeer(context, state, key, errand);
  const { authorities, threshold } = state.members;
  const verified = verifyDocument(suite, { authorities, threshold }, command.payload, {
    epoch,
    nowSeconds: secondsOf(context.wall),
    known: knownDescriptors(state, epoch),
  });
  if (E.isRight(verified)) {
    const line = log("INFO", "fetched", `Fetched the document for epoch ${epoch} from a peer`, { epoch });
    return done(
      { ...state, documents: state.documents.set(epoch, { document: verified.right, raw: command.payload }) },
      key,
      line,
    );
  }
  const authority = peerName(state.members, errand.peers[0]!);
  const line = log(
    "WARNING",
    "invalid-document",
    `Authority ${authority} gave out an invalid document: ${verified.left}`,
    { epoch, authority, error: verified.left },
  );
  return andThen(only(state, line), (next) => withoutPeer(context, next, key, errand));
};

/** This peer will never have the document. */
const withoutPeer = (context: Context, state: AuthorityState, key: string, errand: Errand): Outcome => {
  const peers = errand.peers.slice(1);
  if (peers.length === 0) return done(state, key);
  const standing = { type: "resting", until: context.now } as const;
  return only({ ...state, errands: state.errands.set(key, { ...errand, peers, standing }) });
};
