/** Writes of a connection keep their order, in whatever order packets come back from being sealed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createOrderedWrites } from "../../../adapters/ordered_writes.ts";
import type { WritePacket } from "../../../core/effects.ts";
import type { Address } from "../../../core/system.ts";

const effectOf = (number: number): WritePacket => ({
  type: "WritePacket",
  header: Uint8Array.of(number),
  cipher: { key: new Uint8Array(32), nonce: 1 },
  command: new Uint8Array(6),
  packet: new Uint8Array(9),
});

/** Whose packets are sealed when the test says so; what was written to whom, by its first byte. */
const create = () => {
  const sealing = new Map<number, (done: () => void) => void>();
  const written: Array<readonly [Address, number]> = [];
  const done: number[] = [];
  const writes = createOrderedWrites(
    {
      write: (at, pieces, whenDone) => {
        written.push([at, pieces[0]![0]!]);
        whenDone?.();
      },
    },
    ({ header }, answer) => void sealing.set(header[0]!, (whenDone) => answer([new Uint8Array(31)], whenDone)),
  );
  const seal = (number: number): void => {
    sealing.get(number)!(() => void done.push(number));
    sealing.delete(number);
  };
  return { writes, sealing, written, done, seal };
};

test("what was asked for first is written first, at each connection, whoever is sealed first", () => {
  const asked = fc.array(fc.record({ at: fc.constantFrom("a", "b"), isPacket: fc.boolean(), turn: fc.nat() }), {
    maxLength: 20,
  });
  fc.assert(fc.property(asked, (items) => {
    const { writes, sealing, written, done, seal } = create();
    items.forEach(({ at, isPacket }, number) => {
      if (isPacket) writes.writePacket(at, effectOf(number));
      else writes.write(at, [Uint8Array.of(number)]);
    });
    const packets = [...sealing.keys()];
    for (const { turn } of items) {
      const waiting = [...sealing.keys()];
      if (waiting.length > 0) seal(waiting[turn % waiting.length]!);
    }
    for (const at of ["a", "b"]) {
      const expected = items.flatMap((item, number) => item.at === at ? [number] : []);
      assert.deepEqual(written.flatMap(([to, number]) => to === at ? [number] : []), expected);
    }
    assert.deepEqual(done.toSorted((a, b) => a - b), packets);
  }));
});

test("nothing waits where nothing is being sealed, and one connection does not wait for another", () => {
  const { writes, written, seal } = create();
  writes.write("a", [Uint8Array.of(1)]);
  writes.writePacket("a", effectOf(2));
  writes.write("b", [Uint8Array.of(3)]);
  assert.deepEqual(written, [["a", 1], ["b", 3]]);
  seal(2);
  writes.write("a", [Uint8Array.of(4)]);
  assert.deepEqual(written.slice(2), [["a", 2], ["a", 4]]);
});

test("a connection that ends is not written to any more; what was being sealed for it is given back", () => {
  const { writes, written, done, seal } = create();
  writes.writePacket("a", effectOf(1));
  writes.write("a", [Uint8Array.of(2)]);
  writes.forget("a");
  // Another one by the same name.
  writes.writePacket("a", effectOf(3));
  seal(1);
  assert.deepEqual([written, done], [[], [1]]);
  seal(3);
  assert.deepEqual([written, done], [[["a", 3]], [1, 3]]);
});
