/**
 * The configuration of a directory authority: the Go authority's file (wire-facts §11.2) and [Samtpfote]. Which kind of
 * authority a file is for: nonvoting.ts.
 *
 * @module
 */
import { toHex } from "../../core/bytes.ts";
import { E } from "../../core/fp.ts";
import type { AuthorityConfig } from "../../core/pki/authority_config.ts";
import { completeParameters, type LoopixParameters, maxDelayLimitMs } from "../../core/pki/parameters.ts";
import type { NodeKeys } from "../keys.ts";
import {
  absolutePath,
  choice,
  count,
  flag,
  integer,
  ipPort,
  list,
  name,
  optional,
  publicKey,
  rate,
  required,
  section,
  table,
  type TableOf,
  text,
} from "./codec.ts";
import { authorityPeer, clockOf, logging, peerOf, samtpfoteKeys } from "./common.ts";
import { authorityLimitsTable, linkLimitsOf } from "./limits.ts";
import type { FileKind } from "./load.ts";
import { checkManagement, management, observationKeys } from "./operation.ts";
import { configurationError } from "../exit.ts";
import type { Problem } from "./problems.ts";
import { asciiName } from "./server_checks.ts";

const maxDelay = integer(0, maxDelayLimitMs);
const rateKey = (what: string) => optional(rate, 0, `${what}, per ms; default 0.00025.`);
const clampKey = (of: string) =>
  optional(maxDelay, 0, `Longest sample of ${of}, in ms; default: its 0.99999 quantile.`);

const parametersTable = table({
  SendRatePerMinute: optional(
    integer(0, Number.MAX_SAFE_INTEGER),
    0,
    "What a Provider takes from one client; default 100.",
  ),
  Mu: rateKey("Inverse mean of the delay at each hop"),
  MuMaxDelay: clampKey("Mu"),
  LambdaP: rateKey("Rate at which clients send"),
  LambdaPMaxDelay: clampKey("LambdaP"),
  LambdaL: rateKey("Rate of clients' loops"),
  LambdaLMaxDelay: clampKey("LambdaL"),
  LambdaD: rateKey("Rate of clients' drop decoys"),
  LambdaDMaxDelay: clampKey("LambdaD"),
  LambdaM: rateKey("Rate of mixes' loops"),
  LambdaMMaxDelay: clampKey("LambdaM"),
});

const identityKey = required(publicKey, "Ed25519 key in base64 or hex.");

const fileTable = table({
  Authority: required(
    table({
      Identifier: optional(
        text,
        "",
        "Name for people. A file without it and without [[Authorities]] is for a non-voting authority.",
      ),
      Addresses: optional(
        list(ipPort),
        null,
        "Where to listen: IP address and port. Default: this machine's IPv4 address, port 62472.",
      ),
      DataDir: required(absolutePath, "Folder of keys and state, mode 0700."),
    }),
    "The authority.",
  ),
  Authorities: optional(list(authorityPeer), [], "The other authorities."),
  Logging: section(logging, "The log."),
  Parameters: section(parametersTable, "The network's Loopix parameters."),
  Mixes: optional(
    list(table({ IdentityKey: identityKey, Identifier: optional(text, "", "Not for mixes.") })),
    [],
    "Mixes that may join.",
  ),
  Providers: optional(
    list(table({ Identifier: required(name, "The Provider's name."), IdentityKey: identityKey })),
    [],
    "Providers that may join.",
  ),
  Debug: section(
    table({
      Layers: optional(count, 0, "Layers of mixes, 1 to 3; default 3."),
      MinNodesPerLayer: optional(count, 0, "Mixes that a layer needs; default 2."),
      GenerateOnly: optional(flag, false, "Whether to end once the keys are made."),
    }),
    "The topology.",
  ),
  Samtpfote: section(
    table({
      ...samtpfoteKeys,
      ...observationKeys,
      Management: section(management, "The management socket."),
      Store: optional(
        choice("lmdb", "memory"),
        "lmdb",
        "Where descriptors, votes and documents are kept: the file state.lmdb in DataDir, or this process.",
      ),
      CertificateExpiration: optional(
        choice("go", "epoch"),
        "go",
        `"go": as Go authorities vote; "epoch": by the epoch alone, for networks without Go authorities.`,
      ),
      Limits: section(authorityLimitsTable, "How much peers may take."),
    }),
    "What the Go programs do not have.",
  ),
});

