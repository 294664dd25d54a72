/** Keys, descriptors and documents for the tests of the directory, all from names. */
import { concat, utf8 } from "../../../core/bytes.ts";
import type { Suite } from "../../../core/crypto/suite.ts";
import { E, type Either } from "../../../core/fp.ts";
import type { JsonObject, JsonValue } from "../../../core/codec/json.ts";
import { addSignature, decodeCertificate, sign } from "../../../core/pki/cert.ts";
import { type DescriptorFields, providerLayer, signDescriptor } from "../../../core/pki/descriptor.ts";
import { type DocumentFields, encodeDocument } from "../../../core/pki/document.ts";
import { completeParameters, type LoopixParameters } from "../../../core/pki/parameters.ts";
import { toySuite } from "../../sim/toy_suite.ts";

export const suite: Suite = toySuite;

export interface Keys {
  /** Ed25519, 64 bytes. */
  readonly identityPrivate: Uint8Array;
  readonly identityKey: Uint8Array;
  readonly linkPrivate: Uint8Array;
  readonly linkKey: Uint8Array;
}

export const keysOf = (name: string, crypto: Suite = suite): Keys => {
  const seed = toySuite.sha256(utf8(`identity ${name}`));
  const identityKey = crypto.ed25519Public(seed);
  const linkPrivate = toySuite.sha256(utf8(`link ${name}`));
  return {
    identityPrivate: concat(seed, identityKey),
    identityKey,
    linkPrivate,
    linkKey: crypto.x25519Public(linkPrivate),
  };
};

export const right = <A>(either: Either<unknown, A>): A => {
  if (E.isRight(either)) return either.right;
  throw new Error(`refused: ${String(either.left)}`);
};

export const left = <A>(either: Either<A, unknown>): A | null => E.isLeft(either) ? either.left : null;

/** Seconds since 1970 of the tests, and of the certificates' end. */
export const now = 1_600_000_000;
export const expiration = now + 1000;

const mixKey = (name: string, epoch: number): Uint8Array =>
  suite.x25519Public(suite.sha256(utf8(`mix key ${name} ${epoch}`)));

export const mixFields = (name: string, epoch: number): DescriptorFields => ({
  name,
  identityKey: keysOf(name).identityKey,
  linkKey: keysOf(name).linkKey,
  mixKeys: new Map([0, 1, 2].map((ahead) => [epoch + ahead, mixKey(name, epoch + ahead)] as const)),
  addresses: new Map([["tcp4", ["192.0.2.1:1234"]]]),
  kaetzchen: null,
  registrationHttpAddresses: null,
  layer: 0,
  loadWeight: 0,
});

export const providerFields = (name: string, epoch: number): DescriptorFields => ({
  ...mixFields(name, epoch),
  kaetzchen: new Map<string, JsonObject>([["loop", new Map<string, JsonValue>([["endpoint", "+loop"]])]]),
  layer: providerLayer,
});

export const signed = (fields: DescriptorFields, crypto: Suite = suite): Uint8Array =>
  signDescriptor(crypto, keysOf(fields.name, crypto).identityPrivate, fields, expiration);

export const parameters: LoopixParameters = right(completeParameters({}));

export const value = new Uint8Array(32).fill(9);

/** A consensus of three mixes in three layers and one Provider. */
export const documentFields = (epoch: number): DocumentFields => ({
  epoch,
  genesisEpoch: epoch,
  parameters,
  topology: ["mix1", "mix2", "mix3"].map((name) => [signed(mixFields(name, epoch))]),
  providers: [signed(providerFields("provider", epoch))],
  sharedRandomCommit: new Uint8Array(0),
  sharedRandomValue: value,
  priorSharedRandom: [value, value],
});

export const authorityNames = ["authority1", "authority2", "authority3"];

/** A document with the signatures of some authorities. */
export const signedBy = (names: ReadonlyArray<string>, fields: DocumentFields): Uint8Array =>
  certify(names, encodeDocument(fields));

export const certify = (names: ReadonlyArray<string>, certified: Uint8Array, until = expiration): Uint8Array =>
  names.slice(1).reduce(
    (raw, name) => right(addSignature(suite, raw, signatureOf(name, certified, until))),
    sign(suite, keysOf(names[0]!).identityPrivate, certified, until),
  );

export const signatureOf = (name: string, certified: Uint8Array, until = expiration) =>
  right(decodeCertificate(sign(suite, keysOf(name).identityPrivate, certified, until))).signatures[0]!;
