/**
 * The keys of one hop from its shared secret (specs/sphinx.rst §2.1, wire-facts §1.1): HKDF-Expand with SHA-256 alone,
 * the X25519 result standing for the pseudo-random key. The info string begins with a small k, unlike the document's
 * (D2).
 *
 * @module
 */
import { utf8, wipe } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { groupElementLength, sprpKeyLength } from "./geometry.ts";

export interface PacketKeys {
  /** HMAC-SHA256 key of the header, 32 bytes. */
  readonly headerMac: Uint8Array;
  /** AES-128-CTR key of the routing information, 16 bytes. */
  readonly headerKey: Uint8Array;
  /** Initial counter block of the routing information and nonce of the payload, 16 bytes. */
  readonly headerIv: Uint8Array;
  /** AEZ key of the payload, 48 bytes. */
  readonly payloadKey: Uint8Array;
  /** The scalar by which the group element is blinded for the next hop, 32 bytes. */
  readonly blindingFactor: Uint8Array;
}

const info = utf8("katzenpost-kdf-v0-hkdf-sha256");

const headerMacEnd = 32;
const headerKeyEnd = headerMacEnd + 16;
const headerIvEnd = headerKeyEnd + 16;
const payloadKeyEnd = headerIvEnd + 48;
const outputLength = payloadKeyEnd + groupElementLength;

/** The keys of a hop from the 32 bytes of its shared secret. Wiped by `forgetPacketKeys`. */
export const packetKeys = (suite: Suite, sharedSecret: Uint8Array): PacketKeys => {
  const output = suite.hkdfExpandSha256(sharedSecret, info, outputLength);
  return {
    headerMac: output.subarray(0, headerMacEnd),
    headerKey: output.subarray(headerMacEnd, headerKeyEnd),
    headerIv: output.subarray(headerKeyEnd, headerIvEnd),
    payloadKey: output.subarray(headerIvEnd, payloadKeyEnd),
    blindingFactor: output.subarray(payloadKeyEnd),
  };
};

/** Overwrites all keys of a hop. */
export const forgetPacketKeys = (suite: Suite, keys: PacketKeys): void => {
  suite.forget(keys.blindingFactor);
  wipe(keys.headerMac, keys.headerKey, keys.headerIv, keys.payloadKey, keys.blindingFactor);
};

/** The payload key and nonce of a hop as one string of 64 bytes. */
export const sprpKeyOf = (keys: PacketKeys): Uint8Array => {
  const key = new Uint8Array(sprpKeyLength);
  key.set(keys.payloadKey);
  key.set(keys.headerIv, keys.payloadKey.length);
  return key;
};
