/**
 * Certificates (specs/certificate.rst, wire-facts §4): bytes certified until an expiration by one or more Ed25519
 * signers.
 *
 * Written as Go wrote them in 2020, in declaration order; read in any order of keys. Signatures are checked over the
 * signed message that the received fields make, and strictly: unlike the Go release of that time, a certificate that
 * carries a bad signature of a signer we know is refused.
 *
 * @module
 */
import { type CborValue, decodeCbor, encodeCbor } from "../codec/cbor.ts";
import { compare, concat, equal, utf8, viewOf } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { E, type Either } from "../fp.ts";
import { invariant } from "../machine.ts";

/**
 * A signer's Ed25519 key (32 bytes) and signature (64 bytes). The document calls the second `Signature`, the wire
 * `Payload`.
 */
export interface Signature {
  readonly identity: Uint8Array;
  readonly payload: Uint8Array;
}

export interface Certificate {
  /** Seconds since 1970. */
  readonly expiration: number;
  readonly certified: Uint8Array;
  /** Ascending by identity, each signer once. */
  readonly signatures: ReadonlyArray<Signature>;
}

export type CertificateError =
  | "malformed"
  | "version"
  | "key-type"
  | "nothing-certified"
  | "duplicate-signer"
  | "unsorted-signatures"
  | "expired"
  | "signer-missing"
  | "bad-signature"
  | "threshold";

const version = 0;
const keyType = "ed25519";
const identityLength = 32;
const signatureLength = 64;
/** More authorities than any network has: a certificate with more signatures is refused before any is checked. */
const signaturesMax = 64;

/** What is signed: LE32 version, LE64 expiration, key type, certified bytes. */
const message = (expiration: number, certified: Uint8Array): Uint8Array => {
  const fixed = new Uint8Array(12);
  viewOf(fixed).setUint32(0, version, true);
  viewOf(fixed).setBigInt64(4, BigInt(expiration), true);
  return concat(fixed, utf8(keyType), certified);
};

/** The bytes that each signature of a certificate signs. */
export const signedMessage = ({ expiration, certified }: Certificate): Uint8Array => message(expiration, certified);

export const encodeCertificate = ({ expiration, certified, signatures }: Certificate): Uint8Array =>
  encodeCbor(
    new Map<string, CborValue>([
      ["Version", version],
      ["Expiration", expiration],
      ["KeyType", keyType],
      ["Certified", certified],
      [
        "Signatures",
        signatures.map(({ identity, payload }) => new Map([["Identity", identity], ["Payload", payload]])),
      ],
    ]),
  );

const isMap = (value: CborValue | undefined, size: number): value is ReadonlyMap<string, CborValue> =>
  value instanceof Map && value.size === size;

const decodeSignature = (value: CborValue): Signature | null => {
  if (!isMap(value, 2)) return null;
  const [identity, payload] = [value.get("Identity"), value.get("Payload")];
  if (!(identity instanceof Uint8Array && payload instanceof Uint8Array)) return null;
  return identity.length === identityLength && payload.length === signatureLength ? { identity, payload } : null;
};

const decodeSignatures = (value: CborValue | undefined): Either<CertificateError, ReadonlyArray<Signature>> => {
  if (!Array.isArray(value) || value.length === 0 || value.length > signaturesMax) return E.left("malformed");
  const signatures: Signature[] = [];
  for (const item of value) {
    const signature = decodeSignature(item);
    if (signature === null) return E.left("malformed");
    const last = signatures.at(-1);
    const order = last === undefined ? -1 : compare(last.identity, signature.identity);
    if (order === 0 || signatures.some(({ payload }) => equal(payload, signature.payload))) {
      return E.left("duplicate-signer");
    }
    if (order > 0) return E.left("unsorted-signatures");
    signatures.push(signature);
  }
  return E.right(signatures);
};

/** Reads a certificate without checking its signatures or its expiration. */
export const decodeCertificate = (raw: Uint8Array): Either<CertificateError, Certificate> => {
  const decoded = decodeCbor(raw);
  if (E.isLeft(decoded) || !isMap(decoded.right, 5)) return E.left("malformed");
  const fields = decoded.right;
  const [expiration, certified] = [fields.get("Expiration"), fields.get("Certified")];
  if (fields.get("Version") !== version) return E.left("version");
  if (fields.get("KeyType") !== keyType) return E.left("key-type");
  if (typeof expiration !== "number" || !(certified instanceof Uint8Array)) return E.left("malformed");
  if (certified.length === 0) return E.left("nothing-certified");
  return E.map((signatures: ReadonlyArray<Signature>) => ({ expiration, certified, signatures }))(
    decodeSignatures(fields.get("Signatures")),
  );
};

