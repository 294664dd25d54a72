/** `client spool` before there is a network: wrong words and files are refused, and no descriptor is overwritten. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { exitCode } from "../../../adapters/exit.ts";
import { spoolCommand } from "../../../adapters/spool_command.ts";
import { writeSpoolFile } from "../../../adapters/spool_files.ts";

const folder = mkdtempSync(join(tmpdir(), "samtpfote-spool-command-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const refused = (words: ReadonlyArray<string>, message: string): void =>
  assert.throws(() => spoolCommand(words), { code: exitCode.usage, message });

test("a spool is not made where a descriptor of another lies, or cannot lie", () => {
  for (const kind of ["write", "read", "root"]) {
    const file = join(folder, `${kind}.${kind}.json`);
    writeFileSync(file, "a key");
    refused(["create", join(folder, kind), "provider1"], `${file} is there already: take another NAME`);
    assert.equal(readFileSync(file, "utf8"), "a key");
  }
  refused(["create", join(folder, "none", "x"), "provider1"], `there is no folder ${join(folder, "none")}`);
  refused(["create", "x"], "spool create expects a NAME and PROVIDERs");
  assert.equal(typeof spoolCommand(["create", join(folder, "new"), "provider1"]), "function");
});

test("a descriptor serves what it was made for", () => {
  const file = join(folder, "root.json");
  writeSpoolFile(file, { kind: "replicated-root", rootKey: new Uint8Array(32) });
  refused(["append", file, "text"], `${file} is not for writing: take the .write.json`);
  refused(["read", file], `${file} is not for reading: take the .read.json`);
  refused(["append", file], "spool append expects a FILE and a text");
  refused(["fly"], "spool expects create, append, read, purge");
  assert.throws(() => spoolCommand(["read", join(folder, "gone.json")]), /cannot read the spool descriptor .*gone/);
});
