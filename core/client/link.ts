/**
 * The connection to the own Provider: where to, who it is, what comes over it, and when to try again
 * (specs/end_to_end.rst §3.1, wire-facts §2.7, §6.4, §12). The client presents the user's name as it is, and accepts
 * the Provider only by the identity and link key of its descriptor in the document in force; when that changes, the
 * connection ends.
 *
 * @module
 */
import { equal, utf8 } from "../bytes.ts";
import { log, tell } from "../effects.ts";
import { absurd, after } from "../machine.ts";
import type { Descriptor } from "../pki/descriptor.ts";
import { type Document, providerByName } from "../pki/document.ts";
import type { Address } from "../system.ts";
import type { Command, CommandType } from "../wire/commands.ts";
import type { SessionConfig, SessionReport, SessionRequest } from "../wire/session.ts";
import { clockSkewMaxMs } from "./config.ts";
import { isDocumentOverdue, onConsensus, onLinkChanged } from "./documents.ts";
import { onSent, recallInFlight } from "./egress.ts";
import { isAnswerOverdue, onRetrieved, startRetrieval, stopRetrieval } from "./retrieval.ts";
import { type Link, type LinkPeer, notify, type Turn, update } from "./state.ts";

/** Where the client machine lives; its sessions are at `client/N`. */
export const clientAddress = "client";

const receives: ReadonlyArray<CommandType> = ["Message", "MessageAck", "MessageEmpty", "Consensus"];
/** Packets and questions that may wait for the connection. */
const queueLength = 16;
/** What the link can carry: a document has no other limit. */
const commandLengthMax = 1_048_576 - 16;

const setLink = (turn: Turn, link: Link): void => update(turn, { link });

const tellSession = (turn: Turn, session: Address, request: SessionRequest): void => {
  turn.effects.push(tell(session, request));
};

/** Addresses of the transports that the client may use, in its order of preference. */
export const addressesOf = ({ addresses }: Descriptor, transports: ReadonlyArray<string>): ReadonlyArray<string> =>
  transports.flatMap((transport) => addresses.get(transport) ?? []);

/** Connects where it is time, and ends a connection that is overdue or to the wrong peer. */
export const keepLink = (turn: Turn): void => {
  const { link, stopped, documents } = turn.state;
  const { now } = turn.context;
  if (link.type === "Idle" && stopped) return stop(turn);
  if (link.type === "Idle" && link.retryAt <= now && documents.inForce !== null) {
    return connect(turn, documents.inForce);
  }
  if (stopped && (link.type === "Connecting" || link.type === "Up")) return closeLink(turn, link.session, true);
  if (link.type !== "Up") return;
  if (isAnswerOverdue(turn.state, now) || isDocumentOverdue(turn.state, now)) {
    return fault(turn, link.session, "answer-overdue");
  }
  if (documents.inForce !== null && !isStillProvider(documents.inForce, turn.state.config.provider, link.peer)) {
    fault(turn, link.session, "provider-changed");
  }
};

const stop = (turn: Turn): void => {
  setLink(turn, { type: "Stopped" });
  notify(turn, { type: "Stopped" });
};

const isStillProvider = (document: Document, name: string, { identityKey, linkKey }: LinkPeer): boolean => {
  const descriptor = providerByName(document, name);
  return descriptor !== null && equal(descriptor.identityKey, identityKey) && equal(descriptor.linkKey, linkKey);
};

const connect = (turn: Turn, document: Document): void => {
  const { config, sessions } = turn.state;
  const descriptor = providerByName(document, config.provider);
  const addresses = descriptor === null ? [] : addressesOf(descriptor, config.transports);
  if (descriptor === null || addresses.length === 0) return scheduleRetry(turn, "no-address");
  const session = `${clientAddress}/${sessions}`;
  const { identityKey, linkKey } = descriptor;
  update(turn, { sessions: sessions + 1, link: { type: "Connecting", session, peer: { identityKey, linkKey } } });
  turn.effects.push({ type: "Spawn", at: session, kind: "session", config: sessionConfig(turn, session, addresses) });
};

const sessionConfig = ({ state }: Turn, session: Address, addresses: ReadonlyArray<string>): SessionConfig => {
  const { config } = state;
  const { dialMs, handshakeMs, answerMs } = config.timing;
  return {
    self: session,
    owner: clientAddress,
    role: { type: "initiator", addresses },
    staticPrivate: config.linkPrivate,
    additionalData: utf8(config.user),
    deadlines: { dialMs, handshakeMs, idleMs: null, writeMs: answerMs },
    receives,
    commandLengthMax,
    queueLength,
  };
};

