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
import type { Unwrapped } from "../core/effects.ts";
import { performUnwrap } from "../core/mix/unwrap_frame.ts";
import { createWasmAez } from "./aez_wasm.ts";
import { createNativeSuite } from "./crypto_native.ts";
import { place } from "./packet_buffers.ts";
import type { FromWorker, ToWorker, WorkerData } from "./unwrap_pool.ts";

const { crypto, aez, geometry } = workerData as WorkerData;
const port = parentPort;
invariant(port !== null, "not a worker");

const suite = crypto === "native" ? createNativeSuite(createWasmAez(() => aez)) : nobleSuite;

/** As long as they are in force. */
const keys = new Map<number, Uint8Array>();

/** The bytes of a result, of which there are no two. */
const partOf = (result: Unwrapped["result"]): readonly ["packet" | "payload" | "command", Uint8Array] | null => {
  if (!result.ok) return result.reason === "command" ? ["command", result.command] : null;
  return result.packet !== null ? ["packet", result.packet] : ["payload", result.payload!];
};

const nothing = new Uint8Array(0);

const unwrap = (
  { job, id, cipher, body, keys: asked }: Extract<ToWorker, { readonly type: "Unwrap" }>,
): FromWorker => {
  const named = asked.map(({ epoch, key }) => ({ epoch, privateKey: keys.get(key)! }));
  const sealed = { cipher, pieces: [body] };
  const unwrapped = performUnwrap({ suite, geometry }, { type: "Unwrap", id, sealed, keys: named });
  const part = partOf(unwrapped.result);
  if (part === null) return { job, unwrapped, part };
  const [of, bytes] = part;
  const { byteOffset: from } = place(new Uint8Array(body.buffer), [bytes]);
  return {
    job,
    unwrapped: { ...unwrapped, result: { ...unwrapped.result, [of]: nothing } },
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
  else port.postMessage(unwrap(message));
});
