/**
 * pki_live_consensus.json: a document as a running Go network gave it out (wire-facts §4, §5.3). It verifies at the
 * time it was fetched, strictly, and at no time after its expiration.
 *
 * @module
 */
import { fromUtf8 } from "../../core/bytes.ts";
import type { Suite } from "../../core/crypto/suite.ts";
import { E } from "../../core/fp.ts";
import { decodeCertificate } from "../../core/pki/cert.ts";
import { decodeDocument, encodeDocument, verifyDocument } from "../../core/pki/document.ts";
import { compareValues, type Differences } from "./compare.ts";
import { base64, count, type Decoded, hex, list, object, text } from "./decode.ts";
import { defineFormat, singleCase } from "./format.ts";

const file = object({
  authority_identity_public: list(hex(32)),
  consensus_cert_b64: base64(),
  consensus_json: text,
  epoch: count,
  fetched_unix: count,
  note: text,
});

type LiveConsensus = Decoded<typeof file>;

const outcome = (
  suite: Suite,
  vector: LiveConsensus,
  raw: Uint8Array,
  epoch: number,
  nowSeconds: number | null,
): string => {
  const verified = verifyDocument(suite, { authorities: vector.authority_identity_public }, raw, { epoch, nowSeconds });
  return E.isLeft(verified) ? verified.left : "valid";
};

const checkValid = (suite: Suite, vector: LiveConsensus): Differences => {
  const certificate = decodeCertificate(vector.consensus_cert_b64);
  if (E.isLeft(certificate)) return [`consensus_cert_b64: ${certificate.left}`];
  const fields = decodeDocument(certificate.right.certified);
  if (E.isLeft(fields)) return [`consensus_json: ${fields.left}`];
  return [
    ...compareValues(
      "at its time",
      outcome(suite, vector, vector.consensus_cert_b64, vector.epoch, vector.fetched_unix),
      "valid",
    ),
    ...compareValues("consensus_json", fromUtf8(certificate.right.certified), vector.consensus_json),
    ...compareValues("consensus_json, written again", fromUtf8(encodeDocument(fields.right)), vector.consensus_json),
  ];
};

const checkExpired = (suite: Suite, vector: LiveConsensus): Differences => {
  const certificate = decodeCertificate(vector.consensus_cert_b64);
  if (E.isLeft(certificate)) return [`consensus_cert_b64: ${certificate.left}`];
  const { expiration } = certificate.right;
  // Its descriptors were signed earlier, and expire first.
  return compareValues(
    "after its time",
    outcome(suite, vector, vector.consensus_cert_b64, vector.epoch, expiration + 1),
    "expired",
  );
};

const checkStrict = (suite: Suite, vector: LiveConsensus): Differences => {
  const changed = vector.consensus_cert_b64.slice();
  changed[changed.length - 1]! ^= 1;
  return [
    ...compareValues(
      "a changed signature",
      outcome(suite, vector, changed, vector.epoch, vector.fetched_unix),
      "bad-signature",
    ),
    ...compareValues(
      "another epoch",
      outcome(suite, vector, vector.consensus_cert_b64, vector.epoch + 1, vector.fetched_unix),
      "wrong-epoch",
    ),
  ];
};

export const pkiLiveConsensusFormat = defineFormat("pki_live_consensus", file, (vector) => [
  singleCase("valid when fetched", (suite) => checkValid(suite, vector)),
  singleCase("expired afterwards", (suite) => checkExpired(suite, vector)),
  singleCase("strict", (suite) => checkStrict(suite, vector)),
]);
