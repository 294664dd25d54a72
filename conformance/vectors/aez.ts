/**
 * aez.json: AEZ v5 as Sphinx uses it and in general (wire-facts §1.1). The message is `plaintext`, or where that is
 * long the pattern it was made by; `decrypt_of_plaintext` is the message put through the inverse, as a mix does.
 *
 * @module
 */
import { aezDecrypt, aezEncrypt } from "../../core/crypto/aez.ts";
import type { Suite } from "../../core/crypto/suite.ts";
import { compareBytes, compareLong, type Differences, long, pattern } from "./compare.ts";
import { count, type Decoded, flag, hex, list, nothing, nullable, object, oneOf, text } from "./decode.ts";
import { defineFormat, eachCase } from "./format.ts";

const vector = object({
  ad: oneOf(nothing, list(hex())),
  ciphertext: long,
  decrypt_of_plaintext: nullable(long),
  key: hex(),
  len: count,
  nonce: hex(),
  pattern_seed: count,
  plaintext: long,
  tau: count,
  zero_prefix16: flag,
});

const file = object({ note: text, vectors: list(vector) });

/** What the suite offers: key 48, nonce 16, no associated data, tau 0, in place. */
const checkInPlace = (suite: Suite, message: Uint8Array, v: Decoded<typeof vector>): Differences => {
  const [encrypted, decrypted] = [message.slice(), message.slice()];
  suite.aezEncryptInPlace(v.key, v.nonce, encrypted);
  suite.aezDecryptInPlace(v.key, v.nonce, decrypted);
  const restored = encrypted.slice();
  suite.aezDecryptInPlace(v.key, v.nonce, restored);
  return [
    ...compareLong("ciphertext", encrypted, v.ciphertext),
    ...compareBytes("ciphertext, decrypted", restored, message),
    ...(v.decrypt_of_plaintext === null ? ["decrypt_of_plaintext: null, but with tau 0 nothing is refused"] : []),
    ...(v.decrypt_of_plaintext === null ? [] : compareLong("decrypt_of_plaintext", decrypted, v.decrypt_of_plaintext)),
  ];
};

const checkGeneral = (message: Uint8Array, v: Decoded<typeof vector>): Differences => {
  const associated = v.ad ?? [];
  const ciphertext = aezEncrypt(v.key, v.nonce, associated, v.tau, message);
  const decrypted = aezDecrypt(v.key, v.nonce, associated, v.tau, message);
  return [
    ...compareLong("ciphertext (general form)", ciphertext, v.ciphertext),
    ...compareBytes(
      "ciphertext, decrypted (general form)",
      aezDecrypt(v.key, v.nonce, associated, v.tau, ciphertext),
      message,
    ),
    ...(v.decrypt_of_plaintext === null
      ? compareBytes("decrypt_of_plaintext (general form)", decrypted, null)
      : compareLong("decrypt_of_plaintext (general form)", decrypted, v.decrypt_of_plaintext)),
  ];
};

const check = (suite: Suite, v: Decoded<typeof vector>): Differences => {
  const message = pattern(v.len, v.pattern_seed);
  if (v.zero_prefix16) message.fill(0, 0, 16);
  const suitable = v.key.length === 48 && v.nonce.length === 16 && (v.ad ?? []).length === 0 && v.tau === 0;
  return [
    ...compareLong("plaintext", message, v.plaintext),
    ...(suitable ? checkInPlace(suite, message, v) : []),
    ...checkGeneral(message, v),
  ];
};

export const aezFormat = defineFormat("aez", file, (f) => eachCase("vectors", f.vectors, check));
