/**
 * Connections to a non-voting authority: who they are, and their one command (specs/pki.rst §5, wire-facts §2.7, §5.6).
 *
 * Nobody may hold a connection without a command for more than 30 s, as in Go; how many there may be says
 * authority_admission.ts, where Go serves one after the other. A descriptor is answered once the store has it.
 *
 * @module
 */
import { equal, toHex } from "../bytes.ts";
import { count, type Incoming, log } from "../effects.ts";
import { absurd, after } from "../machine.ts";
import type { Address } from "../system.ts";
import { type Command, consensusStatus } from "../wire/commands.ts";
import { leave, type RefusalReason } from "../wire/admission.ts";
import type { DownReason, SessionConfig, SessionReport } from "../wire/session.ts";
import { admitLink } from "./authority_admission.ts";
import { publishDeadlineMs } from "./authority_round.ts";
import { answer, close, type Link, type Role, setLink, tellSession } from "./nonvoting_answer.ts";
import { receiveDescriptor } from "./nonvoting_enrolment.ts";
import { emit, type Turn, update } from "./nonvoting_state.ts";

const commandDeadlineMs = 30_000;
const deadlines = { dialMs: 0, handshakeMs: commandDeadlineMs, idleMs: commandDeadlineMs, writeMs: 60_000 };
const identityLength = 32;
/** Header and descriptor, in bytes, with room for padding. */
const commandLengthMax = 131_072;

const hostOf = (remote: string): string => remote.slice(0, Math.max(0, remote.lastIndexOf(":"))) || remote;

/** A listener took a connection; another one may have to go for it. */
export const admit = (turn: Turn, { connection, remote }: Incoming): void => {
  const { state, self, context } = turn;
  if (state.restoring !== null) return refuse(turn, connection, "starting");
  const { door, refusal, evicted } = admitLink(state, state.config.limits, context.now, connection, remote, []);
  update(turn, door);
  if (refusal !== null) return refuse(turn, connection, refusal);
  const config: SessionConfig = {
    self: connection,
    owner: self,
    role: { type: "responder", remote },
    staticPrivate: state.linkPrivate,
    additionalData: state.identityKey,
    deadlines,
    receives: ["GetConsensus", "PostDescriptor"],
    commandLengthMax,
    queueLength: 1,
  };
  const deadline = after(context.now, commandDeadlineMs);
  setLink(turn, connection, { type: "opening", host: hostOf(remote), deadline });
  emit(turn, { type: "Spawn", at: connection, kind: "session", config });
  if (evicted === null) return;
  refuse(turn, evicted.connection, evicted.reason);
  tellSession(turn, evicted.connection, { type: "Abort" });
};

/** Destroyed rather than hung up on: what is still to be written would hold the room that is needed. */
const refuse = (turn: Turn, connection: Address, reason: RefusalReason): void =>
  emit(turn, { type: "Refuse", connection }, count("connections-refused", reason));

/** What a session reports. */
export const onSession = (turn: Turn, { session, report }: SessionReport): void => {
  const link = turn.state.links.get(session);
  if (link === undefined) return;
  switch (report.type) {
    case "Authorize":
      return authorize(turn, session, link, report.additionalData, report.key);
    case "Command":
      return link.type === "listening" ? obey(turn, session, link, report.command) : undefined;
    case "Up":
      return link.type === "listening" ? emit(turn, count("connections-up", link.role.type)) : undefined;
    case "Sealed":
    case "Sent":
      return;
    case "Down":
      return forget(turn, session, report.reason);
    default:
      return absurd(report);
  }
};

const forget = (turn: Turn, connection: Address, reason: DownReason): void => {
  const { links, admission } = turn.state;
  update(turn, { links: links.delete(connection), admission: leave(admission, connection) });
  emit(turn, { type: "Stop", at: connection }, count("connections-ended", reason));
};

/** Closes connections on which no command came in time. */
export const closeSilent = (turn: Turn): void => {
  for (const [connection, link] of turn.state.links) {
    if (!("deadline" in link)) continue;
    if (link.deadline > turn.context.now) return;
    close(turn, connection, link);
  }
};

const authorize = (
  turn: Turn,
  session: Address,
  link: Link,
  additionalData: Uint8Array,
  key: Uint8Array,
): void => {
  if (link.type !== "opening") return;
  const role = roleOf(turn, additionalData, key);
  if (typeof role === "string") return deny(turn, session, "unknown-peer", role);
  const { links, admission, config } = turn.state;
  if (role.type === "node") {
    const isThis = (other: Link): boolean =>
      "role" in other && other.role.type === "node" && equal(other.role.identityKey, role.identityKey);
    if (links.count(isThis) >= config.limits.perIdentity) return deny(turn, session, "identity-full");
    // Whoever has a connection as a node no longer takes the room of strangers.
    update(turn, { admission: leave(admission, session) });
  }
  setLink(turn, session, { ...link, type: "listening", role });
  tellSession(turn, session, { type: "Allowed" });
};

const deny = (turn: Turn, session: Address, counted: RefusalReason, reason: string = counted): void => {
  emit(turn, count("connections-refused", counted));
  tellSession(turn, session, { type: "Denied", reason });
};

/** Who presents this, or why nobody we know does. */
const roleOf = (
  { suite, state: { listed } }: Turn,
  additionalData: Uint8Array,
  key: Uint8Array,
): Role | "additional-data" | "wrong-key" | "not-listed" => {
  if (additionalData.length === 0) return { type: "client" };
  if (additionalData.length !== identityLength) return "additional-data";
  const identity = toHex(additionalData);
  if (!listed.mixes.has(identity) && !listed.providers.has(identity)) return "not-listed";
  const expected = suite.ed25519PublicToX25519(additionalData);
  return expected !== null && equal(expected, key) ? { type: "node", identityKey: additionalData } : "wrong-key";
};

/** Carries the one command out; what the peer may not ask is closed without an answer. */
const obey = (
  turn: Turn,
  session: Address,
  link: Extract<Link, { readonly type: "listening" }>,
  command: Command,
): void => {
  const { role, host } = link;
  if (command.type === "GetConsensus") return answer(turn, session, consensusFor(turn, command.epoch));
  if (command.type === "PostDescriptor" && role.type === "node") {
    const status = receiveDescriptor(turn, session, role.identityKey, command);
    if (status === null) return setLink(turn, session, { type: "answering", host });
    return answer(turn, session, { type: "PostDescriptorStatus", status });
  }
  const fields = { role: role.type, command: command.type };
  emit(turn, log("INFO", "wrong-command", `Closed a connection of a ${role.type} that sent ${command.type}`, fields));
  close(turn, session, link);
};

/** The document; or gone where there will never be one, not found where there may be. */
const consensusFor = (turn: Turn, epoch: number): Command => {
  const published = turn.state.documents.get(epoch);
  if (published !== undefined) return { type: "Consensus", status: consensusStatus.ok, payload: published.raw };
  const status = isGone(turn, epoch) ? consensusStatus.gone : consensusStatus.notFound;
  return { type: "Consensus", status, payload: new Uint8Array(0) };
};

/** As Go decides it: during a bootstrap a document may still come late. */
const isGone = (
  { state: { bootstrapEpoch, config }, time: { epoch: now, elapsedMs } }: Turn,
  epoch: number,
): boolean => {
  if (epoch === now) return bootstrapEpoch !== now && bootstrapEpoch !== now - 1;
  if (epoch === now + 1) return bootstrapEpoch !== now && elapsedMs > publishDeadlineMs(config.clock);
  return epoch < now;
};
