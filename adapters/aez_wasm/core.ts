/**
 * The WebAssembly program of AEZ v5: AES4 and AES10 of eight blocks, and the two passes of AEZ-core, eight pairs of
 * blocks a turn. Between the passes the pairs stay bitsliced.
 *
 * The masks of E in a pass are jJ + 2^ceil(i/8) I + (i mod 8) L for pair i = 1, 2 ...: the first and the last term are
 * the same in each turn (`rows`), and the middle one is the same for all of its eight pairs, so it is doubled once a
 * turn, in planes.
 *
 * @module
 */
import type { FunctionWriter, Signature, Value } from "./function.ts";
import { call, type Callable, createModuleWriter, type ModuleWriter } from "./module.ts";
import {
  aesRounds,
  bytesInLayout,
  type Layout,
  layoutAfter,
  loadPlanes,
  placesInLayout,
  type Planes,
  planesBytes,
  transpose,
  xorPlanes,
} from "./rounds.ts";
import { sboxConstant } from "./sbox.ts";
import {
  add,
  and,
  equalBytes,
  integer,
  isPositive,
  load,
  powerOfTwo,
  select,
  splat,
  store,
  swizzle,
  xor,
} from "./simd.ts";

const blockBytes = 16;
const pageBytes = 65536;

const planesAt = 1536;

/** Where things stand in memory: what is marked with In is filled by the caller. */
export const at = {
  /** In: I, J, L. */
  key: 0,
  /** In: the first multiple of I of a pass, 2I. */
  twiceI: 48,
  /** Out of a pass: its share of X or Y. */
  sum: 64,
  /** In and out of `four` and `ten`: eight blocks. */
  lanes: 128,
  /** In: jJ + (i mod 8)L of i = 1 to 8, for j = 1. */
  rows: 256,
  /** In: the same for j = 2, plus S. */
  rowsOfS: 384,
  /** Room of the caller's: 64 blocks. */
  scratch: 512,
  /** The planes of round keys and of masks. */
  keysOfFour: planesAt,
  keysOfTen: planesAt + 4 * planesBytes,
  planesOfI: planesAt + 14 * planesBytes,
  planesOfRows: planesAt + 15 * planesBytes,
  planesOfRowsOfS: planesAt + 16 * planesBytes,
  /** In and out of the passes: the pairs. */
  data: 4096,
} as const;

/** The room for pairs; one more page holds the rest, and what a last turn of fewer than eight pairs lacks. */
export const dataBytesMax = 1 << 20;

/** What a turn of a pass reads and writes. */
export const turnBytes = 2 * planesBytes;

/** Where a round key stands in `key`, or none: a block of zeros. */
const keyBlockAt = { i: 0, j: blockBytes, l: 2 * blockBytes, zero: null } as const;

type KeyBlock = keyof typeof keyBlockAt;

const fourKeys: ReadonlyArray<KeyBlock> = ["j", "i", "l", "zero"];
const tenKeys: ReadonlyArray<KeyBlock> = ["i", "j", "l", "i", "j", "l", "i", "j", "l", "i"];

const nothing: Signature = { parameters: [], results: [] };
const eight: Signature["results"] = Array(8).fill("v128");
const pass: Signature = { parameters: ["i32"], results: [] };
const rounds: Signature = { parameters: [...eight, "i32"], results: eight };

const bytes16 = (byte: (index: number) => number): number[] => Array.from({ length: 16 }, (_, index) => byte(index));

/** The planes of eight copies of one block: bytes of ones or zeros. */
const broadcast = (f: FunctionWriter, block: Value): Value[] =>
  Array.from({ length: 8 }, (_, k) => {
    const bit = f.constant(bytes16(() => 1 << k));
    return equalBytes(f, and(f, block, bit), bit);
  });

const storePlanes = (f: FunctionWriter, address: Value, offset: number, planes: Planes): void =>
  planes.forEach((plane, k) => store(f, address, offset + blockBytes * k, plane));

