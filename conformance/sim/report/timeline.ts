/**
 * Series over time in a fixed number of buckets: when a run outlasts them, each two become one. Counts add up, lengths
 * keep their maximum.
 *
 * @module
 */

export interface Series {
  readonly name: string;
  readonly values: ReadonlyArray<number>;
}

export interface Timeline {
  /** Adds to what the bucket of an instant (ms) counts. */
  readonly count: (name: string, at: number, by?: number) => void;
  /** Raises what the bucket of an instant has as its maximum. */
  readonly raise: (name: string, at: number, value: number) => void;
  /** Makes room up to an instant: two that have reached the same one have equal buckets. */
  readonly reach: (at: number) => void;
  readonly bucketMs: () => number;
  /** All series, in the order of their names, each up to an instant. */
  readonly counts: (until: number) => ReadonlyArray<Series>;
  readonly maxima: (until: number) => ReadonlyArray<Series>;
}

const bucketsMax = 240;
const firstBucketMs = 125;

type Join = (a: number, b: number) => number;
type Buckets = Map<string, number[]>;

const add: Join = (a, b) => a + b;

const halve = (buckets: Buckets, join: Join): void => {
  for (const [name, values] of buckets) {
    const half = values.map((_, at) => join(values[2 * at] ?? 0, values[2 * at + 1] ?? 0));
    buckets.set(name, half.slice(0, bucketsMax / 2).concat(Array<number>(bucketsMax / 2).fill(0)));
  }
};

export const createTimeline = (): Timeline => {
  const [counts, maxima]: [Buckets, Buckets] = [new Map(), new Map()];
  let bucketMs = firstBucketMs;

  const reach = (at: number): void => {
    for (; at >= bucketsMax * bucketMs; bucketMs *= 2) {
      halve(counts, add);
      halve(maxima, Math.max);
    }
  };

  const put = (buckets: Buckets, join: Join, name: string, at: number, value: number): void => {
    reach(at);
    let values = buckets.get(name);
    if (values === undefined) buckets.set(name, values = Array<number>(bucketsMax).fill(0));
    const bucket = Math.floor(at / bucketMs);
    values[bucket] = join(values[bucket]!, value);
  };

  const series = (buckets: Buckets, until: number): Series[] =>
    [...buckets].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, values]) => ({
      name,
      values: values.slice(0, Math.max(1, Math.ceil(until / bucketMs))),
    }));

  return {
    count: (name, at, by = 1) => put(counts, add, name, at, by),
    raise: (name, at, value) => put(maxima, Math.max, name, at, value),
    reach,
    bucketMs: () => bucketMs,
    counts: (until) => series(counts, until),
    maxima: (until) => series(maxima, until),
  };
};
