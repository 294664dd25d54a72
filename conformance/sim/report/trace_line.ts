/**
 * A run's trace as lines of JSON: what went into each host and came out of it, without secrets of packets: bytes are
 * told by their length.
 *
 * @module
 */
import type { Emission, Input } from "../../../core/system.ts";

/** Deeper values are left out. */
const depthMax = 3;

const plain = (value: unknown, depth: number): unknown => {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth === 0 || Symbol.iterator in value && !Array.isArray(value)) return undefined;
  if (Array.isArray(value)) return value.slice(0, 16).map((item) => plain(item, depth - 1));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item, depth - 1)]));
};

/** Something that happened to a host as a whole: `started`, `crashed`. */
export const hostLine = (at: number, host: string, what: string): string => `${JSON.stringify({ at, host, what })}\n`;

/** An event, or null for a tick. */
export const inputLine = (at: number, host: string, input: Input | null): string =>
  `${
    JSON.stringify({
      at,
      host,
      ...(input === null ? { in: "Tick" } : { to: input.to, in: plain(input.event, depthMax) }),
    })
  }\n`;

/** An effect. */
export const emissionLine = (at: number, host: string, { from, effect }: Emission): string =>
  `${JSON.stringify({ at, host, from, out: plain(effect, depthMax) })}\n`;
