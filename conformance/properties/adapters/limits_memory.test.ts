/** What peers can make a node hold: what the documents say is what follows from the limits. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { E } from "../../../core/fp.ts";
import { serverLimitsTable } from "../../../adapters/config/limits.ts";
import { memoryBound, memoryShares } from "../../../adapters/config/limits_memory.ts";
import { root } from "../../house/sources.ts";

const textOf = (...path: ReadonlyArray<string>): string => readFileSync(join(root, ...path), "utf8");

const defaults = () => {
  const decoded = serverLimitsTable.decode({});
  assert.equal(E.isRight(decoded), true);
  return E.isRight(decoded) ? decoded.right : assert.fail("no key is required");
};

const units = [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [1024, "KiB"]] as const;

/** As the documents write it: at most one decimal. */
const written = (bytes: number): string => {
  const [size, unit] = units.find(([size]) => bytes >= size)!;
  return `${Math.round((bytes / size) * 10) / 10} ${unit}`;
};

test("[FAULT-16] the table of limits has a row for each share of memory, with the bytes that follow from the default", () => {
  const rows = textOf("core", "mix", "README.md").split("\n").flatMap((line) => {
    const cells = line.split("|").map((cell) => cell.trim());
    return / [KMG]iB/.test(cells[3] ?? "") ? [{ of: cells[1]!, bytes: cells[3]! }] : [];
  });
  const shares = memoryShares(defaults(), { isProvider: true, before: 1, next: 1 });
  assert.deepEqual(rows.map(({ of }, at) => of.startsWith(shares[at]?.of ?? "none")), shares.map(() => true));
  assert.deepEqual(
    rows.map(({ bytes }) => /^[0-9.]+ [KMG]iB/.exec(bytes)?.[0]),
    shares.map(({ bytes }) => written(bytes)),
  );
});

test("[FAULT-16] a mix with twenty neighbours before and behind it needs the 1 GiB that the guide tells its operator", () => {
  assert.match(textOf("docs", "operators_guide.md"), /A mix\s+needs 1 GiB under the worst flood that it admits/);
  const bound = memoryBound(defaults(), { isProvider: false, before: 20, next: 20 });
  assert.equal(bound > 0.9 * 2 ** 30 && bound <= 2 ** 30, true, written(bound));
});

test("[FAULT-16] a Provider of 2 GiB may have the 2,000 clients that the guide tells its operator", () => {
  assert.match(textOf("docs", "operators_guide.md"), /on a machine of 2 GiB set\s+`Clients = 2000`/);
  const bound = memoryBound({ ...defaults(), Clients: 2000 }, { isProvider: true, before: 20, next: 20 });
  assert.equal(bound + 150 * 2 ** 20 < 2 * 2 ** 30, true, written(bound));
});
