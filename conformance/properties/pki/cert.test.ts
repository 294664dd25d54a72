/** Certificates: who signed what until when, and that nothing else passes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compare, toHex, utf8 } from "../../../core/bytes.ts";
import { type CborValue, decodeCbor, encodeCbor } from "../../../core/codec/cbor.ts";
import { nobleSuite } from "../../../core/crypto/noble.ts";
import {
  addSignature,
  type Certificate,
  decodeCertificate,
  encodeCertificate,
  majority,
  sign,
  verify,
  verifyThreshold,
} from "../../../core/pki/cert.ts";
import { certify, expiration, keysOf, left, now, right, signatureOf, suite } from "./fixture.ts";

const names = ["a", "b", "c", "d"];
const identities = names.map((name) => keysOf(name).identityKey);
const certified = utf8("what is certified");
const ofA = sign(suite, keysOf("a").identityPrivate, certified, expiration);

const threshold = (raw: Uint8Array, needed = 3, at: number | null = now) =>
  verifyThreshold(suite, identities, needed, raw, at);

/** The certificate with something changed, as an attacker would encode it. */
const altered = (raw: Uint8Array, change: Partial<Certificate>): Uint8Array =>
  encodeCertificate({ ...right(decodeCertificate(raw)), ...change });

/** The same fields in another order, or with other values. */
const remapped = (
  raw: Uint8Array,
  change: (fields: Array<[string, CborValue]>) => Array<[string, CborValue]>,
): Uint8Array => encodeCbor(new Map(change([...right(decodeCbor(raw)) as ReadonlyMap<string, CborValue>])));

test("[CERT-3-01] one signer's certificate verifies for that signer and nobody else", () => {
  assert.deepEqual(right(verify(suite, identities[0]!, ofA, now)), certified);
  assert.equal(left(verify(suite, identities[1]!, ofA, now)), "signer-missing");
  assert.equal(left(verify(suite, identities[0]!, certify(["a", "b"], certified), now)), "signer-missing");
});

test("[CERT-2-02] a signature covers what is certified, its expiration and its signer", () => {
  const check = (raw: Uint8Array): string | null => left(verify(suite, identities[0]!, raw, now));
  assert.equal(check(altered(ofA, { certified: utf8("something else") })), "bad-signature");
  assert.equal(check(altered(ofA, { expiration: expiration + 1 })), "bad-signature");
  const { payload } = right(decodeCertificate(ofA)).signatures[0]!;
  const flipped = payload.slice();
  flipped[5]! ^= 1;
  assert.equal(check(altered(ofA, { signatures: [{ identity: identities[0]!, payload: flipped }] })), "bad-signature");
  assert.equal(
    left(verify(suite, identities[1]!, altered(ofA, { signatures: [{ identity: identities[1]!, payload }] }), now)),
    "bad-signature",
  );
});

test("with real signatures too, a changed one is refused", () => {
  const { identityPrivate, identityKey } = keysOf("real", nobleSuite);
  const raw = sign(nobleSuite, identityPrivate, certified, expiration);
  assert.deepEqual(right(verify(nobleSuite, identityKey, raw, now)), certified);
  raw[raw.length - 1]! ^= 1;
  assert.equal(left(verify(nobleSuite, identityKey, raw, now)), "bad-signature");
});

test("[CERT-2-05] a certificate is valid through its last second, and for ever where there is no time", () => {
  assert.deepEqual(right(verify(suite, identities[0]!, ofA, expiration)), certified);
  assert.equal(left(verify(suite, identities[0]!, ofA, expiration + 1)), "expired");
  assert.deepEqual(right(verify(suite, identities[0]!, ofA, null)), certified);
  assert.equal(left(threshold(certify(names, certified), 3, expiration + 1)), "expired");
});

test("[CERT-2-05] another version or key type is refused", () => {
  const withField = (field: string, value: CborValue) =>
    left(decodeCertificate(remapped(ofA, (fields) => fields.map(([key, old]) => [key, key === field ? value : old]))));
  assert.equal(withField("Version", 1), "version");
  assert.equal(withField("KeyType", "rsa"), "key-type");
  assert.equal(withField("Certified", new Uint8Array(0)), "nothing-certified");
  assert.equal(withField("Certified", "text"), "malformed");
  assert.equal(withField("Expiration", "soon"), "malformed");
  assert.equal(withField("Signatures", []), "malformed");
  assert.equal(withField("Signatures", null), "malformed");
});

