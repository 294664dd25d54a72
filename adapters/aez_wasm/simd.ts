/**
 * The instructions used, by their names in the WebAssembly Core Specification 2.0 §5.4.
 *
 * @module
 */
import { type FunctionWriter, leb, signedLeb, type Value } from "./function.ts";

const simd = (opcode: number): number[] => [0xfd, ...leb(opcode)];
const v128 = (f: FunctionWriter, code: ReadonlyArray<number>, ...operands: ReadonlyArray<Value>): Value =>
  f.emit(code, operands, ["v128"])[0]!;
const i32 = (f: FunctionWriter, code: ReadonlyArray<number>, ...operands: ReadonlyArray<Value>): Value =>
  f.emit(code, operands, ["i32"])[0]!;

const alignment = 4;

export const load = (f: FunctionWriter, address: Value, offset: number): Value =>
  v128(f, [...simd(0x00), alignment, ...leb(offset)], address);
export const store = (f: FunctionWriter, address: Value, offset: number, value: Value): void =>
  void f.emit([...simd(0x0b), alignment, ...leb(offset)], [address, value], []);

export const xor = (f: FunctionWriter, a: Value, b: Value): Value => v128(f, simd(0x51), a, b);
export const and = (f: FunctionWriter, a: Value, b: Value): Value => v128(f, simd(0x4e), a, b);
/** Byte i of the result is byte `indices[i]` of `a`, or zero where that is 16 and more. */
export const swizzle = (f: FunctionWriter, a: Value, indices: Value): Value => v128(f, simd(0x0e), a, indices);
/** Bytes of ones where the bytes are equal, of zeros elsewhere. */
export const equalBytes = (f: FunctionWriter, a: Value, b: Value): Value => v128(f, simd(0x23), a, b);
/** Bits move across the bytes of a 64-bit lane: for use with a mask. */
export const shiftLeft = (f: FunctionWriter, a: Value, bits: number): Value => v128(f, [0x41, bits, ...simd(0xcb)], a);
export const shiftRight = (f: FunctionWriter, a: Value, bits: number): Value => v128(f, [0x41, bits, ...simd(0xcd)], a);
export const splat = (f: FunctionWriter, byte: Value): Value => v128(f, simd(0x0f), byte);

export const integer = (f: FunctionWriter, value: number): Value => i32(f, [0x41, ...signedLeb(value)]);
export const add = (f: FunctionWriter, a: Value, value: number): Value => i32(f, [0x41, ...signedLeb(value), 0x6a], a);
export const isPositive = (f: FunctionWriter, a: Value): Value => i32(f, [0x41, 0x00, 0x4a], a);
/** `a` where `condition` is not zero, else `b`. */
export const select = (f: FunctionWriter, a: Value, b: Value, condition: Value): Value =>
  i32(f, [0x1b], a, b, condition);
/** 2^a. */
export const powerOfTwo = (f: FunctionWriter, a: Value): Value => i32(f, [0x74], integer(f, 1), a);
