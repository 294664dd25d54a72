/**
 * The Provider's services, Kaetzchen (specs/kaetzchen.rst, wire-facts §6.3, §8.1): found by the exact 64-byte
 * recipient, which is not normalised, and published in the descriptor.
 *
 * A service is a function from a request to an answer. A plugin answers later: the reply leaves by the same door
 * whenever it is there (core/mix/terminal.ts).
 *
 * @module
 */
import { toHex, utf8 } from "../bytes.ts";
import type { JsonObject } from "../codec/json.ts";
import { padRecipient } from "../sphinx/commands.ts";
import type { Address } from "../system.ts";
import type { ProviderConfig, ServiceConfig } from "./config.ts";
import { keyserver } from "./keyserver.ts";
import { loop } from "./loop.ts";
import { pluginAddress, type PluginService } from "./plugin_config.ts";
import type { NameRules } from "./user_name.ts";
import type { Users } from "./users.ts";

export interface ServiceRequest {
  /** A view of the geometry's `userPayloadLength`, zeros behind what was sent. */
  readonly payload: Uint8Array;
  readonly hasSurb: boolean;
}

export type Answer =
  /** At most `serviceReplyLengthMax` bytes. */
  | { readonly type: "Reply"; readonly data: Uint8Array }
  | { readonly type: "NoReply" }
  /** The machine at this address is to be asked (plugin.ts). */
  | { readonly type: "Later"; readonly from: Address };

/** Handlers are total and idempotent (specs/kaetzchen.rst §3). */
export type Handler = (users: Users, request: ServiceRequest) => Answer;

export interface Service {
  readonly capability: string;
  /** What the descriptor says of it; `endpoint` is always there. */
  readonly parameters: JsonObject;
  /** Whether other programs offer it, which may not run. */
  readonly isPlugin: boolean;
  readonly handle: Handler;
}

/** By recipient, in hex. */
export type Services = ReadonlyMap<string, Service>;

const handlerOf = (
  rules: NameRules,
  { capability }: ServiceConfig,
): Handler => (capability === "loop" ? loop : keyserver(rules));

/** Why a list of services cannot be offered. */
export type ServicesError = "endpoint" | "duplicate-endpoint" | "duplicate-capability";

const builtIn = (rules: NameRules, config: ServiceConfig): Service => ({
  capability: config.capability,
  parameters: new Map([["endpoint", config.endpoint]]),
  isPlugin: false,
  handle: handlerOf(rules, config),
});

const fromPlugin = ({ capability, endpoint }: PluginService): Service => {
  const answer: Answer = { type: "Later", from: pluginAddress(capability) };
  return { capability, parameters: new Map([["endpoint", endpoint]]), isPlugin: true, handle: () => answer };
};

/** The table of services, or what is wrong with their configuration. */
export const createServices = (
  rules: NameRules,
  { services, plugins }: Pick<ProviderConfig, "services" | "plugins">,
): Services | ServicesError => {
  const table = new Map<string, Service>();
  const capabilities = new Set<string>();
  for (const service of [...services.map((config) => builtIn(rules, config)), ...plugins.map(fromPlugin)]) {
    const endpoint = service.parameters.get("endpoint") as string;
    const recipient = padRecipient(utf8(endpoint));
    if (recipient === null || endpoint === "") return "endpoint";
    if (table.has(toHex(recipient))) return "duplicate-endpoint";
    if (capabilities.has(service.capability)) return "duplicate-capability";
    capabilities.add(service.capability);
    table.set(toHex(recipient), service);
  }
  return table;
};

/**
 * What the descriptor publishes: capability to parameters; null without services. `up` are the plugins that run, with
 * parameters of their own; the endpoint is ours.
 */
export const publishedServices = (
  services: Services,
  up: { readonly get: (capability: string) => ReadonlyMap<string, string> | undefined },
): ReadonlyMap<string, JsonObject> | null => {
  const published = new Map<string, JsonObject>();
  for (const { capability, parameters, isPlugin } of services.values()) {
    const own = isPlugin ? up.get(capability) : new Map<string, string>();
    if (own !== undefined) published.set(capability, new Map([...own, ...parameters]));
  }
  return published.size === 0 ? null : published;
};
