/**
 * Times synchronous work as a ratio to a unit, which is one X25519 by node:crypto on prepared key objects: on shared
 * machines absolute figures vary by half within a minute, ratios of interleaved rounds do not. The candidates take
 * turns; a round is shorter than what a scheduler gives, so that the median one is rarely interrupted.
 *
 * @module
 */
import assert from "node:assert/strict";
import { diffieHellman, generateKeyPairSync } from "node:crypto";
import process from "node:process";
import { equal } from "../../core/bytes.ts";

export interface Candidate {
  readonly name: string;
  /** One operation; throws where its result is wrong. Called once before anything is measured. */
  readonly check: () => void;
  readonly run: () => void;
}

export interface Result {
  readonly name: string;
  readonly runtime: string;
  readonly opsPerSecond: number;
  /** Time of one operation in units. */
  readonly inX25519: number;
}

const rounds = 101;
const roundMs = 4;

const versions: Readonly<Record<string, string | undefined>> = process.versions;
export const runtime: string = versions["deno"] === undefined ? `node ${versions["node"]}` : `deno ${versions["deno"]}`;

/** The unit. */
export const x25519Unit = (): Candidate => {
  const [ours, theirs] = [generateKeyPairSync("x25519"), generateKeyPairSync("x25519")];
  const run = () => diffieHellman({ privateKey: ours.privateKey, publicKey: theirs.publicKey });
  return {
    name: "x25519-prepared-keys",
    check: () => {
      const there = diffieHellman({ privateKey: theirs.privateKey, publicKey: ours.publicKey });
      assert.equal(equal(run(), there), true);
    },
    run,
  };
};

/** The time of one call in ms, over a round. */
export const timeOf = ({ run }: Candidate): number => {
  const start = performance.now();
  let [calls, elapsed] = [0, 0];
  while (elapsed < roundMs) {
    run();
    calls++;
    elapsed = performance.now() - start;
  }
  return elapsed / calls;
};

export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5);

/** The smallest value that at least the share `q` of the values does not exceed. */
export const quantile = (values: ReadonlyArray<number>, q: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))]!;

/** Checks all, then measures them in turns; the unit comes first. */
export const measure = (candidates: ReadonlyArray<Candidate>): ReadonlyArray<Result> => {
  const all = [x25519Unit(), ...candidates];
  for (const { check } of all) check();
  // The engine compiles what it sees often; the first rounds are for that.
  for (const candidate of [...all, ...all, ...all]) timeOf(candidate);
  const times = all.map(() => [] as number[]);
  for (let round = 0; round < rounds; round++) all.forEach((candidate, at) => times[at]!.push(timeOf(candidate)));
  const unitMs = median(times[0]!);
  return all.map(({ name }, at) => resultOf(name, median(times[at]!), unitMs));
};

/** From the times in ms of one operation and of one unit. */
export const resultOf = (name: string, ms: number, unitMs: number): Result => ({
  name,
  runtime,
  opsPerSecond: Math.round(1000 / ms),
  inX25519: Number((ms / unitMs).toFixed(2)),
});

/** A line of the table, or of JSON. */
export const show = (result: Result, json: boolean): string => {
  if (json) return JSON.stringify(result);
  const us = 1e6 / result.opsPerSecond;
  const time = us < 10_000 ? `${us.toFixed(0)} us` : `${(us / 1000).toFixed(1)} ms`;
  const rate = String(result.opsPerSecond).padStart(9);
  return `${result.name.padEnd(32)} ${rate}/s ${time.padStart(9)} ${String(result.inX25519).padStart(8)} X25519`;
};
