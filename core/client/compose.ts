/**
 * Composes a packet: who it goes to, the paths there and back, the SURB, the payload (specs/end_to_end.rst §4 steps 3
 * to 5, specs/kaetzchen.rst §3.1, wire-facts §1.6, §1.7). Paths and delays are drawn anew for every packet.
 *
 * @module
 */
import { toHex, utf8, wipe } from "../bytes.ts";
import { E, type Either } from "../fp.ts";
import { invariant } from "../machine.ts";
import type { Descriptor } from "../pki/descriptor.ts";
import { type Document, nodeByIdentity, providerByName, servicesOf } from "../pki/document.ts";
import { pick, type Random } from "../random.ts";
import { newPacket, type PathHop } from "../sphinx/build.ts";
import { recipientLength } from "../sphinx/geometry.ts";
import { type Path, selectPath } from "../sphinx/path.ts";
import { encodeForwardPayload } from "../sphinx/payload.ts";
import { freshSurbId, type NewSurb, newSurb } from "../sphinx/surb.ts";
import type { FailureReason, QueryTarget, SentPacket } from "./events.ts";
import type { Turn } from "./state.ts";

export interface Composed {
  readonly packet: Uint8Array;
  readonly sent: SentPacket;
  readonly surb: { readonly id: string; readonly keys: Uint8Array } | null;
}

/** Why a packet could not be composed; `no-path` may be another time. */
export type ComposeFailure = Extract<FailureReason, "unknown-provider" | "unknown-service" | "no-path">;

interface Destination {
  readonly provider: Descriptor;
  readonly recipient: Uint8Array;
}

/**
 * The recipient field of a packet: the name with zeros behind it, 64 bytes; null for a name that is empty or too long.
 */
export const recipientOf = (name: string): Uint8Array | null => {
  const bytes = utf8(name);
  if (bytes.length === 0 || bytes.length > recipientLength) return null;
  const recipient = new Uint8Array(recipientLength);
  recipient.set(bytes);
  return recipient;
};

/** The Provider and recipient of a target; where several offer a service, one of them at random. */
export const resolve = (
  random: Random,
  document: Document,
  target: QueryTarget,
): Either<ComposeFailure, Destination> => {
  if (target.provider !== null && providerByName(document, target.provider) === null) return E.left("unknown-provider");
  if (target.type === "Recipient") {
    const recipient = recipientOf(target.recipient);
    const provider = providerByName(document, target.provider);
    return recipient === null || provider === null ? E.left("unknown-provider") : E.right({ provider, recipient });
  }
  const offers = servicesOf(document, target.capability)
    .filter(({ provider }) => target.provider === null || provider.name === target.provider);
  if (offers.length === 0) return E.left("unknown-service");
  const { provider, endpoint } = pick(random, offers);
  const recipient = recipientOf(endpoint);
  return recipient === null ? E.left("unknown-service") : E.right({ provider, recipient });
};

const delayOf = ({ commands }: PathHop): number => {
  for (const command of commands) if (command.type === "NodeDelay") return command.delayMs;
  return 0;
};

const nameIn = (document: Document) => ({ id }: PathHop): string => nodeByIdentity(document, id)?.name ?? toHex(id);

const describe = (document: Document, { forward, reply, totalDelayMs }: Path): SentPacket => ({
  path: forward.map(nameIn(document)),
  delaysMs: forward.map(delayOf),
  returnPath: (reply ?? []).map(nameIn(document)),
  returnDelaysMs: (reply ?? []).map(delayOf),
  etaMs: totalDelayMs,
});

/** What a packet is composed of. `label` names this packet's draws in the step. */
export interface Order {
  readonly label: string;
  readonly document: Document;
  readonly target: QueryTarget;
  /** At most the geometry's user payload: 50642 bytes in the network. */
  readonly payload: Uint8Array;
  readonly withSurb: boolean;
}

/** A packet from the user to the target. */
export const compose = (turn: Turn, order: Order): Either<ComposeFailure, Composed> => {
  const { config } = turn.state;
  const { label, document } = order;
  const destination = resolve(turn.draw(`${label}/service`), document, order.target);
  if (E.isLeft(destination)) return destination;
  const source = providerByName(document, config.provider);
  const sender = recipientOf(config.user);
  if (source === null || sender === null) return E.left("unknown-provider");
  const surbId = freshSurbId(turn.draw(`${label}/surb-id`), turn.state.surbs.entries);
  const path = selectPath(turn.draw(`${label}/path`), { clock: config.clock, document, at: turn.context.wall }, {
    from: "client",
    source: source.identityKey,
    destination: destination.right.provider.identityKey,
    recipient: destination.right.recipient,
    reply: order.withSurb ? { surbId, recipient: sender } : null,
  });
  if (E.isLeft(path)) return E.left("no-path");
  return build(turn, order, path.right, toHex(surbId));
};

const build = (
  turn: Turn,
  { label, document, payload }: Order,
  path: Path,
  surbId: string,
): Either<ComposeFailure, Composed> => {
  const { kit, draw } = turn;
  const surb = path.reply === null
    ? null
    : newSurb(kit, { r: draw(`${label}/surb`), filler: draw(`${label}/surb-filler`) }, path.reply);
  if (surb !== null && E.isLeft(surb)) return E.left("no-path");
  const reply: NewSurb | null = surb === null ? null : surb.right;
  const plaintext = encodeForwardPayload(kit.geometry, reply?.surb ?? null, payload);
  invariant(E.isRight(plaintext), "a payload that is too long was refused with its request, and the SURB is new");
  const packet = newPacket(
    kit,
    { r: draw(`${label}/packet`), filler: draw(`${label}/filler`) },
    path.forward,
    plaintext.right,
  );
  wipe(plaintext.right);
  if (E.isLeft(packet)) {
    if (reply !== null) turn.consumed.push(reply.keys);
    return E.left("no-path");
  }
  const sent = describe(document, path);
  return E.right({ packet: packet.right, sent, surb: reply === null ? null : { id: surbId, keys: reply.keys } });
};
