/**
 * A network drawn in columns: Providers, the layers of mixes, and Providers again, as packets pass through it. Lines
 * between nodes are as wide as the packets that went over them are many.
 *
 * @module
 */
import { type Child, element, type Markup } from "./markup.ts";
import { width } from "./plot.ts";
import type { Place, Recording } from "./recording.ts";

interface Point {
  readonly x: number;
  readonly y: number;
  readonly place: Place;
}

const [margin, top, row, radius] = [90, 34, 46, 11];
/** With more than these, wide lines would hide one another. */
const manyHops = 60;
/** Rows move closer in tall columns. */
const heightMax = 640;

const columnsOf = ({ places }: Recording): ReadonlyArray<readonly [title: string, places: ReadonlyArray<Place>]> => {
  const providers = places.filter(({ kind }) => kind === "provider");
  const mixes = places.filter(({ kind }) => kind === "mix");
  const layers = [...new Set(mixes.map(({ layer }) => layer))].sort((a, b) => (a ?? 99) - (b ?? 99));
  return [
    ["Providers", providers],
    ...layers.map((layer) =>
      [layer === null ? "not listed" : `layer ${layer}`, mixes.filter((mix) => mix.layer === layer)] as const
    ),
    ["Providers", providers],
  ];
};

const describe = ({ name, clients, forwarded, delivered, dropped }: Place): string =>
  `${name}: ${forwarded} packets forwarded, ${delivered} delivered, ${dropped} dropped` +
  (clients > 0 ? `, ${clients} clients` : "");

const nodeOf = ({ x, y, place }: Point, showsClients: boolean, spacing: number): Child => {
  const name = { x, y: y - 14, class: "tick name", "text-anchor": "middle" };
  const clients = { x, y: y + 4, class: "inner", "text-anchor": "middle" };
  return element(
    "g",
    {},
    element("title", {}, describe(place)),
    element("circle", { cx: x, cy: y, r: radius, class: place.kind }),
    spacing >= 28 ? element("text", name, place.name) : "",
    showsClients && place.clients > 0 ? element("text", clients, place.clients) : "",
  );
};

/** A line of a hop between neighbouring columns, `widest` wide for all packets there are; or nothing. */
const lineOf = (
  from: Point | undefined,
  to: Point | undefined,
  share: number,
  widest: number,
  what: string,
): Child =>
  from === undefined || to === undefined ? "" : element(
    "line",
    {
      x1: from.x + radius,
      y1: from.y,
      x2: to.x - radius,
      y2: to.y,
      class: "hop",
      "stroke-width": Math.round((0.5 + widest * share) * 10) / 10,
      "stroke-opacity": Math.round((0.2 + 0.5 * share) * 100) / 100,
    },
    element("title", {}, what),
  );

const linesOf = ({ hops }: Recording, points: ReadonlyArray<ReadonlyMap<string, Point>>): Child[] => {
  const most = Math.max(1, ...hops.map(({ packets }) => packets));
  const widest = hops.length > manyHops ? 1.5 : 5;
  return hops.flatMap(({ from, to, packets }) =>
    points.slice(1).map((column, at) =>
      lineOf(points[at]!.get(from), column.get(to), packets / most, widest, `${from} to ${to}: ${packets} packets`)
    )
  );
};

export const topology = (recording: Recording): Markup => {
  const columns = columnsOf(recording);
  const tallest = Math.max(1, ...columns.map(([, places]) => places.length));
  const spacing = Math.min(row, (heightMax - top) / tallest);
  const height = Math.round(top + tallest * spacing + 16);
  const xOf = (column: number): number =>
    Math.round(margin + (column * (width - 2 * margin)) / Math.max(1, columns.length - 1));
  const points = columns.map(([, places], column) =>
    new Map(places.map((place, at): [string, Point] => {
      const above = ((tallest - places.length) * spacing) / 2;
      return [place.name, { x: xOf(column), y: Math.round(top + above + (at + 0.75) * spacing), place }];
    }))
  );
  const titles = columns.map(([title], at) =>
    element("text", { x: xOf(at), y: 16, class: "head", "text-anchor": "middle" }, title)
  );
  const nodes = points.map((column, at) => [...column.values()].map((point) => nodeOf(point, at === 0, spacing)));
  return element(
    "figure",
    {},
    element("figcaption", {}, "Topology: packets from left to right; numbers are clients"),
    element(
      "svg",
      { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Topology" },
      element("title", {}, "Topology"),
      linesOf(recording, points),
      titles,
      nodes,
    ),
  );
};
