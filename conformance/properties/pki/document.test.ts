/** Documents: well-formedness, who has to sign, votes told from consensuses, and what nodes ask of one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, fromUtf8, uint64, utf8 } from "../../../core/bytes.ts";
import { E } from "../../../core/fp.ts";
import {
  type Document,
  type DocumentError,
  type DocumentFields,
  encodeDocument,
  layerOf,
  nodeByIdentity,
  nodesOf,
  providerByName,
  servicesOf,
  verifyBallot,
  verifyDocument,
} from "../../../core/pki/document.ts";
import { providerLayer } from "../../../core/pki/descriptor.ts";
import {
  authorityNames,
  certify,
  documentFields,
  expiration,
  keysOf,
  left,
  mixFields,
  now,
  providerFields,
  right,
  signed,
  signedBy,
  suite,
  value,
} from "./fixture.ts";

const epoch = 700;
const authorities = authorityNames.map((name) => keysOf(name).identityKey);
const fields = documentFields(epoch);

const verifyRaw = (raw: Uint8Array, at = epoch) =>
  verifyDocument(suite, { authorities }, raw, { epoch: at, nowSeconds: now });
const errorOf = (changed: Partial<DocumentFields>): DocumentError | null =>
  left(verifyRaw(signedBy(authorityNames, { ...fields, ...changed })));

/** A document whose JSON was changed by hand before it was signed. */
const rewritten = (from: string | RegExp, to: string): DocumentError | null => {
  const json = fromUtf8(encodeDocument(fields))!;
  assert.notEqual(json.replace(from, to), json);
  return left(verifyRaw(certify(authorityNames, utf8(json.replace(from, to)))));
};

const empty = new Uint8Array(0);
const commit = concat(uint64(epoch), value);

test("[PKI-1-01] [SEED-8-01] what authorities agree on is what nodes read, all Loopix parameters with it", () => {
  const document = right(verifyRaw(signedBy(authorityNames, fields)));
  assert.deepEqual(document.parameters, fields.parameters);
  assert.deepEqual(document.topology.map((layer) => layer.map(({ name }) => name)), [["mix1"], ["mix2"], ["mix3"]]);
  assert.deepEqual(document.providers.map(({ raw }) => raw), fields.providers);
  assert.deepEqual(document.priorSharedRandom, [value, value]);
  assert.deepEqual(document.sharedRandomValue, value);
});

test("[PKI-3.5-01] more than half of the authorities have to sign", () => {
  assert.equal(left(verifyRaw(signedBy(["authority1"], fields))), "threshold");
  assert.equal(left(verifyRaw(signedBy(["authority1", "authority3"], fields))), null);
  const two = { authorities: authorities.slice(0, 2), threshold: 1 };
  assert.equal(
    left(verifyDocument(suite, two, signedBy(["authority1", "authority3"], fields), { epoch, nowSeconds: now })),
    null,
  );
});

test("an expired document, and one with an expired descriptor, are refused", () => {
  const context = { epoch, nowSeconds: expiration + 1 };
  const verifyThen = (raw: Uint8Array) => left(verifyDocument(suite, { authorities }, raw, context));
  assert.equal(verifyThen(signedBy(authorityNames, fields)), "expired");
  assert.equal(verifyThen(certify(authorityNames, encodeDocument(fields), expiration + 1)), "descriptor-expired");
});

test("a document is for the epoch that was asked for", () => {
  assert.equal(left(verifyRaw(signedBy(authorityNames, fields), epoch + 1)), "wrong-epoch");
});

test("a document has layers, none of them empty, and a Provider", () => {
  assert.equal(errorOf({ topology: [] }), "no-topology");
  assert.equal(errorOf({ topology: [fields.topology[0]!, []] }), "empty-layer");
  assert.equal(errorOf({ providers: [] }), "no-providers");
});

