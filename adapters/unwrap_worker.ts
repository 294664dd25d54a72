/**
 * One thread of the unwrap pool (unwrap_pool.ts): performs Unwrap effects as they come. Its suite is its own; the
 * program of AEZ was compiled by the thread that started it.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { wipe } from "../core/bytes.ts";
import { nobleSuite } from "../core/crypto/noble.ts";
import { invariant } from "../core/machine.ts";
import { performUnwrap } from "../core/sphinx/unwrap.ts";
import { createWasmAez } from "./aez_wasm.ts";
import { createNativeSuite } from "./crypto_native.ts";
import type { FromWorker, ToWorker, WorkerData } from "./unwrap_pool.ts";

const { crypto, aez, geometry } = workerData as WorkerData;
const port = parentPort;
invariant(port !== null, "not a worker");

const suite = crypto === "native" ? createNativeSuite(createWasmAez(() => aez)) : nobleSuite;

const answer = (message: FromWorker, packet: Uint8Array | null): void =>
  port.postMessage(message, packet === null ? [] : [packet.buffer as ArrayBuffer]);

port.on("message", (message: ToWorker) => {
  if (message.type === "Forget") {
    suite.forget(message.secret);
    return wipe(message.secret);
  }
  const unwrapped = performUnwrap({ suite, geometry }, message.effect);
  for (const { privateKey } of message.effect.keys) wipe(privateKey);
  answer(
    { job: message.job, unwrapped },
    unwrapped.result.ok ? unwrapped.result.packet ?? unwrapped.result.payload : null,
  );
});
