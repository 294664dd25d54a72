/**
 * What a process knows of itself: memory, processor time, how late its timers ring, what it was built from.
 *
 * The event loop's delay is measured by a timer of our own: Node's `monitorEventLoopDelay` is not there under Deno, and
 * one way for both gives figures that compare.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { isBuilt } from "./built.ts";
import type { Metrics } from "./metrics.ts";

const sampleMs = 100;
/** Of CPU times. */
const microsecondsPerSecond = 1e6;

const version = (): string => {
  try {
    const file = readFileSync(new URL(isBuilt ? "../../package.json" : "../package.json", import.meta.url), "utf8");
    return String((JSON.parse(file) as { readonly version?: unknown }).version);
  } catch {
    // Bundled: there is no such file beside it.
    return "unknown";
  }
};

const runtime = (): string => {
  const { deno } = process.versions as Readonly<Record<string, string | undefined>>;
  return deno === undefined ? `node ${process.versions.node}` : `deno ${deno}`;
};

export interface ProcessWatch {
  /** Brings the gauges up to date. */
  readonly refresh: () => void;
  readonly stop: () => void;
}

/** Measures from now on. */
export const watchProcess = (metrics: Metrics): ProcessWatch => {
  metrics.set("build-info", 1, `samtpfote ${version()}, ${runtime()}`);
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    metrics.observe("event-loop-delay-seconds", Math.max(0, now - last - sampleMs) / 1000);
    last = now;
  }, sampleMs);
  timer.unref();
  return {
    refresh: () => {
      const { rss, heapUsed, external } = process.memoryUsage();
      const { user, system } = process.cpuUsage();
      metrics.set("process-resident-memory-bytes", rss);
      metrics.set("process-heap-bytes", heapUsed);
      metrics.set("process-external-bytes", external);
      metrics.set("process-cpu-seconds", (user + system) / microsecondsPerSecond);
      metrics.set("process-uptime-seconds", process.uptime());
    },
    stop: () => clearInterval(timer),
  };
};
