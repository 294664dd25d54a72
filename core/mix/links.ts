/**
 * Outgoing connections (specs/mixnet.rst §4.1, wire-facts §2.7, §6.2): each node dials its next layer and keeps trying.
 *
 * The first attempt is made at once. A link that has ended rests for 5 s, and twice as long after each further attempt
 * that brought no connection, or none that lasted as long, up to 120 s: as the document wants it, not as Go, which adds
 * 15 s each time and dials at once what was connected (D25). Nobody but the peer can see the difference. When an epoch
 * begins all waits start over, because a peer may have refused only for not having the new document yet; but not even
 * then is a link dialled before it has rested.
 *
 * @module
 */
import { equal, toHex } from "../bytes.ts";
import { count, log, tell } from "../effects.ts";
import { after, type Mono } from "../machine.ts";
import type { Descriptor } from "../pki/descriptor.ts";
import { commandHeaderLength } from "../wire/commands.ts";
import type { DownReason, SessionConfig, SessionReport } from "../wire/session.ts";
import { destinations } from "./documents.ts";
import { abandonSends, onSent } from "./forward.ts";
import { forgetSession, type Link, type LinkPhase, openSession, removeLink, setLink } from "./link_table.ts";
import { emit, type Turn, update } from "./turn.ts";

/** Transports between nodes, in the order in which they are tried. */
const internalTransports = ["tcp4", "tcp6"];

/** Makes the links those that the documents want now. */
export const updateLinks = (turn: Turn): void => {
  const wanted = destinations(turn.state.documents, turn.time, turn.state.schedule);
  // Without the document of the epoch nobody can tell who is still listed: what stands stays.
  const isKnown = turn.state.documents.known.has(turn.time.epoch);
  for (const [id, link] of isKnown ? turn.state.links.byId : []) {
    if (!wanted.has(id)) closeLink(turn, id, link);
  }
  for (const [id, descriptor] of wanted) {
    const link = turn.state.links.byId.get(id);
    if (link === undefined) addLink(turn, id, descriptor);
    else refreshLink(turn, id, link, descriptor);
  }
};

const addLink = (turn: Turn, id: string, descriptor: Descriptor): void => {
  const phase = waiting(turn.context.now, turn.context.now);
  const link: Link = { descriptor, phase, nextWaitMs: turn.state.config.limits.reconnectMinMs };
  update(turn, { links: setLink(turn.state.links, id, link) });
};

/** Addresses may change at any time; with another link key the session speaks to somebody else. */
const refreshLink = (turn: Turn, id: string, link: Link, descriptor: Descriptor): void => {
  if (link.descriptor === descriptor) return;
  update(turn, { links: setLink(turn.state.links, id, { ...link, descriptor }) });
  if (!equal(link.descriptor.linkKey, descriptor.linkKey)) closeSession(turn, id);
};

const closeLink = (turn: Turn, id: string, link: Link): void => {
  if (link.phase.type === "waiting") update(turn, { links: removeLink(turn.state.links, id) });
  else closeSession(turn, id);
};

const closeSession = (turn: Turn, id: string): void => {
  const link = turn.state.links.byId.get(id)!;
  if (link.phase.type !== "dialling" && link.phase.type !== "up") return;
  const { session } = link.phase;
  update(turn, { links: setLink(turn.state.links, id, { ...link, phase: { type: "closing", session } }) });
  emit(turn, tell(session, { type: "Close", polite: true }));
};

/** What failed before is tried again as soon as it may be. */
export const restartWaits = (turn: Turn): void => {
  const nextWaitMs = turn.state.config.limits.reconnectMinMs;
  for (const [id, link] of turn.state.links.byId) {
    const phase = link.phase.type === "waiting" ? waiting(link.phase.restedAt, link.phase.restedAt) : link.phase;
    update(turn, { links: setLink(turn.state.links, id, { ...link, phase, nextWaitMs }) });
  }
};

/** Dials whoever's time has come. */
export const dialDue = (turn: Turn): void => {
  const { dialAt, byId } = turn.state.links;
  if (dialAt === null || dialAt > turn.context.now) return;
  for (const [id, link] of byId) {
    if (link.phase.type === "waiting" && link.phase.dialAt <= turn.context.now) dial(turn, id, link);
  }
};

