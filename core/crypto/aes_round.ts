/**
 * The AES encryption round (FIPS 197 §5.1: SubBytes, ShiftRows, MixColumns, AddRoundKey) on four big-endian 32-bit
 * words, with tables of 256 words. The instruction AESENC computes the same.
 *
 * Timing: table look-ups at secret-dependent addresses leak through the cache to code on the same machine. Nothing here
 * is constant time; a bitsliced implementation is.
 *
 * @module
 */

/** 16 bytes as four big-endian words. */
export type Block = Int32Array;

/** Multiplication by x in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1. */
const timesX = (a: number): number => ((a << 1) ^ ((a >> 7) * 0x11b)) & 0xff;

/** SubBytes by walking the powers of the generator 3 and of its inverse together (FIPS 197 §5.1.1). */
const substitutionBox = (): Uint8Array => {
  const box = new Uint8Array(256);
  let [power, inverse] = [1, 1];
  do {
    power ^= timesX(power);
    inverse ^= inverse << 1;
    inverse ^= inverse << 2;
    inverse ^= inverse << 4;
    inverse &= 0xff;
    if ((inverse & 0x80) !== 0) inverse ^= 0x09;
    const spread = inverse * 0x101;
    const affine = inverse ^ (spread >> 4) ^ (spread >> 5) ^ (spread >> 6) ^ (spread >> 7);
    box[power] = (affine ^ 0x63) & 0xff;
  } while (power !== 1);
  box[0] = 0x63;
  return box;
};

/** SubBytes and MixColumns of a byte in row `row` of its column. */
const columnTable = (box: Uint8Array, row: number): Int32Array =>
  Int32Array.from(box, (s) => {
    const column = (timesX(s) << 24) | (s << 16) | (s << 8) | (timesX(s) ^ s);
    return row === 0 ? column : (column >>> (8 * row)) | (column << (32 - 8 * row));
  });

const box = substitutionBox();
const [t0, t1, t2, t3] = [columnTable(box, 0), columnTable(box, 1), columnTable(box, 2), columnTable(box, 3)];

/**
 * `keys.length / 4` full rounds (MixColumns in the last one too) of `input ^ whitening`, written to `output`, which may
 * be either of them.
 */
export const aesRounds = (keys: Int32Array, whitening: Block, input: Block, output: Block): void => {
  let a = input[0]! ^ whitening[0]!;
  let b = input[1]! ^ whitening[1]!;
  let c = input[2]! ^ whitening[2]!;
  let d = input[3]! ^ whitening[3]!;
  for (let k = 0; k < keys.length; k += 4) {
    const e = t0[a >>> 24]! ^ t1[(b >>> 16) & 255]! ^ t2[(c >>> 8) & 255]! ^ t3[d & 255]! ^ keys[k]!;
    const f = t0[b >>> 24]! ^ t1[(c >>> 16) & 255]! ^ t2[(d >>> 8) & 255]! ^ t3[a & 255]! ^ keys[k + 1]!;
    const g = t0[c >>> 24]! ^ t1[(d >>> 16) & 255]! ^ t2[(a >>> 8) & 255]! ^ t3[b & 255]! ^ keys[k + 2]!;
    d = t0[d >>> 24]! ^ t1[(a >>> 16) & 255]! ^ t2[(b >>> 8) & 255]! ^ t3[c & 255]! ^ keys[k + 3]!;
    a = e;
    b = f;
    c = g;
  }
  output[0] = a;
  output[1] = b;
  output[2] = c;
  output[3] = d;
};
