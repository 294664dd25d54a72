/**
 * Packets for a mix under load: each has a header of its own, made beforehand; the payload is the same bytes in all of
 * them, since a mix that is not the last hop cannot know a payload and decrypts any.
 *
 * A packet is known again behind the mix by its group element. Whether its bytes are the right ones is told by
 * unwrapping it as the next hop does, whose MAC covers the header, and by what the mix's key makes of the payload.
 *
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { nativeSuite as suite } from "../../adapters/crypto_native.ts";
import { concat, equal, toHex } from "../../core/bytes.ts";
import type { Random } from "../../core/random.ts";
import { createHeader } from "../../core/sphinx/build.ts";
import { adLength, groupElementLength, katzenpostGeometry as geometry } from "../../core/sphinx/geometry.ts";
import { packetKeys } from "../../core/sphinx/kdf.ts";
import { decryptPayloadInPlace } from "../../core/sphinx/payload_cipher.ts";
import { unwrapHeader } from "../../core/sphinx/unwrap.ts";
import { rightOf } from "../properties/sphinx/fixture.ts";

export interface Prepared {
  readonly header: Uint8Array;
  /** With which the mix decrypts the payload, 64 bytes. */
  readonly payloadKey: Uint8Array;
  /** The group element of the packet that the mix sends on, in hex. */
  readonly name: string;
}

const sphinx = { suite, geometry };
const payload = new Uint8Array(randomBytes(geometry.packetLength - geometry.headerLength));
const random: Random = { bytes: (length) => new Uint8Array(randomBytes(length)) };

const groupElementOf = (packet: Uint8Array): Uint8Array => packet.subarray(adLength, adLength + groupElementLength);

export const nameOf = (packet: Uint8Array): string => toHex(groupElementOf(packet));

export interface Route {
  readonly mix: { readonly id: Uint8Array; readonly publicKey: Uint8Array };
  readonly next: { readonly id: Uint8Array; readonly privateKey: Uint8Array };
}

/** A packet that the mix is to hold for so many ms and to send on to the next hop. */
export const prepare = ({ mix, next }: Route, delayMs: number): Prepared => {
  const ephemeral = random.bytes(groupElementLength);
  const keys = packetKeys(suite, suite.x25519(ephemeral, mix.publicKey)!);
  const reads = [ephemeral.slice()];
  const r: Random = { bytes: (length) => reads.pop() ?? random.bytes(length) };
  const path = [
    { ...mix, commands: [{ type: "NodeDelay", delayMs }] as const },
    { id: next.id, publicKey: nextPublic(next.privateKey), commands: [] },
  ];
  const { header, payloadKeys } = rightOf(createHeader(sphinx, { r, filler: random }, path));
  const name = toHex(suite.x25519(keys.blindingFactor, groupElementOf(header))!);
  suite.forget(ephemeral);
  suite.forget(keys.blindingFactor);
  return { header, payloadKey: payloadKeys[0]!, name };
};

const publicKeys = new Map<Uint8Array, Uint8Array>();
const nextPublic = (privateKey: Uint8Array): Uint8Array => {
  const known = publicKeys.get(privateKey) ?? suite.x25519Public(privateKey);
  publicKeys.set(privateKey, known);
  return known;
};

export const packetOf = ({ header }: Prepared): Uint8Array => concat(header, payload);

/** Throws unless a packet from the mix is what it has to make of a prepared one. */
export const checkForwarded = ({ payloadKey }: Prepared, { next }: Route, packet: Uint8Array): void => {
  const expected = payload.slice();
  decryptPayloadInPlace(suite, payloadKey, expected);
  assert.equal(packet.length, geometry.packetLength);
  assert.equal(equal(packet.subarray(geometry.headerLength), expected), true, "the payload is not the mix's");
  rightOf(unwrapHeader(sphinx, next.privateKey, packet));
};
