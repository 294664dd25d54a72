/**
 * Incoming connections (wire-facts §2.7, §6.1, §6.4): nodes of the layer before, and at a Provider the clients.
 *
 * @module
 */
import type { Incoming } from "../effects.ts";
import { count, log, tell } from "../effects.ts";
import { after } from "../machine.ts";
import type { SealedMessage } from "../noise/cipher_state.ts";
import { spend } from "../token_bucket.ts";
import type { Address } from "../system.ts";
import { admit, type RefusalReason } from "../wire/admission.ts";
import { arrive } from "../wire/arrivals.ts";
import { type Command, commandHeaderLength } from "../wire/commands.ts";
import { addressOf } from "../wire/remote_address.ts";
import type { SessionConfig, SessionReport } from "../wire/session.ts";
import { authenticate, isStillWelcome } from "./authenticate.ts";
import { type Connection, isConnected, type Peer } from "./connection_table.ts";
import { consensusAnswer, isPeerAddress, standingOf } from "./documents.ts";
import type { DropReason } from "./drop_reason.ts";
import { closeConnection, putConnection } from "./hang_up.ts";
import { clientRateLimit } from "./manage.ts";
import { dropSealed, receivePacket } from "./reception.ts";
import { retrieveMessage } from "./terminal.ts";
import { countPacket, dropPacket, emit, type Turn, update } from "./turn.ts";

/** A listener took a connection: it gets a session, and another one may have to go for it. */
export const onIncoming = (turn: Turn, { connection, remote }: Incoming): void => {
  const from = addressOf(remote);
  const refusal = refusalOf(turn, from) ?? haste(turn, from);
  if (refusal !== null) {
    return emit(turn, { type: "Refuse", connection }, count("connections-refused", refusal));
  }
  makeRoom(turn, connection, from);
  emit(turn, { type: "Spawn", at: connection, kind: "session", config: responder(turn, connection, remote) });
};

const refusalOf = (
  { state: { restoring, connections, config, documents } }: Turn,
  from: string,
): RefusalReason | null => {
  if (restoring !== null) return "starting";
  const isFull = connections.clientsByAddress.get(from, 0) >= config.limits.clientsPerAddress;
  return isFull && !isPeerAddress(documents, from) ? "address-full" : null;
};

/** Why an address may not come now; one at which a document has a node of the layer before always may. */
const haste = (turn: Turn, from: string): RefusalReason | null => {
  const { connections, config, documents } = turn.state;
  if (isPeerAddress(documents, from)) return null;
  const { arrivals, refusal } = arrive(connections.arrivals, config.limits, from, turn.context.now);
  update(turn, { connections: { ...connections, arrivals } });
  return refusal;
};

/** What is evicted is destroyed, not hung up on: its bytes would hold the room that they have to leave. */
const makeRoom = (turn: Turn, connection: Address, from: string): void => {
  const { connections, config: { limits }, documents } = turn.state;
  const { admission, evicted } = admit(
    connections.admission,
    {
      strangersMax: limits.handshakesMax,
      strangersPerAddress: limits.handshakesPerAddress,
      peersMax: limits.handshakesOfPeersMax,
    },
    connection,
    from,
    isPeerAddress(documents, from),
  );
  const bySession = connections.bySession.set(connection, { type: "new", from });
  update(turn, { connections: { ...connections, admission, bySession } });
  if (evicted === null) return;
  emit(
    turn,
    { type: "Refuse", connection: evicted.connection },
    count("connections-refused", evicted.reason),
    tell(evicted.connection, { type: "Abort" }),
  );
};

const responder = ({ state: { config, identity }, bound }: Turn, session: Address, remote: string): SessionConfig => ({
  self: session,
  owner: "node",
  role: { type: "responder", remote },
  staticPrivate: config.linkPrivate,
  additionalData: identity.key,
  deadlines: {
    dialMs: config.limits.connectTimeoutMs,
    handshakeMs: config.limits.handshakeTimeoutMs,
    // Peers have one connection each, so that silent ones cost little: TCP's keepalive finds the dead ones.
    idleMs: null,
    writeMs: config.limits.writeTimeoutMs,
  },
  receives: config.isProvider ? ["SendPacket", "RetrieveMessage", "GetConsensus"] : ["SendPacket"],
  commandLengthMax: commandHeaderLength + bound.geometry.packetLength,
  sealedLength: commandHeaderLength + bound.geometry.packetLength,
  queueLength: config.limits.answersMax,
});

/** What the session of an incoming connection tells. */
export const onConnectionReport = (turn: Turn, session: Address, report: SessionReport["report"]): void => {
  const connection = turn.state.connections.bySession.get(session);
  if (connection === undefined) return;
  switch (report.type) {
    case "Authorize":
      return onAuthorize(turn, session, connection, { additionalData: report.additionalData, linkKey: report.key });
    case "Up":
      return onUp(turn, session, connection);
    case "Command":
      return onCommand(turn, session, connection, report.command);
    case "Sealed":
      return onSealed(turn, session, connection, report.message);
    case "Sent":
      return;
    case "Down":
      putConnection(turn, session, undefined);
      return emit(
        turn,
        { type: "Stop", at: session },
        count("connections-ended", report.reason),
        log("DEBUG", "disconnected", `a peer is gone: ${report.reason}`, { cause: report.reason }),
      );
  }
};

