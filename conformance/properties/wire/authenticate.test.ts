/** AuthenticateMessage and the lengths of a link's handshake. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isZero } from "../../../core/bytes.ts";
import { InvariantError, wall } from "../../../core/machine.ts";
import {
  decodeAuthenticate,
  encodeAuthenticate,
  handshakeLengths,
  linkNoise,
  unixTimeOf,
} from "../../../core/wire/authenticate.ts";
import { nobleSuite } from "../noise/fixture.ts";

test("[WIRE-2.1.1-01] [WIRE-2.1.1-04] length, data, zeros up to 255 bytes, time: 260 bytes for every length of the data", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 255 }), fc.nat(0xffffffff), (additionalData, unixTime) => {
    const bytes = encodeAuthenticate({ additionalData, unixTime });
    assert.equal(bytes.length, 260);
    assert.equal(bytes[0], additionalData.length);
    assert.equal(isZero(bytes.subarray(1 + additionalData.length, 256)), true);
    assert.deepEqual(decodeAuthenticate(bytes), { additionalData, unixTime });
  }));
});

test("the padding of a received one is not looked at, as in Go", () => {
  const bytes = encodeAuthenticate({ additionalData: Uint8Array.of(1), unixTime: 7 });
  bytes[200] = 1;
  assert.deepEqual(decodeAuthenticate(bytes), { additionalData: Uint8Array.of(1), unixTime: 7 });
});

test("more than 255 bytes of data are a bug of ours", () => {
  assert.throws(() => encodeAuthenticate({ additionalData: new Uint8Array(256), unixTime: 0 }), InvariantError);
});

test("the handshake's messages have the sizes of the network", () => {
  assert.deepEqual(handshakeLengths(linkNoise(nobleSuite)), [1856, 2532, 324]);
});

test("the time is whole seconds, rounded down", () => assert.equal(unixTimeOf(wall(1_999)), 1));
