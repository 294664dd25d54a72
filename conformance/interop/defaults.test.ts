/** What the commands do where nothing is said: the file they read, the keys they make, the network they plan. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { run } from "./process.ts";

let folder = "";
let listed = "";

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "samtpfote-defaults-"));
  const { code, stdout, stderr } = await run("genconfig", [join(folder, "net")]);
  assert.equal(code, 0, stderr);
  listed = stdout;
});

after(() => rmSync(folder, { recursive: true, force: true }));

test("[HB-AUTH-3-02] genconfig plans three authorities, three layers of two mixes and two Providers", () => {
  const names = readdirSync(join(folder, "net")).map((name) => name.replace(/[0-9]+$/, ""));
  const count = (kind: string): number => names.filter((name) => name === kind).length;
  assert.deepEqual([count("auth"), count("mix"), count("provider")], [3, 6, 2]);
  const authority = readFileSync(join(folder, "net", "auth1", "authority.toml"), "utf8");
  assert.match(authority, /Layers = 3\n/);
  for (const command of ["authority", "mix", "client"]) assert.match(listed, new RegExp(`cmd/${command}\\.ts`));
});

test("[HB-MIX-2-01] [HB-AUTH-1-01] without -f the file is the one that the Go programs read", async () => {
  const ends = await Promise.all(["mix", "authority"].map((name) => run(name, ["--validate"])));
  assert.deepEqual(ends.map(({ code }) => code), [78, 78]);
  assert.match(ends[0]!.stderr, /cannot read katzenpost\.toml: ENOENT/);
  assert.match(ends[1]!.stderr, /cannot read katzenpost-authority\.toml: ENOENT/);
});

test("[HB-AUTH-1-01] [HB-AUTH-2-04] an authority's -g, or its file's GenerateOnly, makes both keys and ends", async () => {
  const dataDir = join(folder, "fresh");
  const toml = readFileSync(join(folder, "net", "auth1", "authority.toml"), "utf8");
  const file = join(folder, "generate.toml");
  writeFileSync(file, toml.replace(/DataDir = .*/, `DataDir = "${dataDir}"`));
  const { code, stdout, stderr } = await run("authority", ["-f", file, "-g"]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^identity key [A-Za-z0-9+/]{43}=\nlink key {5}[A-Za-z0-9+/]{43}=\n$/);
  const made = ["identity.private.pem", "identity.public.pem", "link.private.pem", "link.public.pem"];
  assert.deepEqual(readdirSync(dataDir).sort(), made);
  writeFileSync(file, readFileSync(file, "utf8").replace("[Debug]", "[Debug]\n  GenerateOnly = true"));
  const again = await run("authority", ["-f", file]);
  assert.deepEqual([again.code, again.stdout], [0, stdout], again.stderr);
});
