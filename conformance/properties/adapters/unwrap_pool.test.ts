/** The pool of workers answers each Unwrap effect once, as the calling thread would. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nativeSuite } from "../../../adapters/crypto_native.ts";
import { createUnwrapPool } from "../../../adapters/unwrap_pool.ts";
import { inlineUnwrapper, type Unwrapper } from "../../../adapters/unwrapper.ts";
import type { Unwrap, Unwrapped } from "../../../core/effects.ts";
import { concat } from "../../../core/bytes.ts";
import { newPacket, type Sphinx } from "../../../core/sphinx/build.ts";
import { katzenpostGeometry as geometry } from "../../../core/sphinx/geometry.ts";
import { sealedPacket } from "../sealed.ts";
import { buildRandom, type End, flipped, pathOf, randomOf, rightOf } from "../sphinx/fixture.ts";

const sphinx: Sphinx = { suite: nativeSuite, geometry };

const unwrapOf = (id: number, packet: Uint8Array, keys: Unwrap["keys"]): Unwrap => ({
  type: "Unwrap",
  id,
  sealed: sealedPacket(nativeSuite, geometry, packet),
  keys,
});

const effectOf = (id: number, hops: number, end: End, change = (packet: Uint8Array) => packet): Unwrap => {
  const random = randomOf(id);
  const path = pathOf(nativeSuite, random, hops, end);
  const packet = rightOf(
    newPacket(sphinx, buildRandom(random), path, random.bytes(geometry.forwardPayloadLength)),
  );
  const other = random.bytes(32);
  return unwrapOf(id, change(packet), [{ epoch: 6, privateKey: other }, { epoch: 7, ...path[0]! }]);
};

/** The same frame with one bit changed. */
const tampered = (effect: Unwrap): Unwrap => {
  const { cipher, pieces } = effect.sealed;
  return { ...effect, sealed: { cipher, pieces: [flipped(concat(...pieces), 8 * 300)] } };
};

/** Forwarded, delivered, answered by SURB, damaged ones, and what is no packet. */
const effects = (): ReadonlyArray<Unwrap> => [
  effectOf(1, 3, "recipient"),
  effectOf(2, 1, "recipient"),
  effectOf(3, 1, "surb"),
  { ...effectOf(4, 2, "recipient"), keys: [] },
  effectOf(5, 2, "recipient", (packet) => flipped(packet, 8 * 300)),
  effectOf(6, 2, "recipient", () => new Uint8Array(100)),
  tampered(effectOf(7, 2, "recipient")),
];

const perform = (unwrapper: Unwrapper, effect: Unwrap): Promise<Unwrapped> =>
  new Promise((resolve) => unwrapper.perform(effect, resolve));

const failOnBug = (error: Error): never => assert.fail(error);

for (const crypto of ["native", "noble"] as const) {
  test(`two workers unwrap as the calling thread does (${crypto})`, async () => {
    const pool = createUnwrapPool({ workers: 2, crypto, geometry, onBug: failOnBug });
    const inline = inlineUnwrapper(sphinx);
    const expected = await Promise.all(effects().map((effect) => perform(inline, effect)));
    const answered = await Promise.all(effects().map((effect) => perform(pool, effect)));
    assert.deepEqual(answered, expected);
    assert.deepEqual(answered.map(({ result }) => result.ok), [true, true, true, false, false, false, false]);
    assert.deepEqual(
      answered.map(({ result }) => result.ok ? null : result.reason),
      [null, null, null, "mac", "mac", "command", "frame"],
    );
    await pool.close();
  });
}

test("a frame whose buffers hold other bytes too is copied, not taken away; its key is wiped", async () => {
  const pool = createUnwrapPool({ workers: 1, crypto: "native", geometry, onBug: failOnBug });
  const effect = effectOf(8, 3, "recipient");
  const frame = concat(...effect.sealed.pieces);
  const buffer = new Uint8Array(frame.length + 1000).fill(9);
  buffer.set(frame, 500);
  const pieces = [buffer.subarray(500, 30_000), buffer.subarray(30_000, 500 + frame.length)];
  const { cipher } = effect.sealed;
  const { result } = await perform(pool, { ...effect, sealed: { cipher, pieces } });
  assert.equal(result.ok, true);
  assert.equal(buffer.length, frame.length + 1000);
  assert.deepEqual(cipher.key, new Uint8Array(32));
  await pool.close();
});

const packetIn = ({ result }: Unwrapped): Uint8Array =>
  result.ok && result.packet !== null ? result.packet : assert.fail("not forwarded");

test("a packet that goes on keeps its memory until it is released; then the next one has it", async () => {
  const pool = createUnwrapPool({ workers: 1, crypto: "native", geometry, onBug: failOnBug });
  const inline = inlineUnwrapper(sphinx);
  const expected = await Promise.all([21, 22, 23].map((id) => perform(inline, effectOf(id, 3, "recipient"))));
  const first = packetIn(await perform(pool, effectOf(21, 3, "recipient")));
  const second = packetIn(await perform(pool, effectOf(22, 3, "recipient")));
  assert.deepEqual([first, second], expected.slice(0, 2).map(packetIn));
  pool.release(first);
  pool.release(new Uint8Array(geometry.packetLength));
  const third = packetIn(await perform(pool, effectOf(23, 3, "recipient")));
  assert.deepEqual([third, second], [expected[2]!, expected[1]!].map(packetIn));
  assert.equal(third.buffer === first.buffer, true, "the memory was not used again");
  await pool.close();
});

test("a payload that ends here, and what failed, leave their memory to the next packet", async () => {
  const pool = createUnwrapPool({ workers: 1, crypto: "native", geometry, onBug: failOnBug });
  const { buffer } = packetIn(await perform(pool, effectOf(31, 3, "recipient")));
  pool.release(new Uint8Array(buffer));
  const { result } = await perform(pool, effectOf(32, 1, "recipient"));
  const payload = result.ok && result.payload !== null ? result.payload : assert.fail("not delivered");
  const before = payload.slice();
  assert.equal((await perform(pool, { ...effectOf(33, 3, "recipient"), keys: [] })).result.ok, false);
  assert.equal(packetIn(await perform(pool, effectOf(34, 3, "recipient"))).buffer === buffer, true);
  assert.deepEqual(payload, before);
  await pool.close();
});

test("keys go on working after others are forgotten; a closed pool answers nothing more", async () => {
  const pool = createUnwrapPool({ workers: 2, crypto: "native", geometry, onBug: failOnBug });
  const first = effectOf(10, 2, "recipient");
  assert.equal((await perform(pool, first)).result.ok, true);
  pool.forget(first.keys[0]!.privateKey);
  pool.forget(new Uint8Array(32));
  assert.equal((await perform(pool, effectOf(11, 2, "recipient"))).result.ok, true);
  let answers = 0;
  pool.perform(effectOf(12, 2, "recipient"), () => answers++);
  await pool.close();
  assert.equal(answers, 0);
});
