/**
 * A Provider's plugins as the node sees them (wire-facts §8.2): a machine each, at `plugin/CAPABILITY`, which is asked
 * and answers later. A service whose plugin does not run is left out of the descriptors that are signed meanwhile.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { PersistentSet } from "../collections/set.ts";
import { tell } from "../effects.ts";
import { after } from "../machine.ts";
import { pluginAddress, type PluginConfig } from "../provider/plugin_config.ts";
import type { PluginReport } from "../provider/plugin_state.ts";
import { serviceReplyLengthMax } from "../sphinx/payload.ts";
import type { Surb } from "../sphinx/surb.ts";
import type { Address } from "../system.ts";
import type { NodeConfig } from "./config.ts";
import { dropPacket, emit, takeId, type Turn, update } from "./turn.ts";

/** What a request brings its sender if the plugin answers. */
export interface AskedPlugin {
  readonly surb: Surb | null;
  readonly delayMs: number | null;
}

export interface Plugins {
  /** Those that run, by capability, with what they publish. */
  readonly up: PersistentMap<string, ReadonlyMap<string, string>>;
  /** Those that have neither come up nor failed since the start: descriptors wait for them. */
  readonly settling: PersistentSet<string>;
  /** Requests that a plugin has, by id: bounded by each plugin's queue. */
  readonly asked: PersistentMap<number, AskedPlugin>;
}

export const newPlugins = ({ provider }: NodeConfig): Plugins => ({
  up: PersistentMap(),
  settling: PersistentSet(provider?.plugins.map(({ capability }) => capability) ?? []),
  asked: PersistentMap(),
});

/** Starts the machines of all plugins. */
export const startPlugins = (turn: Turn): void => {
  const { provider } = turn.state.config;
  for (const service of provider?.plugins ?? []) {
    const config: PluginConfig = {
      self: pluginAddress(service.capability),
      owner: "node",
      service,
      limits: provider!.pluginLimits,
      replyLengthMax: serviceReplyLengthMax(turn.bound.geometry),
    };
    emit(turn, { type: "Spawn", at: config.self, kind: "plugin", config });
  }
};

/** Hands a request, a view of its packet's payload, to a plugin. `dwellMs` is what it has waited so far. */
export const askPlugin = (
  turn: Turn,
  plugin: Address,
  payload: Uint8Array,
  asked: AskedPlugin,
  dwellMs: number,
): void => {
  const id = takeId(turn);
  const { plugins, config: { limits } } = turn.state;
  update(turn, { plugins: { ...plugins, asked: plugins.asked.set(id, asked) } });
  const notAfter = after(turn.context.now, Math.max(1, limits.kaetzchenDelayMs - dwellMs));
  emit(turn, tell(plugin, { type: "Serve", id, payload, hasSurb: asked.surb !== null, notAfter }));
};

/** What follows from a plugin's report for the node: an answer to send, or descriptors that waited for it. */
export type PluginOutcome =
  | { readonly type: "Answered"; readonly asked: AskedPlugin; readonly data: Uint8Array }
  | { readonly type: "Settled" }
  | { readonly type: "Nothing" };

const nothing: PluginOutcome = { type: "Nothing" };

export const onPluginReport = (turn: Turn, { capability, report }: PluginReport): PluginOutcome => {
  const { plugins } = turn.state;
  switch (report.type) {
    case "Up":
      return settle(turn, capability, plugins.up.set(capability, report.parameters));
    case "Down":
      return settle(turn, capability, plugins.up.delete(capability));
    case "Answered": {
      const asked = takeAsked(turn, report.id);
      return asked === null ? nothing : { type: "Answered", asked, data: report.data };
    }
    case "Unanswered":
      if (takeAsked(turn, report.id) !== null) dropPacket(turn, report.reason);
      return nothing;
  }
};

const settle = (turn: Turn, capability: string, up: Plugins["up"]): PluginOutcome => {
  const { plugins } = turn.state;
  const settling = plugins.settling.delete(capability);
  update(turn, { plugins: { ...plugins, up, settling } });
  return plugins.settling.size > 0 && settling.size === 0 ? { type: "Settled" } : nothing;
};

const takeAsked = (turn: Turn, id: number): AskedPlugin | null => {
  const { plugins } = turn.state;
  const asked = plugins.asked.get(id);
  if (asked === undefined) return null;
  update(turn, { plugins: { ...plugins, asked: plugins.asked.delete(id) } });
  return asked;
};
