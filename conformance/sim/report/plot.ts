/**
 * Plots over time as inline SVG: lines, and bars of what lasted how long, all with the same axis.
 *
 * @module
 */
import type { Fault } from "../fault.ts";
import { type Child, element, type Markup } from "./markup.ts";
import type { Series } from "./timeline.ts";

/** What the axis of all plots of a run shows. */
export interface Span {
  readonly untilMs: number;
  readonly periodMs: number;
  readonly firstEpoch: number;
}

export const width = 960;
const [left, right, top, bottom] = [64, 12, 10, 30];
const colours = 8;

export const colourOf = (index: number): string => `var(--c${index % colours})`;

/** Places that coordinates are rounded to: a tenth of a pixel. */
const round = (value: number): number => Math.round(value * 10) / 10;

const xOf = ({ untilMs }: Span, at: number): number => round(left + (at / untilMs) * (width - left - right));

/** 1, 2 or 5 times a power of ten, so that `max` has about four of them. */
const stepOf = (max: number): number => {
  const raw = max / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * ([1, 2, 5].find((times) => times * power >= raw) ?? 10);
};

const label = (value: number): string => String(Math.round(value * 1000) / 1000);

/** Vertical lines at the beginnings of epochs, with their numbers, as far as there is room. */
const epochAxis = (span: Span, height: number): Child[] => {
  const epochs = Math.ceil(span.untilMs / span.periodMs);
  const every = Math.ceil(epochs / 16);
  return Array.from({ length: Math.ceil(epochs / every) }, (_, index) => {
    const x = xOf(span, index * every * span.periodMs);
    return [
      element("line", { x1: x, x2: x, y1: top, y2: height - bottom, class: "grid" }),
      element("text", { x: x + 3, y: height - bottom + 16, class: "tick" }, span.firstEpoch + index * every),
    ];
  });
};

const frame = (height: number, title: string, ...children: ReadonlyArray<Child>): Markup =>
  element(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title },
    element("title", {}, title),
    children,
  );

const legend = (series: ReadonlyArray<Series>): Markup =>
  element(
    "p",
    { class: "legend" },
    series.map(({ name }, index) =>
      element("span", {}, element("i", { style: `background:${colourOf(index)}` }), name)
    ),
  );

/** Lines of some series, `scale` times their values. `unit` says of what. */
export const linePlot = (
  span: Span,
  bucketMs: number,
  series: ReadonlyArray<Series>,
  title: string,
  unit: string,
  scale = 1,
): Markup => {
  const height = 240;
  const max = Math.max(...series.flatMap(({ values }) => values), 0) * scale || 1;
  const step = stepOf(max);
  const roof = Math.ceil(max / step) * step;
  const yOf = (value: number): number => round(height - bottom - (value / roof) * (height - top - bottom));
  const ticks = Array.from({ length: Math.round(roof / step) + 1 }, (_, index) => index * step);
  const rows = ticks.map((value) => [
    element("line", { x1: left, x2: width - right, y1: yOf(value), y2: yOf(value), class: "grid" }),
    element("text", { x: left - 6, y: yOf(value) + 4, class: "tick", "text-anchor": "end" }, label(value)),
  ]);
  const lines = series.map(({ name, values }, index) => {
    const points = values.map((value, at) =>
      `${xOf(span, Math.min(span.untilMs, (at + 0.5) * bucketMs))},${yOf(value * scale)}`
    );
    const line = { points: points.join(" "), class: "line", style: `stroke:${colourOf(index)}` };
    return element("polyline", line, element("title", {}, name));
  });
  const figure = frame(height, title, epochAxis(span, height), rows, lines);
  return element("figure", {}, element("figcaption", {}, `${title} (${unit})`), figure, legend(series));
};

const faultColours: Readonly<Record<Fault["type"], number>> = {
  Cut: 3,
  Stall: 1,
  Slow: 5,
  Crash: 2,
  Suspend: 4,
  Clock: 0,
  SlowDisk: 6,
  FullDisk: 7,
  Replay: 3,
};

const sideOf = (hosts: ReadonlyArray<string>): string =>
  hosts.length <= 3 ? hosts.join(", ") : `${hosts.slice(0, 2).join(", ")} and ${hosts.length - 2} more`;

const describe = (fault: Fault): string => {
  const where = "host" in fault ? fault.host : `${sideOf(fault.a)} | ${sideOf(fault.b)}`;
  return `${fault.type} ${where}${"ms" in fault ? ` by ${fault.ms} ms` : ""}`;
};

/** More than these are told by number only. */
const faultsShown = 60;

/** Each fault as a bar from its beginning to its end, with its name where there is room. */
export const faultPlot = (span: Span, faults: ReadonlyArray<Fault>): Markup => {
  const shown = faults.slice(0, faultsShown);
  const row = 20;
  const height = top + bottom + row * Math.max(1, shown.length);
  const bars = shown.map((fault, index) => {
    const [from, until] = [xOf(span, fault.from), xOf(span, Math.min(span.untilMs, fault.until))];
    const y = top + index * row;
    const bar = { x: from, y: y + 3, width: Math.max(2, round(until - from)), height: row - 6, rx: 2 };
    // Text stands where more room is: behind the bar or before it.
    const isLate = from > width / 2;
    const place = {
      x: isLate ? from - 6 : until + 6,
      y: y + 14,
      class: "tick",
      "text-anchor": isLate ? "end" : "start",
    };
    return [
      element("rect", { ...bar, style: `fill:${colourOf(faultColours[fault.type])}` }),
      element("text", place, describe(fault)),
    ];
  });
  const title = `Faults${faults.length > faultsShown ? `: the first ${faultsShown} of ${faults.length}` : ""}`;
  const figure = frame(height, title, epochAxis(span, height), bars);
  return element("figure", {}, element("figcaption", {}, `${title} (axis: epochs)`), figure);
};
