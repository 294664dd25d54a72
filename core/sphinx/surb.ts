/**
 * Single Use Reply Blocks (specs/sphinx.rst §7, §8, wire-facts §1.5): a header prepared by the one who wants an answer,
 * with the first hop and a key for the one who answers. On the wire: header | first hop 32 | key 48 | nonce 16 (D5).
 *
 * Two packets of one SURB carry the same header: the first mix drops the second as a replay, and who saw both knows
 * that they belong together. So a SURB is used once by its type. TypeScript cannot count uses, but it can hide bytes: a
 * `Surb` is opaque, its bytes stand under a symbol that only this module has, and the two functions that read them take
 * them away. What is used up is the memory itself, not the handle: its 64 bytes of key are overwritten with zeros,
 * which no living SURB has. So a second handle on the same bytes (a payload decoded twice, an earlier state) is refused
 * as `used` just as well. Like packets, SURBs move: they are the exception to values that never change.
 *
 * @module
 */
import { concat, isZero, toHex, wipe } from "../bytes.ts";
import { E, type Either } from "../fp.ts";
import type { Random } from "../random.ts";
import {
  type BuildError,
  type BuildRandom,
  type CreatedHeader,
  createHeader,
  type PathHop,
  type Sphinx,
} from "./build.ts";
import { adLength, type Geometry, nodeIdLength, payloadTagLength, sprpKeyLength, surbIdLength } from "./geometry.ts";
import { checkPayloadTag, decryptPayloadInPlace, encryptPayloadInPlace } from "./payload_cipher.ts";

const content: unique symbol = Symbol("surb");

/** A reply block that has perhaps been used; nothing outside this module reads its bytes. */
export interface Surb {
  readonly [content]: Uint8Array;
}

/** `used`: the bytes of the SURB have been taken before. */
export type SurbError = "used";

export interface NewSurb {
  readonly surb: Surb;
  /**
   * The decryption token, 64 (hops + 1) bytes: the hops' payload keys from the last to the first, then the SURB's own
   * (D6).
   */
  readonly keys: Uint8Array;
}

export interface SurbPacket {
  readonly packet: Uint8Array;
  /** Identity key of the only node to send it to, 32 bytes. */
  readonly firstHop: Uint8Array;
}

const keyOf = (bytes: Uint8Array): Uint8Array => bytes.subarray(bytes.length - sprpKeyLength);

/**
 * An id, 16 bytes, that no outstanding SURB has (those are by id in hex): a second one would take the first one's
 * place, whose reply would then be opened with the wrong keys.
 */
export const freshSurbId = (random: Random, outstanding: { readonly has: (id: string) => boolean }): Uint8Array => {
  for (;;) {
    const id = random.bytes(surbIdLength);
    if (!outstanding.has(toHex(id))) return id;
  }
};

/** Sphinx_Create_SURB (§7.1). The last hop's commands should hold the SurbReply by which the keys are found again. */
export const newSurb = (
  sphinx: Sphinx,
  random: BuildRandom,
  path: ReadonlyArray<PathHop>,
): Either<BuildError, NewSurb> => {
  const payloadKey = random.r.bytes(sprpKeyLength);
  const created = createHeader(sphinx, random, path);
  const result = E.isLeft(created) ? created : E.right(assembleSurb(created.right, path[0]!.id, payloadKey));
  wipe(payloadKey);
  return result;
};

const assembleSurb = (
  { header, payloadKeys }: CreatedHeader,
  firstHop: Uint8Array,
  payloadKey: Uint8Array,
): NewSurb => {
  const keys = concat(...[...payloadKeys].reverse(), payloadKey);
  const surb = { [content]: concat(header, firstHop, payloadKey) };
  wipe(...payloadKeys);
  return { surb, keys };
};

/**
 * A SURB that was received: takes over the bytes, which may be a view of a payload. Null where they cannot be one:
 * another length than the geometry's, additional data other than zero, or a key that has been used up.
 */
export const surbFromBytes = ({ surbLength }: Geometry, bytes: Uint8Array): Surb | null => {
  if (bytes.length !== surbLength || !isZero(bytes.subarray(0, adLength)) || isZero(keyOf(bytes))) return null;
  return { [content]: bytes };
};

/** The bytes of a SURB, for the payload that brings it to the one who shall answer. Uses the SURB up. */
export const takeSurbBytes = (surb: Surb): Either<SurbError, Uint8Array> => {
  const bytes = surb[content];
  if (isZero(keyOf(bytes))) return E.left("used");
  const taken = bytes.slice();
  wipe(bytes);
  return E.right(taken);
};

/**
 * The reply packet of a SURB (§8): its header, and the payload encrypted once under its key. In the network the payload
 * has the geometry's `forwardPayloadLength`. Uses the SURB up.
 */
export const packetFromSurb = (
  { suite, geometry }: Sphinx,
  surb: Surb,
  payload: Uint8Array,
): Either<SurbError, SurbPacket> => {
  const taken = takeSurbBytes(surb);
  if (E.isLeft(taken)) return taken;
  const bytes = taken.right;
  const { headerLength } = geometry;
  const packet = concat(bytes.subarray(0, headerLength), new Uint8Array(payloadTagLength), payload);
  encryptPayloadInPlace(suite, keyOf(bytes), packet.subarray(headerLength));
  const firstHop = bytes.slice(headerLength, headerLength + nodeIdLength);
  wipe(bytes);
  return E.right({ packet, firstHop });
};

/**
 * The plaintext of a reply (§7.2), decrypted in place: a view behind the checked tag, or null. `payload` is tag and
 * ciphertext as the last hop handed them over (51216 bytes), `keys` the decryption token, which is left as it is: it is
 * of no further use and belongs among the secrets that the caller's step consumed.
 */
export const openSurbReply = ({ suite }: Sphinx, keys: Uint8Array, payload: Uint8Array): Uint8Array | null => {
  if (keys.length < sprpKeyLength || keys.length % sprpKeyLength !== 0 || payload.length < payloadTagLength) {
    return null;
  }
  const last = keys.length - sprpKeyLength;
  // Each hop has decrypted once what was never encrypted under its key.
  for (let at = 0; at < last; at += sprpKeyLength) {
    encryptPayloadInPlace(suite, keys.subarray(at, at + sprpKeyLength), payload);
  }
  decryptPayloadInPlace(suite, keys.subarray(last), payload);
  return checkPayloadTag(payload);
};
