/** The reference vectors, all of them, under both crypto providers; and what must not pass for a vector. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { nativeSuite } from "../../adapters/crypto_native.ts";
import { nobleSuite } from "../../core/crypto/noble.ts";
import { E } from "../../core/fp.ts";
import { count, type Decoded, list, object, text } from "./decode.ts";
import { formats } from "./registry.ts";
import { runVectors, type VectorFile } from "./run.ts";

const directory = fileURLToPath(new URL("../../spec-vectors/", import.meta.url));
const names = readdirSync(directory).filter((name) => name !== "MANIFEST.json").sort();
const read = (name: string): VectorFile => ({ name, content: readFileSync(directory + name, "utf8") });

const entry = object({ file: text, format: text, source: text, made: text, sha256: text, cases: count });

const manifest = (): ReadonlyArray<Decoded<typeof entry>> => {
  const decoded = object({ files: list(entry) })(JSON.parse(read("MANIFEST.json").content), "MANIFEST");
  assert.ok(E.isRight(decoded), E.isLeft(decoded) ? decoded.left : "");
  return decoded.right.files;
};

const suites = [nobleSuite, nativeSuite];

/** The counts of one run, and its lines. */
const run = (...files: ReadonlyArray<VectorFile>) => {
  const lines: string[] = [];
  const counts = runVectors(files, [nobleSuite], (line) => lines.push(line));
  return { ...counts, lines: lines.join("\n") };
};

const sphinxCrypto = read("sphinx_crypto.json");
const parsed = () =>
  JSON.parse(sphinxCrypto.content) as { vectors: Record<string, unknown>[]; [field: string]: unknown };
const altered = (alter: (json: ReturnType<typeof parsed>) => void): VectorFile => {
  const json = parsed();
  alter(json);
  return { name: "sphinx_crypto.json", content: JSON.stringify(json) };
};

const checked = new Set<string>();

/** Every case of a file holds under both providers, and there are as many as the manifest says. */
const holds = (name: string) => () => {
  checked.add(name);
  const lines: string[] = [];
  const { passed, failed } = runVectors([read(name)], suites, (line) => lines.push(line));
  assert.equal(failed, 0, lines.join("\n"));
  assert.equal(passed, manifest().find(({ file }) => file === name)!.cases * suites.length);
};

test("[MIXNET-3.1-04] aez.json holds", holds("aez.json"));
test("[MIXNET-3.1-04] aez_general.json holds", holds("aez_general.json"));
test("[SPHINX-2-03] [MIXNET-3.1-05] misc.json holds", holds("misc.json"));
test("[WIRE-2-03] newhope_simple.json holds", holds("newhope_simple.json"));
test("noise_x.json holds", holds("noise_x.json"));
test("[WIRE-2-01] noise_xxhfs.json holds", holds("noise_xxhfs.json"));
test("pki.json holds", holds("pki.json"));
test("pki_live_consensus.json holds", holds("pki_live_consensus.json"));
test("cborplugin.json holds", holds("cborplugin.json"));
test("memspool.json holds", holds("memspool.json"));
test("[FAULT-39] precis.json holds", holds("precis.json"));
test(
  "[SPHINX-5.1-02] [SPHINX-5.1-03] [SPHINX-5.1-04] [SPHINX-5.2-02] [PRIORITY-3-01] sphinx.json holds",
  holds("sphinx.json"),
);
test(
  "[SPHINX-3.1-02] [MIXNET-3.2-02] [REPLAY-2.1-01] " +
    "[SPHINX-2-01] [SPHINX-2.1-01] [MIXNET-3.1-01] [MIXNET-3.1-02] [MIXNET-3.1-03] sphinx_crypto.json holds",
  holds("sphinx_crypto.json"),
);
test("[PKI-5.2-01] [PKI-5.1-01] [E2E-3.2-02] wire_commands.json holds", holds("wire_commands.json"));
test("[WIRE-2.2-04] wire_session.json holds", holds("wire_session.json"));

test("no file of vectors is left out", () => {
  assert.deepEqual([...checked].sort(), names);
});

test("the manifest lists every vector file with its hash, and every format has a file", () => {
  assert.deepEqual(manifest().map(({ file }) => file).sort(), names);
  for (const { file, sha256 } of manifest()) {
    assert.equal(createHash("sha256").update(readFileSync(directory + file)).digest("hex"), sha256, file);
  }
  const covered = new Set(manifest().map(({ format }) => format));
  assert.deepEqual([...covered].sort(), formats.map(({ name }) => name).sort());
});

test("an empty set, an unknown file, no JSON and no cases are failures", () => {
  assert.equal(run().failed, 1);
  assert.equal(run({ name: "bogus.json", content: "{}" }).failed, 1);
  assert.equal(run({ name: "README.md", content: "# vectors" }).failed, 1);
  assert.equal(run({ name: "aez.json", content: "" }).failed, 1);
  assert.equal(run({ name: "aez.json", content: JSON.stringify({ note: "", vectors: [] }) }).failed, 1);
});

test("an unknown field, at the top or in a case, is a failure that names it", () => {
  const top = run(altered((json) => json["extra"] = 1));
  assert.equal(top.failed, 1);
  assert.match(top.lines, /unknown field "extra"/);
  const inCase = run(altered((json) => json.vectors[3]!["extra"] = 1));
  assert.equal(inCase.failed, 1);
  assert.match(inCase.lines, /vectors\[3\]: unknown field "extra"/);
});

test("a missing field, one of another type and a wrong length are failures", () => {
  assert.match(run(altered((json) => delete json.vectors[0]!["mac"])).lines, /missing field "mac"/);
  assert.match(run(altered((json) => json.vectors[0]!["mac"] = 5)).lines, /vectors\[0\]\.mac: expected hex/);
  assert.match(run(altered((json) => json.vectors[0]!["mac"] = "00")).lines, /expected 16 bytes, got 1/);
});

test("a wrong value fails its case alone, and the line says where and what", () => {
  const { passed, failed, lines } = run(altered((json) => json.vectors[2]!["mac"] = "00".repeat(16)));
  assert.deepEqual({ passed, failed }, { passed: 8, failed: 1 });
  assert.match(lines, /FAIL sphinx_crypto\.json vectors\[2\] \(noble\): mac: differs at byte 0 of 16/);
  assert.ok(lines.length < 500, "a difference is an excerpt");
});

test("a case that asks for other random reads than were recorded fails", () => {
  const json = JSON.parse(read("newhope_simple.json").content) as {
    vectors: { alice_reads: string[]; bob_reads: string[] }[];
  };
  json.vectors[0]!.alice_reads.pop();
  json.vectors[1]!.bob_reads.push("00");
  json.vectors[2]!.alice_reads[1] += "00";
  const { failed, lines } = run({ name: "newhope_simple.json", content: JSON.stringify(json) });
  assert.equal(failed, 3);
  assert.match(lines, /only 1 were recorded/);
  assert.match(lines, /1 of 3 recorded reads were not used/);
  assert.match(lines, /asked for 32 bytes, recorded are 33/);
});

test("a file is recognised by its name's beginning or by its shape", () => {
  for (const name of ["sphinx_crypto-2.json", "sphinx_extra.json", "more.json"]) {
    const { passed, failed, lines } = run({ ...sphinxCrypto, name });
    assert.deepEqual({ passed, failed }, { passed: 9, failed: 0 }, lines);
  }
});
