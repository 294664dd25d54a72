/**
 * noise_x.json: one-way Noise X messages in both suites, and end-to-end blocks (wire-facts §9.1), with recorded
 * randomness. Written anew and compared, then read by the recipient.
 *
 * @module
 */
import { blockPayloadLength, fragmentMessage, openBlock, sealBlock } from "../../core/client/block.ts";
import { concat } from "../../core/bytes.ts";
import type { Suite } from "../../core/crypto/suite.ts";
import { E } from "../../core/fp.ts";
import { openOneWay, sealOneWay } from "../../core/noise/one_way.ts";
import { patternX } from "../../core/noise/pattern.ts";
import { createNoiseSuite } from "../../core/noise/symmetric.ts";
import { katzenpostGeometry } from "../../core/sphinx/geometry.ts";
import {
  compareBytes,
  compareDigest,
  compareLists,
  compareValues,
  type Differences,
  digest,
  pattern,
  recordedRandom,
} from "./compare.ts";
import { base64, count, type Decoded, hex, list, literal, object, text } from "./decode.ts";
import { defineFormat, eachCase } from "./format.ts";

const messageCase = object({
  message: hex(),
  plaintext: hex(),
  protocol: literal("Noise_X_25519_ChaChaPoly_SHA256", "Noise_X_25519_ChaChaPoly_BLAKE2b"),
  reads: list(hex(32)),
  recipient_private: hex(32),
  recipient_public: hex(32),
  sender_private: hex(32),
  sender_public: hex(32),
});

const blockCase = object({
  ciphertexts: list(digest),
  message_id: hex(16),
  message_len: count,
  message_pattern_seed: count,
  reads: list(hex(32)),
  recipient_private: hex(32),
  sender_private: hex(32),
}, { ciphertext0_b64: base64() });

const file = object({ blocks: list(blockCase), note: text, vectors: list(messageCase) });

const checkMessage = (suite: Suite, vector: Decoded<typeof messageCase>): Differences => {
  const name = vector.protocol === "Noise_X_25519_ChaChaPoly_SHA256"
    ? "25519_ChaChaPoly_SHA256"
    : "25519_ChaChaPoly_BLAKE2b";
  const noise = createNoiseSuite(suite, name);
  const random = recordedRandom(vector.reads);
  const sealed = sealOneWay(noise, patternX, random, vector.sender_private, vector.recipient_public, vector.plaintext);
  const opened = openOneWay(noise, patternX, vector.recipient_private, null, vector.message);
  return [
    ...compareBytes("message", E.isRight(sealed) ? sealed.right.message : null, vector.message),
    ...compareBytes("plaintext", E.isRight(opened) ? opened.right.payload : null, vector.plaintext),
    ...compareBytes("sender", E.isRight(opened) ? opened.right.sender : null, vector.sender_public),
    ...compareBytes("sender_public", suite.x25519Public(vector.sender_private), vector.sender_public),
    ...compareBytes("recipient_public", suite.x25519Public(vector.recipient_private), vector.recipient_public),
    ...random.leftovers(),
  ];
};

const checkBlocks = (suite: Suite, vector: Decoded<typeof blockCase>): Differences => {
  const message = pattern(vector.message_len, vector.message_pattern_seed);
  const blocks = fragmentMessage(katzenpostGeometry, vector.message_id, message);
  if (E.isLeft(blocks)) return [`fragmenting refused: ${blocks.left}`];
  const random = recordedRandom(vector.reads);
  const recipient = suite.x25519Public(vector.recipient_private);
  const ciphertexts = blocks.right.map((block) => {
    const sealed = sealBlock(suite, katzenpostGeometry, random, vector.sender_private, recipient, block);
    return E.isRight(sealed) ? sealed.right.ciphertext : null;
  });
  const { ciphertext0_b64: first } = vector;
  return [
    ...compareLists("ciphertexts", ciphertexts, vector.ciphertexts, compareDigest),
    ...(first === undefined ? [] : compareBytes("ciphertext0_b64", ciphertexts[0] ?? null, first)),
    ...ciphertexts.flatMap((ciphertext, id) => checkOpened(suite, vector, id, ciphertext, message)),
    ...compareBytes("message", concat(...blocks.right.map(({ payload }) => payload)), message),
    ...random.leftovers(),
  ];
};

const checkOpened = (
  suite: Suite,
  vector: Decoded<typeof blockCase>,
  id: number,
  ciphertext: Uint8Array | null,
  message: Uint8Array,
): Differences => {
  const opened = openBlock(suite, katzenpostGeometry, vector.recipient_private, ciphertext ?? new Uint8Array(0));
  if (E.isLeft(opened)) return [`block ${id} refused: ${opened.left}`];
  const { sender, block } = opened.right;
  const from = id * blockPayloadLength(katzenpostGeometry);
  return [
    ...compareBytes(`block ${id} sender`, sender, suite.x25519Public(vector.sender_private)),
    ...compareBytes(`block ${id} message_id`, block.messageId, vector.message_id),
    ...compareValues(`block ${id} total`, block.total, vector.ciphertexts.length),
    ...compareValues(`block ${id} id`, block.id, id),
    ...compareBytes(`block ${id} payload`, block.payload, message.slice(from, from + block.payload.length)),
  ];
};

export const noiseXFormat = defineFormat("noise_x", file, ({ vectors, blocks }) => [
  ...eachCase("vectors", vectors, checkMessage),
  ...eachCase("blocks", blocks, checkBlocks),
]);
