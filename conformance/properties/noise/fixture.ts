/** Handshakes for the properties of Noise, under the real suites and the toy one. */
import assert from "node:assert/strict";
import { nativeSuite } from "../../../adapters/crypto_native.ts";
import { nobleSuite } from "../../../core/crypto/noble.ts";
import type { Suite } from "../../../core/crypto/suite.ts";
import { E, type Either } from "../../../core/fp.ts";
import {
  type HandshakeState,
  readMessage,
  type Role,
  startHandshake,
  type Transport,
  type Turn,
  writeMessage,
} from "../../../core/noise/handshake.ts";
import { type Pattern, patternK, patternX, patternXXhfs } from "../../../core/noise/pattern.ts";
import { createNoiseSuite, type NoiseSuite, type NoiseSuiteName } from "../../../core/noise/symmetric.ts";
import { type Random, stream } from "../../../core/random.ts";
import { toySuite } from "../../sim/toy_suite.ts";

export { lowOrderPoints } from "../sphinx/fixture.ts";
export { nativeSuite, nobleSuite, toySuite };

export const patterns: ReadonlyArray<readonly [Pattern, NoiseSuiteName]> = [
  [patternX, "25519_ChaChaPoly_SHA256"],
  [patternX, "25519_ChaChaPoly_BLAKE2b"],
  [patternK, "25519_ChaChaPoly_BLAKE2b"],
  [patternXXhfs, "25519+NewHopeSimple_ChaChaPoly_BLAKE2b"],
];

export const linkSuite = (suite: Suite): NoiseSuite =>
  createNoiseSuite(suite, "25519+NewHopeSimple_ChaChaPoly_BLAKE2b");

export const randomOf = (seed: number): Random => stream(Uint8Array.from({ length: 32 }, (_, i) => seed * 7 + i));

export const rightOf = <A>(either: Either<unknown, A>): A => {
  if (E.isLeft(either)) assert.fail(`left: ${String(either.left)}`);
  return either.right;
};

export const leftOf = <L>(either: Either<L, unknown>): L => {
  if (E.isRight(either)) assert.fail("right, should be refused");
  return either.left;
};

export const stateOf = ({ next }: Turn): HandshakeState => {
  assert.equal(next.type, "handshake");
  return (next as { readonly state: HandshakeState }).state;
};

export const transportOf = ({ next }: Turn): Transport => {
  assert.equal(next.type, "transport");
  return (next as { readonly transport: Transport }).transport;
};

export const statics = { initiator: new Uint8Array(32).fill(0x11), responder: new Uint8Array(32).fill(0x22) };

/** Both sides before the first message, each under its own suite. */
export const startBoth = (pattern: Pattern, noises: readonly [NoiseSuite, NoiseSuite], prologue = Uint8Array.of(0)) => {
  const start = (role: Role, noise: NoiseSuite): HandshakeState => {
    const peer = role === "initiator" ? "responder" : "initiator";
    const remoteStatic = pattern.knownStatics[peer] ? noise.suite.x25519Public(statics[peer]) : null;
    return startHandshake(noise, { pattern, role, prologue, staticPrivate: statics[role], remoteStatic });
  };
  return [start("initiator", noises[0]), start("responder", noises[1])] as const;
};

export interface Exchange {
  readonly message: Uint8Array;
  readonly payload: Uint8Array;
  readonly written: Turn;
  readonly read: Turn;
  readonly writerBefore: HandshakeState;
  readonly readerBefore: HandshakeState;
}

/** Plays a handshake to its end. Message n carries a payload of `payloadLength` bytes n. */
export const play = (pattern: Pattern, noises: readonly [NoiseSuite, NoiseSuite], payloadLength = 20): Exchange[] => {
  const states: HandshakeState[] = [...startBoth(pattern, noises)];
  return pattern.messages.map((_, index) => {
    const [writer, reader] = [index % 2, 1 - index % 2] as const;
    const payload = new Uint8Array(payloadLength).fill(index);
    const [writerBefore, readerBefore] = [states[writer]!, states[reader]!];
    const written = rightOf(writeMessage(noises[writer]!, writerBefore, randomOf(index + 1), payload));
    const read = rightOf(readMessage(noises[reader]!, readerBefore, written.bytes.slice()));
    if (written.next.type === "handshake") states[writer] = stateOf(written);
    if (read.next.type === "handshake") states[reader] = stateOf(read);
    return { message: written.bytes, payload, written, read, writerBefore, readerBefore };
  });
};

/** The byte strings within a value, by reference. */
export const buffersIn = (value: unknown, found = new Set<Uint8Array>()): Set<Uint8Array> => {
  if (value instanceof Uint8Array) found.add(value);
  else if (typeof value === "object" && value !== null) {
    for (const part of Object.values(value)) buffersIn(part, found);
  }
  return found;
};

/** Freezes plain objects and lists all the way down; byte strings cannot be frozen. */
export const deepFreeze = <A>(value: A): A => {
  const prototype = typeof value === "object" && value !== null ? Object.getPrototypeOf(value) : null;
  if (prototype === Object.prototype || Array.isArray(value)) {
    Object.freeze(value);
    for (const part of Object.values(value as object)) deepFreeze(part);
  }
  return value;
};
