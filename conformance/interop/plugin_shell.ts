/**
 * Machines of plugins in a shell with their real programs, and an owner that shows what it is told.
 *
 * @module
 */
import { join } from "node:path";
import { createPlugin } from "../../core/provider/plugin.ts";
import { defaultPluginLimits, type PluginConfig, type PluginLimits } from "../../core/provider/plugin_config.ts";
import type { PluginReport } from "../../core/provider/plugin_state.ts";
import type { Spawn } from "../../core/effects.ts";
import { after } from "../../core/machine.ts";
import { createSystem } from "../../core/system.ts";
import { machineOf, watch } from "../properties/adapters/shell_fixture.ts";
import { root } from "./process.ts";

export const faulty = join(root, "conformance/interop/plugins/faulty.mjs");

export interface PluginSpec {
  readonly command: string;
  readonly args?: ReadonlyArray<string>;
  readonly instances?: number;
}

/** As short as a busy machine allows: starting a program takes a second there. */
const limits: PluginLimits = { ...defaultPluginLimits, graceMs: 300, restartMs: 100, restartMaxMs: 1000 };

export type Report = PluginReport["report"];

/** Starts plugins by capability. */
export const startPlugins = async (specs: Readonly<Record<string, PluginSpec>>, more: Partial<PluginLimits> = {}) => {
  const owner = machineOf((event, now) => {
    if (event.type === "Plugin") return { effects: [{ type: "Notify", event }] };
    const { capability, id, payload } = event as unknown as { capability: string; id: number; payload: Uint8Array };
    const serve = { type: "Serve", id, payload, hasSurb: true, notAfter: after(now, 60_000) };
    return { effects: [{ type: "Tell", to: `plugin/${capability}`, event: serve }] };
  });
  const spawns = Object.entries(specs).map(([capability, { command, args = [], instances = 1 }]): Spawn => {
    const config: PluginConfig = {
      self: `plugin/${capability}`,
      owner: "node",
      service: { capability, endpoint: `+${capability}`, command, args, instances },
      limits: { ...limits, ...more },
      replyLengthMax: 51_198,
    };
    return { type: "Spawn", at: config.self, kind: "plugin", config };
  });
  const watched = await watch({}, {
    system: createSystem({ node: owner, plugin: createPlugin() }),
    boot: [{ type: "Spawn", at: "node", kind: "node", config: null }, ...spawns],
  });
  let ids = 0;
  const reports = (capability: string): ReadonlyArray<Report> =>
    (watched.notices as ReadonlyArray<PluginReport>).filter((one) => one.capability === capability)
      .map(({ report }) => report);
  /** The first report that fits, when it is there; `from` reports have been seen before. */
  const until = async (capability: string, fits: (report: Report) => boolean, from = 0): Promise<Report> => {
    for (;;) {
      const found = reports(capability).slice(from).find(fits);
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  return {
    shell: watched.shell,
    records: watched.records,
    reports,
    until,
    up: (capability: string, from = 0) => until(capability, ({ type }) => type === "Up", from),
    /** Asks and waits for the report: the data, or why there is none. */
    ask: async (capability: string, payload: Uint8Array = new Uint8Array(50_642).fill(3)) => {
      const id = ++ids;
      watched.shell.tell("node", { type: "Ask", capability, id, payload });
      const report = await until(capability, (one) => "id" in one && one.id === id);
      return report.type === "Answered" ? report.data : report.type === "Unanswered" ? report.reason : "";
    },
  };
};
