/** Benchmarks of the suites' primitives at the lengths that the network uses. */
import assert from "node:assert/strict";
import { createWasmAez } from "../../adapters/aez_wasm.ts";
import { nativeSuite } from "../../adapters/crypto_native.ts";
import { equal } from "../../core/bytes.ts";
import * as twin from "../../core/crypto/aez.ts";
import { nobleSuite } from "../../core/crypto/noble.ts";
import type { Suite } from "../../core/crypto/suite.ts";
import { katzenpostGeometry } from "../../core/sphinx/geometry.ts";
import { append, emptyByteQueue } from "../../core/wire/byte_queue.ts";
import { openNext, sealFrame } from "../../core/wire/framing.ts";
import { rightOf } from "../properties/sphinx/fixture.ts";
import type { Candidate } from "./measure.ts";

const payloadLength = katzenpostGeometry.forwardPayloadLength + 16;

const sequence = (length: number, step: number): Uint8Array => Uint8Array.from({ length }, (_, at) => at * step + 1);

const [key, nonce, message] = [sequence(48, 7), sequence(16, 11), sequence(payloadLength, 13)];

type InPlace = (key: Uint8Array, nonce: Uint8Array, data: Uint8Array) => void;

const aez = (name: string, encrypt: InPlace, decrypt: InPlace): ReadonlyArray<Candidate> => {
  const data = message.slice();
  const check = (): void => {
    const [copy, expected] = [message.slice(), message.slice()];
    encrypt(key, nonce, copy);
    twin.aezEncryptInPlace(key, nonce, expected);
    assert.equal(equal(copy, expected) && !equal(copy, message), true);
    decrypt(key, nonce, copy);
    assert.equal(equal(copy, message), true);
  };
  return [
    { name: `aez-encrypt-${payloadLength}-${name}`, check, run: () => encrypt(key, nonce, data) },
    { name: `aez-decrypt-${payloadLength}-${name}`, check, run: () => decrypt(key, nonce, data) },
  ];
};

/** Raw bytes in, raw bytes out, no key kept. */
const x25519 = (suite: Suite): Candidate => {
  const [ours, theirs] = [sequence(32, 3), sequence(32, 5)];
  const [here, there] = [suite.x25519Public(ours), suite.x25519Public(theirs)];
  const run = () => {
    const shared = suite.x25519(ours, there);
    suite.forget(ours);
    return shared;
  };
  return { name: `x25519-raw-${suite.name}`, check: () => assert.deepEqual(run(), suite.x25519(theirs, here)), run };
};

/** A packet's command sealed into a frame and opened again, with the rekey at both ends. */
const frame = (suite: Suite): Candidate => {
  const command = sequence(katzenpostGeometry.packetLength + 6, 17);
  const cipher = { key: sequence(32, 19), nonce: 0 };
  const run = (): Uint8Array | null => {
    const { pieces } = rightOf(sealFrame(suite, cipher, [command]));
    const queue = pieces.reduce(append, emptyByteQueue);
    const header = rightOf(openNext(suite, { cipher, bodyLength: null }, queue, command.length))!;
    return rightOf(openNext(suite, header.receiver, header.rest, command.length))!.command;
  };
  return { name: `frame-seal-and-open-${suite.name}`, check: () => assert.deepEqual(run(), command), run };
};

export const primitives = (): ReadonlyArray<Candidate> => {
  const wasm = createWasmAez();
  return [
    x25519(nativeSuite),
    x25519(nobleSuite),
    ...aez("wasm", wasm.encryptInPlace, wasm.decryptInPlace),
    ...aez("twin", twin.aezEncryptInPlace, twin.aezDecryptInPlace),
    frame(nativeSuite),
  ];
};
