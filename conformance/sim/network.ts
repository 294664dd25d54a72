/**
 * A network to be simulated: how many of what, their keys, their configurations, and their hosts, all from the seed.
 * The systems are the ones that cmd/*.ts start.
 *
 * @module
 */
import type { Suite } from "../../core/crypto/suite.ts";
import { bootClient, createClientSystem } from "../../core/client/system.ts";
import { type ClientConfig, type ClientTiming, defaultTiming, defaultTransports } from "../../core/client/config.ts";
import { defaultLimits, type Limits, type NodeConfig } from "../../core/mix/config.ts";
import { bootMix, createMixSystem, nodeAddress } from "../../core/mix/system.ts";
import { defaultLinkLimits } from "../../core/pki/authority_admission.ts";
import { authorityAddress, bootAuthority, createAuthoritySystem } from "../../core/pki/authority_system.ts";
import type { AuthorityConfig } from "../../core/pki/authority_config.ts";
import type { AuthorityPeer } from "../../core/pki/directory.ts";
import type { EpochClock } from "../../core/pki/epoch.ts";
import type { LoopixParameters } from "../../core/pki/parameters.ts";
import { defaultProviderConfig } from "../../core/provider/config.ts";
import { deriveSeed } from "../../core/random.ts";
import type { Geometry } from "../../core/sphinx/geometry.ts";
import { performUnwrap } from "../../core/mix/unwrap_frame.ts";
import type { System } from "../../core/system.ts";
import type { HostSpec } from "./host.ts";
import { type Keys, keysFrom } from "../properties/keys.ts";

export interface NetworkOptions {
  /** 32 bytes. */
  readonly seed: Uint8Array;
  readonly suite: Suite;
  readonly geometry: Geometry;
  readonly clock: EpochClock;
  readonly parameters: LoopixParameters;
  readonly authorities: number;
  readonly layers: number;
  readonly mixesPerLayer: number;
  readonly providers: number;
  readonly clients: number;
  /** Where they differ from the defaults. */
  readonly timing?: Partial<ClientTiming>;
  readonly limits?: Partial<Limits>;
}

/** A client and what others need to know of it. */
export interface Member {
  readonly name: string;
  readonly provider: string;
  /** X25519, 32 bytes. */
  readonly linkKey: Uint8Array;
  /** X25519, 32 bytes: what messages to it are encrypted to. */
  readonly identityKey: Uint8Array;
}

