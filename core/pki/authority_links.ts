/**
 * Connections that others open to an authority: who they are, and their one command (specs/pki.rst §5, wire-facts
 * §2.7, §5.6).
 *
 * Nobody may hold a connection without a command for more than 30 s. How many there may be says authority_admission.ts.
 *
 * @module
 */
import { equal, toHex } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { count, type Effect, type Incoming, log, tell } from "../effects.ts";
import { absurd, after, type Context, type Mono } from "../machine.ts";
import type { Address } from "../system.ts";
import { type Command, consensusStatus, descriptorStatus, revealStatus, voteStatus } from "../wire/commands.ts";
import { leave, type RefusalReason } from "../wire/admission.ts";
import type { SessionConfig, SessionReport, SessionRequest } from "../wire/session.ts";
import { admitLink } from "./authority_admission.ts";
import type { Hex, Membership } from "./authority_config.ts";
import { commandLengthMax } from "./authority_errands.ts";
import { keep, recordUnderWay } from "./authority_keeping.ts";
import { andThen, type AuthorityState, only, type Outcome, secondsOf } from "./authority_state.ts";
import { type Receipt, receiveReveal, receiveVote } from "./authority_ballots.ts";
import { receiveDescriptor } from "./authority_enrolment.ts";
import { epochAt } from "./epoch.ts";
import { publishDeadlineMs } from "./authority_round.ts";

/** What a peer may do, by what it authenticated as. */
export type Role =
  | { readonly type: "client" }
  | { readonly type: "node"; readonly identityKey: Uint8Array }
  | { readonly type: "authority"; readonly peer: Hex };

export type Link =
  | { readonly type: "opening"; readonly host: string; readonly deadline: Mono }
  | { readonly type: "listening"; readonly host: string; readonly deadline: Mono; readonly role: Role }
  /** Its command is being written down; no other is heard. */
  | { readonly type: "answering"; readonly host: string; readonly deadline: Mono; readonly role: Role }
  | { readonly type: "closing"; readonly host: string };

const commandDeadlineMs = 30_000;
const deadlines = { dialMs: 0, handshakeMs: commandDeadlineMs, idleMs: commandDeadlineMs, writeMs: 60_000 };
const identityLength = 32;

const request = (session: Address, event: SessionRequest): Effect => tell(session, event);

const hostOf = (remote: string): string => remote.slice(0, Math.max(0, remote.lastIndexOf(":"))) || remote;

/** A listener took a connection; another one may have to go for it. */
export const admit = (
  context: Context,
  state: AuthorityState,
  self: Address,
  { connection, remote }: Incoming,
): Outcome => {
  const { peers } = state.members;
  const { limits } = state.config;
  const { door, refusal, evicted } = admitLink(state, limits, context.now, connection, remote, peers.values());
  if (refusal !== null) return refuse({ ...state, ...door }, connection, refusal);
  const config: SessionConfig = {
    self: connection,
    owner: self,
    role: { type: "responder", remote },
    staticPrivate: state.config.linkPrivate,
    additionalData: state.members.self.identityKey,
    deadlines,
    receives: ["GetConsensus", "PostDescriptor", "Vote", "Reveal"],
    commandLengthMax,
    queueLength: 1,
  };
  const deadline = after(context.now, commandDeadlineMs);
  const links = state.links.set(connection, { type: "opening", host: hostOf(remote), deadline });
  const admitted = only({ ...state, ...door, links }, { type: "Spawn", at: connection, kind: "session", config });
  return evicted === null ? admitted : andThen(admitted, (next) => evict(next, evicted.connection, evicted.reason));
};

const refuse = (
  state: AuthorityState,
  connection: Address,
  reason: RefusalReason,
  ...more: ReadonlyArray<Effect>
): Outcome => only(state, { type: "Refuse", connection }, count("connections-refused", reason), ...more);

/** Destroyed rather than hung up on: what is still to be written would hold the room that is needed. */
const evict = (state: AuthorityState, connection: Address, reason: RefusalReason): Outcome =>
  refuse(state, connection, reason, request(connection, { type: "Abort" }));

const forget = (state: AuthorityState, connection: Address): AuthorityState => ({
  ...state,
  links: state.links.delete(connection),
  admission: leave(state.admission, connection),
});

const close = (state: AuthorityState, connection: Address, { host }: Link, ...before: ReadonlyArray<Effect>): Outcome =>
  only(
    { ...state, links: state.links.set(connection, { type: "closing", host }) },
    ...before,
    request(connection, { type: "Close", polite: false }),
  );

/** When the oldest connection without a command is closed. */
export const linksWakeAt = ({ links }: AuthorityState): Mono | null => {
  for (const link of links.values()) if (link.type !== "closing") return link.deadline;
  return null;
};

/** Closes connections on which no command came in time. */
export const closeSilent = (context: Context, state: AuthorityState): Outcome => {
  let outcome = only(state);
  for (const [connection, link] of state.links) {
    if (link.type === "closing") continue;
    if (link.deadline > context.now) break;
    outcome = andThen(outcome, (next) => close(next, connection, link));
  }
  return outcome;
};

/** What a session of one of these connections reports. */
export const hearFrom = (
  suite: Suite,
  context: Context,
  state: AuthorityState,
  link: Link,
  { session, report }: SessionReport,
): Outcome => {
  switch (report.type) {
    case "Authorize":
      return authorize(suite, state, session, link, report.additionalData, report.key);
    case "Command":
      return link.type === "listening" ? obey(suite, context, state, session, link, report.command) : only(state);
    case "Up":
      return only(state, ..."role" in link ? [count("connections-up", link.role.type)] : []);
    case "Sealed":
    case "Sent":
      return only(state);
    case "Down":
      return only(forget(state, session), count("connections-ended", report.reason));
    default:
      return absurd(report);
  }
};

