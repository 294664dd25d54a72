/** The page about a run: everything is in it, nothing from elsewhere, and it stays small. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { element } from "./markup.ts";
import type { Recording } from "./recording.ts";
import { report } from "./report.ts";
import { createTimeline } from "./timeline.ts";

const hostile = `<script>alert("x")</script> & 'y'`;
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** A network with so many nodes of each kind, after some epochs of two minutes. */
const recordingOf = (nodes: number, epochs: number): Recording => {
  const periodMs = 120_000;
  const values = range(200).map((at) => Math.round(50 + 50 * Math.sin(at / 9)));
  const authorities = range(5).map((i) => `authority-${i + 1}`);
  const place = (name: string, kind: "authority" | "mix" | "provider", layer: number | null) => ({
    name,
    kind,
    layer,
    clients: kind === "provider" ? 100 : 0,
    forwarded: 1000,
    delivered: 10,
    dropped: 1,
  });
  const mixes = range(3 * nodes).map((i) => place(`mix-${i + 1}`, "mix", i % 3));
  return {
    seed: 7,
    configuration: [["suite", hostile]],
    untilMs: epochs * periodMs,
    periodMs,
    firstEpoch: 1000,
    bucketMs: (epochs * periodMs) / 200,
    places: [
      ...authorities.map((name) => place(name, "authority", null)),
      ...mixes,
      ...range(nodes).map((i) => place(`provider-${i + 1}`, "provider", null)),
    ],
    hops: mixes.flatMap(({ name, layer }) =>
      mixes.filter((to) => to.layer === layer! + 1).map((to, at) => ({ from: name, to: to.name, packets: at * 100 }))
    ),
    clients: 100 * nodes,
    packets: [{ name: "forwarded", values }, { name: "received", values: values.map((value) => value / 2) }],
    queues: mixes.map(({ name }, at) => ({ name, values: values.map((value) => value / (at + 1)) })),
    drops: [{ name: "rate-limited", values }, { name: hostile, values: values.map(() => 1) }],
    rounds: range(epochs).map((epoch) => ({
      epoch: 1001 + epoch,
      ballots: authorities.map((authority, at) => ({ authority, voted: 5, revealed: at, signed: 0 })),
      published: epoch % 5,
      signatures: 3,
      failures: epoch === 2 ? ["authority-1: too-few-votes"] : [],
    })),
    faults: [
      { type: "Crash", host: "mix-1", from: 150_000, until: 200_000 },
      { type: "Slow", a: ["provider-1"], b: authorities, ms: 40, from: 300_000, until: 310_000 },
      { type: "Replay", host: hostile, from: (epochs - 1) * periodMs, until: epochs * periodMs },
    ],
    violations: [{ kind: "safety", oracle: "grace", at: 1234, what: `mix-1 drops a packet: ${hostile}` }],
    crash: null,
    summaries: [{ oracle: "conservation", summary: "17 balances" }],
    traceHash: "0123456789abcdef",
    traceLength: 1000,
  };
};

/** Whether each tag is closed in its order; `meta` has no end. */
const isWellFormed = (html: string): boolean => {
  const open: string[] = [];
  for (const [, end, name] of html.replace(/<style>[^<]*<\/style>/, "").matchAll(/<(\/?)([a-z0-9]+)[^<>]*>/g)) {
    if (name === "meta") continue;
    if (end === "") open.push(name!);
    else if (open.pop() !== name) return false;
  }
  return open.length === 0;
};

const small = report(recordingOf(2, 6));

test("a report is well-formed, and what it is told stays text", () => {
  assert.equal(isWellFormed(small), true);
  assert.equal(isWellFormed("<p><b></p></b>"), false);
  assert.doesNotMatch(small, /<script|alert\("/);
  assert.match(small, /&lt;script&gt;alert\(&quot;x&quot;\)/);
  assert.equal(element("a", { title: `"<` }, "&", ["<", 1]).html, '<a title="&quot;&lt;">&amp;&lt;1</a>');
});

test("a report needs nothing from elsewhere", () => {
  assert.doesNotMatch(small, /https?:|\/\/|src=|href=|url\(|@import/);
});

test("a report has the run's plots, series, votes, faults, violations, seed and configuration", () => {
  const wanted = [
    ...["seed 7", "0123456789abcdef", "Topology", "Packets over time", "Longest queues", "Dropped packets by reason"],
    ...["rate-limited", "forwarded", "received", "mix-6", "provider-2", "reveal 3/5", "too-few-votes"],
    ...["Crash mix-1", "Slow provider-1 | authority-1, authority-2 and 3 more by 40 ms", "1234 ms", "17 balances"],
    ...["1 safety and 0 liveness violations", "suite"],
  ];
  for (const what of wanted) assert.equal(small.includes(what), true, what);
  assert.equal((small.match(/<polyline/g) ?? []).length, 2 + 6 + 2);
  assert.doesNotMatch(small, /NaN|undefined|Infinity/);
});

test("a report on nothing is one as well", () => {
  const nothing = { ...recordingOf(0, 0), untilMs: 1, packets: [], queues: [], drops: [], rounds: [], faults: [] };
  assert.equal(isWellFormed(report(nothing)), true);
  assert.doesNotMatch(report(nothing), /NaN|undefined|Infinity/);
});

test("a report on a large network and a long run stays below a megabyte", () => {
  const large = report(recordingOf(30, 2000));
  assert.equal(large.length < 1_000_000, true, `${large.length} characters`);
  assert.match(large, /83 others/);
});

test("a timeline halves its resolution and loses nothing; one that sees less keeps in step", () => {
  const [timeline, other] = [createTimeline(), createTimeline()];
  for (let at = 0; at < 1_000_000; at += 100) {
    timeline.count("all", at);
    timeline.raise("highest", at, at);
  }
  other.count("one", 3);
  for (const each of [timeline, other]) each.reach(1_000_000);
  assert.equal(timeline.bucketMs(), other.bucketMs());
  const values = timeline.counts(1_000_000)[0]!.values;
  assert.equal(values.reduce((sum, value) => sum + value, 0), 10_000);
  assert.equal(values.length <= 240, true);
  assert.equal(Math.max(...timeline.maxima(1_000_000)[0]!.values), 999_900);
});
