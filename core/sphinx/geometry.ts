/**
 * The geometry of Sphinx packets: every length follows from the number of hops and the payload's length
 * (specs/sphinx.rst §3.2, wire-facts §0).
 *
 * @module
 */
import { invariant } from "../machine.ts";

export interface Geometry {
  readonly hops: number;
  /** 460 for 5 hops: AD 2, group element 32, routing info, MAC 16. */
  readonly headerLength: number;
  /** 410 for 5 hops. */
  readonly routingInfoLength: number;
  /** 51200: plaintext header 2, SURB, user payload. */
  readonly forwardPayloadLength: number;
  /** 51676: header, payload tag 16, forward payload. */
  readonly packetLength: number;
  /** 556 for 5 hops: header, first hop 32, key 48, IV 16. */
  readonly surbLength: number;
  /** 50642: what an application may use of a forward packet. */
  readonly userPayloadLength: number;
}

export const adLength = 2;
export const groupElementLength = 32;
export const nodeIdLength = 32;
export const recipientLength = 64;
export const surbIdLength = 16;
export const macLength = 16;
export const payloadTagLength = 16;
/** Key 48 and nonce 16 of the payload SPRP. */
export const sprpKeyLength = 48 + 16;
/** Recipient command 65 and SURB reply command 17. */
export const perHopRoutingInfoLength = 82;
/** Flags and a reserved byte at the start of a forward payload (specs/end_to_end.rst §4). */
export const plaintextHeaderLength = 2;

/** The geometry for 1 to 16 hops and a forward payload (bytes) that holds at least a SURB. */
export const createGeometry = (hops: number, forwardPayloadLength: number): Geometry => {
  invariant(Number.isInteger(hops) && hops >= 1 && hops <= 16, "1 to 16 hops");
  const routingInfoLength = hops * perHopRoutingInfoLength;
  const headerLength = adLength + groupElementLength + routingInfoLength + macLength;
  const surbLength = headerLength + nodeIdLength + sprpKeyLength;
  const userPayloadLength = forwardPayloadLength - plaintextHeaderLength - surbLength;
  invariant(userPayloadLength > 0, "a forward payload holds a SURB and more");
  return {
    hops,
    headerLength,
    routingInfoLength,
    forwardPayloadLength,
    packetLength: headerLength + payloadTagLength + forwardPayloadLength,
    surbLength,
    userPayloadLength,
  };
};

/** The network's own: 5 hops and 50 KiB. */
export const katzenpostGeometry: Geometry = createGeometry(5, 50 * 1024);
