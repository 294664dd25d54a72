/**
 * Logs are oracles: a line at ERROR or CRITICAL fails the run, and no process ends itself. Excepted are the lines by
 * which a process rightly complains of a fault that it suffers.
 *
 * @module
 */
import type { Fault } from "../fault.ts";
import type { CreateOracle } from "./oracle.ts";

/** Reasons of lines at ERROR or CRITICAL, with the faults that make them right while they last. */
const complaints: Readonly<Record<string, ReadonlyArray<Fault["type"]>>> = {
  "store-failed": ["FullDisk"],
  "clock-wrong": ["Clock"],
};

export const logs: CreateOracle = ({ weather, now }, report) => {
  const levels = new Map<string, number>();
  const warnings = new Map<string, number>();
  return {
    name: "logs",
    observer: {
      effects: ["Exit", "Log"],
      emission: (_at, host, { from, effect }) => {
        if (effect.type === "Exit") report("safety", `${host} ends with exit code ${effect.code}: ${effect.message}`);
        if (effect.type !== "Log") return;
        levels.set(effect.level, (levels.get(effect.level) ?? 0) + 1);
        if (effect.level === "WARNING") warnings.set(effect.reason, (warnings.get(effect.reason) ?? 0) + 1);
        if (weather.wasHit(host, complaints[effect.reason] ?? [], now(), now() + 1)) return;
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
