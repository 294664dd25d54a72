/**
 * Packets that end at this Provider: for a service, or for a user's mailbox (specs/end_to_end.rst §4,
 * specs/kaetzchen.rst §3, wire-facts §6.3), and the replies that follow from them.
 *
 * @module
 */
import { toHex } from "../bytes.ts";
import { count, tell } from "../effects.ts";
import { E } from "../fp.ts";
import {
  type Acknowledgement,
  deliver,
  type ProviderOutcome,
  type ProviderState,
  type ProviderStep,
  retrieve,
} from "../provider/provider.ts";
import { answerRetrieval, requestRetrieval } from "../provider/retrieval.ts";
import type { Service } from "../provider/services.ts";
import { recipientName } from "../provider/user_name.ts";
import { userId } from "../provider/users.ts";
import { decodeForwardPayload, encodeAck, encodeServiceReply, type ForwardPayload } from "../sphinx/payload.ts";
import { packetFromSurb, type Surb } from "../sphinx/surb.ts";
import type { Address } from "../system.ts";
import { isStillWelcome } from "./authenticate.ts";
import type { Classified } from "./classify.ts";
import { type Peer, sessionOf } from "./connection_table.ts";
import { scheduleForward } from "./forward.ts";
import { closeConnection, putConnection } from "./hang_up.ts";
import { type AskedPlugin, askPlugin } from "./plugins.ts";
import { countPacket, dropPacket, emit, takeId, type Turn, update } from "./turn.ts";

type Terminal = Exclude<Classified, { readonly type: "Forward" }>;

/** What came for somebody here. `dwellMs` is what it waited since it was unwrapped. A mix has nobody but its decoys. */
export const terminate = (turn: Turn, packet: Terminal, dwellMs: number): void => {
  const { provider, services, config: { limits } } = turn.state;
  if (provider === null) return dropPacket(turn, "decoy-unknown");
  const service = services.get(toHex(packet.recipient));
  if (service !== undefined) {
    return dwellMs > limits.kaetzchenDelayMs
      ? dropPacket(turn, "kaetzchen-late")
      : serve(turn, service, packet, provider, dwellMs);
  }
  if (dwellMs > limits.providerDelayMs) return dropPacket(turn, "provider-late");
  const name = recipientName(provider.config, packet.recipient);
  if (name === null) return dropPacket(turn, "recipient-invalid");
  if (!provider.users.has(userId(name))) return dropPacket(turn, "recipient-unknown");
  if (packet.type === "SurbReply") storeReply(turn, provider, name, packet);
  else storeMessage(turn, provider, name, packet);
};

/** A payload whose flags promise a SURB that cannot be one is as good as one without (specs/end_to_end.rst §4.1). */
const payloadOf = (turn: Turn, payload: Uint8Array): ForwardPayload | null => {
  const decoded = decodeForwardPayload(turn.bound.geometry, payload);
  if (E.isRight(decoded)) return decoded.right;
  if (decoded.left !== "surb") return null;
  emit(turn, count("replies-refused", "surb"));
  payload[0] = 0;
  return payloadOf(turn, payload);
};

/* Services */

const serve = (
  turn: Turn,
  service: Service,
  packet: Terminal,
  { users }: ProviderState,
  dwellMs: number,
): void => {
  if (packet.type === "SurbReply") return dropPacket(turn, "reply-to-service");
  const request = payloadOf(turn, packet.payload);
  if (request === null) return dropPacket(turn, "payload-format");
  const asked: AskedPlugin = { surb: request.surb, delayMs: packet.delayMs };
  const answer = service.handle(users, { payload: request.userPayload, hasSurb: request.surb !== null });
  if (answer.type === "Later") return askPlugin(turn, answer.from, request.userPayload, asked, dwellMs);
  countPacket(turn, "delivered");
  if (answer.type === "Reply" && request.surb !== null) replyWith(turn, request.surb, packet.delayMs, answer.data);
};

/** A plugin has answered, with nothing where the data is empty (wire-facts §8.2). */
export const settleAnswer = (turn: Turn, { surb, delayMs }: AskedPlugin, data: Uint8Array): void => {
  countPacket(turn, "delivered");
  if (surb !== null && data.length > 0) replyWith(turn, surb, delayMs, data);
};

/** A service's answer: 01 00 and the data. One that is too long is the service's fault and not sent. */
const replyWith = (turn: Turn, surb: Surb, delayMs: number | null, data: Uint8Array): void => {
  const payload = encodeServiceReply(turn.bound.geometry, data);
  if (E.isLeft(payload)) emit(turn, count("replies-refused", "length"));
  else sendReply(turn, surb, delayMs, payload.right);
};

