/**
 * Unwrapping and sealing in worker threads, so that an expensive hop neither delays timers nor is bound to one core
 * ([Debug] NumSphinxWorkers). A packet is copied once, in the frame that it came in, into memory that all threads share
 * (packet_buffers.ts); the worker opens and unwraps it and leaves it there, where it waits for its delay. A worker
 * seals it there, too, before anything that waits to be unwrapped, and the memory is used again once the system has
 * taken it.
 *
 * A private key is copied to a worker before the first packet that it is for, and wiped there when it is forgotten.
 *
 * A job goes to the worker that has the fewest. How many may be under way is decided by the node (unwrapPendingMax).
 *
 * @module
 */
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
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
  /** By which SealJobs come. */
  readonly seals: MessagePort;
}

export interface SealJob {
  readonly job: number;
  readonly cipher: CipherState;
  readonly command: Uint8Array;
  /** In shared memory. */
  readonly packet: Uint8Array;
  /** All of that memory, where the frame's body is put. */
  readonly memory: Uint8Array;
}

export type ToWorker =
  | { readonly type: "Key"; readonly key: number; readonly privateKey: Uint8Array }
  | {
    readonly type: "Unwrap";
    readonly job: number;
    readonly id: number;
    readonly cipher: CipherState;
    /** The body of the frame, in memory that is shared. */
    readonly body: Uint8Array;
    /** All of that memory, where the result's bytes are put. */
    readonly memory: Uint8Array;
    readonly keys: ReadonlyArray<{ readonly epoch: number; readonly key: number }>;
  }
  | { readonly type: "Forget"; readonly key: number };

interface Part {
  readonly from: number;
  readonly to: number;
}

export type FromWorker =
  | {
    readonly type: "Unwrapped";
    readonly job: number;
    /** Without the bytes that the part is about. */
    readonly unwrapped: Unwrapped;
    /** Where they lie in the job's memory. */
    readonly part: Part & { readonly of: "packet" | "payload" | "command" } | null;
  }
  /** Where the body lies in the job's memory. */
  | { readonly type: "Sealed"; readonly job: number; readonly part: Part };

type FromWorkerOf<Type extends FromWorker["type"]> = Extract<FromWorker, { readonly type: Type }>;

interface Job<Answer> {
  readonly memory: Uint8Array;
  readonly answer: Answer;
}

interface Thread {
  readonly worker: Worker;
  readonly seals: MessagePort;
  readonly unwrapping: Map<number, Job<Parameters<Unwrapper["perform"]>[1]>>;
  readonly sealing: Map<number, Job<Parameters<Unwrapper["seal"]>[1]>>;
  /** Keys that it has. */
  readonly keys: Set<number>;
}

/** Sources need a loader in the worker, too. */
const workerFile = isBuilt ? "./unwrap_worker.js" : "./unwrap_worker.mjs";

/** Starts the workers. */
export const createUnwrapPool = ({ workers, crypto, geometry, onBug }: UnwrapPoolOptions): Unwrapper => {
  const aez = aezModule();
  const buffers = createPacketBuffers(commandHeaderLength + geometry.packetLength + tagLength);
  /** By object: a consumed key is the object that stood in the state. */
  const numbers = new WeakMap<Uint8Array, number>();
  let closing = false;
  let [jobs, keys] = [0, 0];

  const start = (): Thread => {
    const { port1: seals, port2 } = new MessageChannel();
    const data: WorkerData = { crypto, aez, geometry, seals: port2 };
    const worker = new Worker(new URL(workerFile, import.meta.url), { workerData: data, transferList: [port2] });
    const thread: Thread = { worker, seals, unwrapping: new Map(), sealing: new Map(), keys: new Set() };
    worker.on("message", (message: FromWorker) => {
      if (message.type === "Unwrapped") onUnwrapped(thread, message);
      else onSealed(thread, message);
    });
    worker.on("error", onBug);
    worker.on("exit", (code) => closing ? undefined : onBug(new Error(`an unwrap worker ended with code ${code}`)));
    return thread;
  };

  const onUnwrapped = (thread: Thread, { job, unwrapped, part }: FromWorkerOf<"Unwrapped">): void => {
    const { memory, answer } = thread.unwrapping.get(job)!;
    thread.unwrapping.delete(job);
    const bytes = memory.subarray(part?.from ?? 0, part?.to ?? 0);
    const isForwarded = part?.of === "packet";
    // What ends here leaves the shared memory.
    const given = isForwarded ? bytes : bytes.slice();
    if (!isForwarded) buffers.release(memory);
    if (closing) return;
    answer(part === null ? unwrapped : { ...unwrapped, result: { ...unwrapped.result, [part.of]: given } });
  };

  const onSealed = (thread: Thread, { job, part }: FromWorkerOf<"Sealed">): void => {
    const { memory, answer } = thread.sealing.get(job)!;
    thread.sealing.delete(job);
    if (!closing) answer([memory.subarray(part.from, part.to)], () => buffers.release(memory));
  };

  const threads = Array.from({ length: workers }, start);

  const jobsOf = ({ unwrapping, sealing }: Thread): number => unwrapping.size + sealing.size;

  const idlest = (): Thread => threads.reduce((best, thread) => jobsOf(thread) < jobsOf(best) ? thread : best);

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
      const memory = buffers.wholeOf(body)!;
      const keys = given.map(({ epoch, privateKey }) => ({ epoch, key: numberFor(thread, privateKey) }));
      thread.unwrapping.set(job, { memory, answer });
      post(thread, { type: "Unwrap", job, id, cipher, body, memory, keys });
      wipe(cipher.key);
    },
    seal: ({ cipher, command, packet }, answer) => {
      const thread = idlest();
      const job = jobs++;
      const shared = buffers.wholeOf(packet) === null ? buffers.keep([packet]) : packet;
      const memory = buffers.wholeOf(shared)!;
      thread.sealing.set(job, { memory, answer });
      thread.seals.postMessage({ job, cipher, command, packet: shared, memory } satisfies SealJob);
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
      for (const { seals } of threads) seals.close();
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
    },
  };
};
