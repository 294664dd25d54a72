/**
 * The payload's wide-block cipher under key material of 64 bytes: AEZ key 48 and nonce 16 (wire-facts §1.1, §1.5). Any
 * change of a ciphertext garbles the whole plaintext, which the zero tag at the front makes visible (specs/sphinx.rst
 * §4.2).
 *
 * @module
 */
import { isZero } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { payloadTagLength, sprpKeyLength } from "./geometry.ts";

const aezKeyLength = 48;

/** Encrypts a payload with its tag, in place. `key` is 64 bytes. */
export const encryptPayloadInPlace = (suite: Suite, key: Uint8Array, payload: Uint8Array): void =>
  suite.aezEncryptInPlace(key.subarray(0, aezKeyLength), key.subarray(aezKeyLength, sprpKeyLength), payload);

/** Decrypts a payload with its tag, in place. `key` is 64 bytes. */
export const decryptPayloadInPlace = (suite: Suite, key: Uint8Array, payload: Uint8Array): void =>
  suite.aezDecryptInPlace(key.subarray(0, aezKeyLength), key.subarray(aezKeyLength, sprpKeyLength), payload);

/** A view of what follows a tag of zeros, or null where the tag is anything else. Takes the same time either way. */
export const checkPayloadTag = (payload: Uint8Array): Uint8Array | null =>
  isZero(payload.subarray(0, payloadTagLength)) ? payload.subarray(payloadTagLength) : null;
