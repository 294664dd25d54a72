/**
 * Requests of the application, from acceptance to their one outcome: refused at once or accepted, then sent packet by
 * packet, then answered, overdue or failed.
 *
 * @module
 */
import { PersistentSet } from "../collections/set.ts";
import { concat, uint32 } from "../bytes.ts";
import { E, type Either } from "../fp.ts";
import { absurd, after } from "../machine.ts";
import type { Reply } from "../sphinx/payload.ts";
import { type Block, fragmentMessage, messageIdLength } from "./block.ts";
import { recipientOf } from "./compose.ts";
import { egressLengthMax, requestsMax } from "./config.ts";
import type { ClientNotice, ClientRequest, FailureReason, QueryTarget, RefusalReason, SentPacket } from "./events.ts";
import { type EgressItem, notify, type PendingRequest, type SurbEntry, type Turn, update } from "./state.ts";
import { removeSurb } from "./surbs.ts";

type Query = Extract<ClientRequest, { readonly type: "Query" }>;
type SendMessage = Extract<ClientRequest, { readonly type: "SendMessage" }>;
type Contents = ReadonlyArray<EgressItem["content"]>;

const x25519KeyLength = 32;
const lengthPrefixLength = 4;

/** Accepts a request, whose packets then wait in the egress FIFO, or refuses it. */
export const onRequest = (turn: Turn, request: Query | SendMessage): void => {
  const { id } = request;
  const contents = turn.state.stopped ? E.left<RefusalReason>("stopped") : contentsOf(turn, request);
  const refusal = E.isLeft(contents) ? contents.left : shortage(turn, id, contents.right.length);
  if (E.isLeft(contents) || refusal !== null) {
    return notify(turn, { type: "Refused", id, reason: refusal ?? "too-long" });
  }
  const pending: PendingRequest = {
    type: request.type,
    of: contents.right.length,
    answered: 0,
    surbs: PersistentSet(),
  };
  const expiresAt = after(turn.context.now, turn.state.config.timing.queuedMaxMs);
  const to = targetOf(request);
  const items = contents.right.map((content, packet): EgressItem => ({
    request: id,
    packet,
    to,
    content,
    expiresAt,
    tries: 0,
  }));
  update(turn, { requests: turn.state.requests.set(id, pending), egress: turn.state.egress.concat(items) });
  notify(turn, { type: "Accepted", id });
};

const shortage = ({ state }: Turn, id: string, packets: number): RefusalReason | null => {
  if (state.requests.has(id)) return "duplicate-id";
  if (state.requests.size >= requestsMax) return "too-many-requests";
  return state.egress.size + packets > egressLengthMax ? "queue-full" : null;
};

const targetOf = (request: Query | SendMessage): QueryTarget =>
  request.type === "Query"
    ? request.target
    : { type: "Recipient", recipient: request.user, provider: request.provider };

const contentsOf = (turn: Turn, request: Query | SendMessage): Either<RefusalReason, Contents> => {
  const to = targetOf(request);
  if (to.type === "Recipient" && recipientOf(to.recipient) === null) return E.left("bad-name");
  return request.type === "Query" ? queryContents(turn, request) : messageContents(turn, request);
};

const queryContents = (turn: Turn, { payload, lengthPrefix }: Query): Either<RefusalReason, Contents> => {
  const lengthMax = turn.kit.geometry.userPayloadLength - (lengthPrefix ? lengthPrefixLength : 0);
  if (payload.length > lengthMax) return E.left("too-long");
  return E.right([{ type: "Plain", payload: lengthPrefix ? concat(uint32(payload.length), payload) : payload }]);
};

const messageContents = (turn: Turn, { payload, recipientKey }: SendMessage): Either<RefusalReason, Contents> => {
  if (turn.state.config.identityPrivate === null) return E.left("no-identity-key");
  if (recipientKey.length !== x25519KeyLength) return E.left("bad-key");
  const blocks = fragmentMessage(turn.kit.geometry, turn.draw("message-id").bytes(messageIdLength), payload);
  if (E.isLeft(blocks) || blocks.right.length > egressLengthMax) return E.left("too-long");
  return E.right(blocks.right.map((block: Block) => ({ type: "Block", block, recipientKey })));
};

/** Ends a request with its outcome: what it still had waiting or outstanding is forgotten. */
const endRequest = (turn: Turn, id: string, outcome: ClientNotice): void => {
  const pending = turn.state.requests.get(id);
  if (pending === undefined) return;
  update(turn, {
    requests: turn.state.requests.delete(id),
    egress: turn.state.egress.filter(({ request }) => request !== id),
  });
  for (const surb of pending.surbs) removeSurb(turn, surb);
  notify(turn, outcome);
};

export const failRequest = (turn: Turn, id: string, reason: FailureReason): void =>
  endRequest(turn, id, { type: "Failed", id, reason });

/** Fails all requests at the end. */
export const failAll = (turn: Turn, reason: FailureReason): void => {
  for (const id of turn.state.requests.keys()) failRequest(turn, id, reason);
};

/** A packet of a request was composed. */
export const rememberSurb = (turn: Turn, id: string, surb: string | null): void => {
  const pending = turn.state.requests.get(id);
  if (pending === undefined || surb === null) return;
  update(turn, { requests: turn.state.requests.set(id, { ...pending, surbs: pending.surbs.add(surb) }) });
};

/** A packet of a request was written out. */
export const onPacketSent = (turn: Turn, { request: id, packet }: EgressItem, sent: SentPacket): void => {
  const pending = turn.state.requests.get(id);
  if (pending !== undefined) notify(turn, { type: "Sent", id, packet, of: pending.of, sent });
};

/** What a SURB brought, or that it brought nothing in time. */
export const onSurbOutcome = (
  turn: Turn,
  id: string,
  entry: SurbEntry,
  reply: Reply | "malformed" | "timeout",
): void => {
  const pending = turn.state.requests.get(id);
  if (pending === undefined) return;
  const elapsedMs = turn.context.now - entry.sentAt;
  if (reply === "timeout") return endRequest(turn, id, { type: "Timeout", id, afterMs: elapsedMs });
  if (reply === "malformed") return failRequest(turn, id, "malformed-reply");
  if (pending.type === "Query") return onQueryReply(turn, id, reply, elapsedMs);
  if (pending.type === "SendMessage") return onBlockReply(turn, id, pending, reply, elapsedMs);
  absurd(pending.type);
};

const onQueryReply = (turn: Turn, id: string, reply: Reply, rttMs: number): void => {
  // A user's mailbox acknowledges, a service answers: whoever queried a recipient that is no service hears it.
  if (reply.type !== "ServiceReply") return failRequest(turn, id, "malformed-reply");
  endRequest(turn, id, { type: "Reply", id, payload: reply.data, rttMs });
};

const onBlockReply = (turn: Turn, id: string, pending: PendingRequest, reply: Reply, rttMs: number): void => {
  if (reply.type !== "Ack") return failRequest(turn, id, "malformed-reply");
  const answered = pending.answered + 1;
  if (answered === pending.of) return endRequest(turn, id, { type: "Delivered", id, blocks: pending.of, rttMs });
  update(turn, { requests: turn.state.requests.set(id, { ...pending, answered }) });
};
