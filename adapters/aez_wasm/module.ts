/**
 * A WebAssembly module in the binary format (WebAssembly Core Specification 2.0 §5.5): functions that call one
 * another, and one memory of a fixed size. No imports, no tables, no data.
 *
 * @module
 */
import { concat, utf8 } from "../../core/bytes.ts";
import {
  functionBody,
  type FunctionWriter,
  leb,
  type Signature,
  type Type,
  typeCodes,
  type Value,
} from "./function.ts";

/** A function that others may call. */
export interface Callable {
  readonly index: number;
  readonly signature: Signature;
}

export interface ModuleWriter {
  /** Adds a function, exported where it has a name. */
  readonly define: (
    name: string | null,
    signature: Signature,
    build: (writer: FunctionWriter) => ReadonlyArray<Value>,
  ) => Callable;
  readonly encode: () => Uint8Array;
}

const bytes = (...values: ReadonlyArray<number>): Uint8Array => Uint8Array.from(values);

const vector = (items: ReadonlyArray<Uint8Array>): Uint8Array => concat(bytes(...leb(items.length)), ...items);

const section = (id: number, content: Uint8Array): Uint8Array => concat(bytes(id, ...leb(content.length)), content);

const typesOf = (types: ReadonlyArray<Type>): Uint8Array => vector(types.map((type) => bytes(typeCodes[type])));

const typeOf = ({ parameters, results }: Signature): Uint8Array =>
  concat(bytes(0x60), typesOf(parameters), typesOf(results));

const exportOf = (name: string, kind: number, index: number): Uint8Array =>
  concat(bytes(...leb(name.length)), utf8(name), bytes(kind, ...leb(index)));

const magicAndVersion = bytes(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);
const exportedFunction = 0x00;
const exportedMemory = 0x02;

/** A module whose memory, exported as `memory`, has `pages` pages of 64 KiB. */
export const createModuleWriter = (pages: number): ModuleWriter => {
  const functions: { readonly signature: Signature; readonly body: Uint8Array }[] = [];
  const exported: Uint8Array[] = [exportOf("memory", exportedMemory, 0)];
  return {
    define: (name, signature, build) => {
      const index = functions.push({ signature, body: functionBody(signature, build) }) - 1;
      if (name !== null) exported.push(exportOf(name, exportedFunction, index));
      return { index, signature };
    },
    encode: () =>
      concat(
        magicAndVersion,
        section(1, vector(functions.map(({ signature }) => typeOf(signature)))),
        section(3, vector(functions.map((_, index) => bytes(...leb(index))))),
        section(5, vector([bytes(0x01, ...leb(pages), ...leb(pages))])),
        section(7, vector(exported)),
        section(10, vector(functions.map(({ body }) => concat(bytes(...leb(body.length)), body)))),
      ),
  };
};

/** Calls a function of the same module. */
export const call = (f: FunctionWriter, callee: Callable, values: ReadonlyArray<Value>): Value[] =>
  f.emit([0x10, ...leb(callee.index)], values, callee.signature.results);
