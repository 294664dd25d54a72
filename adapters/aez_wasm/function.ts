/**
 * One WebAssembly function, written as a list of instructions over named values. Each value gets a local when it is
 * computed, which is free for another one after the last use: the engine sees some thirty locals instead of hundreds.
 *
 * @module
 */
import { invariant } from "../../core/machine.ts";

export type Type = "i32" | "v128";

/** A value inside one function, by its number. */
export type Value = number;

export interface Signature {
  readonly parameters: ReadonlyArray<Type>;
  readonly results: ReadonlyArray<Type>;
}

export const typeCodes: Readonly<Record<Type, number>> = { i32: 0x7f, v128: 0x7b };

/** An unsigned integer in LEB128. */
export const leb = (value: number): number[] => value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)];

/** A signed integer in LEB128, as constants are written. */
export const signedLeb = (value: number): number[] =>
  value >= -64 && value < 64 ? [value & 127] : [(value & 127) | 128, ...signedLeb(value >> 7)];

interface Instruction {
  readonly code: ReadonlyArray<number>;
  readonly operands: ReadonlyArray<Value>;
  readonly results: ReadonlyArray<Value>;
}

export interface FunctionWriter {
  readonly parameters: ReadonlyArray<Value>;
  /** Appends an instruction with its immediates, whose operands are pushed in order. */
  readonly emit: (code: ReadonlyArray<number>, operands: ReadonlyArray<Value>, results: ReadonlyArray<Type>) => Value[];
  /** A value that keeps its local to the end: what is read in a loop, or assigned again, has to be one. */
  readonly variable: (type: Type) => Value;
  readonly assign: (variable: Value, value: Value) => void;
  /** A v128 of 16 bytes, kept in one local for the whole function. */
  readonly constant: (bytes: ReadonlyArray<number>) => Value;
  /** Runs `body` until the i32 that it gives is zero, at least once. */
  readonly repeatWhile: (body: () => Value) => void;
}

/** The local of each value, given out in the order of the instructions. */
const createLocals = (signature: Signature, types: ReadonlyArray<Type>) => {
  const declared: Type[] = [];
  const localOf = new Map<Value, number>(signature.parameters.map((_, index) => [index, index]));
  const free: Record<Type, number[]> = { i32: [], v128: [] };
  return {
    declared,
    of: (value: Value): number => {
      const known = localOf.get(value);
      if (known !== undefined) return known;
      const type = types[value]!;
      const local = free[type].pop() ?? signature.parameters.length + declared.push(type) - 1;
      localOf.set(value, local);
      return local;
    },
    /** Once or more often, where an instruction reads a value twice. */
    release: (value: Value): void => {
      const local = localOf.get(value);
      if (local !== undefined) free[types[value]!].push(local);
      localOf.delete(value);
    },
  };
};

/** The last instruction that reads each value. */
const lastUses = (instructions: ReadonlyArray<Instruction>): ReadonlyMap<Value, number> => {
  const last = new Map<Value, number>();
  instructions.forEach(({ operands }, at) => {
    for (const value of operands) last.set(value, at);
  });
  return last;
};

const localGet = 0x20;
const localSet = 0x21;
const end = 0x0b;

/** The body of a function in the binary format: its locals and its instructions. */
export const functionBody = (
  signature: Signature,
  build: (writer: FunctionWriter) => ReadonlyArray<Value>,
): Uint8Array => {
  const types: Type[] = [...signature.parameters];
  const pinned = new Set<Value>(types.keys());
  const instructions: Instruction[] = [];
  const constants = new Map<string, Value>();
  const newValue = (type: Type): Value => types.push(type) - 1;
  const variable = (type: Type): Value => {
    const value = newValue(type);
    pinned.add(value);
    return value;
  };
  const writer: FunctionWriter = {
    parameters: [...signature.parameters.keys()],
    emit: (code, operands, results) => {
      const values = results.map(newValue);
      instructions.push({ code, operands, results: values });
      return values;
    },
    variable,
    assign: (to, value) => void instructions.push({ code: [], operands: [value], results: [to] }),
    constant: (bytes) => {
      const name = bytes.join();
      const known = constants.get(name);
      if (known !== undefined) return known;
      const value = variable("v128");
      // At the front, so that it is there in every loop.
      instructions.unshift({ code: [0xfd, 0x0c, ...bytes], operands: [], results: [value] });
      constants.set(name, value);
      return value;
    },
    repeatWhile: (body) => {
      writer.emit([0x03, 0x40], [], []);
      const condition = body();
      writer.emit([0x0d, 0x00, end], [condition], []);
    },
  };
  const returned = build(writer);
  invariant(returned.length === signature.results.length, "a function gives the results it declares");
  writer.emit([end], returned, []);
  return encode(signature, types, pinned, instructions);
};

const encode = (
  signature: Signature,
  types: ReadonlyArray<Type>,
  pinned: ReadonlySet<Value>,
  instructions: ReadonlyArray<Instruction>,
): Uint8Array => {
  const locals = createLocals(signature, types);
  const last = lastUses(instructions);
  // Before any other: a local that was free once holds something else in the next turn of a loop.
  for (const value of pinned) locals.of(value);
  const code: number[] = [];
  instructions.forEach(({ code: opcode, operands, results }, at) => {
    for (const value of operands) code.push(localGet, ...leb(locals.of(value)));
    code.push(...opcode);
    for (const value of operands) {
      if (last.get(value) === at && !pinned.has(value)) locals.release(value);
    }
    for (let n = results.length - 1; n >= 0; n--) code.push(localSet, ...leb(locals.of(results[n]!)));
  });
  const declared = locals.declared.flatMap((type) => [1, typeCodes[type]]);
  return Uint8Array.from([...leb(locals.declared.length), ...declared, ...code]);
};