const onAuthorize = (turn: Turn, session: Address, connection: Connection, credentials: Peer["credentials"]): void => {
  if (connection.type !== "new") return;
  const peer = authenticate(turn, credentials, connection.from);
  const denial = peer === null ? "unknown-peer" : denialOf(turn, peer);
  if (peer === null || denial !== null) {
    const reason = denial ?? "unknown-peer";
    return emit(turn, count("connections-refused", reason), tell(session, { type: "Denied", reason }));
  }
  putConnection(turn, session, { type: "authorized", peer });
  emit(turn, tell(session, { type: "Allowed" }));
};

const denialOf = (
  { state: { connections, config: { limits }, documents } }: Turn,
  peer: Peer,
): RefusalReason | null => {
  if (isConnected(connections, peer)) return "identity-full";
  if (peer.type === "node") return null;
  if (connections.clients >= limits.clientsMax) return "clients-full";
  const fromThere = connections.clientsByAddress.get(peer.from, 0);
  return fromThere >= limits.clientsPerAddress && !isPeerAddress(documents, peer.from) ? "address-full" : null;
};

const onUp = (turn: Turn, session: Address, connection: Connection): void => {
  if (connection.type !== "authorized") return;
  putConnection(turn, session, { type: "up", peer: connection.peer });
  emit(turn, count("connections-up", connection.peer.type), connectedLine(turn, connection.peer));
};

// Who is at home when is nobody's business: clients are mentioned at DEBUG and without a name.
const connectedLine = ({ state: { documents } }: Turn, peer: Peer) => {
  if (peer.type === "client") return log("DEBUG", "client-connected", "a client connected");
  const descriptor = [...documents.known.values()].map(({ neighbours }) => neighbours?.all.get(peer.id))
    .find((found) => found !== undefined);
  const name = descriptor?.name ?? "";
  return log("INFO", "connected", `${name} connected`, { peer: peer.id, name, direction: "in" });
};

const onCommand = (turn: Turn, session: Address, connection: Connection, command: Command): void => {
  if (command.type === "SendPacket") return refuseLength(turn, session, connection);
  if (connection.type !== "up" || command.type === "NoOp") return;
  if (connection.peer.type !== "client") return closeConnection(turn, session, "unexpected-command");
  switch (command.type) {
    case "RetrieveMessage":
      return retrieveMessage(turn, session, connection.peer, command.sequence);
    case "GetConsensus":
      return emit(
        turn,
        tell(session, { type: "Send", command: consensusAnswer(turn.state.documents, turn.time.epoch, command.epoch) }),
      );
    default:
      return closeConnection(turn, session, "unexpected-command");
  }
};

/** Packets of the right length come sealed. */
const refuseLength = (turn: Turn, session: Address, connection: Connection): void => {
  countPacket(turn, "received");
  if (connection.type !== "up") return dropPacket(turn, "connection-closing");
  dropPacket(turn, "packet-size");
  closeConnection(turn, session, "packet-size");
};

/** What is as long as a packet is taken for one until it is opened. */
const onSealed = (turn: Turn, session: Address, connection: Connection, sealed: SealedMessage): void => {
  countPacket(turn, "received");
  if (connection.type !== "up") return dropSealed(turn, "connection-closing", sealed);
  const refusal = refusalOfPeer(turn, session, connection.peer);
  if (refusal !== null) return dropSealed(turn, refusal, sealed);
  receivePacket(turn, sealed, connection.peer.type === "client" ? "client" : "mix", session);
};

/** Why a peer may not send a packet now; of a client that may, it is counted. */
const refusalOfPeer = (turn: Turn, session: Address, peer: Peer): DropReason | null =>
  peer.type === "client" ? chargeClient(turn, session, peer) : refusalOfNode(turn, peer);

const chargeClient = (turn: Turn, session: Address, peer: Extract<Peer, { type: "client" }>): DropReason | null => {
  if (turn.state.config.limits.disableRateLimit) return null;
  const bucket = spend(clientRateLimit(turn), peer.bucket, turn.context.now);
  if (bucket === null) return "rate-limited";
  putConnection(turn, session, { type: "up", peer: { ...peer, bucket } });
  return null;
};

const refusalOfNode = (
  { state, time }: Turn,
  { id, credentials }: Extract<Peer, { type: "node" }>,
): DropReason | null =>
  standingOf(state.documents, time, state.schedule, id, credentials.linkKey) === "may-send" ? null : "peer-not-listed";

/** Every ReauthInterval: who would not be let in any more has to go. */
export const reauthenticateDue = (turn: Turn): void => {
  const { reauth } = turn.state.deadlines;
  if (reauth === null || reauth > turn.context.now) return;
  for (const [session, connection] of turn.state.connections.bySession) {
    if (connection.type === "up" && !isStillWelcome(turn, connection.peer)) {
      closeConnection(turn, session, "no-longer-listed");
    }
  }
  update(turn, {
    deadlines: { ...turn.state.deadlines, reauth: after(turn.context.now, turn.state.config.limits.reauthIntervalMs) },
  });
};