const authorize = (
  suite: Suite,
  state: AuthorityState,
  session: Address,
  link: Link,
  additionalData: Uint8Array,
  key: Uint8Array,
): Outcome => {
  if (link.type !== "opening") return only(state);
  const role = roleOf(suite, state.members, additionalData, key);
  if (typeof role === "string") return deny(state, session, "unknown-peer", role);
  if (linksOf(state, role) >= state.config.limits.perIdentity) return deny(state, session, "identity-full");
  const links = state.links.set(session, { ...link, type: "listening", role });
  // Whoever has a connection as a node or an authority no longer takes the room of strangers.
  const admission = role.type === "client" ? state.admission : leave(state.admission, session);
  return only({ ...state, links, admission }, request(session, { type: "Allowed" }));
};

const deny = (state: AuthorityState, session: Address, counted: RefusalReason, reason: string = counted): Outcome =>
  only(state, count("connections-refused", counted), request(session, { type: "Denied", reason }));

const identityOf = (role: Role): Hex | null =>
  role.type === "client" ? null : role.type === "node" ? toHex(role.identityKey) : role.peer;

/** How many connections the node or the authority has. */
const linksOf = ({ links }: AuthorityState, role: Role): number => {
  const identity = identityOf(role);
  return identity === null ? 0 : links.count((link) => "role" in link && identityOf(link.role) === identity);
};

/** Who presents this, or why nobody we know does. */
const roleOf = (
  suite: Suite,
  members: Membership,
  additionalData: Uint8Array,
  key: Uint8Array,
): Role | "additional-data" | "wrong-key" | "not-listed" => {
  if (additionalData.length === 0) return { type: "client" };
  if (additionalData.length !== identityLength) return "additional-data";
  const identity = toHex(additionalData);
  if (members.mixes.has(identity) || members.providers.has(identity)) {
    const expected = suite.ed25519PublicToX25519(additionalData);
    return expected !== null && equal(expected, key) ? { type: "node", identityKey: additionalData } : "wrong-key";
  }
  const peer = members.peers.get(identity);
  if (peer === undefined) return "not-listed";
  return equal(peer.linkKey, key) ? { type: "authority", peer: identity } : "wrong-key";
};

/** Answers the one command, and closes; what the peer may not ask is closed without an answer. */
const obey = (
  suite: Suite,
  context: Context,
  state: AuthorityState,
  session: Address,
  link: Extract<Link, { readonly type: "listening" }>,
  command: Command,
): Outcome => {
  const { role } = link;
  const receipt = (type: StatusType, received: Receipt): Outcome => respond(session, link, type, received);
  if (command.type === "GetConsensus") return answer(state, session, consensusFor(context, state, command.epoch));
  if (command.type === "PostDescriptor" && role.type === "node") {
    return receipt("PostDescriptorStatus", receiveDescriptor(suite, state, role.identityKey, command, context.wall));
  }
  if (command.type === "Vote" && role.type === "authority") {
    return receipt("VoteStatus", receiveVote(suite, state, role.peer, command, secondsOf(context.wall)));
  }
  if (command.type === "Reveal" && role.type === "authority") {
    return receipt("RevealStatus", receiveReveal(suite, state, role.peer, command, secondsOf(context.wall)));
  }
  return close(
    state,
    session,
    link,
    log("INFO", "wrong-command", `Closed a connection of a ${role.type} that sent ${command.type}`, {
      role: role.type,
      command: command.type,
    }),
  );
};

type StatusType = "PostDescriptorStatus" | "VoteStatus" | "RevealStatus";

/**
 * What an upload is answered with where the store does not take it: what Go says of a descriptor then; authorities are
 * told to come again.
 */
const failedStatus: Readonly<Record<StatusType, number>> = {
  PostDescriptorStatus: descriptorStatus.conflict,
  VoteStatus: voteStatus.tooEarly,
  RevealStatus: revealStatus.tooEarly,
};

/** Answers at once what nothing was learnt from, the rest when it is written down. */
const respond = (
  session: Address,
  link: Extract<Link, { readonly type: "listening" }>,
  type: StatusType,
  { state, status, effects, accepted }: Receipt,
): Outcome => {
  if (accepted === null) return andThen(only(state, ...effects), (next) => answer(next, session, { type, status }));
  const answering = { ...state, links: state.links.set(session, { ...link, type: "answering" }) };
  return keep(answering, [accepted], effects, {
    type: "answer",
    session,
    kept: { type, status },
    failed: { type, status: failedStatus[type] },
  });
};

/** Sends the answer to a connection's command, if it is still there, and closes it. */
export const answer = (state: AuthorityState, session: Address, command: Command): Outcome => {
  const link = state.links.get(session);
  return link === undefined || link.type === "closing"
    ? only(state)
    : close(state, session, link, request(session, { type: "Send", command }));
};

/** The document; or gone where there will never be one, not found where there may be (releases.md). */
const consensusFor = (context: Context, state: AuthorityState, epoch: number): Command => {
  const { documents, config } = state;
  const published = documents.get(epoch);
  if (published !== undefined) return { type: "Consensus", status: consensusStatus.ok, payload: published.raw };
  const { epoch: now, elapsedMs } = epochAt(config.clock, context.wall);
  const isAwaited = recordUnderWay(state, "document", epoch, null) !== null;
  const isGone = epoch <= now || (epoch === now + 1 && elapsedMs > publishDeadlineMs(config.clock));
  return {
    type: "Consensus",
    status: isGone && !isAwaited ? consensusStatus.gone : consensusStatus.notFound,
    payload: new Uint8Array(0),
  };
};
