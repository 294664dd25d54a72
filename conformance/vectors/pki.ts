/**
 * pki.json: three rounds of three Go voting authorities. Descriptors, commits and reveals, votes, own-signed and final
 * consensus documents are made again byte for byte (wire-facts §4, §5), the topology generator and the JSON dialect
 * are compared with their tables, and the authority machine is led through the rounds in the place of each Go
 * authority (pki_machine.ts).
 *
 * @module
 */
import { sha512 } from "@noble/hashes/sha2.js";
import { equal, fromUtf8, toHex, utf8 } from "../../core/bytes.ts";
import { encodeJson, jsonFloat } from "../../core/codec/json.ts";
import { decodeJson } from "../../core/codec/json_reader.ts";
import type { Suite } from "../../core/crypto/suite.ts";
import { E } from "../../core/fp.ts";
import { decodeCertificate, sign } from "../../core/pki/cert.ts";
import { encodeDescriptor, signDescriptor, verifyDescriptor } from "../../core/pki/descriptor.ts";
import { decodeDocument, encodeDocument, verifyBallot, verifyDocument } from "../../core/pki/document.ts";
import { parameterFields } from "../../core/pki/parameters.ts";
import { commitTo, keeps, sharedRandomValue } from "../../core/pki/shared_random.ts";
import { generateTopology, topologyRandom } from "../../core/pki/topology.ts";
import { compareBytes, compareLists, compareValues, type Differences, recordedRandom } from "./compare.ts";
import type { Decoded } from "./decode.ts";
import { defineFormat, eachCase, singleCase } from "./format.ts";
import {
  type authorityKeys,
  type AuthorityRound,
  type descriptor,
  type PkiFile,
  pkiFile,
  type topologyVector,
} from "./pki_file.ts";
import { checkMachine } from "./pki_machine.ts";

const asText = (bytes: Uint8Array | null): string | null => bytes === null ? null : fromUtf8(bytes);

/** What a certificate certifies and until when; a malformed one has nothing. */
const opened = (raw: Uint8Array) => {
  const decoded = decodeCertificate(raw);
  return E.isRight(decoded) ? decoded.right : { certified: null, expiration: 0, signatures: [] };
};

const refused = (what: string, error: string): Differences => [`${what}: refused as ${error}`];

const checkDescriptor = (
  suite: Suite,
  vectors: PkiFile,
  epoch: number,
  vector: Decoded<typeof descriptor>,
): Differences => {
  const { certified, expiration } = opened(vector.cert_b64);
  const signer = vectors.nodes.find(({ name }) => name === vector.name)!;
  const verified = verifyDescriptor(suite, vector.cert_b64, epoch, null);
  if (E.isLeft(verified)) return refused("cert_b64", verified.left);
  const fields = {
    ...verified.right,
    kaetzchen: verified.right.kaetzchen as Parameters<typeof encodeDescriptor>[0]["kaetzchen"],
  };
  return [
    ...compareValues("certified_json", asText(certified), vector.certified_json),
    ...compareValues("certified_json, written again", asText(encodeDescriptor(fields)), vector.certified_json),
    ...compareBytes(
      "cert_b64, signed again",
      signDescriptor(suite, signer.identity_private, fields, expiration),
      vector.cert_b64,
    ),
    ...compareValues("name", verified.right.name, vector.name),
    ...compareBytes("identity", verified.right.identityKey, signer.identity_public),
    ...compareBytes("link", verified.right.linkKey, signer.link_public),
  ];
};

const checkBallot = (suite: Suite, vectors: PkiFile, epoch: number, vector: AuthorityRound): Differences => {
  const keys = vectors.authority_keys[vector.authority]!;
  const vote = opened(vector.vote_cert_b64);
  const reveal = opened(vector.signed_reveal_cert);
  const random = recordedRandom(vector.commit_reads, "commit_reads");
  const made = commitTo(suite, random, epoch);
  const ballot = verifyBallot(suite, keys.identity_public, vector.vote_cert_b64, { epoch, nowSeconds: null });
  const fields = vote.certified === null ? null : decodeDocument(vote.certified);
  if (E.isLeft(ballot)) return refused("vote_cert_b64", ballot.left);
  if (fields === null || E.isLeft(fields)) return refused("vote_json", "malformed");
  const voted = encodeDocument(fields.right);
  return [
    ...compareBytes("commit", made.commit, vector.commit),
    ...compareBytes("reveal", made.reveal, vector.reveal),
    ...random.leftovers(),
    ...compareValues("reveal keeps commit", keeps(suite, vector.commit, vector.reveal), true),
    ...compareBytes(
      "signed_reveal_cert",
      sign(suite, keys.identity_private, vector.reveal, reveal.expiration),
      vector.signed_reveal_cert,
    ),
    ...compareValues("type", ballot.right.type, "vote"),
    ...compareValues("vote_json", asText(vote.certified), vector.vote_json),
    ...compareValues("vote_json, written again", asText(voted), vector.vote_json),
    ...compareBytes(
      "vote_cert_b64, signed again",
      sign(suite, keys.identity_private, voted, vote.expiration),
      vector.vote_cert_b64,
    ),
    ...compareBytes("commit in the vote", ballot.right.document.sharedRandomCommit, vector.commit),
    ...compareValues("vote_command", vector.vote_command, "Vote{Epoch,PublicKey,Payload=vote_cert}"),
  ];
};

