/**
 * Loaded into the mix process that mix_process.ts measures: answers over IPC how late the event loop served a timer
 * since it was told to watch, and ends the process with the one that started it. In an unwrap worker it can make each
 * packet wait. Plain JavaScript, since it is loaded before tsx.
 *
 * Meanwhile a timer of 1 ms is set again and again. It is late because the process was busy, or because the system let it wait
 * for a processor that others had; Linux counts the latter by thread, and `own` is without it.
 */
import { openSync, readSync } from "node:fs";
import process from "node:process";
import { isMainThread, parentPort } from "node:worker_threads";

const unwrapWaitMs = Number(process.env.BENCH_UNWRAP_WAIT ?? 0);

/** Unwrapping takes longer, and no processor: as if each worker had a slow one of its own. */
if (!isMainThread && unwrapWaitMs > 0) {
  const never = new Int32Array(new SharedArrayBuffer(4));
  const post = parentPort.postMessage.bind(parentPort);
  parentPort.postMessage = (message, transfer) => {
    if (message.unwrapped !== undefined) Atomics.wait(never, 0, 0, unwrapWaitMs);
    post(message, transfer);
  };
}

const openStatistics = () => {
  try {
    return openSync(`/proc/self/task/${process.pid}/schedstat`);
  } catch {
    return null;
  }
};

if (isMainThread && process.send !== undefined) {
  const timerMs = 1;
  const file = openStatistics();
  const bytes = Buffer.alloc(64);
  /** ms so far that this thread was ready to run and did not. */
  const queuedMs = () =>
    file === null ? 0 : Number(bytes.latin1Slice(0, readSync(file, bytes, 0, bytes.length, 0)).split(" ")[1]) / 1e6;
  let late = [];
  let own = [];
  let before = null;
  let timer = null;
  const ring = () => {
    const now = { at: performance.now(), queued: queuedMs() };
    const delay = Math.max(0, now.at - before.at - timerMs);
    late.push(delay);
    own.push(Math.max(0, delay - (now.queued - before.queued)));
    before = now;
    timer = setTimeout(ring, timerMs);
  };
  const summary = (values) => {
    const sorted = values.sort((a, b) => a - b);
    const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
    return { p50: at(0.5), p99: at(0.99), max: at(1) };
  };
  process.on("message", (asked) => {
    if (asked === "watch") {
      before = { at: performance.now(), queued: queuedMs() };
      timer = setTimeout(ring, timerMs);
      return;
    }
    clearTimeout(timer);
    process.send({ late: summary(late), own: file === null ? null : summary(own) });
    late = [];
    own = [];
  });
  process.on("disconnect", () => process.exit(0));
  process.channel.unref();
}
