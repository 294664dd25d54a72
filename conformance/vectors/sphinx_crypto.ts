/**
 * sphinx_crypto.json: the keys of a hop from its shared secret, the header's keystream and MAC, the hash (wire-facts
 * §1.1), and a counter that wraps around. MAC and hash are over `mac_input`.
 *
 * @module
 */
import type { Suite } from "../../core/crypto/suite.ts";
import { headerMac } from "../../core/sphinx/build.ts";
import { packetKeys } from "../../core/sphinx/kdf.ts";
import { compareBytes, type Differences } from "./compare.ts";
import { type Decoded, hex, list, object, text } from "./decode.ts";
import { defineFormat, eachCase, singleCase } from "./format.ts";

const vector = object({
  blinding_factor: hex(32),
  hash: hex(32),
  header_encryption: hex(16),
  header_encryption_iv: hex(16),
  header_mac: hex(32),
  keystream_492: hex(492),
  mac: hex(16),
  mac_input: hex(),
  payload_encryption: hex(48),
  shared_secret: hex(32),
});

const counterWrap = object({ iv: hex(16), key: hex(16), keystream_64: hex(64) });

const file = object({ ctr_wrap: counterWrap, note: text, vectors: list(vector) });

const keystream = (suite: Suite, key: Uint8Array, iv: Uint8Array, length: number): Uint8Array => {
  const stream = new Uint8Array(length);
  suite.aes128CtrInPlace(key, iv, stream);
  return stream;
};

const check = (suite: Suite, v: Decoded<typeof vector>): Differences => {
  const keys = packetKeys(suite, v.shared_secret);
  return [
    ...compareBytes("header_mac", keys.headerMac, v.header_mac),
    ...compareBytes("header_encryption", keys.headerKey, v.header_encryption),
    ...compareBytes("header_encryption_iv", keys.headerIv, v.header_encryption_iv),
    ...compareBytes("payload_encryption", keys.payloadKey, v.payload_encryption),
    ...compareBytes("blinding_factor", keys.blindingFactor, v.blinding_factor),
    ...compareBytes("keystream_492", keystream(suite, keys.headerKey, keys.headerIv, 492), v.keystream_492),
    ...compareBytes("mac", headerMac(suite, keys, v.mac_input), v.mac),
    ...compareBytes("hash", suite.sha512_256(v.mac_input), v.hash),
  ];
};

export const sphinxCryptoFormat = defineFormat("sphinx_crypto", file, (f) => [
  ...eachCase("vectors", f.vectors, check),
  singleCase(
    "ctr_wrap",
    (suite) =>
      compareBytes("keystream_64", keystream(suite, f.ctr_wrap.key, f.ctr_wrap.iv, 64), f.ctr_wrap.keystream_64),
  ),
]);
