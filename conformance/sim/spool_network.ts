/**
 * Providers with a spool plugin in a simulated network: the plugin's process is a host of its own, with a store of its
 * own, which runs the system that the real one runs (core/spool/system.ts) and speaks to its Provider by the effects
 * and events of plugins. It starts when the Provider asks for it, and dies with it.
 *
 * @module
 */
import type { ClientConfig } from "../../core/client/config.ts";
import { clientAddress } from "../../core/client/system.ts";
import type { PluginEvent, PluginRequest, PluginStart, PluginStop, Spawn } from "../../core/effects.ts";
import { performVerify } from "../../core/crypto/verify.ts";
import { E } from "../../core/fp.ts";
import { invariant } from "../../core/machine.ts";
import type { NodeConfig } from "../../core/mix/config.ts";
import { nodeAddress } from "../../core/mix/system.ts";
import {
  decodePluginRequest,
  encodePluginParameters,
  encodePluginResponse,
} from "../../core/provider/plugin_messages.ts";
import { deriveSeed } from "../../core/random.ts";
import { performUnwrap } from "../../core/mix/unwrap_frame.ts";
import {
  defaultHosting,
  type HostingConfig,
  spoolsAddress,
  type SpoolsAnswer,
  type SpoolsRequest,
} from "../../core/spool/hosting_types.ts";
import { defaultSpoolLimits } from "../../core/spool/service_types.ts";
import { padded } from "../../core/spool/service_wire.ts";
import { bootSpools, createSpoolSystem } from "../../core/spool/system.ts";
import type { HostSpec } from "./host.ts";
import type { Observer } from "./watch.ts";
import type { Network } from "./network.ts";
import type { SimulationOptions } from "./simulation.ts";
import type { World } from "./world.ts";

export const spoolEndpoint = "+spool";
export const spoolHostOf = (provider: string): string => `spools-${provider}`;

/** Looks between replicas are planned in the epochs of a test; deadlines are those of its client. */
const hosting: Partial<HostingConfig> = { pullMeanMs: 60_000, retryMs: 5_000, deadlineMs: 200_000 };

type PluginEffect = PluginStart | PluginStop | PluginRequest;

/** What becomes of the requests of a Provider to its plugin that are under way, by their numbers here. */
interface Bridge {
  readonly waiting: Map<number, (body: Uint8Array) => void>;
  requests: number;
}

export interface SpoolNetwork {
  /** Gives a Provider its plugin. */
  readonly equip: (spec: HostSpec) => HostSpec;
  /** Adds the plugins' hosts, and their accounts at `registerAt`. */
  readonly plan: (world: World, network: Network, registerAt: number) => void;
  readonly observer: Observer;
}

const service = { capability: "spool", endpoint: spoolEndpoint, command: "spool", args: [], instances: 1 };

/** A Provider whose node has the plugin in its configuration. */
const withService = (machines: ReadonlyArray<Spawn>): ReadonlyArray<Spawn> =>
  machines.map((spawn) => {
    if (spawn.at !== nodeAddress) return spawn;
    const config = spawn.config as NodeConfig;
    invariant(config.provider !== null, "a Provider has a Provider's configuration");
    return { ...spawn, config: { ...config, provider: { ...config.provider, plugins: [service] } } };
  });

/** Of any client of the network: where the authorities are, how long things may take. */
const clientConfigOf = ({ hosts, clients }: Network): ClientConfig => {
  const spec = hosts.find(({ name }) => name === clients[0]!.name);
  return spec!.machines.find(({ at }) => at === clientAddress)!.config as ClientConfig;
};

const userOf = (provider: string): string => `spool-${provider}`;

/** Spool plugins at all Providers of a network. */
export const createSpoolNetwork = ({ suite, geometry, seed }: SimulationOptions): SpoolNetwork => {
  const bridges = new Map<string, Bridge>();
  let world: World | null = null;
  const linkPrivate = (provider: string): Uint8Array =>
    deriveSeed(new Uint8Array(32).fill(seed), `spool link ${provider}`);

  const plugins = (provider: string) => (effect: PluginEffect, answer: (event: PluginEvent) => void): void => {
    const host = world!.host(spoolHostOf(provider));
    const { instance } = effect;
    switch (effect.type) {
      case "PluginStart":
        if (host.state() === null) host.start();
        return answer({ type: "PluginStarted", instance, parameters: encodePluginParameters(new Map()) });
      case "PluginStop":
        host.crash();
        return answer({ type: "PluginExited", instance, reason: "stopped" });
      case "PluginRequest": {
        const request = decodePluginRequest(effect.body);
        invariant(E.isRight(request), "Providers speak the plugins' language");
        const bridge = bridges.get(provider)!;
        const id = ++bridge.requests;
        bridge.waiting.set(id, (body) => answer({ type: "PluginReplied", instance, id: effect.id, body }));
        host.tell(spoolsAddress, { type: "SpoolsRequest", id, payload: request.right.payload } satisfies SpoolsRequest);
      }
    }
  };

  const onAnswer = (provider: string, { id, payload, length }: SpoolsAnswer): void => {
    const { waiting } = bridges.get(provider)!;
    waiting.get(id)?.(encodePluginResponse(padded(length, payload)));
    waiting.delete(id);
  };

  const spoolHost = (network: Network, provider: string): HostSpec => {
    const client: ClientConfig = {
      ...clientConfigOf(network),
      user: userOf(provider),
      provider,
      linkPrivate: linkPrivate(provider),
      identityPrivate: null,
    };
    return {
      name: spoolHostOf(provider),
      system: createSpoolSystem({ suite, geometry }),
      machines: bootSpools({
        service: { ...defaultSpoolLimits, clock: client.clock },
        hosting: { ...defaultHosting, ...hosting },
        client,
      }),
      listens: [],
      acceptor: null,
      unwrap: (effect) => performUnwrap({ suite, geometry }, effect),
      verify: (effect) => performVerify(suite, effect),
      unwrapMsMax: 3,
      storeMsMax: 3,
    };
  };

  const register = (provider: string): void =>
    world!.host(provider).tell(nodeAddress, {
      type: "Register",
      id: 1_000_000,
      user: userOf(provider),
      linkKey: suite.x25519Public(linkPrivate(provider)),
      identityKey: null,
    });

  return {
    equip: (spec) => {
      if (!spec.name.startsWith("provider-")) return spec;
      return { ...spec, machines: withService(spec.machines), plugins: plugins(spec.name) };
    },
    plan: (into, network, registerAt) => {
      world = into;
      for (const provider of network.providers) {
        bridges.set(provider, { waiting: new Map(), requests: 0 });
        into.add(spoolHost(network, provider));
        into.at(registerAt, () => register(provider));
      }
    },
    observer: {
      crashed: (_at, name) => {
        const bridge = bridges.get(name);
        if (bridge === undefined) return;
        bridge.waiting.clear();
        world!.host(spoolHostOf(name)).crash();
      },
      emission: (_at, name, { from, effect }) => {
        if (from !== spoolsAddress || effect.type !== "Notify") return;
        const event = effect.event as { readonly type: string };
        if (event.type === "SpoolsAnswer") onAnswer(name.slice(spoolHostOf("").length), event as SpoolsAnswer);
      },
    },
  };
};