/** A report of a session; those of an earlier one do not concern us. */
export const onSession = (turn: Turn, { session, report }: SessionReport): void => {
  const { link } = turn.state;
  if (report.type === "Sent") return onSent(turn, report.id, report.dropped);
  if (link.type === "Idle" || link.type === "Stopped" || link.session !== session) return;
  switch (report.type) {
    case "Authorize":
      return authorize(turn, session, link, report.additionalData, report.key);
    case "Up":
      return onUp(turn, session, link, report.clockSkewMs);
    case "Command":
      return link.type === "Up" ? onCommand(turn, session, report.command) : undefined;
    case "Sealed":
      return;
    case "Down":
      return onDown(turn, session, report.reason);
    default:
      absurd(report);
  }
};

const authorize = (turn: Turn, session: Address, link: Link, additionalData: Uint8Array, key: Uint8Array): void => {
  if (link.type !== "Connecting") return;
  const { identityKey, linkKey } = link.peer;
  if (!equal(additionalData, identityKey)) {
    return tellSession(turn, session, { type: "Denied", reason: "identity-key" });
  }
  if (!equal(key, linkKey)) return tellSession(turn, session, { type: "Denied", reason: "link-key" });
  tellSession(turn, session, { type: "Allowed" });
};

const onUp = (turn: Turn, session: Address, link: Link, clockSkewMs: number): void => {
  if (link.type !== "Connecting") return;
  const { provider } = turn.state.config;
  setLink(turn, { type: "Up", session, peer: link.peer });
  startRetrieval(turn);
  onLinkChanged(turn);
  notify(turn, { type: "ConnectionUp", provider, clockSkewMs });
  turn.effects.push(log("NOTICE", "client-connected", `Connected to ${provider}.`, { provider }));
  if (Math.abs(clockSkewMs) <= clockSkewMaxMs) return;
  notify(turn, { type: "ClockSkew", clockSkewMs });
  turn.effects.push(
    log("WARNING", "clock-skew", "The clocks here and at the Provider differ: set the time.", { clockSkewMs }),
  );
};

const onCommand = (turn: Turn, session: Address, command: Command): void => {
  update(turn, { backoffMs: 0 });
  switch (command.type) {
    case "Message":
    case "MessageAck":
    case "MessageEmpty": {
      const reason = onRetrieved(turn, command);
      return reason === null ? undefined : violation(turn, session, reason);
    }
    case "Consensus":
      return onConsensus(turn, command.status, command.payload)
        ? undefined
        : violation(turn, session, "unasked-consensus");
    default:
      // NoOp; the session lets nothing else through.
      return;
  }
};

/** The Provider broke the protocol: it is not called again at once, or the two would be busy with nothing else. */
const violation = (turn: Turn, session: Address, reason: string): void => {
  update(turn, { backoffMs: turn.state.config.timing.reconnectStepMs });
  fault(turn, session, reason);
};

/** The connection cannot go on. */
const fault = (turn: Turn, session: Address, reason: string): void => {
  turn.effects.push(log("WARNING", `client-${reason}`, "The connection to the Provider is given up.", { reason }));
  closeLink(turn, session, false);
};

const closeLink = (turn: Turn, session: Address, polite: boolean): void => {
  setLink(turn, { type: "Closing", session });
  stopRetrieval(turn);
  onLinkChanged(turn);
  tellSession(turn, session, { type: "Close", polite });
};

const onDown = (turn: Turn, session: Address, reason: string): void => {
  turn.effects.push({ type: "Stop", at: session });
  recallInFlight(turn);
  stopRetrieval(turn);
  onLinkChanged(turn);
  scheduleRetry(turn, reason);
};

/** The first attempt after a connection that worked comes at once, the next ones ever later. */
const scheduleRetry = (turn: Turn, reason: string): void => {
  const { backoffMs, config, stopped } = turn.state;
  const { reconnectStepMs, reconnectMaxMs } = config.timing;
  update(turn, {
    link: { type: "Idle", retryAt: after(turn.context.now, backoffMs) },
    backoffMs: Math.min(backoffMs + reconnectStepMs, reconnectMaxMs),
  });
  notify(turn, { type: "ConnectionDown", reason, retryMs: stopped ? null : backoffMs });
  turn.effects.push(
    log("NOTICE", "client-disconnected", "Not connected to the Provider.", { reason, retryMs: backoffMs }),
  );
};
