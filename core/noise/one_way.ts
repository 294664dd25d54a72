/**
 * One-way patterns (The Noise Protocol Framework §7.4): the handshake is one message and nothing follows. X around
 * end-to-end blocks and spool envelopes (wire-facts §9.1, §9.2), K in the dead drop's tokens. The prologue is empty.
 *
 * @module
 */
import { E, type Either } from "../fp.ts";
import { invariant } from "../machine.ts";
import type { Random } from "../random.ts";
import {
  type HandshakeFailure,
  readMessage,
  startHandshake,
  type Transport,
  type Turn,
  writeMessage,
} from "./handshake.ts";
import type { Pattern } from "./pattern.ts";
import type { NoiseSuite } from "./symmetric.ts";

export interface OneWayMessage {
  readonly message: Uint8Array;
  readonly consumed: ReadonlyArray<Uint8Array>;
}

export interface OneWayPayload {
  readonly payload: Uint8Array;
  /** The sender's static key, X25519, 32 bytes. */
  readonly sender: Uint8Array;
  readonly consumed: ReadonlyArray<Uint8Array>;
}

const prologue = new Uint8Array(0);

/**
 * Encrypts for `recipientPublic` under a fresh ephemeral key: 32 bytes drawn. Left: `point`, where that key is of low
 * order.
 */
export const sealOneWay = (
  noise: NoiseSuite,
  pattern: Pattern,
  random: Random,
  senderPrivate: Uint8Array,
  recipientPublic: Uint8Array,
  payload: Uint8Array,
): Either<HandshakeFailure, OneWayMessage> => {
  const config = {
    pattern,
    role: "initiator",
    prologue,
    staticPrivate: senderPrivate,
    remoteStatic: recipientPublic,
  } as const;
  const written = writeMessage(noise, startHandshake(noise, config), random, payload);
  if (E.isLeft(written)) return written;
  const { consumed } = endOf(written.right);
  return E.right({ message: written.right.bytes, consumed });
};

/** Authenticates and decrypts. `knownSender` is the sender's static key for K, null for X, which carries it. */
export const openOneWay = (
  noise: NoiseSuite,
  pattern: Pattern,
  recipientPrivate: Uint8Array,
  knownSender: Uint8Array | null,
  message: Uint8Array,
): Either<HandshakeFailure, OneWayPayload> => {
  const config = {
    pattern,
    role: "responder",
    prologue,
    staticPrivate: recipientPrivate,
    remoteStatic: knownSender,
  } as const;
  const read = readMessage(noise, startHandshake(noise, config), message);
  if (E.isLeft(read)) return read;
  const { transport, consumed } = endOf(read.right);
  invariant(transport.remoteStatic !== null, "the sender is known, before or from the message");
  return E.right({ payload: read.right.bytes, sender: transport.remoteStatic, consumed });
};

/** The keys for messages that never follow are consumed with the rest. */
const endOf = (
  { next, consumed }: Turn,
): { readonly transport: Transport; readonly consumed: ReadonlyArray<Uint8Array> } => {
  invariant(next.type === "transport", "a one-way pattern has one message");
  return { transport: next.transport, consumed: [...consumed, next.transport.send.key, next.transport.receive.key] };
};
