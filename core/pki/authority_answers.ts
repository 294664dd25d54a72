/**
 * What comes of an authority's errands (authority_errands.ts): whom it met, what they answered, and what follows.
 *
 * Both the identity and the link key of the peer are checked; Go checks only the first when it dials.
 *
 * @module
 */
import { equal, fromHex } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { type Effect, log } from "../effects.ts";
import { E } from "../fp.ts";
import { absurd, type Context } from "../machine.ts";
import type { Address } from "../system.ts";
import { type Command, consensusStatus, revealStatus, voteStatus } from "../wire/commands.ts";
import type { SessionReport, SessionRequest } from "../wire/session.ts";
import { type Hex, peerName } from "./authority_config.ts";
import { done, type Errand, request, retry } from "./authority_errands.ts";
import { keep } from "./authority_keeping.ts";
import { andThen, type AuthorityState, knownDescriptors, only, type Outcome, secondsOf } from "./authority_state.ts";
import { verifyDocument } from "./document.ts";

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
      return only(
        withOffset(state, errand.peers[0]!, -report.clockSkewMs),
        ...clockWarning(state, errand.peers[0]!, report.clockSkewMs),
        request(session, { type: "Send", command: errand.command }),
      );
    case "Command":
      return answered(suite, context, state, key, errand, session, report.command);
    case "Sealed":
    case "Sent":
      return only(state);
    case "Down":
      return retry(context, state, key, errand, report.reason);
    default:
      return absurd(report);
  }
};

const withOffset = (state: AuthorityState, peer: Hex, offsetMs: number): AuthorityState => ({
  ...state,
  clockOffsets: state.clockOffsets.set(peer, offsetMs),
});

const authorize = (state: AuthorityState, peer: Hex, additionalData: Uint8Array, key: Uint8Array): SessionRequest => {
  if (!equal(additionalData, fromHex(peer)!)) return { type: "Denied", reason: "wrong-identity" };
  return equal(key, state.members.peers.get(peer)!.linkKey)
    ? { type: "Allowed" }
    : { type: "Denied", reason: "wrong-link-key" };
};

/**
 * Two clocks this far apart may be in different phases when something arrives: a phase lasts P/8. The peer tells its
 * time in whole seconds.
 */
const skewLimitMs = ({ config }: AuthorityState): number =>
  Math.min(120_000, Math.max(2_000, config.clock.periodMs / 16));

/** One peer's clock may be wrong; where it is most peers', it is ours. */
const clockWarning = (state: AuthorityState, peer: Hex, skewMs: number): ReadonlyArray<Effect> => {
  const limitMs = skewLimitMs(state);
  if (Math.abs(skewMs) <= limitMs) return [];
  const authority = peerName(state.members, peer);
  const message = `Our clock and that of authority ${authority} differ by ${skewMs} ms`;
  const warning = log("WARNING", "clock-skew", message, { authority, skewMs });
  const { peers } = state.members;
  const apart = withOffset(state, peer, -skewMs).clockOffsets.filter((offsetMs) => Math.abs(offsetMs) > limitMs).size;
  if (peers.size < 2 || 2 * apart <= peers.size) return [warning];
  const fields = { peers: apart, of: peers.size, skewMs };
  const wrong = `Our clock is wrong: it differs from that of ${apart} of ${peers.size} peers`;
  return [
    warning,
    log("CRITICAL", "clock-wrong", wrong, fields),
  ];
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
    const published = { document: verified.right, raw: command.payload };
    return andThen(done(state, key), (next) => keep(next, [{ type: "document", epoch, published }], [line]));
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
