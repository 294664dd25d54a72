/**
 * What a process counts and measures, and how monitoring reads it: the text format of Prometheus, version 0.0.4.
 *
 * Metrics are declared (metrics_declared.ts), with all values that their label can have: each is there from the start,
 * with 0. What nobody declared is counted under `undeclared`, within bounds.
 *
 * @module
 */
import { declaredMetrics } from "./metrics_declared.ts";

export interface Declared {
  /** As the machines name it; in the exposition `samtpfote_` comes before it and `-` becomes `_`. */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  /** Not for histograms. */
  readonly label?: { readonly name: string; readonly values: ReadonlyArray<string> };
  /** A histogram's upper bounds, ascending. */
  readonly buckets?: ReadonlyArray<number>;
}

export interface Metrics {
  /** Adds to a counter; for a histogram `by` is a measurement. */
  readonly add: (name: string, label?: string, by?: number) => void;
  /** Sets a gauge. */
  readonly set: (name: string, value: number, label?: string) => void;
  /** Adds a measurement to a histogram. */
  readonly observe: (name: string, value: number) => void;
  /** Counters that are not 0, `name` or `name{label}`, sorted. */
  readonly snapshot: () => Record<string, number>;
  /** The exposition. */
  readonly render: () => string;
}

export const expositionType = "text/plain; version=0.0.4; charset=utf-8";

/** Labels that a metric may have beyond those declared: one made from what a peer sends costs bounded memory. */
const strayLabelsMax = 64;
const other = "other";

const undeclared: Declared = {
  name: "undeclared",
  type: "counter",
  help: "Events that have no metric of their own, by name.",
  label: { name: "name", values: [] },
};

interface Histogram {
  /** Per bucket, not accumulated; the last is that of +Inf. */
  readonly counts: number[];
  sum: number;
}

interface Family {
  readonly declared: Declared;
  readonly labelsMax: number;
  /** By label; "" without one. */
  readonly values: Map<string, number>;
  readonly histogram: Histogram;
}

const familyOf = (declared: Declared): Family => {
  const labels = declared.label?.values ?? [""];
  return {
    declared,
    labelsMax: labels.length + strayLabelsMax,
    values: new Map(declared.type === "histogram" ? [] : labels.map((label) => [label, 0])),
    histogram: { counts: new Array<number>((declared.buckets?.length ?? 0) + 1).fill(0), sum: 0 },
  };
};

/** Where a value with this label is kept. */
const seriesOf = ({ values, labelsMax, declared }: Family, label: string): string => {
  if (declared.label === undefined) return "";
  return values.has(label) || values.size < labelsMax ? label : other;
};

/** For daemons and clients alike: what a process does not do stays 0. */
export const createMetrics = (declarations: ReadonlyArray<Declared> = declaredMetrics): Metrics => {
  const families = new Map([...declarations, undeclared].map((declared) => [declared.name, familyOf(declared)]));
  const stray = families.get(undeclared.name)!;

  const change = (family: Family, label: string, to: (before: number) => number): void => {
    const series = seriesOf(family, label);
    family.values.set(series, to(family.values.get(series) ?? 0));
  };

  return {
    add: (name, label = "", by = 1) => {
      const family = families.get(name);
      if (family === undefined) change(stray, name, (before) => before + by);
      else if (family.declared.type === "histogram") measure(family, by);
      else change(family, label, (before) => before + by);
    },
    set: (name, value, label = "") => change(families.get(name) ?? stray, label, () => value),
    observe: (name, value) => measure(families.get(name) ?? stray, value),
    snapshot: () => snapshotOf([...families.values()]),
    render: () => [...families.values()].map(render).join(""),
  };
};

const measure = ({ histogram, declared }: Family, value: number): void => {
  const bucket = declared.buckets?.findIndex((bound) => value <= bound) ?? -1;
  histogram.counts[bucket === -1 ? histogram.counts.length - 1 : bucket]!++;
  histogram.sum += value;
};

const snapshotOf = (families: ReadonlyArray<Family>): Record<string, number> => {
  const counters = families.filter(({ declared }) => declared.type === "counter");
  const series = counters.flatMap(({ declared, values }) =>
    [...values].filter(([, count]) => count !== 0).map(([label, count]) =>
      [label === "" ? declared.name : `${declared.name}{${label}}`, count] as const
    )
  );
  return Object.fromEntries(series.sort(([a], [b]) => (a < b ? -1 : 1)));
};

/* The exposition */

/** The name in the exposition; counters end in `_total`. */
export const exposedName = ({ name, type }: Declared): string => {
  const own = `samtpfote_${name.replaceAll("-", "_")}`;
  return type === "counter" ? `${own}_total` : own;
};

const escapeHelp = (text: string): string => text.replace(/[\\\n]/g, (c) => (c === "\n" ? "\\n" : "\\\\"));
const escapeLabel = (text: string): string => text.replace(/[\\\n"]/g, (c) => (c === "\n" ? "\\n" : `\\${c}`));

const render = (family: Family): string => {
  const { declared } = family;
  const name = exposedName(declared);
  const head = `# HELP ${name} ${escapeHelp(declared.help)}\n# TYPE ${name} ${declared.type}\n`;
  return head + (declared.type === "histogram" ? renderHistogram(name, family) : renderValues(name, family));
};

const renderValues = (name: string, { declared, values }: Family): string =>
  [...values].map(([label, value]) =>
    declared.label === undefined
      ? `${name} ${value}\n`
      : `${name}{${declared.label.name}="${escapeLabel(label)}"} ${value}\n`
  ).join("");

const renderHistogram = (name: string, { declared, histogram: { counts, sum } }: Family): string => {
  let total = 0;
  const lines = counts.map((count, index) => {
    total += count;
    return `${name}_bucket{le="${declared.buckets?.[index] ?? "+Inf"}"} ${total}\n`;
  });
  return `${lines.join("")}${name}_sum ${sum}\n${name}_count ${total}\n`;
};
