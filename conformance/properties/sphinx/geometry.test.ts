/** Lengths that follow from hops and payload. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createGeometry, katzenpostGeometry, payloadTagLength } from "../../../core/sphinx/geometry.ts";

test("[SPHINX-3.1-01] the payload tag has 16 bytes", () => assert.equal(payloadTagLength, 16));

test("[SPHINX-3.2-01][SPHINX-3.2-02] lengths of headers, packets and SURBs follow from the hops", () => {
  for (let hops = 1; hops <= 16; hops++) {
    const geometry = createGeometry(hops, 5000);
    assert.equal(geometry.routingInfoLength, 82 * hops);
    assert.equal(geometry.headerLength, 2 + 32 + 82 * hops + 16);
    assert.equal(geometry.packetLength, geometry.headerLength + 16 + 5000);
    assert.equal(geometry.surbLength, geometry.headerLength + 32 + 48 + 16);
    assert.equal(geometry.userPayloadLength, 5000 - 2 - geometry.surbLength);
  }
});

test("[MIXNET-3.2-01] the network's own geometry", () => {
  assert.deepEqual(katzenpostGeometry, {
    hops: 5,
    headerLength: 460,
    routingInfoLength: 410,
    forwardPayloadLength: 51200,
    packetLength: 51676,
    surbLength: 556,
    userPayloadLength: 50642,
  });
});

test("a geometry that holds no SURB, or of no hops, is a bug", () => {
  assert.throws(() => createGeometry(5, 558));
  assert.throws(() => createGeometry(0, 5000));
  assert.throws(() => createGeometry(17, 50_000));
});
