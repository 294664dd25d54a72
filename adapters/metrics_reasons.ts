/**
 * Reasons that core names in types only, as the values that label metrics: a member that is missing here does not
 * compile.
 *
 * @module
 */
import type { StoreFailure } from "../core/effects.ts";
import type { CertificateError } from "../core/pki/cert.ts";
import type { DescriptorError } from "../core/pki/descriptor.ts";
import type { FetchFailure } from "../core/pki/directory.ts";
import type { DocumentError } from "../core/pki/document.ts";
import type { HostStatus } from "../core/spool/hosting_wire.ts";
import type { PurgeStatus } from "../core/spool/purge.ts";
import type { SpoolStatus } from "../core/spool/service_types.ts";

const all = <Member extends string>(members: Readonly<Record<Member, true>>): ReadonlyArray<Member> =>
  Object.keys(members) as Member[];

export const storeFailures = all<StoreFailure>({ full: true, "read-only": true, corrupt: true, io: true });

export const fetchFailures = all<FetchFailure>({
  "not-found": true,
  gone: true,
  unreachable: true,
  invalid: true,
  busy: true,
});

const certificateErrors = all<CertificateError>({
  malformed: true,
  version: true,
  "key-type": true,
  "nothing-certified": true,
  "duplicate-signer": true,
  "unsorted-signatures": true,
  expired: true,
  "signer-missing": true,
  "bad-signature": true,
  threshold: true,
});

const descriptorErrors: ReadonlyArray<DescriptorError> = [
  ...certificateErrors,
  ...all<Exclude<DescriptorError, CertificateError>>({
    "too-long": true,
    "not-json": true,
    "descriptor-version": true,
    name: true,
    "identity-key": true,
    "link-key": true,
    "mix-keys": true,
    addresses: true,
    layer: true,
    "load-weight": true,
    kaetzchen: true,
    "registration-addresses": true,
  }),
];

/** With what authorities find once a descriptor can be read. */
export const descriptorRefusals: ReadonlyArray<string> = [
  ...descriptorErrors,
  ...["epoch", "too-many", "other-node", "not-listed", "degenerate-key", "expires-too-soon", "changed", "late"],
  "store-failed",
];

export const voteRefusals: ReadonlyArray<DocumentError> = [
  ...certificateErrors,
  ...all<Exclude<DocumentError, CertificateError | `descriptor-${DescriptorError}`>>({
    "not-json": true,
    "document-version": true,
    "malformed-fields": true,
    "wrong-epoch": true,
    "genesis-epoch": true,
    "prior-shared-random": true,
    "shared-random": true,
    parameters: true,
    "no-topology": true,
    "empty-layer": true,
    "no-providers": true,
    "wrong-layer": true,
    "duplicate-identity": true,
  }),
  ...descriptorErrors.map((error) => `descriptor-${error}` as const),
];

export const revealRefusals: ReadonlyArray<string> = [...certificateErrors, "length", "commit-not-kept"];

export const pluginStops: ReadonlyArray<string> = [
  "plugin-unreachable",
  "plugin-timeout",
  "plugin-parameters",
  "plugin-start-timeout",
];

export const spoolStatuses = all<SpoolStatus>({
  ok: true,
  malformed: true,
  "version-refused": true,
  "unknown-spool": true,
  "wrong-signature": true,
  "wrong-epoch": true,
  "not-found": true,
  "spool-full": true,
  "service-full": true,
  "disk-full": true,
  "store-failed": true,
  busy: true,
});

export const purgeStatuses = all<PurgeStatus>({
  ok: true,
  purged: true,
  "wrong-signature": true,
  "unknown-spool": true,
  busy: true,
  "disk-full": true,
  "store-failed": true,
});

export const hostStatuses = all<HostStatus>({
  ok: true,
  malformed: true,
  "wrong-signature": true,
  "wrong-epoch": true,
  full: true,
  busy: true,
  purged: true,
  "disk-full": true,
  "store-failed": true,
});
