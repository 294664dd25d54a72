/**
 * What the threads of a process have used of the processors.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";

/** Of Linux's clock, in which /proc counts. */
const ticksPerSecond = 100;

const threadTime = (pid: number, thread: string): number => {
  const text = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
};

export interface ThreadTimes {
  /** ms so far. */
  readonly main: number;
  /** Each of the others', most first. */
  readonly others: ReadonlyArray<number>;
}

/** Null where the system does not tell (it is Linux's /proc). */
export const threadTimes = (pid: number): ThreadTimes | null => {
  try {
    const others = readdirSync(`/proc/${pid}/task`).filter((thread) => thread !== String(pid));
    return {
      main: threadTime(pid, String(pid)),
      others: others.map((thread) => threadTime(pid, thread)).sort((a, b) => b - a),
    };
  } catch {
    return null;
  }
};

export const sum = (times: ReadonlyArray<number>): number => times.reduce((total, time) => total + time, 0);
