/**
 * Unwrapping in worker threads, so that an expensive hop neither delays timers nor is bound to one core ([Debug]
 * NumSphinxWorkers). Packets are transferred, not copied, both ways; private keys are copied to the worker with each
 * packet and wiped there, but for the platform's key object, which `forget` drops.
 *
 * A job goes to the worker that has the fewest. How many may be under way is decided by the node (unwrapPendingMax).
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import type { Unwrap, Unwrapped } from "../core/effects.ts";
import type { Geometry } from "../core/sphinx/geometry.ts";
import { aezModule } from "./aez_wasm.ts";
import type { WasmModule } from "./aez_wasm/webassembly.ts";
import { isBuilt } from "./built.ts";
import type { Unwrapper } from "./unwrapper.ts";

export interface UnwrapPoolOptions {
  readonly workers: number;
  readonly crypto: "native" | "noble";
  readonly geometry: Geometry;
  /** A worker failed, which is a bug. */
  readonly onBug: (error: Error) => void;
}

export interface WorkerData {
  readonly crypto: "native" | "noble";
  readonly aez: WasmModule;
  readonly geometry: Geometry;
}

export type ToWorker =
  | { readonly type: "Unwrap"; readonly job: number; readonly effect: Unwrap }
  | { readonly type: "Forget"; readonly secret: Uint8Array };

export interface FromWorker {
  readonly job: number;
  readonly unwrapped: Unwrapped;
}

interface Thread {
  readonly worker: Worker;
  readonly answers: Map<number, (event: Unwrapped) => void>;
}

/**
 * What a packet's buffer may have besides the packet, in bytes: a command's header. A packet that shares more than that
 * is copied, since a transfer takes the whole buffer away.
 */
const slackBytes = 64;

const transferable = (packet: Uint8Array): Uint8Array =>
  packet.buffer.byteLength <= packet.length + slackBytes ? packet : packet.slice();

/** Sources need a loader in the worker, too. */
const workerFile = isBuilt ? "./unwrap_worker.js" : "./unwrap_worker.mjs";

/** Starts the workers. */
export const createUnwrapPool = ({ workers, crypto, geometry, onBug }: UnwrapPoolOptions): Unwrapper => {
  const data: WorkerData = { crypto, aez: aezModule(), geometry };
  /** Keys that workers have seen, by object: a consumed key is the object that stood in the state. */
  const seen = new WeakSet<Uint8Array>();
  let closing = false;
  let jobs = 0;

  const start = (): Thread => {
    const worker = new Worker(new URL(workerFile, import.meta.url), { workerData: data });
    const answers = new Map<number, (event: Unwrapped) => void>();
    worker.on("message", ({ job, unwrapped }: FromWorker) => {
      const answer = answers.get(job);
      answers.delete(job);
      if (!closing) answer?.(unwrapped);
    });
    worker.on("error", onBug);
    worker.on("exit", (code) => closing ? undefined : onBug(new Error(`an unwrap worker ended with code ${code}`)));
    return { worker, answers };
  };

  const threads = Array.from({ length: workers }, start);

  const idlest = (): Thread =>
    threads.reduce((best, thread) => thread.answers.size < best.answers.size ? thread : best);

  const post = ({ worker }: Thread, message: ToWorker, transfer: ReadonlyArray<ArrayBuffer>): void =>
    worker.postMessage(message, [...transfer]);

  return {
    perform: (effect, answer) => {
      const thread = idlest();
      const packet = transferable(effect.packet);
      const job = jobs++;
      thread.answers.set(job, answer);
      for (const { privateKey } of effect.keys) seen.add(privateKey);
      post(thread, { type: "Unwrap", job, effect: { ...effect, packet } }, [packet.buffer as ArrayBuffer]);
    },
    forget: (secret) => {
      if (!seen.has(secret)) return;
      for (const thread of threads) post(thread, { type: "Forget", secret }, []);
    },
    close: async () => {
      closing = true;
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
    },
  };
};
