/** Whole networks in virtual time: everything arrives, everything is accounted for, and every run can be repeated. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nativeSuite } from "../../adapters/crypto_native.ts";
import { katzenpostGeometry } from "../../core/sphinx/geometry.ts";
import { isDeno, runScript, thisRuntime } from "../house/runtimes.ts";
import { simulate, type SimulationOptions, type SimulationResult } from "./simulation.ts";
import { smallNetwork } from "./small_network.ts";

const healthy = (options: SimulationOptions): SimulationResult => {
  const result = simulate(options);
  assert.deepEqual([result.crash, result.violations], [null, []]);
  return result;
};

test("equal seeds give equal traces, in one process and one after another; another seed another one", () => {
  const first = healthy(smallNetwork);
  const again = healthy(smallNetwork);
  assert.deepEqual([again.traceHash, again.traceLength], [first.traceHash, first.traceLength]);
  assert.notEqual(healthy({ ...smallNetwork, seed: 2 }).traceHash, first.traceHash);
});

test("networks of other shapes work as well", () => {
  healthy({ ...smallNetwork, seed: 3, authorities: 1, layers: 1, providers: 1, clients: 1 });
  healthy({ ...smallNetwork, seed: 4, authorities: 4, layers: 3, mixesPerLayer: 2, providers: 3, clients: 4 });
});

test("epochs of 10 s are long enough", () => {
  healthy({ ...smallNetwork, seed: 5, epochs: 3, periodMs: 10_000 });
});

test("a network with the real suite and 50 KiB payloads works as well", () => {
  healthy({ ...smallNetwork, seed: 6, suite: nativeSuite, geometry: katzenpostGeometry, authorities: 2, layers: 1 });
});

const traceOf = (stdout: string): string | undefined => /^trace ([0-9a-f]{16}) /m.exec(stdout)?.[1];

test(
  "20 epochs past the genesis prior shared random values have rotated, and Node and Deno give the same trace",
  { skip: isDeno ? "the run on Node starts both runtimes" : false },
  () => {
    const runs = (["node", "deno"] as const).map((runtime) =>
      runScript(runtime, "cmd/sim.ts", ["--seed", "7", "--epochs", "20", "--mixes", "1", "--period", "24000"])
    );
    for (const { status, stdout, stderr } of runs) {
      assert.equal(status, 0, stdout + stderr);
      assert.match(stdout, /23 values, 1 rotations/);
    }
    assert.notEqual(traceOf(runs[0]!.stdout), undefined);
    assert.equal(traceOf(runs[0]!.stdout), traceOf(runs[1]!.stdout));
  },
);

test(
  "a case with faults has the same trace on Node and Deno",
  { skip: isDeno ? "the run on Node starts both runtimes" : false },
  () => {
    const argv = ["--replay", "conformance/sim/cases/minority_down.json"];
    const [node, deno] = (["node", "deno"] as const).map((runtime) => runScript(runtime, "cmd/sim.ts", argv));
    assert.equal(node!.status, 0, node!.stdout + node!.stderr);
    assert.notEqual(traceOf(node!.stdout), undefined);
    assert.equal(traceOf(deno!.stdout), traceOf(node!.stdout));
  },
);

test("cmd/sim says what is wrong with its options and exits with 64", () => {
  for (const argv of [["--epochs", "0"], ["--suite", "none"], ["--nodes", "3"]]) {
    const { status, stdout, stderr } = runScript(thisRuntime, "cmd/sim.ts", argv);
    assert.deepEqual([status, stdout], [64, ""], argv.join(" "));
    assert.match(stderr, /^sim: .*\nusage: /s);
  }
});

test("cmd/sim prints the seed that it chose", () => {
  const { status, stdout } = runScript(
    thisRuntime,
    "cmd/sim.ts",
    "--epochs 1 --authorities 1 --layers 1 --mixes 1 --clients 1 --period 10000".split(" "),
  );
  assert.match(stdout, /^seed \d+, 1 epochs of 10000 ms/);
  assert.equal(status, 0, stdout);
});
