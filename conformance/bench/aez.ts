/**
 * `node --import tsx conformance/bench/aez.ts [--json]`, or with `deno run -A --no-check`: AEZ of a payload of the 2019
 * network (51216 bytes) by the readable twin and by the WebAssembly program, in both directions, and one X25519 of
 * node:crypto on prepared key objects as the unit. What is measured is first checked for a right result. Rounds of the
 * candidates take turns and are shorter than what a scheduler gives, so that the median one is rarely interrupted.
 *
 * With `--json` one line each: `{name, runtime, opsPerSecond, inX25519}`, where `inX25519` is the time in units.
 *
 * @module
 */
import assert from "node:assert/strict";
import { diffieHellman, generateKeyPairSync } from "node:crypto";
import process from "node:process";
import { createWasmAez } from "../../adapters/aez_wasm.ts";
import { equal } from "../../core/bytes.ts";
import * as twin from "../../core/crypto/aez.ts";

const payloadBytes = 51216;
const rounds = 101;
const roundMs = 4;
const unit = "x25519";

interface Candidate {
  readonly name: string;
  readonly run: () => void;
}

const sequence = (length: number, step: number): Uint8Array => Uint8Array.from({ length }, (_, at) => at * step + 1);

const [key, nonce, message] = [sequence(48, 7), sequence(16, 11), sequence(payloadBytes, 13)];

const wasm = createWasmAez();

/** The WebAssembly program, the twin and their inverses agree. */
const checkAez = (): void => {
  const [byTwin, byWasm] = [message.slice(), message.slice()];
  twin.aezEncryptInPlace(key, nonce, byTwin);
  wasm.encryptInPlace(key, nonce, byWasm);
  assert.ok(equal(byTwin, byWasm) && !equal(byTwin, message));
  twin.aezDecryptInPlace(key, nonce, byTwin);
  wasm.decryptInPlace(key, nonce, byWasm);
  assert.ok(equal(byTwin, message) && equal(byWasm, message));
};

const x25519 = (): Candidate => {
  const [ours, theirs] = [generateKeyPairSync("x25519"), generateKeyPairSync("x25519")];
  const run = () => diffieHellman({ privateKey: ours.privateKey, publicKey: theirs.publicKey });
  const [here, there] = [run(), diffieHellman({ privateKey: theirs.privateKey, publicKey: ours.publicKey })];
  assert.ok(here.length === 32 && equal(here, there));
  return { name: unit, run };
};

const data = message.slice();

const candidates = (): ReadonlyArray<Candidate> => [
  x25519(),
  { name: "aez-encrypt-51216-twin", run: () => twin.aezEncryptInPlace(key, nonce, data) },
  { name: "aez-decrypt-51216-twin", run: () => twin.aezDecryptInPlace(key, nonce, data) },
  { name: "aez-encrypt-51216-wasm", run: () => wasm.encryptInPlace(key, nonce, data) },
  { name: "aez-decrypt-51216-wasm", run: () => wasm.decryptInPlace(key, nonce, data) },
];

/** The time of one call in ms, over a round. */
const timeOf = ({ run }: Candidate): number => {
  const start = performance.now();
  let [calls, elapsed] = [0, 0];
  while (elapsed < roundMs) {
    run();
    calls++;
    elapsed = performance.now() - start;
  }
  return elapsed / calls;
};

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

const measure = (all: ReadonlyArray<Candidate>): ReadonlyMap<string, number> => {
  // The engine compiles what it sees often; the first rounds are for that.
  for (const candidate of [...all, ...all, ...all]) timeOf(candidate);
  const times = all.map(() => [] as number[]);
  for (let round = 0; round < rounds; round++) all.forEach((candidate, at) => times[at]!.push(timeOf(candidate)));
  return new Map(all.map(({ name }, at) => [name, median(times[at]!)]));
};

const versions: Readonly<Record<string, string | undefined>> = process.versions;
const runtime = versions["deno"] === undefined ? `node ${versions["node"]}` : `deno ${versions["deno"]}`;

const main = (json: boolean): void => {
  checkAez();
  const times = measure(candidates());
  if (!json) console.log(`${runtime}, medians of ${rounds} rounds`);
  for (const [name, ms] of times) {
    const opsPerSecond = Math.round(1000 / ms);
    const inX25519 = Number((ms / times.get(unit)!).toFixed(2));
    const line = `${name.padEnd(24)} ${String(opsPerSecond).padStart(8)}/s ${(1000 * ms).toFixed(0).padStart(7)} us`;
    console.log(json ? JSON.stringify({ name, runtime, opsPerSecond, inX25519 }) : `${line} ${inX25519} X25519`);
  }
};

main(process.argv.includes("--json"));
