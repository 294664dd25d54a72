/** Plaintexts of forward packets and replies. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, equal, isZero } from "../../../core/bytes.ts";
import { E } from "../../../core/fp.ts";
import { katzenpostGeometry } from "../../../core/sphinx/geometry.ts";
import {
  decodeForwardPayload,
  decodeReply,
  encodeAck,
  encodeForwardPayload,
  encodeServiceReply,
  serviceReplyLengthMax,
} from "../../../core/sphinx/payload.ts";
import { newSurb, takeSurbBytes } from "../../../core/sphinx/surb.ts";
import { buildRandom, leftOf, pathOf, randomOf, rightOf, smallGeometry, toy } from "./fixture.ts";

const { forwardPayloadLength, surbLength, userPayloadLength } = smallGeometry;

const surbOf = (seed: number) => {
  const random = randomOf(seed);
  return rightOf(newSurb(toy, buildRandom(random), pathOf(toy.suite, random, 4, "surb"))).surb;
};

test("[SPHINX-5.2-01][E2E-4-08] flags, reserved, zeros for a SURB, the user payload with zeros behind it", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: userPayloadLength }), (data) => {
    const payload = rightOf(encodeForwardPayload(smallGeometry, null, data));
    const padding = new Uint8Array(userPayloadLength - data.length);
    assert.equal(equal(payload, concat(new Uint8Array(2 + surbLength), data, padding)), true);
    const decoded = rightOf(decodeForwardPayload(smallGeometry, payload));
    assert.equal(decoded.surb, null);
    assert.equal(equal(decoded.userPayload, concat(data, padding)), true);
  }));
});

test("[E2E-4-08][E2E-4.1-03] with flags 1 the SURB comes through whole", () => {
  const bytes = rightOf(takeSurbBytes(surbOf(1)));
  const payload = rightOf(encodeForwardPayload(smallGeometry, surbOf(1), Uint8Array.of(5)));
  assert.equal(equal(payload.subarray(0, 2 + surbLength), concat(Uint8Array.of(1, 0), bytes)), true);
  const decoded = rightOf(decodeForwardPayload(smallGeometry, payload));
  assert.deepEqual(rightOf(takeSurbBytes(decoded.surb!)), bytes);
  assert.equal(decoded.userPayload[0], 5);
  assert.equal(decoded.userPayload.buffer, payload.buffer);
});

test("[E2E-4.1-03] other flags, a reserved byte and other lengths are refused, padding is not looked at", () => {
  const payload = rightOf(encodeForwardPayload(smallGeometry, null, Uint8Array.of(5)));
  const changed = (at: number, value: number): Uint8Array => payload.slice().fill(value, at, at + 1);
  for (let flags = 2; flags < 256; flags++) {
    assert.equal(leftOf(decodeForwardPayload(smallGeometry, changed(0, flags))), "flags");
  }
  for (let reserved = 1; reserved < 256; reserved++) {
    assert.equal(leftOf(decodeForwardPayload(smallGeometry, changed(1, reserved))), "reserved");
  }
  for (const length of [0, 1, 2, 558, forwardPayloadLength - 1, forwardPayloadLength + 1]) {
    assert.equal(leftOf(decodeForwardPayload(smallGeometry, new Uint8Array(length))), "length");
  }
  assert.equal(E.isRight(decodeForwardPayload(smallGeometry, changed(77, 1))), true);
});

test("[E2E-4.1-04] flags that promise a SURB where there are zeros, or garbage, are refused", () => {
  const zeros = new Uint8Array(forwardPayloadLength).fill(1, 0, 1);
  assert.equal(leftOf(decodeForwardPayload(smallGeometry, zeros)), "surb");
  const garbage = new Uint8Array(forwardPayloadLength).fill(0xff, 2).fill(1, 0, 1);
  assert.equal(leftOf(decodeForwardPayload(smallGeometry, garbage)), "surb");
});

test("a user payload that is too long is refused", () => {
  assert.equal(leftOf(encodeForwardPayload(smallGeometry, null, new Uint8Array(userPayloadLength + 1))), "length");
});

test("[E2E-4.1-05] an acknowledgement is zeros, of full length", () => {
  const ack = encodeAck(katzenpostGeometry);
  assert.equal(ack.length, 51200);
  assert.equal(isZero(ack), true);
  assert.deepEqual(rightOf(decodeReply(katzenpostGeometry, ack)), { type: "Ack" });
});

test("a service's reply is 01 00, the data and zeros", () => {
  assert.equal(serviceReplyLengthMax(katzenpostGeometry), 51198);
  fc.assert(fc.property(fc.uint8Array({ maxLength: serviceReplyLengthMax(smallGeometry) }), (data) => {
    const payload = rightOf(encodeServiceReply(smallGeometry, data));
    const rest = new Uint8Array(forwardPayloadLength - 2 - data.length);
    assert.equal(equal(payload, concat(Uint8Array.of(1, 0), data, rest)), true);
    const reply = rightOf(decodeReply(smallGeometry, payload));
    assert.ok(reply.type === "ServiceReply" && equal(reply.data, concat(data, rest)), "the expected kind");
  }));
  assert.equal(leftOf(encodeServiceReply(smallGeometry, new Uint8Array(forwardPayloadLength - 1))), "length");
});

test("replies of other kinds are refused, by reason", () => {
  const reply = (...start: ReadonlyArray<number>): Uint8Array => {
    const payload = new Uint8Array(forwardPayloadLength);
    payload.set(start);
    return payload;
  };
  for (let type = 2; type < 256; type++) assert.equal(leftOf(decodeReply(smallGeometry, reply(type))), "type");
  assert.equal(leftOf(decodeReply(smallGeometry, reply(1, 1))), "reserved");
  assert.equal(leftOf(decodeReply(smallGeometry, reply(0, 1))), "reserved");
  assert.equal(leftOf(decodeReply(smallGeometry, reply(0, 0, 1))), "padding");
  assert.equal(leftOf(decodeReply(smallGeometry, new Uint8Array(forwardPayloadLength - 1))), "length");
});
