/**
 * noise_xxhfs.json: whole XXhfs handshakes with recorded randomness, then transport messages each way with a rekey
 * after every pair (wire-facts §2.1, §2.5). Both sides are played: what one writes the other reads.
 *
 * @module
 */
import { viewOf } from "../../core/bytes.ts";
import type { Suite } from "../../core/crypto/suite.ts";
import { E, type Either } from "../../core/fp.ts";
import { type CipherState, open, type Processed, rekey, seal } from "../../core/noise/cipher_state.ts";
import {
  type HandshakeState,
  readMessage,
  type Role,
  startHandshake,
  type Transport,
  type Turn,
  writeMessage,
} from "../../core/noise/handshake.ts";
import { patternXXhfs } from "../../core/noise/pattern.ts";
import { createNoiseSuite } from "../../core/noise/symmetric.ts";
import { compareBytes, compareValues, type Differences, recordedRandom } from "./compare.ts";
import { type Decoded, hex, list, object, text } from "./decode.ts";
import { defineFormat, eachCase } from "./format.ts";

const transportMessage = object({ body: hex(), body_ct: hex(), header: hex(4), header_ct: hex(20) });

const handshakeCase = object({
  channel_binding: hex(64),
  initiator_reads: list(hex(32)),
  initiator_static_private: hex(32),
  initiator_static_public: hex(32),
  msg1: hex(),
  msg2: hex(),
  msg2_payload: hex(),
  msg3: hex(),
  msg3_payload: hex(),
  prologue: hex(),
  responder_reads: list(hex(32)),
  responder_static_private: hex(32),
  responder_static_public: hex(32),
  transport_initiator_to_responder: list(transportMessage),
  transport_responder_to_initiator: list(transportMessage),
  wire_bytes_first_message: text,
});

type HandshakeCase = Decoded<typeof handshakeCase>;

const file = object({ note: text, vectors: list(handshakeCase) });

const turnOf = (turn: Either<string, Turn>): Turn => {
  if (E.isLeft(turn)) throw new Error(`handshake refused: ${turn.left}`);
  return turn.right;
};

const stateOf = ({ next }: Turn): HandshakeState => {
  if (next.type !== "handshake") throw new Error("handshake ended early");
  return next.state;
};

const transportOf = ({ next }: Turn): Transport => {
  if (next.type !== "transport") throw new Error("handshake did not end");
  return next.transport;
};

const checkHandshake = (suite: Suite, vector: HandshakeCase): Differences => {
  const noise = createNoiseSuite(suite, "25519+NewHopeSimple_ChaChaPoly_BLAKE2b");
  const start = (role: Role, staticPrivate: Uint8Array): HandshakeState =>
    startHandshake(noise, {
      pattern: patternXXhfs,
      role,
      prologue: vector.prologue,
      staticPrivate,
      remoteStatic: null,
    });
  const initiatorRandom = recordedRandom(vector.initiator_reads, "initiator_reads");
  const responderRandom = recordedRandom(vector.responder_reads, "responder_reads");
  const empty = new Uint8Array(0);

  const sent1 = turnOf(
    writeMessage(noise, start("initiator", vector.initiator_static_private), initiatorRandom, empty),
  );
  const read1 = turnOf(readMessage(noise, start("responder", vector.responder_static_private), vector.msg1));
  const sent2 = turnOf(writeMessage(noise, stateOf(read1), responderRandom, vector.msg2_payload));
  const read2 = turnOf(readMessage(noise, stateOf(sent1), vector.msg2));
  const sent3 = turnOf(writeMessage(noise, stateOf(read2), initiatorRandom, vector.msg3_payload));
  const read3 = turnOf(readMessage(noise, stateOf(sent2), vector.msg3));
  const [initiator, responder] = [transportOf(sent3), transportOf(read3)];
  return [
    ...compareBytes("msg1", sent1.bytes, vector.msg1),
    ...compareBytes("msg2", sent2.bytes, vector.msg2),
    ...compareBytes("msg3", sent3.bytes, vector.msg3),
    ...compareBytes("msg1 payload", read1.bytes, empty),
    ...compareBytes("msg2_payload", read2.bytes, vector.msg2_payload),
    ...compareBytes("msg3_payload", read3.bytes, vector.msg3_payload),
    ...compareBytes("responder_static_public", stateOf(read2).remoteStatic, vector.responder_static_public),
    ...compareBytes("initiator_static_public", responder.remoteStatic, vector.initiator_static_public),
    ...compareBytes("channel_binding of the initiator", initiator.handshakeHash, vector.channel_binding),
    ...compareBytes("channel_binding of the responder", responder.handshakeHash, vector.channel_binding),
    ...compareValues("wire_bytes_first_message", vector.wire_bytes_first_message.startsWith("00 || msg1"), true),
    ...initiatorRandom.leftovers(),
    ...responderRandom.leftovers(),
    ...checkTransport(
      suite,
      "initiator to responder",
      initiator.send,
      responder.receive,
      vector.transport_initiator_to_responder,
    ),
    ...checkTransport(
      suite,
      "responder to initiator",
      responder.send,
      initiator.receive,
      vector.transport_responder_to_initiator,
    ),
  ];
};

const processed = (result: Either<string, Processed>): Processed => {
  if (E.isLeft(result)) throw new Error(`transport refused: ${result.left}`);
  return result.right;
};

const checkTransport = (
  suite: Suite,
  what: string,
  sender: CipherState,
  receiver: CipherState,
  messages: HandshakeCase["transport_initiator_to_responder"],
): Differences =>
  messages.flatMap((message, index) => {
    const sealedHeader = processed(seal(suite, sender, message.header));
    const sealedBody = processed(seal(suite, sealedHeader.cipher, message.body));
    const openedHeader = processed(open(suite, receiver, message.header_ct));
    const openedBody = processed(open(suite, openedHeader.cipher, message.body_ct));
    sender = rekey(suite, sealedBody.cipher);
    receiver = rekey(suite, openedBody.cipher);
    return [
      ...compareBytes(`${what} ${index} header_ct`, sealedHeader.bytes, message.header_ct),
      ...compareBytes(`${what} ${index} body_ct`, sealedBody.bytes, message.body_ct),
      ...compareBytes(`${what} ${index} header`, openedHeader.bytes, message.header),
      ...compareBytes(`${what} ${index} body`, openedBody.bytes, message.body),
      ...compareValues(`${what} ${index} header value`, viewOf(message.header).getUint32(0), message.body_ct.length),
    ];
  });

export const noiseXxhfsFormat = defineFormat(
  "noise_xxhfs",
  file,
  ({ vectors }) => eachCase("vectors", vectors, checkHandshake),
);
