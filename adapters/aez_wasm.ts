/**
 * AEZ v5 as Sphinx uses it (wire-facts §1.1: key 48, nonce 16, no associated data, tau 0), in constant time and quick:
 * bitsliced in WebAssembly SIMD. This file follows the figures of the document as core/crypto/aez.ts does, its readable
 * twin, on blocks that stand in the memory of the WebAssembly program (aez_wasm/core.ts), which does the rounds of AES
 * and the passes over the pairs.
 *
 * Nothing here branches or looks up by data; lengths are public. After each call the memory that it used is zeros. What
 * the engine keeps on its stack and in registers is out of reach.
 *
 * Lengths below 32 bytes (AEZ-tiny) and above 1 MiB go to the twin, which is not constant time; a Sphinx payload has
 * neither.
 *
 * @module
 */
import { viewOf } from "../core/bytes.ts";
import * as twin from "../core/crypto/aez.ts";
import { aezProgram, at, dataBytesMax, turnBytes } from "./aez_wasm/core.ts";
import { compile, instantiate, type WasmMemory, type WasmModule } from "./aez_wasm/webassembly.ts";

const blockBytes = 16;
const pairBytes = 2 * blockBytes;

/** What the program exports. */
interface Program {
  readonly memory: WasmMemory;
  readonly expandKey: () => void;
  readonly four: () => void;
  readonly ten: () => void;
  readonly firstPass: (pairs: number) => void;
  readonly secondPass: (pairs: number) => void;
}

type Direction = "encipher" | "decipher";

const scratch = (block: number): number => at.scratch + blockBytes * block;
const [i, j] = [at.key, at.key + blockBytes];
/** 0L to 7L. */
const l = (factor: number): number => scratch(factor);
const [twiceJ, fourTimesJ, nonceAt, delta] = [scratch(8), scratch(9), scratch(10), scratch(11)];
const [sx, sy, s] = [scratch(12), scratch(13), scratch(14)];
/** The last 32 bytes of the message, and before them the fragment: two blocks each. */
const [lastX, lastY, fragmentAt] = [scratch(16), scratch(17), scratch(18)];
const lane = (n: number): number => at.lanes + blockBytes * n;

/** Operations on blocks, which are named by their addresses. */
const createBlocks = (memory: WasmMemory) => {
  const bytes = new Uint8Array(memory.buffer);
  const words = new Int32Array(memory.buffer);
  const view = viewOf(bytes);
  return {
    bytes,
    /** `to` becomes the sum of some blocks, zero for none; `to` may be one of them. */
    sumInto: (to: number, ...blocks: ReadonlyArray<number>): void => {
      for (let w = 0; w < 4; w++) {
        let sum = 0;
        for (const block of blocks) sum ^= words[(block >> 2) + w]!;
        words[(to >> 2) + w] = sum;
      }
    },
    /** Multiplication by x in GF(2^128) modulo x^128 + x^7 + x^2 + x + 1. */
    doubleInto: (to: number, block: number): void => {
      const [a, b, c, d] = [0, 4, 8, 12].map((offset) => view.getInt32(block + offset)) as [
        number,
        number,
        number,
        number,
      ];
      view.setInt32(to, (a << 1) | (b >>> 31));
      view.setInt32(to + 4, (b << 1) | (c >>> 31));
      view.setInt32(to + 8, (c << 1) | (d >>> 31));
      view.setInt32(to + 12, (d << 1) ^ ((a >> 31) & 0x87));
    },
  };
};

type Blocks = ReturnType<typeof createBlocks>;

/** Extract, and the multiples that masks are made of. */
const extract = ({ expandKey }: Program, { bytes, sumInto, doubleInto }: Blocks, key: Uint8Array): void => {
  bytes.set(key, at.key);
  sumInto(l(1), at.key + 2 * blockBytes);
  for (let factor = 2; factor < 8; factor += 2) {
    doubleInto(l(factor), l(factor / 2));
    sumInto(l(factor + 1), l(factor), l(1));
  }
  doubleInto(at.twiceI, i);
  doubleInto(twiceJ, j);
  doubleInto(fourTimesJ, twiceJ);
  expandKey();
};

/** AEZ-hash of tau 0 and a nonce of one block: the sum of E(3, 1) of zeros and E(4, 1) of the nonce. */
const hashNonce = ({ four }: Program, { bytes, sumInto }: Blocks, nonce: Uint8Array): void => {
  bytes.set(nonce, nonceAt);
  sumInto(lane(0), j, twiceJ, at.twiceI, l(1));
  sumInto(lane(1), fourTimesJ, at.twiceI, l(1), nonceAt);
  four();
  sumInto(delta, lane(0), lane(1));
};

/** The masks of the passes but for the multiples of I: jJ + (n mod 8)L for n = 1 to 8, in the second row with S. */
const setRows = ({ sumInto }: Blocks, to: number, ...blocks: ReadonlyArray<number>): void => {
  for (let n = 1; n <= 8; n++) sumInto(to + blockBytes * (n - 1), l(n % 8), ...blocks);
};

/** `to` plus E(0, n) of a block, for n from 1 to 7. */
const addE4 = ({ four }: Program, { sumInto }: Blocks, to: number, n: number, block: number): void => {
  sumInto(lane(0), block, at.twiceI, l(n));
  four();
  sumInto(to, to, lane(0));
};

