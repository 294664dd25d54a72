/**
 * Connections that others open to an authority: who they are, and their one command (specs/pki.rst §5, wire-facts
 * §2.7, §5.6).
 *
 * Nobody may hold a connection without a command for more than 30 s. There is room for so many connections in all and
 * from one host; hosts of the other authorities have room of their own, so that a crowd cannot keep a vote out.
 *
 * @module
 */
import { equal, toHex } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { type Effect, type Incoming, log, tell } from "../effects.ts";
import { absurd, after, type Context, type Mono } from "../machine.ts";
import type { Address } from "../system.ts";
import { type Command, consensusStatus, descriptorStatus, revealStatus, voteStatus } from "../wire/commands.ts";
import type { SessionConfig, SessionReport, SessionRequest } from "../wire/session.ts";
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

export const linksMax = 1024;
export const linksPerHostMax = 256;
/** Room besides, for hosts of authorities. */
export const linksReserved = 64;
const commandDeadlineMs = 30_000;
const deadlines = { dialMs: 0, handshakeMs: commandDeadlineMs, idleMs: commandDeadlineMs, writeMs: 60_000 };
const identityLength = 32;

const request = (session: Address, event: SessionRequest): Effect => tell(session, event);

const hostOf = (remote: string): string => remote.slice(0, Math.max(0, remote.lastIndexOf(":"))) || remote;

const isPeerHost = ({ peers }: Membership, host: string): boolean =>
  [...peers.values()].some(({ addresses }) => addresses.some((address) => hostOf(address) === host));

const hasRoom = (state: AuthorityState, host: string): boolean => {
  const reserved = isPeerHost(state.members, host) ? linksReserved : 0;
  return state.links.size < linksMax + reserved && state.linksByHost.get(host, 0) < linksPerHostMax + reserved;
};

/** A listener took a connection. */
export const admit = (
  context: Context,
  state: AuthorityState,
  self: Address,
  { connection, remote }: Incoming,
): Outcome => {
  const host = hostOf(remote);
  if (!hasRoom(state, host)) {
    return only(
      state,
      { type: "Refuse", connection },
      log("DEBUG", "too-many-connections", "Refused a connection: there are too many", { host }),
    );
  }
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
  const links = state.links.set(connection, { type: "opening", host, deadline: after(context.now, commandDeadlineMs) });
  const linksByHost = state.linksByHost.update(host, 0, (count) => count + 1);
  return only({ ...state, links, linksByHost }, { type: "Spawn", at: connection, kind: "session", config });
};

const forget = (state: AuthorityState, connection: Address, { host }: Link): AuthorityState => {
  const left = state.linksByHost.get(host, 0) - 1;
  const linksByHost = left > 0 ? state.linksByHost.set(host, left) : state.linksByHost.delete(host);
  return { ...state, links: state.links.delete(connection), linksByHost };
};

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
    case "Sent":
      return only(state);
    case "Down":
      return only(forget(state, session, link));
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
  if (typeof role === "string") return only(state, request(session, { type: "Denied", reason: role }));
  return only(
    { ...state, links: state.links.set(session, { ...link, type: "listening", role }) },
    request(session, { type: "Allowed" }),
  );
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
