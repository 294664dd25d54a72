/**
 * Bitsliced AES on eight blocks at once (the layout of E. Käsper and P. Schwabe: "Faster and Timing-Attack Resistant
 * AES-GCM", CHES 2009): plane k holds bit k of every byte; byte i of a plane is byte i of the blocks, and its bit b
 * belongs to block b. No step depends on the data.
 *
 * Departs from FIPS 197: ShiftRows is never executed. After each round the bytes stand in another layout, in which
 * MixColumns picks its rows and the round keys are written; after four rounds the layout is the first one again.
 *
 * @module
 */
import type { FunctionWriter, Value } from "./function.ts";
import { substitute } from "./sbox.ts";
import { and, load, shiftLeft, shiftRight, swizzle, xor } from "./simd.ts";

/** Eight v128: bit planes, the least significant bit first, or blocks. */
export type Planes = ReadonlyArray<Value>;

export const planesBytes = 128;

/** How many ShiftRows were not executed, modulo 4. */
export type Layout = 0 | 1 | 2 | 3;

export const layoutAfter = (rounds: number): Layout => (rounds & 3) as Layout;

const positions = [...Array(16).keys()];
const place = (row: number, column: number): number => 4 * (column & 3) + (row & 3);

/** For each place, the byte of the state that stands there. */
export const bytesInLayout = (layout: Layout): number[] => positions.map((p) => place(p, (p >> 2) - layout * (p & 3)));

/** For each byte of the state, the place where it stands. */
export const placesInLayout = (layout: Layout): number[] => positions.map((p) => place(p, (p >> 2) + layout * (p & 3)));

/** For each place, where the byte of the same column `rows` further down stands. */
const below = (layout: Layout, rows: number): number[] =>
  positions.map((p) => {
    const row = (p + rows) & 3;
    return place(row, (p >> 2) + layout * (row - (p & 3)));
  });

export const xorPlanes = (f: FunctionWriter, a: Planes, b: Planes): Value[] =>
  a.map((plane, k) => xor(f, plane, b[k]!));

export const loadPlanes = (f: FunctionWriter, address: Value, offset: number): Value[] =>
  Array.from({ length: 8 }, (_, k) => load(f, address, offset + 16 * k));

/** MixColumns (FIPS 197 §5.1.3) as 2(a + b) + b + (c + d), where a, b, c, d are a row and those below it. */
const mixColumns = (f: FunctionWriter, state: Planes, layout: Layout): Value[] => {
  const [one, two] = [f.constant(below(layout, 1)), f.constant(below(layout, 2))];
  const next = state.map((plane) => swizzle(f, plane, one));
  const sums = xorPlanes(f, state, next);
  return sums.map((sum, k) => {
    const rest = xor(f, next[k]!, swizzle(f, sum, two));
    const doubled = k === 0 ? sums[7]! : [1, 3, 4].includes(k) ? xor(f, sums[k - 1]!, sums[7]!) : sums[k - 1]!;
    return xor(f, rest, doubled);
  });
};

/**
 * Full rounds from the layout 0; the planes of the round keys, in the layouts and with the S-box's constant, stand one
 * after the other in memory.
 */
export const aesRounds = (f: FunctionWriter, count: number, state: Planes, keys: Value): Planes => {
  const gates = { xor: (a: Value, b: Value) => xor(f, a, b), and: (a: Value, b: Value) => and(f, a, b) };
  let planes = state;
  for (let round = 1; round <= count; round++) {
    const mixed = mixColumns(f, substitute(gates, planes), layoutAfter(round));
    planes = xorPlanes(f, mixed, loadPlanes(f, keys, (round - 1) * planesBytes));
  }
  return planes;
};

/** Blocks to planes, or planes to blocks: the number of the bit changes places with the number of the block. */
export const transpose = (f: FunctionWriter, blocks: Planes): Value[] => {
  const rows = [...blocks];
  for (const [distance, mask] of [[1, 0x55], [2, 0x33], [4, 0x0f]] as const) {
    const lowHalves = f.constant(Array(16).fill(mask));
    for (const a of rows.keys()) {
      if ((a & distance) !== 0) continue;
      const b = a + distance;
      const change = and(f, xor(f, shiftRight(f, rows[a]!, distance), rows[b]!), lowHalves);
      rows[b] = xor(f, rows[b]!, change);
      rows[a] = xor(f, rows[a]!, shiftLeft(f, change, distance));
    }
  }
  return rows;
};
