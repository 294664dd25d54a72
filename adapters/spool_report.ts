/**
 * What the spool plugin tells its operator: each minute in which anything was counted a line with what was, by status
 * and reason. Standard error goes to the Provider's log.
 *
 * @module
 */
import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";

const intervalMs = 60_000;
const reported = /^d?spool-/;

const changes = (before: Readonly<Record<string, number>>, now: Readonly<Record<string, number>>): string[] =>
  Object.entries(now).filter(([name, value]) => reported.test(name) && value !== (before[name] ?? 0))
    .map(([name, value]) => `${name} ${value}`);

/** Starts reporting; the result ends it, after a last line. */
export const reportCounters = (metrics: Metrics, log: Logger): () => void => {
  let before: Readonly<Record<string, number>> = {};
  const report = (): void => {
    const now = metrics.snapshot();
    const changed = changes(before, now);
    before = now;
    if (changed.length === 0) return;
    log.write({ module: "spool", level: "NOTICE", reason: "counters", message: changed.join(", ") });
  };
  const timer = setInterval(report, intervalMs);
  return () => {
    clearInterval(timer);
    report();
  };
};
