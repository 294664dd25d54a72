/**
 * What an authority brings to its peers (vote, reveal, signature) and fetches from them (documents that it missed): one
 * connection and one command each, tried again after a short back-off until it is done or too late (wire-facts §5.6).
 *
 * @module
 */
import { type Effect, log, tell } from "../effects.ts";
import { after, type Context, type Mono } from "../machine.ts";
import type { Address } from "../system.ts";
import type { Command, CommandType } from "../wire/commands.ts";
import type { SessionConfig, SessionRequest } from "../wire/session.ts";
import { type Hex, peerName } from "./authority_config.ts";
import { andThen, type AuthorityState, only, type Outcome } from "./authority_state.ts";

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
  return only({ ...state, errands: state.errands.deleteAll(recalled.keys()) }, ...closes);
};

/** What a session is told. */
export const request = (session: Address, event: SessionRequest): Effect => tell(session, event);

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

/** Tries again later; with several peers to ask, the next one at once until each has been asked. */
export const retry = (
  context: Context,
  state: AuthorityState,
  key: string,
  errand: Errand,
  reason: string,
): Outcome => {
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

/** The errand is over. */
export const done = (state: AuthorityState, key: string, ...effects: ReadonlyArray<Effect>): Outcome =>
  only({ ...state, errands: state.errands.delete(key) }, ...effects);
