/**
 * Descriptors: what a mix or Provider says of itself for an epoch and the two after it, signed by its identity key
 * (specs/pki.rst §4.1, wire-facts §5.2). The document's Family, Email and AltContactInfo were never written by Go nor
 * are here.
 *
 * A node signs once an epoch and sends the same bytes to every authority, each time: they tally by the bytes.
 *
 * @module
 */
import { compare, fromBase64, toBase64, utf8 } from "../bytes.ts";
import { encodeJson, jsonInteger, type JsonObject, type JsonValue, struct } from "../codec/json.ts";
import { decodeJson } from "../codec/json_reader.ts";
import type { Suite } from "../crypto/suite.ts";
import { E, type Either } from "../fp.ts";
import type { Wall } from "../machine.ts";
import { areAddressesValid } from "./addresses.ts";
import { type Certificate, type CertificateError, decodeValid, sign, verifyDecoded } from "./cert.ts";
import type { EpochClock } from "./epoch.ts";

/** A mix's or Provider's descriptor, with the certificate it was read from. */
export interface Descriptor {
  readonly name: string;
  /** Ed25519, 32 bytes. */
  readonly identityKey: Uint8Array;
  /** X25519, 32 bytes. */
  readonly linkKey: Uint8Array;
  /** Epoch to X25519 public key, 32 bytes. */
  readonly mixKeys: ReadonlyMap<number, Uint8Array>;
  /** Transport (`tcp4`, `tcp6`, `tcp`, …) to `host:port` list. */
  readonly addresses: ReadonlyMap<string, ReadonlyArray<string>>;
  /** Capability to parameters (each with `endpoint`); null for mixes. */
  readonly kaetzchen: ReadonlyMap<string, ReadonlyMap<string, unknown>> | null;
  readonly registrationHttpAddresses: ReadonlyArray<string> | null;
  /** 0 for mixes in their own descriptor and the layer's number in a document's topology, 255 for Providers. */
  readonly layer: number;
  readonly loadWeight: number;
  /** The certificate, byte for byte as received: authorities tally by it. */
  readonly raw: Uint8Array;
}

/**
 * What a node puts in its descriptor. Integers among the parameters of a Kaetzchen are written as their decimal text.
 */
export interface DescriptorFields extends Omit<Descriptor, "raw" | "kaetzchen"> {
  readonly kaetzchen: ReadonlyMap<string, JsonObject> | null;
}

export const providerLayer = 255;

const version = "v0";
const keyLength = 32;
const nameLengthMax = 32;
const endpointLengthMax = 64;
/** Epochs that one descriptor may have mix keys for. */
const mixKeyEpochs = 3;
/** Ours take about 1 KB; Providers with many services a few more. */
export const descriptorLengthMax = 65_536;

export type DescriptorError =
  | CertificateError
  | "too-long"
  | "not-json"
  | "descriptor-version"
  | "name"
  | "identity-key"
  | "link-key"
  | "mix-keys"
  | "addresses"
  | "layer"
  | "load-weight"
  | "kaetzchen"
  | "registration-addresses";

/** The certified bytes of a descriptor. */
export const encodeDescriptor = (fields: DescriptorFields): Uint8Array => {
  const { kaetzchen, registrationHttpAddresses } = fields;
  const mixKeys = [...fields.mixKeys].sort(([a], [b]) => a - b).map(([epoch, key]) =>
    [String(epoch), toBase64(key)] as const
  );
  const services = kaetzchen === null || kaetzchen.size === 0 ? {} : {
    Kaetzchen: sortedByKey(
      new Map([...kaetzchen].map(([capability, parameters]) => [capability, sortedByKey(parameters)])),
    ),
  };
  return encodeJson(struct({
    Version: version,
    Name: fields.name,
    IdentityKey: toBase64(fields.identityKey),
    LinkKey: toBase64(fields.linkKey),
    MixKeys: new Map(mixKeys),
    Addresses: sortedByKey(fields.addresses),
    ...services,
    RegistrationHTTPAddresses: registrationHttpAddresses,
    Layer: String(fields.layer),
    LoadWeight: String(fields.loadWeight),
  }));
};

const sortedByKey = (map: JsonObject): JsonObject => new Map([...map].sort(([a], [b]) => compare(utf8(a), utf8(b))));

/**
 * A descriptor's certificate: `identityPrivate` 64 bytes, `expiration` in seconds since 1970 (see
 * `certificateExpiration`).
 */
export const signDescriptor = (
  suite: Suite,
  identityPrivate: Uint8Array,
  fields: DescriptorFields,
  expiration: number,
): Uint8Array => sign(suite, identityPrivate, encodeDescriptor(fields), expiration);

const slackMs = 10 * 60 * 1000;

/**
 * Go's expiration of what is signed at an instant: three periods and ten minutes later, in whole seconds since 1970.
 */
export const certificateExpiration = (clock: EpochClock, at: Wall): number =>
  Math.floor((at + 3 * clock.periodMs + slackMs) / 1000);

const isObject = (value: JsonValue | undefined): value is JsonObject => value instanceof Map;

const keyOf = (value: JsonValue | undefined): Uint8Array | null => {
  const key = typeof value === "string" ? fromBase64(value) : null;
  return key?.length === keyLength ? key : null;
};

