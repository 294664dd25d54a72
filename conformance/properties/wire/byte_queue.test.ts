/** The queue of received bytes against its slow twin, a plain byte string. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat } from "../../../core/bytes.ts";
import { append, type ByteQueue, emptyByteQueue, firstByte, take } from "../../../core/wire/byte_queue.ts";
import { deepFreeze } from "../noise/fixture.ts";

const chunksOf = ({ chunks }: ByteQueue): ReadonlyArray<Uint8Array> => {
  const list: Uint8Array[] = [];
  for (let at = chunks; at !== null; at = at.older) list.unshift(at.bytes);
  return list;
};

test("taking gives the bytes in the order in which they were appended, however they were cut", () => {
  const action = fc.oneof(
    fc.uint8Array({ maxLength: 6000, size: "max" }).map((bytes) => ({ bytes })),
    fc.nat(7000).map((length) => ({ length })),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      let queue = emptyByteQueue;
      let twin = new Uint8Array(0);
      for (const one of actions) {
        deepFreeze(queue);
        if ("bytes" in one) {
          queue = append(queue, one.bytes);
          twin = concat(twin, one.bytes) as Uint8Array<ArrayBuffer>;
        } else {
          const taken = take(queue, one.length);
          assert.equal(taken === null, one.length > twin.length);
          if (taken === null) continue;
          assert.deepEqual(taken.bytes.slice(), twin.slice(0, one.length));
          queue = taken.rest;
          twin = twin.slice(one.length);
        }
        assert.equal(queue.length, twin.length);
        assert.deepEqual(concat(...chunksOf(queue)), twin);
        assert.equal(firstByte(queue), twin[0] ?? null);
      }
    }),
    { numRuns: 60 },
  );
});

test("many small chunks are joined: neighbours together are longer than 4096 bytes", () => {
  let queue = emptyByteQueue;
  for (let i = 0; i < 60_000; i++) queue = append(queue, Uint8Array.of(i));
  assert.ok(chunksOf(queue).length <= 60_000 / 2048 + 1);
});

test("a message that lies in one chunk is not copied, nor is what follows it", () => {
  const received = Uint8Array.from({ length: 10_000 }, (_, i) => i);
  const { bytes, rest } = take(append(emptyByteQueue, received), 6000)!;
  assert.equal(bytes.buffer, received.buffer);
  assert.equal(chunksOf(rest)[0]!.buffer, received.buffer);
});

test("an older state stays as it was when the newer one goes on", () => {
  const first = append(emptyByteQueue, Uint8Array.of(1, 2));
  const [left, right] = [append(first, Uint8Array.of(3)), append(first, Uint8Array.of(4))];
  assert.deepEqual(take(left, 3)!.bytes, Uint8Array.of(1, 2, 3));
  assert.deepEqual(take(right, 3)!.bytes, Uint8Array.of(1, 2, 4));
  assert.deepEqual(take(first, 2)!.bytes, Uint8Array.of(1, 2));
});
