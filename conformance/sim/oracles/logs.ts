/**
 * Logs are oracles: a line at ERROR or CRITICAL fails the run, and no process of a healthy network ends itself.
 *
 * @module
 */
import type { CreateOracle } from "./oracle.ts";

export const logs: CreateOracle = (_view, report) => {
  const levels = new Map<string, number>();
  const warnings = new Map<string, number>();
  return {
    name: "logs",
    observer: {
      emission: (_at, host, { from, effect }) => {
        if (effect.type === "Exit") report("safety", `${host} ends with exit code ${effect.code}: ${effect.message}`);
        if (effect.type !== "Log") return;
        levels.set(effect.level, (levels.get(effect.level) ?? 0) + 1);
        if (effect.level === "WARNING") warnings.set(effect.reason, (warnings.get(effect.reason) ?? 0) + 1);
        if (effect.level === "ERROR" || effect.level === "CRITICAL") {
          report("safety", `${host} ${from}: ${effect.level} ${effect.reason}: ${effect.message}`);
        }
      },
    },
    summary: () => {
      const counts = [...levels].sort().map(([level, count]) => `${level} ${count}`).join(", ");
      const reasons = [...warnings].sort().map(([reason, count]) => `${reason} ${count}`).join(", ");
      return counts + (reasons === "" ? "" : `; warnings: ${reasons}`);
    },
  };
};
