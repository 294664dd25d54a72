/**
 * Counters of a process, by name and label.
 *
 * @module
 */

export interface Metrics {
  readonly add: (name: string, label?: string, by?: number) => void;
  /** `name` or `name{label}` to its count, sorted. */
  readonly snapshot: () => Record<string, number>;
}

/** Labels are reasons from closed sets; should one be made from what a peer sends, memory stays bounded. */
const seriesMax = 1024;

export const createMetrics = (): Metrics => {
  const counts = new Map<string, number>();
  return {
    add: (name, label, by = 1) => {
      const series = label === undefined ? name : `${name}{${label}}`;
      const known = counts.has(series) || counts.size < seriesMax;
      const key = known ? series : "other";
      counts.set(key, (counts.get(key) ?? 0) + by);
    },
    snapshot: () => Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
};
