/**
 * What stands in a forward payload and in a reply's (specs/end_to_end.rst §4, specs/kaetzchen.rst §3.1, wire-facts
 * §1.7).
 *
 * Forward: flags | reserved 0 | a SURB, or as many bytes of padding | user payload. Reply: zeros for a SURB-ACK, or 01
 * 00 | data | zeros from a service. As in the Go code the padding in a SURB's place is not looked at.
 *
 * @module
 */
import { isZero, wipe } from "../bytes.ts";
import { E, type Either } from "../fp.ts";
import { type Geometry, plaintextHeaderLength } from "./geometry.ts";
import { type Surb, type SurbError, surbFromBytes, takeSurbBytes } from "./surb.ts";

export interface ForwardPayload {
  readonly surb: Surb | null;
  /** A view of `userPayloadLength` bytes. */
  readonly userPayload: Uint8Array;
}

export type Reply =
  | { readonly type: "Ack" }
  /** A view of the service's data with the zeros behind it: `forwardPayloadLength` - 2 bytes. */
  | { readonly type: "ServiceReply"; readonly data: Uint8Array };

/** `surb`: the flags promise one, but it cannot be one. */
export type ForwardPayloadError = "length" | "flags" | "reserved" | "surb";
/** `type`: neither an acknowledgement nor a service's; `padding`: an acknowledgement that is not all zero. */
export type ReplyError = "length" | "type" | "reserved" | "padding";

const paddingFlags = 0;
const surbFlags = 1;
const serviceReplyType = 1;
const ackType = 0;

/**
 * A forward payload of the geometry's length, the user payload filled up with zeros. Uses the SURB up. Left `length`:
 * the user payload is longer than `userPayloadLength`.
 */
export const encodeForwardPayload = (
  { forwardPayloadLength, surbLength, userPayloadLength }: Geometry,
  surb: Surb | null,
  userPayload: Uint8Array,
): Either<SurbError | "length", Uint8Array> => {
  if (userPayload.length > userPayloadLength) return E.left("length");
  const payload = new Uint8Array(forwardPayloadLength);
  payload.set(userPayload, plaintextHeaderLength + surbLength);
  if (surb === null) return E.right(payload);
  const bytes = takeSurbBytes(surb);
  if (E.isLeft(bytes)) return bytes;
  payload[0] = surbFlags;
  payload.set(bytes.right, plaintextHeaderLength);
  wipe(bytes.right);
  return E.right(payload);
};

/** Takes a forward payload apart, at the last hop of a packet without a SurbReply command. */
export const decodeForwardPayload = (
  geometry: Geometry,
  payload: Uint8Array,
): Either<ForwardPayloadError, ForwardPayload> => {
  if (payload.length !== geometry.forwardPayloadLength) return E.left("length");
  const [flags, reserved] = [payload[0], payload[1]];
  if (flags !== paddingFlags && flags !== surbFlags) return E.left("flags");
  if (reserved !== 0) return E.left("reserved");
  const surbEnd = plaintextHeaderLength + geometry.surbLength;
  const userPayload = payload.subarray(surbEnd);
  if (flags === paddingFlags) return E.right({ surb: null, userPayload });
  const surb = surbFromBytes(geometry, payload.subarray(plaintextHeaderLength, surbEnd));
  return surb === null ? E.left("surb") : E.right({ surb, userPayload });
};

/** The payload of a SURB-ACK: zeros (specs/end_to_end.rst §4.1). */
export const encodeAck = ({ forwardPayloadLength }: Geometry): Uint8Array => new Uint8Array(forwardPayloadLength);

/** The longest data of a service's reply in bytes: 51198. */
export const serviceReplyLengthMax = ({ forwardPayloadLength }: Geometry): number =>
  forwardPayloadLength - plaintextHeaderLength;

/** The payload of a service's reply; Left where the data is longer than `serviceReplyLengthMax`. */
export const encodeServiceReply = (geometry: Geometry, data: Uint8Array): Either<"length", Uint8Array> => {
  if (data.length > serviceReplyLengthMax(geometry)) return E.left("length");
  const payload = new Uint8Array(geometry.forwardPayloadLength);
  payload[0] = serviceReplyType;
  payload.set(data, plaintextHeaderLength);
  return E.right(payload);
};

/** What a reply says, once `openSurbReply` has decrypted it. */
export const decodeReply = (geometry: Geometry, payload: Uint8Array): Either<ReplyError, Reply> => {
  if (payload.length !== geometry.forwardPayloadLength) return E.left("length");
  const [type, reserved] = [payload[0], payload[1]];
  if (type !== ackType && type !== serviceReplyType) return E.left("type");
  if (reserved !== 0) return E.left("reserved");
  if (type === serviceReplyType) {
    return E.right({ type: "ServiceReply", data: payload.subarray(plaintextHeaderLength) });
  }
  return isZero(payload) ? E.right({ type: "Ack" }) : E.left("padding");
};
