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

/** As long as they are in force. */
const keys = new Map<number, Uint8Array>();

const perform = ({ job, id, packet, keys: asked }: Extract<ToWorker, { readonly type: "Unwrap" }>): FromWorker => {
  const named = asked.map(({ epoch, key }) => ({ epoch, privateKey: keys.get(key)! }));
  const unwrapped = performUnwrap({ suite, geometry }, { type: "Unwrap", id, packet, keys: named });
  const { result } = unwrapped;
  if (!result.ok) return { job, unwrapped, part: null };
  const bytes = result.packet ?? result.payload!;
  const from = bytes.byteOffset - packet.byteOffset;
  const of = result.packet === null ? "payload" : "packet";
  return {
    job,
    unwrapped: { ...unwrapped, result: { ...result, packet: null, payload: null } },
    part: { of, from, to: from + bytes.length },
  };
};

const forget = (key: number): void => {
  const privateKey = keys.get(key)!;
  keys.delete(key);
  suite.forget(privateKey);
  wipe(privateKey);
};

port.on("message", (message: ToWorker) => {
  if (message.type === "Key") keys.set(message.key, message.privateKey);
  else if (message.type === "Forget") forget(message.key);
  else port.postMessage(perform(message));
});