test("[MIXNET-2.2-01] mixes stand in the topology, Providers among the Providers, each node once", () => {
  const [[mix]] = fields.topology as [[Uint8Array]];
  const [provider] = fields.providers as [Uint8Array];
  assert.equal(errorOf({ providers: [mix] }), "wrong-layer");
  assert.equal(errorOf({ topology: [[provider]] }), "wrong-layer");
  assert.equal(errorOf({ topology: [[mix], [mix]] }), "duplicate-identity");
  assert.equal(errorOf({ topology: [[mix, mix]] }), "duplicate-identity");
  const both = signed({ ...providerFields("mix1", epoch) });
  assert.equal(errorOf({ providers: [provider, both] }), "duplicate-identity");
});

test("every descriptor is verified", () => {
  const [provider] = fields.providers as [Uint8Array];
  const changed = provider.slice();
  changed[changed.length - 1]! ^= 1;
  assert.equal(errorOf({ providers: [changed] }), "descriptor-bad-signature");
  assert.equal(errorOf({ providers: [signed(providerFields("provider", epoch + 1))] }), "descriptor-mix-keys");
  assert.equal(errorOf({ providers: [empty] }), "descriptor-malformed");
});

test("a genesis epoch of 0 is refused, and an empty list of prior values at any other than the genesis epoch", () => {
  assert.equal(errorOf({ genesisEpoch: 0 }), "genesis-epoch");
  assert.equal(errorOf({ priorSharedRandom: [] }), null);
  assert.equal(errorOf({ priorSharedRandom: [], genesisEpoch: epoch - 1 }), "prior-shared-random");
  assert.equal(errorOf({ genesisEpoch: epoch - 1 }), null);
  for (const prior of [[value], [value, value, value], [value, value.subarray(1)]]) {
    assert.equal(errorOf({ priorSharedRandom: prior }), "prior-shared-random");
  }
});

test("[PKI-3.4-02] a vote is no consensus, however many signed it", () => {
  assert.equal(errorOf({ sharedRandomCommit: commit, sharedRandomValue: new Uint8Array(32) }), "shared-random");
});

test("[PKI-3.2.2-01] [PKI-1.4-02] a commit is for the document's epoch, and comes without a value", () => {
  const ballot = (changed: Partial<DocumentFields>) =>
    verifyBallot(suite, authorities[0]!, signedBy(["authority1"], { ...fields, ...changed }), {
      epoch,
      nowSeconds: now,
    });
  const zero = new Uint8Array(32);
  assert.equal(right(ballot({ sharedRandomCommit: commit, sharedRandomValue: zero })).type, "vote");
  assert.equal(right(ballot({ sharedRandomCommit: commit, sharedRandomValue: empty })).type, "vote");
  assert.equal(right(ballot({})).type, "signature");
  const refused: ReadonlyArray<readonly [Uint8Array, Uint8Array]> = [
    [commit, value],
    [commit.subarray(1), zero],
    [concat(uint64(epoch + 1), value), zero],
    [empty, empty],
    [empty, value.subarray(1)],
  ];
  for (const [sharedRandomCommit, sharedRandomValue] of refused) {
    assert.equal(left(ballot({ sharedRandomCommit, sharedRandomValue })), "shared-random");
  }
});

test("[PKI-5.2.1-01] a ballot is signed by the one authority, and by nobody else", () => {
  const vote = { ...fields, sharedRandomCommit: commit, sharedRandomValue: empty };
  const ballot = (raw: Uint8Array) => left(verifyBallot(suite, authorities[0]!, raw, { epoch, nowSeconds: now }));
  assert.equal(ballot(signedBy(["authority2"], vote)), "signer-missing");
  assert.equal(ballot(signedBy(["authority1", "authority2"], vote)), "signer-missing");
  const raw = signedBy(["authority1"], vote);
  raw[raw.length - 1]! ^= 1;
  assert.equal(ballot(raw), "bad-signature");
});

