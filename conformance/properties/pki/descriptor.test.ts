/** Descriptors: what a node may say of itself, and every way in which it may not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fromUtf8, toBase64, utf8 } from "../../../core/bytes.ts";
import type { JsonObject, JsonValue } from "../../../core/codec/json.ts";
import { E } from "../../../core/fp.ts";
import { wall } from "../../../core/machine.ts";
import { decodeCertificate, sign } from "../../../core/pki/cert.ts";
import {
  certificateExpiration,
  type DescriptorError,
  type DescriptorFields,
  descriptorLengthMax,
  encodeDescriptor,
  providerLayer,
  verifyDescriptor,
} from "../../../core/pki/descriptor.ts";
import { createEpochClock } from "../../../core/pki/epoch.ts";
import { certify, expiration, keysOf, left, mixFields, now, providerFields, right, signed, suite } from "./fixture.ts";

const epoch = 700;
const verifyRaw = (raw: Uint8Array, at = epoch) => verifyDescriptor(suite, raw, at, now);
const errorOf = (fields: DescriptorFields, at = epoch): DescriptorError | null => left(verifyRaw(signed(fields), at));

const mix = mixFields("mix", epoch);
const provider = providerFields("provider", epoch);
const withAddresses = (
  fields: DescriptorFields,
  addresses: Record<string, ReadonlyArray<string>>,
): DescriptorFields => ({
  ...fields,
  addresses: new Map(Object.entries(addresses)),
});

/** A descriptor whose JSON was changed by hand before it was signed. */
const rewritten = (fields: DescriptorFields, from: string | RegExp, to: string): DescriptorError | null => {
  const json = fromUtf8(encodeDescriptor(fields))!;
  assert.match(json, from instanceof RegExp ? from : new RegExp(from.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
  return left(verifyRaw(sign(suite, keysOf(fields.name).identityPrivate, utf8(json.replace(from, to)), expiration)));
};

test("[PKI-4.1-01] [PKI-3.1.1-01] what a node signs is what others read", () => {
  for (const fields of [mix, provider]) {
    const { raw, ...read } = right(verifyRaw(signed(fields)));
    assert.deepEqual(read, fields);
    assert.deepEqual(raw, signed(fields));
  }
});

test("[PKI-1.4-01] a descriptor has mix keys for three epochs at most, its own among them", () => {
  const withKeys = (...epochs: number[]): DescriptorFields => ({
    ...mix,
    mixKeys: new Map(epochs.map((at) => [at, mix.linkKey])),
  });
  assert.equal(errorOf(withKeys(epoch)), null);
  assert.equal(errorOf(withKeys(epoch, epoch + 2)), null);
  assert.equal(errorOf(withKeys()), "mix-keys");
  assert.equal(errorOf(withKeys(epoch + 1)), "mix-keys");
  assert.equal(errorOf(withKeys(epoch - 1, epoch)), "mix-keys");
  assert.equal(errorOf(withKeys(epoch, epoch + 3)), "mix-keys");
  assert.equal(errorOf(withKeys(epoch, epoch + 1, epoch + 2, epoch + 3)), "mix-keys");
  assert.equal(errorOf(mix, epoch - 1), "mix-keys");
  assert.equal(errorOf(mix, epoch + 1), "mix-keys");
});

test("[PKI-4.1.1-01] epochs of downtime may be left out of the keys", () => {
  const downtime = new Map([...mix.mixKeys].filter(([at]) => at !== epoch + 1));
  assert.deepEqual([...right(verifyRaw(signed({ ...mix, mixKeys: downtime }))).mixKeys.keys()], [epoch, epoch + 2]);
});

test("[PKI-3.1-01] a descriptor is signed by its identity key and by nobody else", () => {
  const certified = encodeDescriptor(mix);
  assert.equal(left(verifyRaw(sign(suite, keysOf("other").identityPrivate, certified, expiration))), "signer-missing");
  assert.equal(left(verifyRaw(certify(["mix", "other"], certified))), "signer-missing");
  const raw = signed(mix);
  raw[raw.length - 1]! ^= 1;
  assert.equal(left(verifyRaw(raw)), "bad-signature");
});

test("an expired descriptor is refused", () => {
  assert.equal(left(verifyDescriptor(suite, signed(mix), epoch, expiration + 1)), "expired");
  assert.equal(left(verifyDescriptor(suite, signed(mix), epoch, null)), null);
});

test("a name has 1 to 32 bytes", () => {
  const named = (name: string): DescriptorError | null => {
    const { identityKey, identityPrivate } = keysOf("mix");
    return left(verifyRaw(sign(suite, identityPrivate, encodeDescriptor({ ...mix, identityKey, name }), expiration)));
  };
  assert.equal(named("x".repeat(32)), null);
  assert.equal(named("x".repeat(33)), "name");
  assert.equal(named("é".repeat(16)), null);
  assert.equal(named("é".repeat(17)), "name");
  assert.equal(named(""), "name");
});

test("a node is a mix or a Provider, and gives itself no layer", () => {
  for (const layer of [1, 2, 254, 256]) assert.equal(errorOf({ ...mix, layer }), "layer");
  assert.equal(errorOf({ ...mix, layer: providerLayer }), null);
});

test("a mix has no Kaetzchen; a Provider's have endpoints of 1 to 64 bytes", () => {
  const offering = (fields: DescriptorFields, capability: string, parameters: JsonObject): DescriptorFields => ({
    ...fields,
    kaetzchen: new Map([[capability, parameters]]),
  });
  const endpoint = (value: JsonValue): JsonObject => new Map([["endpoint", value]]);
  assert.equal(errorOf(offering(mix, "loop", endpoint("+loop"))), "kaetzchen");
  assert.equal(errorOf(offering(provider, "loop", endpoint("x".repeat(64)))), null);
  assert.equal(errorOf(offering(provider, "loop", endpoint("x".repeat(65)))), "kaetzchen");
  assert.equal(errorOf(offering(provider, "loop", endpoint(""))), "kaetzchen");
  assert.equal(errorOf(offering(provider, "loop", endpoint(5.5))), "kaetzchen");
  assert.equal(errorOf(offering(provider, "loop", new Map())), "kaetzchen");
  assert.equal(errorOf(offering(provider, "", endpoint("+loop"))), "kaetzchen");
  assert.equal(rewritten(provider, '{"endpoint":"+loop"}', "null"), "kaetzchen");
  assert.equal(rewritten(provider, '{"loop":{"endpoint":"+loop"}}', "[]"), "kaetzchen");
});

test("every node has a literal IPv4 address; only Providers have others than IP addresses", () => {
  const tcp4 = ["192.0.2.1:1"];
  assert.equal(errorOf(withAddresses(mix, {})), "addresses");
  assert.equal(errorOf(withAddresses(mix, { tcp6: ["[2001:db8::1]:1"] })), "addresses");
  assert.equal(errorOf(withAddresses(mix, { tcp4, tcp6: ["[2001:db8::1]:1"] })), null);
  assert.equal(errorOf(withAddresses(mix, { tcp4, tcp: ["example.com:1"] })), "addresses");
  assert.equal(errorOf(withAddresses(mix, { tcp4, onion: ["x.onion:1"] })), "addresses");
  assert.equal(
    errorOf(withAddresses(provider, { tcp4, tcp: ["example.com:1", "bücher.example:2"], onion: ["anything"] })),
    null,
  );
  assert.equal(errorOf(withAddresses(provider, { tcp4, "": ["x:1"] })), "addresses");
  assert.equal(errorOf(withAddresses(provider, { tcp4, onion: [] })), "addresses");
  assert.equal(errorOf(withAddresses(provider, { tcp4: [] })), "addresses");
});

const badAddresses = [
  "",
  "192.0.2.1",
  "192.0.2.1:",
  "192.0.2.1:0",
  "192.0.2.1:65536",
  "192.0.2.1:+1",
  "192.0.2.1:1:1",
  "256.0.2.1:1",
  "192.0.2:1",
  "192.0.2.01:1",
  "[2001:db8::1]:1",
  "example.com:1",
  ":1",
  "192.0.2.1:1 ",
  "192.0.2.1%eth0:1",
];

for (const address of badAddresses) {
  test(`no IPv4 address with a port: ${JSON.stringify(address)}`, () =>
    assert.equal(errorOf(withAddresses(mix, { tcp4: [address] })), "addresses"));
}

test("a crowd of addresses is refused", () => {
  const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `192.0.2.1:${i + 1}`);
  assert.equal(errorOf(withAddresses(mix, { tcp4: many(16) })), null);
  assert.equal(errorOf(withAddresses(mix, { tcp4: many(17) })), "addresses");
  const transports = Object.fromEntries(many(17).map((address) => [address, [address]]));
  assert.equal(errorOf(withAddresses(provider, { tcp4: many(1), ...transports })), "addresses");
});

test("an oversized descriptor is refused before it is read", () => {
  assert.equal(errorOf({ ...provider, registrationHttpAddresses: ["x".repeat(descriptorLengthMax)] }), "too-long");
  assert.equal(left(verifyRaw(new Uint8Array(descriptorLengthMax + 1))), "too-long");
});

test("fields of wrong types, duplicate keys and what is no JSON are refused", () => {
  assert.equal(rewritten(mix, '"Version":"v0"', '"Version":"v1"'), "descriptor-version");
  assert.equal(rewritten(mix, '"Name":"mix"', '"Name":5'), "name");
  assert.equal(rewritten(mix, '"Name":"mix"', '"Name":"mix","Name":"mix"'), "not-json");
  assert.equal(rewritten(mix, toBase64(mix.linkKey), toBase64(mix.linkKey.subarray(1))), "link-key");
  assert.equal(rewritten(mix, toBase64(mix.identityKey), "!"), "identity-key");
  assert.equal(rewritten(mix, toBase64(mix.identityKey), toBase64(keysOf("other").identityKey)), "signer-missing");
  assert.equal(rewritten(mix, /"MixKeys":\{[^}]*\}/, '"MixKeys":null'), "mix-keys");
  assert.equal(rewritten(mix, `"${epoch}":`, `"0${epoch}":`), "mix-keys");
  assert.equal(rewritten(mix, '"Layer":"0"', '"Layer":"-1"'), "layer");
  assert.equal(rewritten(mix, '"LoadWeight":"0"', '"LoadWeight":"256"'), "load-weight");
  assert.equal(
    rewritten(mix, '"RegistrationHTTPAddresses":null', '"RegistrationHTTPAddresses":"x"'),
    "registration-addresses",
  );
  assert.equal(rewritten(mix, /\}$/, ""), "not-json");
  assert.equal(rewritten(mix, /^.*$/, "[]"), "not-json");
});

test("descriptors of 2019 and of later releases are read: fewer fields, more fields, integers as numbers", () => {
  assert.equal(rewritten(mix, ',"RegistrationHTTPAddresses":null', ""), null);
  assert.equal(rewritten(mix, '"Layer":"0"', '"Family":"x","Layer":"0"'), null);
  assert.equal(rewritten(mix, '"Layer":"0"', '"Layer":0'), null);
});

test("hostile certificates never throw and never verify", () => {
  const raw = signed(provider);
  fc.assert(
    fc.property(fc.nat(raw.length - 1), fc.nat(255), (at, byte) => {
      const changed = raw.slice();
      changed[at] = byte;
      assert.equal(E.isRight(verifyRaw(changed)), byte === raw[at]);
    }),
    { numRuns: 300 },
  );
});

test("a descriptor lives for three periods and ten minutes", () => {
  const clock = createEpochClock(20 * 60_000, 0);
  assert.equal(certificateExpiration(clock, wall(1_999)), 1 + 70 * 60);
  assert.equal(right(decodeCertificate(signed(mix))).expiration, expiration);
});