test("[CERT-2-01] missing and unknown fields are refused", () => {
  assert.equal(left(decodeCertificate(remapped(ofA, (fields) => fields.slice(1)))), "malformed");
  assert.equal(left(decodeCertificate(remapped(ofA, (fields) => [...fields, ["Extra", 1]]))), "malformed");
  assert.equal(left(decodeCertificate(remapped(ofA, (fields) => [...fields.slice(1), ["Extra", 1]]))), "version");
});

test("[CERT-2-01] the fields are read in the order of 2019 as well, and written in that of 2020", () => {
  const sorted = remapped(ofA, (fields) => [...fields].sort(([x], [y]) => compare(utf8(x), utf8(y))));
  assert.notDeepEqual(sorted, ofA);
  assert.deepEqual(right(verify(suite, identities[0]!, sorted, now)), certified);
  assert.deepEqual(encodeCertificate(right(decodeCertificate(sorted))), ofA);
});

test("[CERT-3-01] [CERT-2-03] [CERT-2-04] several signers sign one certificate, in any order, to the same bytes", () => {
  const raw = certify(names, certified);
  assert.deepEqual(right(threshold(raw)).certified, certified);
  fc.assert(
    fc.property(
      fc.shuffledSubarray(names, { minLength: 4 }),
      (order) => assert.deepEqual(certify(order, certified), raw),
    ),
  );
  const order = right(decodeCertificate(raw)).signatures.map(({ identity }) => toHex(identity));
  assert.deepEqual(order, [...order].sort());
});

test("[CERT-2-03] signatures out of order are refused", () => {
  const { signatures } = right(decodeCertificate(certify(names, certified)));
  assert.equal(left(threshold(altered(ofA, { signatures: [...signatures].reverse() }))), "unsorted-signatures");
});

test("[CERT-3-01] [PKI-3.1.1-02] fewer signatures than the threshold are refused, as many are enough", () => {
  assert.equal(left(threshold(certify(["a", "b"], certified))), "threshold");
  assert.equal(right(threshold(certify(["a", "b", "c"], certified))).signers.length, 3);
});

test("a signer who signs twice counts once: the certificate is refused", () => {
  const [signature] = right(decodeCertificate(ofA)).signatures;
  assert.equal(left(threshold(altered(ofA, { signatures: [signature!, signature!, signature!] }))), "duplicate-signer");
  assert.equal(left(addSignature(suite, ofA, signature!)), "duplicate-signer");
});

test("one signature under two identities is refused", () => {
  const { payload } = right(decodeCertificate(ofA)).signatures[0]!;
  const signatures = identities.slice(0, 2).sort(compare).map((identity) => ({ identity, payload }));
  assert.equal(left(decodeCertificate(altered(ofA, { signatures }))), "duplicate-signer");
});

test("signers that are not asked for do not count", () => {
  const raw = certify(["a", "b", "stranger"], certified);
  assert.equal(left(threshold(raw)), "threshold");
  assert.equal(right(threshold(raw, 2)).signers.length, 2);
});

test("one bad signature of a signer who is asked for spoils the certificate, however many are good", () => {
  const raw = certify(names, certified);
  const { signatures } = right(decodeCertificate(raw));
  signatures.forEach((_, bad) => {
    const changed = signatures.map(({ identity, payload }, at) => ({
      identity,
      payload: at === bad ? payload.map((byte, i) => i === 0 ? byte ^ 1 : byte) : payload,
    }));
    assert.equal(left(threshold(altered(raw, { signatures: changed }), 1)), "bad-signature");
  });
});

test("a signature is added only if it is right", () => {
  assert.equal(left(addSignature(suite, ofA, signatureOf("b", utf8("something else")))), "bad-signature");
  assert.deepEqual(right(addSignature(suite, ofA, signatureOf("b", certified))), certify(["a", "b"], certified));
});

test("hostile bytes never throw", () => {
  fc.assert(fc.property(fc.nat(ofA.length - 1), fc.nat(255), (at, byte) => {
    const changed = ofA.slice();
    changed[at] = byte;
    const verified = verify(suite, identities[0]!, changed, now);
    if (byte !== ofA[at]) assert.ok(left(verified) !== null, `byte ${at} set to ${byte}`);
  }));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => assert.notEqual(left(decodeCertificate(bytes)), null)),
  );
});

test("more than half is needed", () => {
  assert.deepEqual([1, 2, 3, 4, 5, 9].map(majority), [1, 2, 2, 3, 3, 5]);
});
