/**
 * What monitoring reads: the exposition, that every reason is there from the start, and the probes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createConnection } from "node:net";
import { test } from "node:test";
import { freePorts } from "../../../adapters/free_ports.ts";
import { createMetrics, exposedName } from "../../../adapters/metrics.ts";
import { declaredMetrics } from "../../../adapters/metrics_declared.ts";
import type { ViewKind } from "../../../adapters/metrics_views.ts";
import { watchProcess } from "../../../adapters/metrics_process.ts";
import { createObservation } from "../../../adapters/observation_http.ts";
import { dropReasons } from "../../../core/mix/drop_reason.ts";
import { closeReasons } from "../../../core/mix/hang_up.ts";
import { refusalReasons } from "../../../core/wire/admission.ts";
import { downReasons, sendDropReasons } from "../../../core/wire/session.ts";
import { filesBelow, root } from "../../house/sources.ts";
import { readFileSync } from "node:fs";
import { join } from "node:path";

interface Parsed {
  readonly types: ReadonlyMap<string, string>;
  readonly samples: ReadonlyMap<string, number>;
}

/** Reads the text format 0.0.4 strictly. */
const parse = (text: string): Parsed => {
  const [types, helps, samples] = [new Map<string, string>(), new Set<string>(), new Map<string, number>()];
  assert.equal(text.endsWith("\n"), true);
  for (const line of text.split("\n").slice(0, -1)) {
    const head = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line);
    if (head !== null) {
      if (head[1] === "HELP") helps.add(head[2]!);
      else types.set(head[2]!, head[3]!);
      continue;
    }
    const sample = /^([a-z_]+)(\{[a-z]+="(?:[^"\\\n]|\\.)*"\})? (-?[0-9.e+-]+)$/.exec(line);
    assert.notEqual(sample, null, line);
    const [, name, label, value] = sample!;
    const family = name!.replace(/_(bucket|sum|count)$/, "");
    assert.equal(types.has(name!) || types.get(family) === "histogram", true, line);
    assert.equal(samples.has(name! + (label ?? "")), false, `twice: ${line}`);
    samples.set(name! + (label ?? ""), Number(value));
  }
  for (const name of types.keys()) assert.equal(helps.has(name), true, name);
  return { types, samples };
};

test("every reason of the closed unions is there from the start, with 0", () => {
  const { samples } = parse(createMetrics().render());
  const unions: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
    ["samtpfote_dropped_total", dropReasons],
    ["samtpfote_connections_refused_total", refusalReasons],
    ["samtpfote_connections_closed_total", closeReasons],
    ["samtpfote_connections_ended_total", downReasons],
    ["samtpfote_links_ended_total", downReasons],
    ["samtpfote_session_not_sent_total", sendDropReasons],
    ["samtpfote_store_failures_total", ["full", "read-only", "corrupt", "io"]],
  ];
  for (const [name, reasons] of unions) {
    for (const reason of reasons) assert.equal(samples.get(`${name}{reason="${reason}"}`), 0, `${name} ${reason}`);
  }
});

/** Names that are made of parts, and all that comes of them. */
const madeNames: Readonly<Record<string, ReadonlyArray<string>>> = {
  "loops-${how}": ["loops-returned", "loops-lost"],
  // adapters/spool_plugin.ts declares them.
  "dspool-${message.type}": [],
  "packets-${fate}": ["packets-received", "packets-created", "packets-forwarded", "packets-delivered"],
};

