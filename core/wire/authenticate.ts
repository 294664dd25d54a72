/**
 * The handshake of a link (specs/wire-protocol.rst §2.1, wire-facts §2.1, §2.3): its Noise parameters, the lengths of
 * its three messages, and the AuthenticateMessage in the second and third.
 *
 * @module
 */
import { concat, uint32, viewOf } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { invariant, type Wall } from "../machine.ts";
import { messageLength } from "../noise/handshake.ts";
import { patternXXhfs } from "../noise/pattern.ts";
import { createNoiseSuite, type NoiseSuite } from "../noise/symmetric.ts";

/** The protocol's version, sent before the first message and mixed into the handshake. */
export const prologue: Uint8Array = Uint8Array.of(0);

export const additionalDataLengthMax = 255;

/** Length byte, additional data padded with zeros, Unix time. */
export const authenticateLength = 1 + additionalDataLengthMax + 4;

export const linkNoise = (suite: Suite): NoiseSuite =>
  createNoiseSuite(suite, "25519+NewHopeSimple_ChaChaPoly_BLAKE2b");

/** Lengths in bytes of the handshake's messages, without the prologue: 1856, 2532 and 324 with NewHope-Simple. */
export const handshakeLengths = (noise: NoiseSuite): readonly [number, number, number] => [
  messageLength(noise, patternXXhfs, 0, 0),
  messageLength(noise, patternXXhfs, 1, authenticateLength),
  messageLength(noise, patternXXhfs, 2, authenticateLength),
];

export interface Authenticate {
  /** At most 255 bytes. */
  readonly additionalData: Uint8Array;
  /** Seconds since 1970; 0 from an initiator. */
  readonly unixTime: number;
}

export const encodeAuthenticate = ({ additionalData, unixTime }: Authenticate): Uint8Array => {
  invariant(additionalData.length <= additionalDataLengthMax, "additional data has at most 255 bytes");
  const padding = new Uint8Array(additionalDataLengthMax - additionalData.length);
  return concat(Uint8Array.of(additionalData.length), additionalData, padding, uint32(unixTime));
};

/** Any 260 bytes decode; the padding is not checked, as in Go. */
export const decodeAuthenticate = (bytes: Uint8Array): Authenticate => {
  invariant(bytes.length === authenticateLength, "the length of the handshake message was checked");
  return {
    additionalData: bytes.slice(1, 1 + bytes[0]!),
    unixTime: viewOf(bytes).getUint32(1 + additionalDataLengthMax),
  };
};

/** The time that a responder sends: whole seconds, without the noise that the document allows. */
export const unixTimeOf = (at: Wall): number => Math.floor(at / 1000);
