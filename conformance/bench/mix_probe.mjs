/**
 * Loaded into the mix process that mix_process.ts measures: answers over IPC what the event loop's delay was since it
 * was last asked, and ends the process with the one that started it. Plain JavaScript, since it is loaded before tsx.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import process from "node:process";
import { isMainThread } from "node:worker_threads";

if (isMainThread && process.send !== undefined) {
  const resolution = 1;
  const delay = monitorEventLoopDelay({ resolution });
  delay.enable();
  // The histogram has the time between two rings of a timer: its period is no delay.
  const ms = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - resolution);
  process.on("message", () => {
    process.send({ p50: ms(delay.percentile(50)), p99: ms(delay.percentile(99)), max: ms(delay.max) });
    delay.reset();
  });
  process.on("disconnect", () => process.exit(0));
  process.channel.unref();
}
