/** Nodes, paths and randomness for the properties of Sphinx, under the real suite and the toy one. */
import assert from "node:assert/strict";
import { nobleSuite } from "../../../core/crypto/noble.ts";
import type { Suite } from "../../../core/crypto/suite.ts";
import { E, type Either } from "../../../core/fp.ts";
import { type Random, stream } from "../../../core/random.ts";
import type { BuildRandom, PathHop, Sphinx } from "../../../core/sphinx/build.ts";
import type { RoutingCommand } from "../../../core/sphinx/commands.ts";
import { createGeometry } from "../../../core/sphinx/geometry.ts";
import { toySuite } from "../../sim/toy_suite.ts";

/** 5 hops and payloads that are quick to encrypt: user payloads of 42 bytes. */
export const smallGeometry = createGeometry(5, 600);

export const real: Sphinx = { suite: nobleSuite, geometry: smallGeometry };
export const toy: Sphinx = { suite: toySuite, geometry: smallGeometry };

/** How often a property runs, in fast-check's words. */
export interface Runs {
  readonly numRuns: number;
  readonly endOnFailure?: boolean;
}

/** The suites that every property runs under, with how often. Shrinking with the real one would take minutes. */
export const both: ReadonlyArray<{ readonly sphinx: Sphinx; readonly runs: Runs }> = [
  { sphinx: toy, runs: { numRuns: 40 } },
  { sphinx: real, runs: { numRuns: 2, endOnFailure: true } },
];

export const randomOf = (seed: number): Random => {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setUint32(0, seed);
  return stream(key);
};

export const buildRandom = (random: Random): BuildRandom => ({ r: random, filler: random });

export interface Hop extends PathHop {
  readonly privateKey: Uint8Array;
}

export type End = "recipient" | "surb";

const commandsAt = (random: Random, isLast: boolean, end: End): ReadonlyArray<RoutingCommand> => {
  if (!isLast) return [{ type: "NodeDelay", delayMs: random.bytes(1)[0]! }];
  const recipient: RoutingCommand = { type: "Recipient", id: random.bytes(64) };
  return end === "recipient" ? [recipient] : [recipient, { type: "SurbReply", id: random.bytes(16) }];
};

/** A path of fresh nodes that ends as the packets of the network do. */
export const pathOf = (suite: Suite, random: Random, hops: number, end: End = "recipient"): ReadonlyArray<Hop> =>
  Array.from({ length: hops }, (_, i) => {
    const privateKey = random.bytes(32);
    const commands = commandsAt(random, i === hops - 1, end);
    return { id: random.bytes(32), privateKey, publicKey: suite.x25519Public(privateKey), commands };
  });

export const rightOf = <A>(either: Either<unknown, A>): A => {
  if (E.isLeft(either)) assert.fail(`left: ${String(either.left)}`);
  return either.right;
};

export const leftOf = <L>(either: Either<L, unknown>): L => {
  if (E.isRight(either)) assert.fail("right, should be refused");
  return either.left;
};

/** A copy with one bit changed. */
export const flipped = (bytes: Uint8Array, bit: number): Uint8Array => {
  const copy = bytes.slice();
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
};

/**
 * u-coordinates whose multiples by clamped scalars are zero, in every encoding: 0, 1, order 8, -1 and their additions
 * of p.
 */
export const lowOrderPoints: ReadonlyArray<string> = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "0100000000000000000000000000000000000000000000000000000000000080",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];
