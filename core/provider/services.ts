/**
 * The Provider's services, Kaetzchen (specs/kaetzchen.rst, wire-facts §6.3, §8.1): found by the exact 64-byte
 * recipient, which is not normalised, and published in the descriptor.
 *
 * A service is a function from a request to an answer. One that cannot answer at once would be another variant of
 * `Answer`: the reply leaves by the same door whenever it is there (core/mix/terminal.ts).
 *
 * @module
 */
import { toHex, utf8 } from "../bytes.ts";
import type { JsonObject } from "../codec/json.ts";
import { padRecipient } from "../sphinx/commands.ts";
import type { ServiceConfig } from "./config.ts";
import { keyserver } from "./keyserver.ts";
import { loop } from "./loop.ts";
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
  | { readonly type: "NoReply" };

/** Handlers are total and idempotent (specs/kaetzchen.rst §3). */
export type Handler = (users: Users, request: ServiceRequest) => Answer;

export interface Service {
  readonly capability: string;
  /** What the descriptor says of it; `endpoint` is always there. */
  readonly parameters: JsonObject;
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

/** The table of services, or what is wrong with their configuration. */
export const createServices = (rules: NameRules, configs: ReadonlyArray<ServiceConfig>): Services | ServicesError => {
  const services = new Map<string, Service>();
  const capabilities = new Set<string>();
  for (const config of configs) {
    const recipient = padRecipient(utf8(config.endpoint));
    if (recipient === null || config.endpoint === "") return "endpoint";
    if (services.has(toHex(recipient))) return "duplicate-endpoint";
    if (capabilities.has(config.capability)) return "duplicate-capability";
    capabilities.add(config.capability);
    const parameters: JsonObject = new Map([["endpoint", config.endpoint]]);
    services.set(toHex(recipient), { capability: config.capability, parameters, handle: handlerOf(rules, config) });
  }
  return services;
};

/** What the descriptor publishes: capability to parameters; null without services. */
export const publishedServices = (services: Services): ReadonlyMap<string, JsonObject> | null =>
  services.size === 0
    ? null
    : new Map([...services.values()].map(({ capability, parameters }) => [capability, parameters]));
