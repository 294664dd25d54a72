/**
 * The faults that a world can suffer: each begins and ends at an instant of the run, so that a list of them is all that
 * distinguishes a bad run from a good one of the same seed. They are data: a failing list is shrunk (shrink.ts) and
 * kept as a case (case.ts).
 *
 * @module
 */
import { E, type Either } from "../../core/fp.ts";

/** ms since the run began: from the first instant up to, without, the second. */
export interface Window {
  readonly from: number;
  readonly until: number;
}

export type Fault =
  & Window
  & (
    /** Connections between the two sides break, and dialling fails. */
    | { readonly type: "Cut"; readonly a: ReadonlyArray<string>; readonly b: ReadonlyArray<string> }
    /** Nothing passes between the two sides, and nobody is told. */
    | { readonly type: "Stall"; readonly a: ReadonlyArray<string>; readonly b: ReadonlyArray<string> }
    /** Everything between the two sides takes so much longer, one way. */
    | {
      readonly type: "Slow";
      readonly a: ReadonlyArray<string>;
      readonly b: ReadonlyArray<string>;
      readonly ms: number;
    }
    /** The process is killed, and starts again at the end with what its store had completed. */
    | { readonly type: "Crash"; readonly host: string }
    /** The machine sleeps: clocks go on, nothing else does. */
    | { readonly type: "Suspend"; readonly host: string }
    /** The wall clock is set by so much, and back at the end. Monotonic time goes on as before. */
    | { readonly type: "Clock"; readonly host: string; readonly ms: number }
    /** Each transaction of the store takes so much longer. */
    | { readonly type: "SlowDisk"; readonly host: string; readonly ms: number }
    /** The store takes no writes: no space is left. */
    | { readonly type: "FullDisk"; readonly host: string }
    /** A packet that the node takes in after the beginning comes a second time at the end. */
    | { readonly type: "Replay"; readonly host: string }
  );

const linkTypes = ["Cut", "Stall", "Slow"];
const hostTypes = ["Crash", "Suspend", "Clock", "SlowDisk", "FullDisk", "Replay"];
const measured = ["Slow", "Clock", "SlowDisk"];

/** The hosts that a fault concerns. */
export const hostsOf = (fault: Fault): ReadonlyArray<string> =>
  "host" in fault ? [fault.host] : [...fault.a, ...fault.b];

const isInstant = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isNames = (value: unknown): boolean => Array.isArray(value) && value.every((name) => typeof name === "string");

const faultyField = (value: Readonly<Record<string, unknown>>): string | null => {
  const { type, from, until, ms, host, a, b } = value;
  if (![...linkTypes, ...hostTypes].includes(String(type))) return "type";
  if (!isInstant(from)) return "from";
  if (!isInstant(until) || (until as number) <= (from as number)) return "until";
  if (measured.includes(String(type)) && !Number.isSafeInteger(ms)) return "ms";
  if (hostTypes.includes(String(type))) return typeof host === "string" ? null : "host";
  if (!isNames(a)) return "a";
  return isNames(b) ? null : "b";
};

/** Faults from parsed JSON, or what is wrong with it. */
export const decodeFaults = (value: unknown): Either<string, ReadonlyArray<Fault>> => {
  if (!Array.isArray(value)) return E.left("faults is no list");
  for (const [index, fault] of value.entries()) {
    const field = faultyField(Object(fault));
    if (field !== null) return E.left(`fault ${index} has a wrong ${field}`);
  }
  return E.right(value);
};

/** A line for people. */
export const describeFault = (fault: Fault): string => {
  const { type, from, until } = fault;
  const where = "host" in fault ? fault.host : `${fault.a.join(", ")} | ${fault.b.join(", ")}`;
  const much = "ms" in fault ? ` by ${fault.ms} ms` : "";
  return `${from} to ${until} ms: ${type} ${where}${much}`;
};
