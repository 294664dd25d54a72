/** The import graph keeps its direction, and the check that says so sees each violation. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { importGraph } from "./imports.ts";
import { filesBelow, sourceOf, sourcesBelow } from "./sources.ts";

test("cmd, adapters, core and conformance import in one direction, without circles", () => {
  const { modules, edges, findings } = importGraph(sourcesBelow("core", "adapters", "cmd", "conformance"));
  assert.ok(modules > 30 && edges > 60, `${modules} modules and ${edges} imports were read`);
  assert.deepEqual(findings, []);
});

test("spec-vectors holds data only", () => {
  assert.deepEqual(filesBelow("spec-vectors").filter((path) => !/\.(json|md)$/.test(path)), []);
});

const violations: ReadonlyArray<readonly [from: string, to: string, why: RegExp]> = [
  ["core/machine.ts", "core/sphinx/geometry.ts", /base is below documents/],
  ["core/crypto/aez.ts", "core/effects.ts", /base is below links/],
  ["core/sphinx/surb.ts", "core/wire/commands.ts", /documents is below links/],
  ["core/wire/session.ts", "core/client/path.ts", /links is below client/],
  ["core/pki/document.ts", "core/pki/authority.ts", /documents is below authority/],
  ["core/mix/system.ts", "core/client/path.ts", /mix and client meet on the wire/],
  ["core/client/session.ts", "core/pki/authority.ts", /client and authority meet on the wire/],
  ["core/pki/authority.ts", "core/mix/node.ts", /authority and mix meet on the wire/],
  ["core/provider/mailbox.ts", "core/mix/node.ts", /provider and mix meet on the wire/],
  ["core/stray.ts", "core/machine.ts", /no layer is known for core\/stray.ts/],
  ["core/mix/node.ts", "adapters/tcp.ts", /core does not import adapters/],
  ["adapters/tcp.ts", "cmd/mix.ts", /adapters does not import cmd/],
  ["adapters/tcp.ts", "conformance/sim/world.ts", /adapters does not import conformance/],
  ["cmd/mix.ts", "conformance/sim/toy_suite.ts", /the toy suite is for simulations/],
  ["cmd/mix.ts", "conformance/sim/world.ts", /cmd does not import conformance/],
];

for (const [from, to, why] of violations) {
  test(`a planted import of ${to} by ${from} is reported once`, () => {
    const { findings } = importGraph([sourceOf(from, `import { a } from "${up(from)}${to}";`), sourceOf(to, "")]);
    assert.equal(findings.length, 1, findings.join("\n"));
    assert.match(findings[0]!, why);
  });
}

const up = (path: string): string => "../".repeat(path.split("/").length - 1);

test("a missing file and a circle are reported; a circle of types is none", () => {
  assert.match(
    importGraph([sourceOf("core/machine.ts", `import { a } from "./gone.ts";`)]).findings.join(),
    /no layer is known/,
  );
  assert.match(
    importGraph([sourceOf("adapters/tcp.ts", `import { a } from "./gone.ts";`)]).findings.join(),
    /no such file/,
  );
  const circle = (type: string) =>
    importGraph([
      sourceOf("core/heap.ts", `import { a } from "./bytes.ts";`),
      sourceOf("core/bytes.ts", `import ${type} { b } from "./heap.ts";`),
    ]).findings;
  assert.match(circle("").join(), /in a circle: core\/heap.ts -> core\/bytes.ts -> core\/heap.ts/);
  assert.deepEqual(circle("type"), []);
});

test("machines may name the types of effects and systems anywhere; mixes hold their Provider", () => {
  const allowed = (from: string, text: string, to: string) =>
    importGraph([sourceOf(from, text), sourceOf(to, "")]).findings;
  assert.deepEqual(
    allowed("core/sphinx/unwrap.ts", `import type { Unwrap } from "../effects.ts";`, "core/effects.ts"),
    [],
  );
  assert.deepEqual(
    allowed("core/sphinx/unwrap.ts", `import { type Unwrap } from "../effects.ts";`, "core/effects.ts"),
    [],
  );
  assert.equal(allowed("core/sphinx/unwrap.ts", `import { drop } from "../effects.ts";`, "core/effects.ts").length, 1);
  assert.deepEqual(
    allowed("core/mix/system.ts", `import { a } from "../provider/mailbox.ts";`, "core/provider/mailbox.ts"),
    [],
  );
  assert.deepEqual(
    allowed("cmd/sim.ts", `import { a } from "../conformance/sim/toy_suite.ts";`, "conformance/sim/toy_suite.ts"),
    [],
  );
});