export interface Network {
  /** Authorities, mixes, Providers, clients: in the order in which they are started. */
  readonly hosts: ReadonlyArray<HostSpec>;
  readonly authorities: ReadonlyArray<string>;
  /** Mixes and Providers. */
  readonly nodes: ReadonlyArray<string>;
  readonly providers: ReadonlyArray<string>;
  readonly clients: ReadonlyArray<Member>;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

interface Place {
  readonly name: string;
  readonly address: string;
  readonly keys: Keys;
}

/** Who is where, before anyone is configured. */
interface Plan {
  readonly options: NetworkOptions;
  readonly authorities: ReadonlyArray<Place>;
  readonly mixes: ReadonlyArray<Place>;
  readonly providers: ReadonlyArray<Place>;
}

const places = ({ seed, suite }: NetworkOptions, kind: string, subnet: number, port: number, count: number): Place[] =>
  range(count).map((i) => {
    const name = `${kind}-${i + 1}`;
    return { name, address: `10.${subnet}.0.${i + 1}:${port}`, keys: keysFrom(suite, seed, name) };
  });

const planOf = (options: NetworkOptions): Plan => ({
  options,
  authorities: places(options, "authority", 1, 62472, options.authorities),
  mixes: places(options, "mix", 2, 3219, options.layers * options.mixesPerLayer),
  providers: places(options, "provider", 3, 3219, options.providers),
});

const peerOf = ({ address, keys }: Place): AuthorityPeer => ({
  identityKey: keys.identityKey,
  linkKey: keys.linkKey,
  addresses: [address],
});

const hostOf = (
  { options: { suite, geometry } }: Plan,
  name: string,
  system: System,
  more: Pick<HostSpec, "machines" | "listens" | "acceptor">,
): HostSpec => ({
  name,
  system,
  unwrap: (effect) => performUnwrap({ suite, geometry }, effect),
  unwrapMsMax: 3,
  storeMsMax: 3,
  ...more,
});

const authorityHost = (plan: Plan, { name, address, keys }: Place): HostSpec => {
  const { options, authorities, mixes, providers } = plan;
  const config: AuthorityConfig = {
    identityPrivate: keys.identityPrivate,
    linkPrivate: keys.linkPrivate,
    identifier: name,
    peers: authorities.filter((other) => other.name !== name).map(peerOf),
    mixes: mixes.map((mix) => mix.keys.identityKey),
    providers: providers.map((provider) => ({ name: provider.name, identityKey: provider.keys.identityKey })),
    parameters: options.parameters,
    layers: options.layers,
    minNodesPerLayer: options.mixesPerLayer,
    clock: options.clock,
    certificateExpiration: "epoch",
    limits: defaultLinkLimits,
  };
  const machines = bootAuthority(config);
  return hostOf(plan, name, createAuthoritySystem(options), {
    machines,
    listens: [address],
    acceptor: authorityAddress,
  });
};

/** As genconfig writes it: with epochs of seconds a link must not rest for most of one. */
const restOf = ({ periodMs }: EpochClock): number => Math.min(defaultLimits.reconnectMinMs, Math.floor(periodMs / 20));

const nodeHost = (plan: Plan, { name, address, keys }: Place, isProvider: boolean): HostSpec => {
  const config: NodeConfig = {
    identityPrivate: keys.identityPrivate,
    linkPrivate: keys.linkPrivate,
    name,
    isProvider,
    addresses: new Map([["tcp4", [address]]]),
    authorities: plan.authorities.map(peerOf),
    clock: plan.options.clock,
    sendDecoyTraffic: true,
    limits: { ...defaultLimits, reconnectMinMs: restOf(plan.options.clock), ...plan.options.limits },
    provider: isProvider ? { ...defaultProviderConfig, registration: { enabled: true, advertised: null } } : null,
  };
  const machines = bootMix(config);
  return hostOf(plan, name, createMixSystem(plan.options), { machines, listens: [address], acceptor: nodeAddress });
};

const clientHost = (plan: Plan, { name, provider }: Member, keys: Keys): HostSpec => {
  const config: ClientConfig = {
    user: name,
    provider,
    linkPrivate: keys.linkPrivate,
    identityPrivate: deriveSeed(plan.options.seed, `end to end ${name}`),
    authorities: plan.authorities.map(peerOf),
    clock: plan.options.clock,
    providerKeyPin: null,
    transports: defaultTransports,
    decoys: true,
    timing: { ...defaultTiming, ...plan.options.timing },
  };
  return hostOf(plan, name, createClientSystem(plan.options), {
    machines: bootClient(config),
    listens: [],
    acceptor: null,
  });
};

/** The network of some options. */
export const createNetwork = (options: NetworkOptions): Network => {
  const { seed, suite } = options;
  const plan = planOf(options);
  const clients = range(options.clients).map((i) => {
    const name = `client-${i + 1}`;
    const keys = keysFrom(suite, seed, name);
    const identityKey = suite.x25519Public(deriveSeed(seed, `end to end ${name}`));
    const member: Member = {
      name,
      provider: plan.providers[i % options.providers]!.name,
      linkKey: keys.linkKey,
      identityKey,
    };
    return { member, keys };
  });
  return {
    hosts: [
      ...plan.authorities.map((place) => authorityHost(plan, place)),
      ...plan.mixes.map((place) => nodeHost(plan, place, false)),
      ...plan.providers.map((place) => nodeHost(plan, place, true)),
      ...clients.map(({ member, keys }) => clientHost(plan, member, keys)),
    ],
    authorities: plan.authorities.map(({ name }) => name),
    nodes: [...plan.mixes, ...plan.providers].map(({ name }) => name),
    providers: plan.providers.map(({ name }) => name),
    clients: clients.map(({ member }) => member),
  };
};
