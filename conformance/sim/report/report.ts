/**
 * The report of a run: one HTML file that needs nothing else, no network and no script. Its size depends on the number
 * of nodes and not on the length of the run.
 *
 * @module
 */
import { type Child, element, type Markup } from "./markup.ts";
import { faultPlot, linePlot, type Span } from "./plot.ts";
import type { Ballot, Recording, Round } from "./recording.ts";
import { style } from "./style.ts";
import type { Series } from "./timeline.ts";
import { topology } from "./topology.ts";

/** More lines than these cannot be told apart. */
const linesMax = 8;

const total = ({ values }: Series): number => values.reduce((sum, value) => sum + value, 0);
const peak = ({ values }: Series): number => values.reduce((most, value) => Math.max(most, value), 0);

/** The greatest series, and the rest of them as one. */
const greatest = (
  series: ReadonlyArray<Series>,
  size: (series: Series) => number,
  join: (a: number, b: number) => number,
): ReadonlyArray<Series> => {
  const sorted = [...series].sort((a, b) => size(b) - size(a));
  if (sorted.length <= linesMax) return sorted;
  const rest = sorted.slice(linesMax - 1);
  const values = rest[0]!.values.map((_, at) => rest.reduce((joined, { values }) => join(joined, values[at] ?? 0), 0));
  return [...sorted.slice(0, linesMax - 1), { name: `${rest.length} others`, values }];
};

const section = (title: string, ...children: ReadonlyArray<Child>): Markup =>
  element("section", {}, element("h2", {}, title), children);

const row = (cell: "td" | "th", cells: ReadonlyArray<Child>): Markup =>
  element("tr", {}, cells.map((content) => element(cell, {}, content)));

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<Markup>): Markup =>
  element(
    "div",
    { class: "scroll" },
    element("table", {}, element("thead", {}, row("th", head)), element("tbody", {}, rows)),
  );

const verdictOf = ({ crash, violations }: Recording): readonly [kind: string, what: string] => {
  if (crash !== null) return ["bad", `Crash: ${crash}`];
  const safety = violations.filter(({ kind }) => kind === "safety").length;
  if (violations.length === 0) return ["good", "All oracles held"];
  return ["bad", `${safety} safety and ${violations.length - safety} liveness violations`];
};

const header = (recording: Recording): Markup => {
  const [kind, what] = verdictOf(recording);
  return element(
    "header",
    {},
    element("h1", {}, `Simulation, seed ${recording.seed}`),
    element("p", { class: `verdict ${kind}` }, what),
    element("p", { class: "hash" }, `trace ${recording.traceHash} over ${recording.traceLength} events and effects`),
  );
};

const mark = (name: string, seenAt: number, authorities: number): Markup => {
  const kind = seenAt === 0 ? "none" : seenAt < authorities ? "some" : "all";
  const shown = `${name}${kind === "some" ? ` ${seenAt}/${authorities}` : ""}`;
  return element("span", { class: `mark ${kind}`, title: `seen at ${seenAt} of ${authorities} authorities` }, shown);
};

const ballot = ({ voted, revealed, signed }: Ballot, authorities: number): Markup =>
  element(
    "span",
    { class: "ballot" },
    mark("vote", voted, authorities),
    mark("reveal", revealed, authorities),
    mark("signature", signed, authorities),
  );

/** More rounds than these are left out, the first ones. */
const roundsMax = 100;

const votes = ({ rounds, places }: Recording): Markup => {
  const names = places.filter(({ kind }) => kind === "authority").map(({ name }) => name);
  const rows = rounds.slice(-roundsMax).map(({ epoch, ballots, published, signatures, failures }: Round) =>
    row("td", [
      epoch,
      published === 0
        ? element("span", { class: "mark none" }, "none")
        : `at ${published} of ${names.length}, ${signatures} signatures`,
      ...names.map((name) => {
        const found = ballots.find(({ authority }) => authority === name);
        return found === undefined ? "" : ballot(found, names.length);
      }),
      failures.join(", "),
    ])
  );
  return table(["Epoch", "Document", ...names, "Without a consensus"], rows);
};

const violationRows = ({ violations }: Recording): ReadonlyArray<Markup> =>
  violations.map(({ kind, oracle, at, what }) => row("td", [kind, oracle, `${at} ms`, what]));

/** The plots over time. */
const plots = (recording: Recording): Child => {
  const { packets, queues, drops, bucketMs, faults } = recording;
  const span: Span = recording;
  const perSecond = 1000 / bucketMs;
  const longest = greatest(queues, peak, Math.max);
  const commonest = greatest(drops, total, (a, b) => a + b);
  return [
    section("Packets", linePlot(span, bucketMs, packets, "Packets over time", "a second, by epoch", perSecond)),
    section("Queues", linePlot(span, bucketMs, longest, "Longest queues", "packets, by epoch")),
    section(
      "Drops",
      drops.length === 0
        ? element("p", {}, "No packet was dropped.")
        : linePlot(span, bucketMs, commonest, "Dropped packets by reason", "a second, by epoch", perSecond),
      drops.length === 0 ? "" : table(
        ["Reason", "Packets"],
        [...drops].sort((a, b) => total(b) - total(a)).map((each) => row("td", [each.name, total(each)])),
      ),
    ),
    section("Faults", faults.length === 0 ? element("p", {}, "None.") : faultPlot(span, faults)),
  ];
};

/** The page of a run. */
export const report = (recording: Recording): string => {
  const { configuration, violations, summaries, seed } = recording;
  const head = element(
    "head",
    {},
    { html: '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">' },
    element("title", {}, `Simulation, seed ${seed}`),
    { html: `<style>${style}</style>` },
  );
  const body = element(
    "body",
    {},
    header(recording),
    violations.length === 0
      ? ""
      : section("Violations", table(["Kind", "Oracle", "At", "What"], violationRows(recording))),
    section("Topology", topology(recording)),
    plots(recording),
    section("Epochs and votes", votes(recording)),
    section("Oracles", table(["Oracle", "Saw"], summaries.map(({ oracle, summary }) => row("td", [oracle, summary])))),
    section("Configuration", table(["Option", "Value"], configuration.map((pair) => row("td", pair)))),
  );
  return `<!doctype html>\n${element("html", { lang: "en" }, head, body).html}\n`;
};
