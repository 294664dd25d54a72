/**
 * Logs are oracles: a line at ERROR or CRITICAL fails the run, and no process ends itself. Excepted are the lines by
 * which a process rightly complains of a fault that it suffers.
 *
 * @module
 */
import { hostsOf } from "../fault.ts";
import type { CreateOracle, View } from "./oracle.ts";

/** Whether a line at ERROR or CRITICAL is right, since a fault makes it so. */
const isRightly = ({ weather, now, clock }: View, host: string, reason: string): boolean => {
  switch (reason) {
    case "store-failed":
      return weather.wasHit(host, ["FullDisk"], now(), now() + 1);
    // An authority judges its clock by those of its peers, as it last heard of them: theirs may be wrong.
    case "clock-wrong":
      return weather.faults.filter(({ type }) => type === "Clock").flatMap(hostsOf).some((other) =>
        weather.wasHit(other, ["Clock"], now() - clock.periodMs, now() + 1)
      );
    default:
      return false;
  }
};

export const logs: CreateOracle = (view, report) => {
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
        if (isRightly(view, host, effect.reason)) return;
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