export type AuthorityFile = TableOf<typeof fileTable["keys"]>;

const layersMax = 3;
const minNodesPerLayerDefault = 2;

const twice = (path: (index: number) => ReadonlyArray<string | number>, values: ReadonlyArray<string>): Problem[] =>
  values.flatMap((
    value,
    index,
  ) => (values.indexOf(value) === index ? [] : [{ path: path(index), message: "is there more than once" }]));

const check = (file: AuthorityFile): Problem[] => {
  const { Authority, Mixes, Providers, Debug } = file;
  const names = Providers.map(({ Identifier }) => asciiName(Identifier));
  const keys = [...Mixes, ...Providers].map((node) => toHex(node.IdentityKey));
  const keyPath = (index: number) =>
    index < Mixes.length ? ["Mixes", index, "IdentityKey"] : ["Providers", index - Mixes.length, "IdentityKey"];
  return [
    ...checkManagement(file.Samtpfote.Management, ["Samtpfote", "Management"]),
    ...(Authority.Addresses?.length === 0
      ? [{ path: ["Authority", "Addresses"], message: "expected at least one address" }]
      : []),
    ...(Debug.Layers > layersMax ? [{ path: ["Debug", "Layers"], message: `expected at most ${layersMax}` }] : []),
    ...Mixes.flatMap((
      mix,
      index,
    ) => (mix.Identifier === "" ? [] : [{ path: ["Mixes", index, "Identifier"], message: "is for Providers only" }])),
    ...names.flatMap((one, index) =>
      one === null ? [{ path: ["Providers", index, "Identifier"], message: "expected a name of at most 32 bytes" }] : []
    ),
    ...twice((index) => ["Providers", index, "Identifier"], names.map((one, index) => one ?? `invalid ${index}`)),
    ...twice(keyPath, keys),
  ];
};

export const authorityFile: FileKind<AuthorityFile> & { readonly codec: typeof fileTable } = {
  codec: fileTable,
  check,
};

const parametersOf = ({ Parameters: p }: AuthorityFile): LoopixParameters => {
  const completed = completeParameters({
    sendRatePerMinute: p.SendRatePerMinute,
    mu: p.Mu,
    muMaxDelayMs: p.MuMaxDelay,
    lambdaP: p.LambdaP,
    lambdaPMaxDelayMs: p.LambdaPMaxDelay,
    lambdaL: p.LambdaL,
    lambdaLMaxDelayMs: p.LambdaLMaxDelay,
    lambdaD: p.LambdaD,
    lambdaDMaxDelayMs: p.LambdaDMaxDelay,
    lambdaM: p.LambdaM,
    lambdaMMaxDelayMs: p.LambdaMMaxDelay,
  });
  if (E.isLeft(completed)) throw configurationError(`[Parameters]: ${completed.left}`);
  return completed.right;
};

/** The lists of nodes, which an authority takes over while it runs. */
export const isAuthorityKeyReloadable = (key: string): boolean => key === "Mixes" || key === "Providers";

/** What the authority is started with. */
export const authorityConfigOf = (file: AuthorityFile, keys: NodeKeys): AuthorityConfig => ({
  identityPrivate: keys.identityPrivate,
  linkPrivate: keys.linkPrivate,
  identifier: file.Authority.Identifier,
  peers: file.Authorities.map(peerOf),
  mixes: file.Mixes.map((mix) => mix.IdentityKey),
  providers: file.Providers.map((provider) => ({
    name: asciiName(provider.Identifier)!,
    identityKey: provider.IdentityKey,
  })),
  parameters: parametersOf(file),
  layers: file.Debug.Layers > 0 ? file.Debug.Layers : layersMax,
  minNodesPerLayer: file.Debug.MinNodesPerLayer > 0 ? file.Debug.MinNodesPerLayer : minNodesPerLayerDefault,
  clock: clockOf(file.Samtpfote),
  certificateExpiration: file.Samtpfote.CertificateExpiration,
  limits: linkLimitsOf(file.Samtpfote.Limits),
});