/**
 * Sends a reply to a SURB's first hop after the delay that the request asked for at its last hop. Without one (D8: no
 * sender of the reference does that) there is no reply, since it would leave at once.
 */
const sendReply = (turn: Turn, surb: Surb, delayMs: number | null, payload: Uint8Array): void => {
  if (delayMs === null) return emit(turn, count("replies-refused", "no-delay"));
  const reply = packetFromSurb(turn.bound, surb, payload);
  if (E.isLeft(reply)) return emit(turn, count("replies-refused", reply.left));
  countPacket(turn, "created");
  scheduleForward(turn, toHex(reply.right.firstHop), reply.right.packet, Math.max(1, delayMs));
};

/* Mailboxes */

const storeMessage = (
  turn: Turn,
  provider: ProviderState,
  name: Uint8Array,
  packet: Extract<Terminal, { type: "ToUser" }>,
): void => {
  const message = payloadOf(turn, packet.payload);
  if (message === null) return dropPacket(turn, "payload-format");
  const { surb, userPayload } = message;
  if (surb !== null && packet.delayMs === null) emit(turn, count("replies-refused", "no-delay"));
  const acknowledgement: Acknowledgement | null = surb === null || packet.delayMs === null
    ? null
    : { surb, delayMs: packet.delayMs };
  settleProvider(
    turn,
    deliver(provider, takeId(turn), name, { type: "Message", payload: userPayload }, acknowledgement),
  );
};

const storeReply = (
  turn: Turn,
  provider: ProviderState,
  name: Uint8Array,
  packet: Extract<Terminal, { type: "SurbReply" }>,
): void => {
  const { surbId, payload } = packet;
  settleProvider(turn, deliver(provider, takeId(turn), name, { type: "SurbReply", surbId, payload }, null));
};

/** A client asks for its next message. */
export const retrieveMessage = (
  turn: Turn,
  session: Address,
  peer: Extract<Peer, { type: "client" }>,
  sequence: number,
): void => {
  const { provider } = turn.state;
  if (provider === null) return;
  const request = requestRetrieval(peer.retrieval, sequence);
  if (request.type === "Refuse") return closeConnection(turn, session, request.reason);
  putConnection(turn, session, { type: "up", peer: { ...peer, retrieval: request.retrieval } });
  const ids = { deletion: takeId(turn), scan: takeId(turn) };
  settleProvider(turn, retrieve(provider, ids, { session, name: peer.name, sequence }, request.arrived));
};

/** Takes over what the accounts and mailboxes have become, and does what follows. */
export const settleProvider = (turn: Turn, { state, effects, outcomes }: ProviderStep): void => {
  update(turn, { provider: state });
  emit(turn, ...effects);
  for (const outcome of outcomes) settleOutcome(turn, outcome);
};

const settleOutcome = (turn: Turn, outcome: ProviderOutcome): void => {
  switch (outcome.type) {
    case "Delivered":
      countPacket(turn, "delivered");
      if (outcome.acknowledgement !== null) acknowledge(turn, outcome.acknowledgement);
      return;
    case "Dropped":
      return dropPacket(turn, outcome.reason);
    case "Retrieved":
      return answerClient(turn, outcome);
    case "Unreadable":
      return closeConnection(turn, outcome.session, "mailbox-unreadable");
    case "Registered":
      return emit(turn, { type: "Notify", event: outcome.registered });
    case "Managed":
      return emit(turn, { type: "Notify", event: outcome.managed });
    case "AccountChanged":
      return expelStranger(turn, outcome.user);
  }
};

/** Whoever is logged in under a name that is gone, or with a key that is not its own any more, has to go. */
const expelStranger = (turn: Turn, user: string): void => {
  const { connections } = turn.state;
  const session = sessionOf(connections, user);
  const connection = session === undefined ? undefined : connections.bySession.get(session);
  if (session === undefined || connection?.type !== "up" || isStillWelcome(turn, connection.peer)) return;
  closeConnection(turn, session, "no-longer-listed");
};

const acknowledge = (turn: Turn, { surb, delayMs }: Acknowledgement): void =>
  sendReply(turn, surb, delayMs, encodeAck(turn.bound.geometry));

/** The client may be gone by now: then it asks again on its next connection. */
const answerClient = (
  turn: Turn,
  { session, command, delivered }: Extract<ProviderOutcome, { type: "Retrieved" }>,
): void => {
  const connection = turn.state.connections.bySession.get(session);
  if (connection?.type !== "up" || connection.peer.type !== "client") return;
  const retrieval = answerRetrieval(connection.peer.retrieval, delivered);
  putConnection(turn, session, { type: "up", peer: { ...connection.peer, retrieval } });
  emit(turn, tell(session, { type: "Send", command }));
};