test("[FAULT-51] parameters are finite and not negative, and there is a mean delay", () => {
  assert.equal(rewritten(/"Mu":[^,]*/, '"Mu":0.0'), "parameters");
  assert.equal(rewritten(/"Mu":[^,]*/, '"Mu":-0.5'), "parameters");
  assert.equal(rewritten(/"LambdaD":[^,]*/, '"LambdaD":0.0'), null);
  assert.equal(rewritten(/"LambdaD":[^,]*/, '"LambdaD":-0.0'), "parameters");
  assert.equal(rewritten(/"LambdaPMaxDelay":[^,]*/, '"LambdaPMaxDelay":-0'), "parameters");
  assert.equal(rewritten(/"LambdaP":[^,]*/, '"LambdaP":"0.5"'), "parameters");
  assert.equal(rewritten(/"LambdaPMaxDelay":[^,]*/, '"LambdaPMaxDelay":"1.5"'), "parameters");
  assert.equal(rewritten(/"SendRatePerMinute":[^,]*,/, ""), "parameters");
});

test("fields of wrong types and what is no document are refused", () => {
  assert.equal(rewritten("document-v0", "document-v1"), "document-version");
  assert.equal(rewritten(`"Epoch":"${epoch}"`, '"Epoch":"x"'), "malformed-fields");
  assert.equal(rewritten(/"Topology":\[\[.*?\]\]/, '"Topology":[null]'), "empty-layer");
  assert.equal(rewritten(/"Topology":\[\[.*?\]\]/, '"Topology":null'), "malformed-fields");
  assert.equal(rewritten(/"Providers":\["/, '"Providers":["!'), "malformed-fields");
  assert.equal(rewritten(/^.*$/, "[]"), "not-json");
  assert.equal(rewritten(/\}$/, ""), "not-json");
  assert.equal(rewritten('"Epoch"', '"Epoch":"1","Epoch"'), "not-json");
});

test("hostile documents never throw and never verify", () => {
  const raw = signedBy(authorityNames, fields);
  fc.assert(fc.property(fc.nat(raw.length - 1), fc.nat(255), (at, byte) => {
    const changed = raw.slice();
    changed[at] = byte;
    // All three have to sign: one signer made a stranger would leave enough.
    const verified = verifyDocument(suite, { authorities, threshold: 3 }, changed, { epoch, nowSeconds: now });
    assert.equal(E.isRight(verified), byte === raw[at]);
  }));
});

test("descriptors that are known are not verified again", () => {
  const raw = signedBy(authorityNames, fields);
  const document = right(verifyRaw(raw));
  let verified = 0;
  const counting = {
    ...suite,
    ed25519Verify: (...args: Parameters<typeof suite.ed25519Verify>) => (verified++, suite.ed25519Verify(...args)),
  };
  const known = (bytes: Uint8Array) => nodesOf(document).find((node) => String(node.raw) === String(bytes)) ?? null;
  assert.deepEqual(right(verifyDocument(counting, { authorities }, raw, { epoch, nowSeconds: now, known })), document);
  assert.equal(verified, authorityNames.length);
});

const lookUp: Document = right(verifyRaw(signedBy(authorityNames, fields)));

test("nodes are found by identity key, with the layer that the document gives them", () => {
  assert.equal(nodeByIdentity(lookUp, keysOf("mix2").identityKey)?.name, "mix2");
  assert.equal(nodeByIdentity(lookUp, keysOf("mix9").identityKey), null);
  assert.deepEqual(
    ["mix1", "mix2", "mix3", "provider", "mix9"].map((name) => layerOf(lookUp, keysOf(name).identityKey)),
    [0, 1, 2, providerLayer, null],
  );
  assert.equal(nodesOf(lookUp).length, 4);
});

test("[KAETZ-4-01] Providers are found by name, services by capability", () => {
  assert.equal(providerByName(lookUp, "provider")?.name, "provider");
  assert.equal(providerByName(lookUp, "mix1"), null);
  assert.deepEqual(servicesOf(lookUp, "loop").map(({ provider, endpoint }) => [provider.name, endpoint]), [[
    "provider",
    "+loop",
  ]]);
  assert.deepEqual(servicesOf(lookUp, "keyserver"), []);
});

test("a mix of a later layer is the same node", () => {
  assert.deepEqual({ ...nodeByIdentity(lookUp, keysOf("mix3").identityKey)!, layer: 0 }, {
    ...mixFields("mix3", epoch),
    raw: signed(mixFields("mix3", epoch)),
  });
});
