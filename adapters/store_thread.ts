/**
 * A store in one file (store_lmdb.ts) in a thread of its own, for programs that write with every packet: a disk takes
 * milliseconds to make a transaction durable, and the event loop would stand still for as long.
 *
 * What is asked for in one turn of the event loop goes over in one message; what comes while the disk is busy is one
 * transaction.
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import type { StoreEvent } from "../core/effects.ts";
import { isBuilt } from "./built.ts";
import { unavailableError } from "./exit.ts";
import type { Store, StoreEffect } from "./store.ts";

export interface StoreWorkerData {
  readonly path: string;
  readonly replayTagsMax: number;
}

export interface Asked {
  readonly job: number;
  readonly effect: StoreEffect;
}

export interface Answered {
  readonly job: number;
  readonly event: StoreEvent;
}

export type ToStoreWorker =
  | { readonly type: "Effects"; readonly effects: ReadonlyArray<Asked> }
  | { readonly type: "Close" };

export type FromStoreWorker =
  | { readonly type: "Opened" }
  /** The file cannot be opened: why, as store_lmdb.ts says it. */
  | { readonly type: "Refused"; readonly message: string }
  | { readonly type: "Answers"; readonly answers: ReadonlyArray<Answered> }
  /** Everything given is durable and answered. */
  | { readonly type: "Closed" };

/** Sources need a loader in the worker, too. */
const workerFile = isBuilt ? "./store_worker.js" : "./store_worker.mjs";

/** A message carries the whole buffer of what it names. */
const alone = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);

const ownBytes = (effect: StoreEffect): StoreEffect => {
  if (effect.type === "TestAndSetReplay") return { ...effect, tag: alone(effect.tag) };
  if (effect.type !== "Commit") return effect;
  const writes = effect.writes.map(({ table, key, value }) => ({
    table,
    key: alone(key),
    value: value === null ? null : alone(value),
  }));
  return { ...effect, writes };
};

const storeOf = (worker: Worker): Store => {
  const answers = new Map<number, (event: StoreEvent) => void>();
  let waiting: Asked[] = [];
  let jobs = 0;
  let onClosed: (() => void) | null = null;

  const post = (message: ToStoreWorker): void => worker.postMessage(message);

  const flush = (): void => {
    if (waiting.length === 0) return;
    post({ type: "Effects", effects: waiting });
    waiting = [];
  };

  worker.on("message", (message: FromStoreWorker) => {
    if (message.type === "Closed") return onClosed?.();
    if (message.type !== "Answers") return;
    for (const { job, event } of message.answers) {
      const answer = answers.get(job);
      answers.delete(job);
      answer?.(event);
    }
  });
  worker.on("exit", (code) => {
    if (onClosed === null) throw new Error(`the store's thread ended with code ${code}`);
  });

  return {
    perform: (effect, answer) => {
      const job = jobs++;
      answers.set(job, answer);
      if (waiting.push({ job, effect: ownBytes(effect) }) === 1) setImmediate(flush);
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => (onClosed = resolve));
      flush();
      post({ type: "Close" });
      await closed;
      await worker.terminate();
    },
  };
};

/** Opens the file, or makes it. Rejects with a CommandError that names it where that cannot be done. */
export const openThreadStore = (data: StoreWorkerData): Promise<Store> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL(workerFile, import.meta.url), { workerData: data });
    // That the thread fails is a bug: once the file is open, it ends the process.
    worker.once("error", reject);
    worker.once("message", (message: FromStoreWorker) => {
      worker.off("error", reject);
      if (message.type === "Opened") return resolve(storeOf(worker));
      void worker.terminate();
      reject(unavailableError(message.type === "Refused" ? message.message : message.type));
    });
  });