const mixKeysOf = (value: JsonValue | undefined, epoch: number): ReadonlyMap<number, Uint8Array> | null => {
  if (!isObject(value) || value.size > mixKeyEpochs) return null;
  const keys = new Map<number, Uint8Array>();
  for (const [text, encoded] of value) {
    const [at, key] = [jsonInteger(text), keyOf(encoded)];
    if (at === null || key === null || at < epoch || at >= epoch + mixKeyEpochs) return null;
    keys.set(at, key);
  }
  return keys.has(epoch) ? keys : null;
};

const textsOf = (value: JsonValue | undefined): ReadonlyArray<string> | null =>
  Array.isArray(value) && value.every((item) => typeof item === "string") ? value : null;

const addressesOf = (
  value: JsonValue | undefined,
  isProvider: boolean,
): ReadonlyMap<string, ReadonlyArray<string>> | null => {
  if (!isObject(value)) return null;
  const addresses = new Map<string, ReadonlyArray<string>>();
  for (const [transport, item] of value) {
    const list = textsOf(item);
    if (list === null) return null;
    addresses.set(transport, list);
  }
  return areAddressesValid(addresses, isProvider) ? addresses : null;
};

/** Undefined where it is invalid; null where there is none, which is all that a mix may say. */
const kaetzchenOf = (value: JsonValue | undefined, isProvider: boolean): Descriptor["kaetzchen"] | undefined => {
  if (value === undefined || value === null) return null;
  if (!isProvider || !isObject(value)) return undefined;
  const services = new Map<string, JsonObject>();
  for (const [capability, parameters] of value) {
    const endpoint = isObject(parameters) ? parameters.get("endpoint") : undefined;
    if (capability === "" || !isObject(parameters) || typeof endpoint !== "string") return undefined;
    if (endpoint === "" || utf8(endpoint).length > endpointLengthMax) return undefined;
    services.set(capability, parameters);
  }
  return services;
};

/** A descriptor of the fields, valid for an epoch. Unknown fields are passed over, as Go does. */
const fromFields = (fields: JsonObject, epoch: number, raw: Uint8Array): Either<DescriptorError, Descriptor> => {
  if (fields.get("Version") !== version) return E.left("descriptor-version");
  const name = fields.get("Name");
  if (typeof name !== "string" || name === "" || utf8(name).length > nameLengthMax) return E.left("name");
  const layer = jsonInteger(fields.get("Layer"));
  if (layer !== 0 && layer !== providerLayer) return E.left("layer");
  const [identityKey, linkKey] = [keyOf(fields.get("IdentityKey")), keyOf(fields.get("LinkKey"))];
  if (identityKey === null) return E.left("identity-key");
  if (linkKey === null) return E.left("link-key");
  const mixKeys = mixKeysOf(fields.get("MixKeys"), epoch);
  if (mixKeys === null) return E.left("mix-keys");
  const isProvider = layer === providerLayer;
  const addresses = addressesOf(fields.get("Addresses"), isProvider);
  if (addresses === null) return E.left("addresses");
  const kaetzchen = kaetzchenOf(fields.get("Kaetzchen"), isProvider);
  if (kaetzchen === undefined) return E.left("kaetzchen");
  const loadWeight = jsonInteger(fields.get("LoadWeight"));
  if (loadWeight === null || loadWeight > 255) return E.left("load-weight");
  const registration = fields.get("RegistrationHTTPAddresses") ?? null;
  const registrationHttpAddresses = textsOf(registration);
  if (registration !== null && registrationHttpAddresses === null) return E.left("registration-addresses");
  return E.right({
    name,
    identityKey,
    linkKey,
    mixKeys,
    addresses,
    kaetzchen,
    registrationHttpAddresses,
    layer,
    loadWeight,
    raw,
  });
};

/** A descriptor whose signature is still to be checked, which costs most: nothing here trusts what it reads. */
export interface ReadDescriptor {
  readonly descriptor: Descriptor;
  readonly certificate: Certificate;
}

/** Reads the descriptor in a certificate, and checks all but who signed it. */
export const readDescriptor = (
  raw: Uint8Array,
  epoch: number,
  nowSeconds: number | null,
): Either<DescriptorError, ReadDescriptor> => {
  if (raw.length > descriptorLengthMax) return E.left("too-long");
  const certificate = decodeValid(raw, nowSeconds);
  if (E.isLeft(certificate)) return certificate;
  const decoded = decodeJson(certificate.right.certified);
  if (E.isLeft(decoded) || !isObject(decoded.right)) return E.left("not-json");
  const descriptor = fromFields(decoded.right, epoch, raw);
  return E.isLeft(descriptor) ? descriptor : E.right({ descriptor: descriptor.right, certificate: certificate.right });
};

/** The descriptor in a certificate, if it is valid for `epoch` and signed by its identity key and by nobody else. */
export const verifyDescriptor = (
  suite: Suite,
  raw: Uint8Array,
  epoch: number,
  nowSeconds: number | null,
): Either<DescriptorError, Descriptor> => {
  const read = readDescriptor(raw, epoch, nowSeconds);
  if (E.isLeft(read)) return read;
  const { descriptor, certificate } = read.right;
  const signed = verifyDecoded(suite, descriptor.identityKey, certificate);
  return E.isLeft(signed) ? signed : E.right(descriptor);
};