/** A certificate of one signer: `privateKey` 64 bytes (seed | public), `expiration` in seconds since 1970. */
export const sign = (suite: Suite, privateKey: Uint8Array, certified: Uint8Array, expiration: number): Uint8Array => {
  invariant(certified.length > 0, "there is something to certify");
  const payload = suite.ed25519Sign(privateKey, message(expiration, certified));
  return encodeCertificate({ expiration, certified, signatures: [{ identity: privateKey.slice(32), payload }] });
};

/** The certificate with one more signature, once that proves right; signers stay sorted, none signs twice. */
export const addSignature = (
  suite: Suite,
  raw: Uint8Array,
  signature: Signature,
): Either<CertificateError, Uint8Array> => {
  const decoded = decodeCertificate(raw);
  if (E.isLeft(decoded)) return decoded;
  const { signatures } = decoded.right;
  if (signatures.some(({ identity }) => equal(identity, signature.identity))) return E.left("duplicate-signer");
  if (!suite.ed25519Verify(signature.identity, signedMessage(decoded.right), signature.payload)) {
    return E.left("bad-signature");
  }
  const sorted = [...signatures, signature].sort((a, b) => compare(a.identity, b.identity));
  return E.right(encodeCertificate({ ...decoded.right, signatures: sorted }));
};

/** Reads a certificate and refuses it once expired; `nowSeconds` null leaves time out of it. */
export const decodeValid = (raw: Uint8Array, nowSeconds: number | null): Either<CertificateError, Certificate> => {
  const decoded = decodeCertificate(raw);
  if (E.isLeft(decoded)) return decoded;
  return nowSeconds !== null && decoded.right.expiration < nowSeconds ? E.left("expired") : decoded;
};

/** Whether a certificate is valid through an instant, in seconds since 1970. */
export const isValidUntil = (raw: Uint8Array, seconds: number): boolean => E.isRight(decodeValid(raw, seconds));

/** The certified bytes, if `identity` (32 bytes) and nobody else signed and the signature is right. */
export const verify = (
  suite: Suite,
  identity: Uint8Array,
  raw: Uint8Array,
  nowSeconds: number | null,
): Either<CertificateError, Uint8Array> => {
  const decoded = decodeValid(raw, nowSeconds);
  return E.isLeft(decoded) ? decoded : verifyDecoded(suite, identity, decoded.right);
};

/** As `verify`, of a certificate that was read already. */
export const verifyDecoded = (
  suite: Suite,
  identity: Uint8Array,
  certificate: Certificate,
): Either<CertificateError, Uint8Array> => {
  const [signature, ...others] = certificate.signatures;
  if (signature === undefined || others.length > 0 || !equal(signature.identity, identity)) {
    return E.left("signer-missing");
  }
  return suite.ed25519Verify(identity, signedMessage(certificate), signature.payload)
    ? E.right(certificate.certified)
    : E.left("bad-signature");
};

export interface ThresholdVerified {
  readonly certified: Uint8Array;
  /** Which of the verifiers signed, ascending. */
  readonly signers: ReadonlyArray<Uint8Array>;
}

/**
 * The certified bytes, if at least `threshold` of the verifiers (identities, 32 bytes each) signed. Signers who are
 * none of them do not count and are not checked: a client may know fewer authorities than signed. One bad signature of
 * a verifier spoils the certificate.
 */
export const verifyThreshold = (
  suite: Suite,
  verifiers: ReadonlyArray<Uint8Array>,
  threshold: number,
  raw: Uint8Array,
  nowSeconds: number | null,
): Either<CertificateError, ThresholdVerified> => {
  invariant(threshold >= 1 && threshold <= verifiers.length, "the threshold is 1 to the number of verifiers");
  const decoded = decodeValid(raw, nowSeconds);
  if (E.isLeft(decoded)) return decoded;
  const { certified, signatures } = decoded.right;
  const known = signatures.filter(({ identity }) => verifiers.some((verifier) => equal(verifier, identity)));
  if (known.length < threshold) return E.left("threshold");
  const signed = signedMessage(decoded.right);
  if (!known.every(({ identity, payload }) => suite.ed25519Verify(identity, signed, payload))) {
    return E.left("bad-signature");
  }
  return E.right({ certified, signers: known.map(({ identity }) => identity) });
};

/** More than half: what a document needs, of all authorities at an authority, of those configured at a client. */
export const majority = (authorities: number): number => Math.floor(authorities / 2) + 1;
