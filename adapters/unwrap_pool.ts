/**
 * Unwrapping in worker threads, so that an expensive hop neither delays timers nor is bound to one core ([Debug]
 * NumSphinxWorkers). A packet is copied once, in the frame that it came in, into memory that all threads share
 * (packet_buffers.ts); the worker opens and unwraps it and leaves it there, where it waits for its delay, and the
 * memory is used again once the packet has been sealed. That is left to this thread: to hand it to a worker and back
 * costs as much, and interrupts it.
 *
 * A private key is copied to a worker before the first packet that it is for, and wiped there when it is forgotten.
 *
 * A job goes to the worker that has the fewest. How many may be under way is decided by the node (unwrapPendingMax).
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import { wipe } from "../core/bytes.ts";
import type { Unwrapped } from "../core/effects.ts";
import { type CipherState, tagLength } from "../core/noise/cipher_state.ts";
import type { Geometry } from "../core/sphinx/geometry.ts";
import { commandHeaderLength } from "../core/wire/commands.ts";
import { aezModule } from "./aez_wasm.ts";
import type { WasmModule } from "./aez_wasm/webassembly.ts";
import { isBuilt } from "./built.ts";
import { createPacketBuffers } from "./packet_buffers.ts";
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
  | { readonly type: "Key"; readonly key: number; readonly privateKey: Uint8Array }
  | {
    readonly type: "Unwrap";
    readonly job: number;
    readonly id: number;
    readonly cipher: CipherState;
    /** The body of the frame, in memory that is shared, and where the result's bytes are put. */
    readonly body: Uint8Array;
    readonly keys: ReadonlyArray<{ readonly epoch: number; readonly key: number }>;
  }
  | { readonly type: "Forget"; readonly key: number };

export interface FromWorker {
  readonly job: number;
  /** Without the bytes that the part is about. */
  readonly unwrapped: Unwrapped;
  /** Where they lie in the memory of the job's body. */
  readonly part: { readonly of: "packet" | "payload" | "command"; readonly from: number; readonly to: number } | null;
}

interface Job {
  readonly body: Uint8Array;
  readonly answer: (event: Unwrapped) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly jobs: Map<number, Job>;
  /** Keys that it has. */
  readonly keys: Set<number>;
}

/** Sources need a loader in the worker, too. */
const workerFile = isBuilt ? "./unwrap_worker.js" : "./unwrap_worker.mjs";

/** Starts the workers. */
export const createUnwrapPool = ({ workers, crypto, geometry, onBug }: UnwrapPoolOptions): Unwrapper => {
  const data: WorkerData = { crypto, aez: aezModule(), geometry };
  const buffers = createPacketBuffers(commandHeaderLength + geometry.packetLength + tagLength);
  /** By object: a consumed key is the object that stood in the state. */
  const numbers = new WeakMap<Uint8Array, number>();
  let closing = false;
  let [jobs, keys] = [0, 0];

  const start = (): Thread => {
    const worker = new Worker(new URL(workerFile, import.meta.url), { workerData: data });
    const thread: Thread = { worker, jobs: new Map(), keys: new Set() };
    worker.on("message", (message: FromWorker) => finish(thread, message));
    worker.on("error", onBug);
    worker.on("exit", (code) => closing ? undefined : onBug(new Error(`an unwrap worker ended with code ${code}`)));
    return thread;
  };

  const finish = (thread: Thread, { job, unwrapped, part }: FromWorker): void => {
    const { body, answer } = thread.jobs.get(job)!;
    thread.jobs.delete(job);
    const bytes = new Uint8Array(body.buffer).subarray(part?.from ?? 0, part?.to ?? 0);
    const isForwarded = part?.of === "packet";
    // What ends here leaves the shared memory.
    const given = isForwarded ? bytes : bytes.slice();
    if (!isForwarded) buffers.release(body);
    if (closing) return;
    answer(part === null ? unwrapped : { ...unwrapped, result: { ...unwrapped.result, [part.of]: given } });
  };

  const threads = Array.from({ length: workers }, start);

  const idlest = (): Thread => threads.reduce((best, thread) => thread.jobs.size < best.jobs.size ? thread : best);

  const post = ({ worker }: Thread, message: ToWorker): void => worker.postMessage(message);

  /** The key's number, once the worker has it. */
  const numberFor = (thread: Thread, privateKey: Uint8Array): number => {
    const key = numbers.get(privateKey) ?? keys++;
    numbers.set(privateKey, key);
    if (!thread.keys.has(key)) post(thread, { type: "Key", key, privateKey });
    thread.keys.add(key);
    return key;
  };

  return {
    perform: ({ id, sealed: { cipher, pieces }, keys: given }, answer) => {
      const thread = idlest();
      const job = jobs++;
      const body = buffers.keep(pieces);
      const keys = given.map(({ epoch, privateKey }) => ({ epoch, key: numberFor(thread, privateKey) }));
      thread.jobs.set(job, { body, answer });
      post(thread, { type: "Unwrap", job, id, cipher, body, keys });
      wipe(cipher.key);
    },
    release: buffers.release,
    forget: (secret) => {
      const key = numbers.get(secret);
      if (key === undefined) return;
      numbers.delete(secret);
      for (const thread of threads) if (thread.keys.delete(key)) post(thread, { type: "Forget", key });
    },
    close: async () => {
      closing = true;
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
    },
  };
};