/** `to` plus E(-1, n) of a block. */
const addE10 = ({ ten }: Program, { sumInto }: Blocks, to: number, n: number, block: number): void => {
  sumInto(lane(0), block, l(n));
  ten();
  sumInto(to, to, lane(0));
};

/** Adds the share of a fragment of 0 to 31 bytes to the sum of a pass. */
const addFragment = ({ four }: Program, { bytes, sumInto }: Blocks, length: number): void => {
  if (length === 0) return;
  bytes.copyWithin(lane(0), fragmentAt, fragmentAt + pairBytes);
  bytes[lane(0) + length] = 0x80;
  sumInto(lane(0), lane(0), at.twiceI, l(4));
  sumInto(lane(1), lane(1), at.twiceI, l(5));
  four();
  sumInto(at.sum, at.sum, lane(0));
  if (length >= blockBytes) sumInto(at.sum, at.sum, lane(1));
};

/** Adds the keystream of S to the fragment; the bytes behind it stay zeros. */
const maskFragment = ({ ten }: Program, { bytes, sumInto }: Blocks, length: number): void => {
  sumInto(lane(0), s, l(4));
  sumInto(lane(1), s, l(5));
  ten();
  for (let n = 0; n < length; n++) bytes[fragmentAt + n]! ^= bytes[lane(0) + n]!;
};

/** AEZ-core on what stands in memory: pairs, a fragment, the last two blocks. */
const core = (program: Program, blocks: Blocks, direction: Direction, pairs: number, fragment: number): void => {
  const { sumInto } = blocks;
  const [first, second] = direction === "encipher" ? [1, 2] : [2, 1];
  setRows(blocks, at.rows, j);
  sumInto(at.sum);
  if (pairs > 0) program.firstPass(pairs);
  addFragment(program, blocks, fragment);
  sumInto(sx, lastX, delta, at.sum);
  addE4(program, blocks, sx, first, lastY);
  sumInto(sy, lastY);
  addE10(program, blocks, sy, first, sx);
  sumInto(s, sx, sy);

  setRows(blocks, at.rowsOfS, twiceJ, s);
  sumInto(at.sum);
  if (pairs > 0) program.secondPass(pairs);
  maskFragment(program, blocks, fragment);
  addFragment(program, blocks, fragment);
  sumInto(lastY, sx);
  addE10(program, blocks, lastY, second, sy);
  sumInto(lastX, sy, delta, at.sum);
  addE4(program, blocks, lastX, second, lastY);
};

const createPermutation = (program: Program) => {
  const blocks = createBlocks(program.memory);
  const { bytes } = blocks;
  return (direction: Direction, key: Uint8Array, nonce: Uint8Array, data: Uint8Array): void => {
    const fragment = data.length % pairBytes;
    const [end, last] = [data.length - pairBytes - fragment, data.length - pairBytes];
    bytes.set(data.subarray(0, end), at.data);
    bytes.set(data.subarray(end, last), fragmentAt);
    bytes.set(data.subarray(last), lastX);
    extract(program, blocks, key);
    hashNonce(program, blocks, nonce);
    core(program, blocks, direction, end / pairBytes, fragment);
    data.set(bytes.subarray(at.data, at.data + end));
    data.set(bytes.subarray(fragmentAt, fragmentAt + fragment), end);
    data.set(bytes.subarray(lastX, lastX + pairBytes), last);
    bytes.fill(0, 0, at.data + end + turnBytes);
  };
};

let compiled: WasmModule | null = null;

/** The compiled program, made at the first call in the process (or worker); may be sent to workers. */
export const aezModule = (): WasmModule => compiled ??= compile(aezProgram());

/** AEZ v5 in place, without associated data and with tau 0: any length of data. */
export interface WasmAez {
  readonly encryptInPlace: (key: Uint8Array, nonce: Uint8Array, data: Uint8Array) => void;
  readonly decryptInPlace: (key: Uint8Array, nonce: Uint8Array, data: Uint8Array) => void;
  /** The memory of the program, 17 pages of 64 KiB: zeros between calls. */
  readonly memory: () => WasmMemory;
}

/** An instance with its own memory, made at the first call. `module` gives what `aezModule` gave in some thread. */
export const createWasmAez = (module: () => WasmModule = aezModule): WasmAez => {
  let started: { readonly program: Program; readonly permute: ReturnType<typeof createPermutation> } | null = null;
  const start = () => {
    const program = instantiate(module()).exports as unknown as Program;
    return { program, permute: createPermutation(program) };
  };
  const suits = (key: Uint8Array, nonce: Uint8Array, { length }: Uint8Array): boolean =>
    key.length === 48 && nonce.length === blockBytes && length >= pairBytes && length <= dataBytesMax;
  return {
    encryptInPlace: (key, nonce, data) => {
      if (!suits(key, nonce, data)) return twin.aezEncryptInPlace(key, nonce, data);
      (started ??= start()).permute("encipher", key, nonce, data);
    },
    decryptInPlace: (key, nonce, data) => {
      if (!suits(key, nonce, data)) return twin.aezDecryptInPlace(key, nonce, data);
      (started ??= start()).permute("decipher", key, nonce, data);
    },
    memory: () => (started ??= start()).program.memory,
  };
};
