/**
 * What programs write: lines of bounded length, and of them a bounded number a second. Neither a line without end nor a
 * flood of them reaches memory or the log.
 *
 * @module
 */
import { StringDecoder } from "node:string_decoder";

/** Longer lines are cut, in characters. */
export const lineLengthMax = 1024;

export interface LineReader {
  readonly push: (chunk: Uint8Array) => void;
  /** Nothing more comes: what has no end is a line, too. */
  readonly end: () => void;
}

/** Calls back with each line, without its end. */
export const readLines = (onLine: (line: string) => void): LineReader => {
  const decoder = new StringDecoder("utf8");
  let line = "";
  const take = (text: string): void => {
    line = (line + text.slice(0, lineLengthMax)).slice(0, lineLengthMax);
  };
  const finish = (): void => {
    onLine(line.endsWith("\r") ? line.slice(0, -1) : line);
    line = "";
  };
  return {
    push: (chunk) => {
      const parts = decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)).split("\n");
      take(parts[0]!);
      for (const part of parts.slice(1)) {
        finish();
        take(part);
      }
    },
    end: () => {
      if (line !== "") finish();
    },
  };
};

/** Lines of one program that are shown at once, and a second from then on. */
const burst = 100;
const perSecond = 20;

export interface Throttle {
  /**
   * How many lines were left out since the last one that was shown; null where this one is left out. `nowMs` never
   * decreases.
   */
  readonly admit: (nowMs: number) => number | null;
}

/** A token bucket. */
export const createThrottle = (): Throttle => {
  let [tokens, at, suppressed]: [number, number | null, number] = [burst, null, 0];
  return {
    admit: (nowMs) => {
      tokens = Math.min(burst, tokens + ((nowMs - (at ?? nowMs)) / 1000) * perSecond);
      at = nowMs;
      if (tokens < 1) {
        suppressed++;
        return null;
      }
      tokens--;
      const left = suppressed;
      suppressed = 0;
      return left;
    },
  };
};