const checkConsensus = (suite: Suite, vectors: PkiFile, at: number): Differences => {
  const vector = vectors.rounds[at]!;
  const before = vectors.rounds[at - 1];
  const authorities = vectors.authority_keys.map(({ identity_public }) => identity_public);
  const verified = verifyDocument(suite, { authorities }, vector.consensus_cert_b64, {
    epoch: vector.epoch,
    nowSeconds: null,
  });
  const { certified, signatures } = opened(vector.consensus_cert_b64);
  const fields = certified === null ? null : decodeDocument(certified);
  if (E.isLeft(verified)) return refused("consensus_cert_b64", verified.left);
  if (fields === null || E.isLeft(fields)) return refused("consensus_json", "malformed");
  const document = verified.right;
  const previous = before === undefined
    ? null
    : verifyDocument(suite, { authorities }, before.consensus_cert_b64, { epoch: before.epoch, nowSeconds: null });
  const revealed = vector.authorities.map(({ authority, reveal }) => ({
    identityKey: authorities[authority]!,
    reveal,
  }));
  const topology = generateTopology(
    suite,
    document.topology.flat(),
    document.topology.length,
    vector.shared_random_value,
    previous !== null && E.isRight(previous) ? previous.right.topology : null,
  );
  const names = topology.map((layer) => layer.map(({ name }) => name));
  return [
    ...compareValues("consensus_json", asText(certified), vector.consensus_json),
    ...compareValues("consensus_json, written again", asText(encodeDocument(fields.right)), vector.consensus_json),
    ...compareValues("signatures", signatures.length, vector.signatures),
    ...compareBytes(
      "shared_random_value",
      sharedRandomValue(suite, vector.epoch, revealed, before?.shared_random_value ?? null),
      vector.shared_random_value,
    ),
    ...compareBytes("shared_random_value in the document", document.sharedRandomValue, vector.shared_random_value),
    ...compareLists("prior_shared_random", document.priorSharedRandom, vector.prior_shared_random, compareBytes),
    ...compareLists(
      "topology_names",
      names,
      vector.topology_names,
      (what, ours, theirs) => compareLists(what, ours, theirs, compareValues),
    ),
    ...vector.authorities.flatMap(({ final_sha512 }) =>
      compareBytes("final_sha512", sha512(vector.consensus_cert_b64), final_sha512)
    ),
    ...vectors.parameters.flatMap(([name, value]) => {
      const ours = parameterFields(document.parameters)[name];
      return compareValues(name, Number(ours), value);
    }),
  ];
};

const checkKeys = (
  suite: Suite,
  vector: { readonly identity_private: Uint8Array; readonly identity_public: Uint8Array },
): Differences =>
  compareBytes("identity_public", suite.ed25519Public(vector.identity_private.slice(0, 32)), vector.identity_public);

const permutationLengths = [1, 2, 3, 7, 20, 100];

const checkTopologyRandom = (suite: Suite, vector: Decoded<typeof topologyVector>): Differences => {
  const integers = topologyRandom(suite, vector.key);
  const permutations = topologyRandom(suite, vector.key);
  return [
    ...compareLists(
      "first_4_int63",
      vector.first_4_int63.map(() => String(integers.int63())),
      vector.first_4_int63,
      compareValues,
    ),
    ...compareLists(
      "successive_perms",
      permutationLengths.map((n) => permutations.permutation(n)),
      vector.successive_perms_of_1_2_3_7_20_100,
      (what, ours, theirs) => compareLists(what, ours, theirs, compareValues),
    ),
  ];
};

const checkFloat = ([value, written]: readonly [string, string]): Differences => {
  const read = decodeJson(utf8(written));
  return [
    ...compareValues(value, jsonFloat(Number(value)), written),
    ...compareValues(`${value}, read`, E.isRight(read) ? read.right : read.left, Number(value)),
  ];
};

const checkString = ([value, written]: readonly [string, string]): Differences => {
  const read = decodeJson(utf8(written));
  return [
    ...compareValues(value, asText(encodeJson(value)), written),
    ...compareValues(`${value}, read`, E.isRight(read) ? read.right : read.left, value),
  ];
};

const checkAuthorityText = (vector: Decoded<typeof authorityKeys>): Differences =>
  equal(vector.identity_public, vector.identity_public_b64)
    ? []
    : [`identity_public_b64: is not ${toHex(vector.identity_public)}`];

export const pkiFormat = defineFormat("pki", pkiFile, (vectors) => [
  ...eachCase(
    "authority_keys",
    vectors.authority_keys,
    (suite, keys) => [...checkKeys(suite, keys), ...checkAuthorityText(keys)],
  ),
  ...eachCase("nodes", vectors.nodes, checkKeys),
  ...eachCase("json_floats", vectors.json_floats, (_, entry) => checkFloat(entry)),
  ...eachCase("json_strings", vectors.json_strings, (_, entry) => checkString(entry)),
  ...eachCase("topology_rng", vectors.topology_rng, checkTopologyRandom),
  ...vectors.rounds.flatMap(({ descriptors, authorities, epoch }, at) => [
    ...eachCase(
      `rounds[${at}].descriptors`,
      descriptors,
      (suite, item) => checkDescriptor(suite, vectors, epoch, item),
    ),
    ...eachCase(`rounds[${at}].authorities`, authorities, (suite, item) => checkBallot(suite, vectors, epoch, item)),
    singleCase(`rounds[${at}]`, (suite) => checkConsensus(suite, vectors, at)),
  ]),
  ...vectors.authority_keys.map((_, authority) =>
    singleCase(`machine of authority ${authority}`, (suite) => checkMachine(suite, vectors, authority))
  ),
]);