/** Round keys where `aesRounds` expects them, and I for whitening. */
const defineExpandKey = (module: ModuleWriter): Callable =>
  module.define("expandKey", nothing, (f) => {
    const zero = integer(f, 0);
    const constant = f.constant(bytes16(() => sboxConstant));
    const roundKey = (name: KeyBlock, layout: Layout): Value => {
      const block = keyBlockAt[name];
      if (block === null) return constant;
      return xor(f, swizzle(f, load(f, zero, at.key + block), f.constant(bytesInLayout(layout))), constant);
    };
    const expand = (names: ReadonlyArray<KeyBlock>, to: number) =>
      names.forEach((name, index) =>
        storePlanes(f, zero, to + index * planesBytes, broadcast(f, roundKey(name, layoutAfter(index + 1))))
      );
    expand(fourKeys, at.keysOfFour);
    expand(tenKeys, at.keysOfTen);
    storePlanes(f, zero, at.planesOfI, broadcast(f, load(f, zero, at.key)));
    return [];
  });

/** A function of eight planes and the address of round keys. */
const defineRounds = (module: ModuleWriter, count: number): Callable =>
  module.define(null, rounds, (f) => aesRounds(f, count, f.parameters.slice(0, 8), f.parameters[8]!));

const four = (f: FunctionWriter, rounds4: Callable, state: Planes): Value[] =>
  call(f, rounds4, [...state, integer(f, at.keysOfFour)]);

/** AES4 of the whitened blocks in `lanes`. */
const defineFour = (module: ModuleWriter, rounds4: Callable): Callable =>
  module.define("four", nothing, (f) => {
    const lanes = integer(f, at.lanes);
    const planes = four(f, rounds4, transpose(f, loadPlanes(f, lanes, 0)));
    storePlanes(f, lanes, 0, transpose(f, planes));
    return [];
  });

/** AES10 of the whitened blocks in `lanes`. */
const defineTen = (module: ModuleWriter, rounds4: Callable, rounds2: Callable): Callable =>
  module.define("ten", nothing, (f) => {
    const lanes = integer(f, at.lanes);
    let planes: Planes = transpose(f, loadPlanes(f, lanes, 0));
    planes = call(f, rounds4, [...planes, integer(f, at.keysOfTen)]);
    planes = call(f, rounds4, [...planes, integer(f, at.keysOfTen + 4 * planesBytes)]);
    planes = call(f, rounds2, [...planes, integer(f, at.keysOfTen + 8 * planesBytes)]);
    const order = f.constant(placesInLayout(layoutAfter(10)));
    const ordered = planes.map((plane) => swizzle(f, plane, order));
    storePlanes(f, lanes, 0, transpose(f, ordered));
    return [];
  });

/** Multiplication by x in GF(2^128), block-wise, of the planes in eight variables. */
const doubleInPlace = (f: FunctionWriter, planes: Planes): void => {
  const fromNextByte = f.constant(bytes16((index) => (index + 1) & 15));
  const firstToLast = f.constant(bytes16((index) => index === 15 ? 0 : 0x80));
  const top = planes[7]!;
  const [lowest, reduction] = [swizzle(f, top, fromNextByte), swizzle(f, top, firstToLast)];
  for (let k = 7; k > 0; k--) {
    const below = planes[k - 1]!;
    f.assign(planes[k]!, [1, 2, 7].includes(k) ? xor(f, below, reduction) : below);
  }
  f.assign(planes[0]!, lowest);
};

/** The variables of a pass. */
interface Turn {
  /** The address of the sixteen blocks. */
  readonly data: Value;
  /** 2^ceil(i/8) I, in planes. */
  readonly multiple: Planes;
  /** The sum over all pairs, in planes. */
  readonly sum: Planes;
  /** Ones at the lanes that hold pairs. */
  readonly lanes: Value;
}

const addToSum = (f: FunctionWriter, { sum, lanes }: Turn, planes: Planes): void =>
  sum.forEach((plane, k) => f.assign(plane, xor(f, plane, and(f, planes[k]!, lanes))));

/** The lanes of the next turn: eight, or as many as pairs remain. */
const lanesOf = (f: FunctionWriter, remaining: Value): Value => {
  const isLast = isPositive(f, f.emit([0x41, 8, 0x6b], [remaining], ["i32"])[0]!);
  const pairs = select(f, integer(f, 8), remaining, isLast);
  return splat(f, add(f, powerOfTwo(f, pairs), -1));
};