const dial = (turn: Turn, id: string, link: Link): void => {
  const { links, session } = openSession(turn.state.links, id);
  update(turn, { links: setLink(links, id, { ...link, phase: { type: "dialling", session } }) });
  emit(turn, { type: "Spawn", at: session, kind: "session", config: initiator(turn, session, link.descriptor) });
};

const initiator = (
  { state: { config, identity } }: Turn,
  session: string,
  { addresses }: Descriptor,
): SessionConfig => ({
  self: session,
  owner: "node",
  role: { type: "initiator", addresses: internalTransports.flatMap((transport) => addresses.get(transport) ?? []) },
  staticPrivate: config.linkPrivate,
  additionalData: identity.key,
  deadlines: {
    dialMs: config.limits.connectTimeoutMs,
    handshakeMs: config.limits.handshakeTimeoutMs,
    // A link that carries packets is never answered: TCP's keepalive finds the dead ones.
    idleMs: null,
    writeMs: config.limits.writeTimeoutMs,
  },
  receives: [],
  commandLengthMax: commandHeaderLength,
  queueLength: config.limits.sendQueueLength,
});

/** What the session of a link tells. */
export const onLinkReport = (turn: Turn, session: string, report: SessionReport["report"]): void => {
  const id = turn.state.links.bySession.get(session);
  const link = id === undefined ? undefined : turn.state.links.byId.get(id);
  if (id === undefined || link === undefined) return;
  switch (report.type) {
    case "Authorize":
      return emit(turn, tell(session, answer(link, report.additionalData, report.key)));
    case "Up":
      return onUp(turn, id, link, session);
    case "Sent":
      return onSent(turn, report.id, report.dropped);
    case "Down":
      return onDown(turn, id, link, session, report.reason);
    case "Command":
    case "Sealed":
      // NoOp: the session has closed on anything else.
      return;
  }
};

const answer = ({ descriptor }: Link, additionalData: Uint8Array, key: Uint8Array) =>
  equal(additionalData, descriptor.identityKey) && equal(key, descriptor.linkKey)
    ? { type: "Allowed" }
    : { type: "Denied", reason: "not the node of the descriptor" };

const onUp = (turn: Turn, id: string, link: Link, session: string): void => {
  if (link.phase.type !== "dialling") return;
  const phase = { type: "up", session, since: turn.context.now } as const;
  update(turn, { links: setLink(turn.state.links, id, { ...link, phase }) });
  const fields = { peer: toHex(link.descriptor.identityKey), name: link.descriptor.name, direction: "out" };
  emit(turn, count("links-up"), log("INFO", "connected", `connected to ${link.descriptor.name}`, fields));
};

const onDown = (turn: Turn, id: string, link: Link, session: string, reason: DownReason): void => {
  abandonSends(turn, session);
  emit(
    turn,
    { type: "Stop", at: session },
    count("links-ended", reason),
    log("DEBUG", "disconnected", `no connection to ${link.descriptor.name}: ${reason}`, { peer: id, cause: reason }),
  );
  const links = forgetSession(turn.state.links, session);
  const isWanted = destinations(turn.state.documents, turn.time, turn.state.schedule).has(id);
  update(turn, { links: isWanted ? setLink(links, id, waitingAgain(turn, link)) : removeLink(links, id) });
};

const waitingAgain = ({ context, state }: Turn, link: Link): Link => {
  const { reconnectMinMs, reconnectMaxMs } = state.config.limits;
  const lasted = link.phase.type === "up" && context.now - link.phase.since >= reconnectMinMs;
  const waitMs = lasted || link.phase.type === "closing" ? reconnectMinMs : link.nextWaitMs;
  const phase = waiting(after(context.now, reconnectMinMs), after(context.now, waitMs));
  return { ...link, phase, nextWaitMs: Math.min(2 * waitMs, reconnectMaxMs) };
};

const waiting = (restedAt: Mono, dialAt: Mono): LinkPhase => ({ type: "waiting", restedAt, dialAt });
