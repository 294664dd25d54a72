/**
 * The thread of a store in one file (store_thread.ts): performs what it is sent, in order, and answers.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { invariant } from "../core/machine.ts";
import type { Answered, FromStoreWorker, StoreWorkerData, ToStoreWorker } from "./store_thread.ts";
import { openLmdbStore } from "./store_lmdb.ts";

const { path, replayTagsMax } = workerData as StoreWorkerData;
const port = parentPort;
invariant(port !== null, "not a worker");

const tell = (message: FromStoreWorker): void => port.postMessage(message);

const serve = (): void => {
  const store = openLmdbStore(path, { replayTagsMax });
  let answers: Answered[] = [];

  /** What one transaction answers goes back in one message. */
  const answer = (answered: Answered): void => {
    if (answers.push(answered) > 1) return;
    queueMicrotask(() => {
      tell({ type: "Answers", answers });
      answers = [];
    });
  };

  port.on("message", (message: ToStoreWorker) => {
    if (message.type === "Close") return void store.close().then(() => tell({ type: "Closed" }));
    for (const { job, effect } of message.effects) store.perform(effect, (event) => answer({ job, event }));
  });
  tell({ type: "Opened" });
};

try {
  serve();
} catch (error) {
  tell({ type: "Refused", message: (error as Error).message });
}