test("what the machines of nodes and authorities count is declared", () => {
  const names = new Set(declaredMetrics.map(({ name }) => name));
  const sources = filesBelow("core").filter((path) => path.endsWith(".ts") && !path.startsWith("core/client/"));
  const counted = sources.flatMap((path) =>
    [...readFileSync(join(root, path), "utf8").matchAll(/\bcount\(["`]([^"`]+)["`]/g)].map((match) => match[1]!)
  );
  assert.equal(counted.length > 20, true, "the sources were read");
  const wrong = counted.flatMap((name) => madeNames[name] ?? [name]).filter((name) => !names.has(name));
  assert.deepEqual(wrong, []);
});

test("counters, gauges and histograms are exposed as they are; what is strange stays bounded", () => {
  const metrics = createMetrics();
  metrics.add("dropped", "replayed", 3);
  metrics.set("users", 5);
  for (const seconds of [0.002, 0.002, 99]) metrics.observe("store-commit-seconds", seconds);
  for (let i = 0; i < 5000; i++) {
    metrics.add(`stray ${i}`);
    metrics.add("dropped", `from a peer "${i}"\n`);
  }
  const { samples } = parse(metrics.render());
  assert.equal(samples.get(`samtpfote_dropped_total{reason="replayed"}`), 3);
  assert.equal(samples.get("samtpfote_users"), 5);
  assert.equal(samples.get(`samtpfote_store_commit_seconds_bucket{le="0.003"}`), 2);
  assert.equal(samples.get(`samtpfote_store_commit_seconds_bucket{le="+Inf"}`), 3);
  assert.equal(samples.get("samtpfote_store_commit_seconds_count"), 3);
  assert.equal(samples.size < 600, true, "the number of series is bounded");
  assert.equal(metrics.snapshot()["dropped{replayed}"], 3);
  assert.equal(new Set(declaredMetrics.map(exposedName)).size, declaredMetrics.length);
});

const kind: ViewKind<{ readonly reasons: ReadonlyArray<string> }> = {
  unready: ({ reasons }) => reasons,
  show: (metrics, { reasons }) => metrics.set("users", reasons.length),
};

test("/metrics, /ready and /live over HTTP: by GET, with the reasons, whatever garbage comes before", async () => {
  const [port] = await freePorts("127.0.0.1", 1);
  const address = `127.0.0.1:${port}`;
  let view: { readonly reasons: ReadonlyArray<string> } | null = { reasons: [] };
  const observation = createObservation({
    address,
    metrics: createMetrics(),
    view: () => Promise.resolve(view),
    kind,
  });
  await observation.listen();
  const get = async (path: string, method = "GET"): Promise<readonly [number, string]> => {
    const response = await fetch(`http://${address}${path}`, { method });
    return [response.status, await response.text()];
  };
  await new Promise<void>((resolve) => {
    const socket = createConnection(port!, "127.0.0.1", () => socket.end("\0\0 nonsense\r\n\r\n"));
    socket.on("error", () => {}).on("close", () => resolve()).resume();
  });
  assert.deepEqual(await get("/ready"), [200, `{"ready":true,"reasons":[]}\n`]);
  assert.deepEqual(await get("/live"), [200, `{"live":true}\n`]);
  view = { reasons: ["no-document"] };
  assert.deepEqual(await get("/ready"), [503, `{"ready":false,"reasons":["no-document"]}\n`]);
  const [status, text] = await get("/metrics");
  const { samples } = parse(text);
  assert.deepEqual([status, samples.get("samtpfote_users")], [200, 1]);
  assert.equal((samples.get("samtpfote_process_resident_memory_bytes") ?? 0) > 0, true);
  view = null;
  assert.equal((await get("/ready"))[0], 503);
  assert.equal((await get("/live"))[0], 503);
  assert.equal((await get("/metrics"))[0], 200);
  assert.equal((await get("/metrics", "POST"))[0], 405);
  assert.equal((await get("/else"))[0], 404);
  await observation.stop();
});

test("amounts for a histogram are measurements; what machines refuse and stop is declared by reason", () => {
  const metrics = createMetrics();
  for (const ms of [0, 2, 5000]) metrics.add("lateness-ms", undefined, ms);
  const { samples } = parse(metrics.render());
  assert.equal(samples.get(`samtpfote_lateness_ms_bucket{le="0"}`), 1);
  assert.equal(samples.get(`samtpfote_lateness_ms_bucket{le="3"}`), 2);
  assert.equal(samples.get("samtpfote_lateness_ms_count"), 3);
  assert.equal(samples.get("samtpfote_lateness_ms_sum"), 5002);
  const literals = (paths: ReadonlyArray<string>, pattern: RegExp): string[] =>
    paths.flatMap((path) => [...readFileSync(join(root, path), "utf8").matchAll(pattern)].map((match) => match[1]!));
  const enrolments = ["core/pki/authority_enrolment.ts", "core/pki/nonvoting_enrolment.ts"];
  const refused = literals(enrolments, /refusal\(\w+, "([a-z-]+)"/g);
  const revealed = literals(["core/pki/authority_ballots.ts"], /refusedReveal\([^()]*, "([a-z-]+)"\)/g);
  const stopped = literals(
    ["core/provider/plugin_instances.ts", "core/provider/plugin_requests.ts"],
    /stopInstance\(turn, index, "([a-z-]+)"/g,
  );
  assert.equal(Math.min(refused.length - 10, revealed.length - 1, stopped.length - 3) >= 0, true, "they were read");
  const unknown = (name: string, reasons: ReadonlyArray<string>): string[] =>
    reasons.filter((reason) => samples.get(`samtpfote_${name}_total{reason="${reason}"}`) !== 0);
  assert.deepEqual(unknown("descriptors_refused", refused), []);
  assert.deepEqual(unknown("reveals_refused", revealed), []);
  assert.deepEqual(unknown("plugin_stops", stopped), []);
});

test("[FAULT-51] an event loop that stands still is seen in the metrics", async () => {
  const metrics = createMetrics();
  const watch = watchProcess(metrics);
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  await sleep(1);
  for (const until = performance.now() + 450; performance.now() < until;);
  await sleep(150);
  watch.stop();
  const { samples } = parse(metrics.render());
  const at = (bound: string): number => samples.get(`samtpfote_event_loop_delay_seconds_bucket{le="${bound}"}`)!;
  assert.equal(at("+Inf") - at("0.3") >= 1, true, "a delay of more than 300 ms");
});
