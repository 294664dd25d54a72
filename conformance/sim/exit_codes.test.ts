/**
 * What cmd/sim.ts ends with, as a process, when a run fails: cases with faults where there must be none any more, while
 * users prove that everything works, and one whose fault is of a host that is not there.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { isDeno } from "../house/runtimes.ts";
import { root } from "../house/sources.ts";
import { type Case, encodeCase } from "./case.ts";
import type { Fault } from "./fault.ts";
import { faultyConfiguration } from "./faulty_network.ts";

/** Its users prove it from 50 s to 60 s. */
const configuration: Case["configuration"] = {
  ...faultyConfiguration,
  epochs: 1,
  periodMs: 10_000,
  authorities: 1,
  layers: 1,
  providers: 1,
  clients: 1,
  parameters: { ...faultyConfiguration.parameters, lambdaP: 0.0012 },
};

const runtime = isDeno ? ["run", "--allow-all", "--no-check", "--quiet"] : ["--import", import.meta.resolve("tsx")];

/** Replays a case in a folder of its own, where the shrunk one is written. */
const replay = (folder: string, file: string) => {
  const argv = [...runtime, join(root, "cmd/sim.ts"), "--replay", file];
  return spawnSync(process.execPath, argv, { cwd: folder, encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } });
};

const ends = (what: string, fault: Fault, code: number, line: RegExp): void => {
  test(`cmd/sim exits with ${code} for ${what}, and so does the case that it keeps`, () => {
    const folder = mkdtempSync(join(tmpdir(), "samtpfote-sim-"));
    try {
      writeFileSync(join(folder, "case.json"), encodeCase({ what, configuration, faults: [fault] }));
      const first = replay(folder, "case.json");
      assert.match(first.stdout, line, first.stderr);
      assert.equal(first.status, code, first.stdout);
      const again = replay(folder, `case-${configuration.seed}.json`);
      assert.equal(again.status, code, again.stdout + again.stderr);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
};

ends("a crash", { type: "Crash", host: "nobody", from: 1, until: 2 }, 127, /^CRASH: .*no host is called nobody/m);

ends(
  "what had to happen and did not",
  { type: "Crash", host: "mix-1", from: 52_000, until: 53_000 },
  128,
  /^VIOLATION \(liveness\) .*ends in Timeout$/m,
);

ends(
  "what must never happen",
  { type: "Replay", host: "mix-1", from: 52_000, until: 53_000 },
  129,
  /^VIOLATION \(safety\) .*drops a packet: replayed$/m,
);
