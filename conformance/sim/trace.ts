/**
 * The trace hash: everything that went into and came out of every host, in order, in 64 bits. Equal seeds give equal
 * hashes on every runtime; the hash is not cryptographic.
 *
 * Values are folded structurally: keys in the order in which they were written, bytes by content, numbers by their 64
 * bits.
 *
 * @module
 */
import { viewOf } from "../../core/bytes.ts";
import { invariant } from "../../core/machine.ts";

export interface Trace {
  readonly fold: (value: unknown) => void;
  /** 16 hex digits. */
  readonly digest: () => string;
  /** Values folded so far at the outermost level. */
  readonly length: () => number;
}

const scratch = new DataView(new ArrayBuffer(8));

export const createTrace = (): Trace => {
  let [high, low, length] = [0xdeadbeef, 0x41c6ce57, 0];

  const word = (value: number): void => {
    high = Math.imul(high ^ value, 2654435761);
    high = (high << 13) | (high >>> 19);
    low = Math.imul(low ^ value, 1597334677);
    low = (low << 15) | (low >>> 17);
  };

  const text = (value: string): void => {
    word(value.length);
    for (let i = 0; i < value.length; i++) word(value.charCodeAt(i));
  };

  const bytes = (value: Uint8Array): void => {
    word(value.length);
    const view = viewOf(value);
    const whole = value.length & ~3;
    for (let at = 0; at < whole; at += 4) word(view.getInt32(at));
    for (let at = whole; at < value.length; at++) word(value[at]!);
  };

  const number = (value: number): void => {
    scratch.setFloat64(0, value);
    word(scratch.getUint32(0));
    word(scratch.getUint32(4));
  };

  const entries = (pairs: Iterable<readonly [unknown, unknown]>): void => {
    for (const [key, value] of pairs) {
      walk(key);
      walk(value);
    }
  };

  const walk = (value: unknown): void => {
    if (value === null || value === undefined) return word(1);
    if (typeof value === "string") return text(value);
    if (typeof value === "number") return number(value);
    if (typeof value === "boolean") return word(value ? 3 : 2);
    if (typeof value === "bigint") return text(value.toString());
    if (value instanceof Uint8Array) return bytes(value);
    if (Array.isArray(value)) {
      word(value.length);
      return value.forEach(walk);
    }
    invariant(typeof value === "object", "functions are no part of a trace");
    // Maps and Sets, and the persistent ones, iterate in a fixed order.
    if (Symbol.iterator in value) return [...(value as Iterable<unknown>)].forEach(walk);
    entries(Object.entries(value));
  };

  return {
    fold: (value) => {
      length++;
      walk(value);
    },
    digest: () => [high, low].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join(""),
    length: () => length,
  };
};