/** A pass over at least one pair: their number is the parameter. */
const definePass = (
  module: ModuleWriter,
  name: string,
  setUp: (f: FunctionWriter) => void,
  turn: (f: FunctionWriter, turn: Turn) => void,
): Callable =>
  module.define(name, pass, (f) => {
    const remaining = f.parameters[0]!;
    const data = f.variable("i32");
    const lanes = f.variable("v128");
    const [multiple, sum] = [0, 1].map(() => eight.map((type) => f.variable(type))) as [Value[], Value[]];
    setUp(f);
    f.assign(data, integer(f, at.data));
    broadcast(f, load(f, integer(f, 0), at.twiceI)).forEach((plane, k) => f.assign(multiple[k]!, plane));
    f.repeatWhile(() => {
      f.assign(lanes, lanesOf(f, remaining));
      turn(f, { data, multiple, sum, lanes });
      doubleInPlace(f, multiple);
      f.assign(data, add(f, data, turnBytes));
      f.assign(remaining, add(f, remaining, -8));
      return isPositive(f, remaining);
    });
    store(f, integer(f, 0), at.sum, transpose(f, sum).reduce((all, block) => xor(f, all, block)));
    return [];
  });

const transposeRows = (f: FunctionWriter, from: number, to: number): void =>
  storePlanes(f, integer(f, to), 0, transpose(f, loadPlanes(f, integer(f, from), 0)));

const loadBlocks = (f: FunctionWriter, data: Value, first: number): Value[] =>
  Array.from({ length: 8 }, (_, pair) => load(f, data, 2 * blockBytes * pair + first));

const storeBlocks = (f: FunctionWriter, data: Value, first: number, blocks: Planes): void =>
  blocks.forEach((block, pair) => store(f, data, 2 * blockBytes * pair + first, block));

/** Left += AES4(mask + right), right += AES4(I + left), X += right; the planes replace the blocks. */
const defineFirstPass = (module: ModuleWriter, rounds4: Callable): Callable =>
  definePass(
    module,
    "firstPass",
    (f) => transposeRows(f, at.rows, at.planesOfRows),
    (f, turn) => {
      const { data, multiple } = turn;
      const zero = integer(f, 0);
      const [left, right] = [transpose(f, loadBlocks(f, data, 0)), transpose(f, loadBlocks(f, data, blockBytes))];
      const mask = xorPlanes(f, multiple, loadPlanes(f, zero, at.planesOfRows));
      const newLeft = xorPlanes(f, left, four(f, rounds4, xorPlanes(f, right, mask)));
      const whitened = xorPlanes(f, newLeft, loadPlanes(f, zero, at.planesOfI));
      const newRight = xorPlanes(f, right, four(f, rounds4, whitened));
      addToSum(f, turn, newRight);
      storePlanes(f, data, 0, newLeft);
      storePlanes(f, data, planesBytes, newRight);
    },
  );

/**
 * Both += AES4(mask of j = 2 + S), Y += left, left += AES4(I + right), right += AES4(mask + left); the blocks replace
 * the planes, right before left.
 */
const defineSecondPass = (module: ModuleWriter, rounds4: Callable): Callable =>
  definePass(
    module,
    "secondPass",
    (f) => transposeRows(f, at.rowsOfS, at.planesOfRowsOfS),
    (f, turn) => {
      const { data, multiple } = turn;
      const zero = integer(f, 0);
      const image = four(f, rounds4, xorPlanes(f, multiple, loadPlanes(f, zero, at.planesOfRowsOfS)));
      const left = xorPlanes(f, loadPlanes(f, data, 0), image);
      const right = xorPlanes(f, loadPlanes(f, data, planesBytes), image);
      addToSum(f, turn, left);
      const whitened = xorPlanes(f, right, loadPlanes(f, zero, at.planesOfI));
      const newLeft = xorPlanes(f, left, four(f, rounds4, whitened));
      const mask = xorPlanes(f, multiple, loadPlanes(f, zero, at.planesOfRows));
      const newRight = xorPlanes(f, right, four(f, rounds4, xorPlanes(f, newLeft, mask)));
      storeBlocks(f, data, 0, transpose(f, newRight));
      storeBlocks(f, data, blockBytes, transpose(f, newLeft));
    },
  );

/** The module's bytes: exports `memory`, `expandKey`, `four`, `ten`, `firstPass(pairs)` and `secondPass(pairs)`. */
export const aezProgram = (): Uint8Array => {
  const module = createModuleWriter(1 + dataBytesMax / pageBytes);
  const rounds4 = defineRounds(module, 4);
  const rounds2 = defineRounds(module, 2);
  defineExpandKey(module);
  defineFour(module, rounds4);
  defineTen(module, rounds4, rounds2);
  defineFirstPass(module, rounds4);
  defineSecondPass(module, rounds4);
  return module.encode();
};
