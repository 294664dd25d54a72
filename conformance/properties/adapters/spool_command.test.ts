/** `client spool` before there is a network: wrong words and files are refused, and no descriptor is overwritten. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { katzenpostClock } from "../../../core/pki/epoch.ts";
import { decodeMemspoolRequest } from "../../../core/spool/memspool.ts";
import type { MixClient } from "../../../adapters/client_api.ts";
import { ClientError } from "../../../adapters/client_error.ts";
import { nativeSuite as suite } from "../../../adapters/crypto_native.ts";
import { exitCode } from "../../../adapters/exit.ts";
import { spoolCommand } from "../../../adapters/spool_command.ts";
import { readSpoolFile, writeSpoolFile } from "../../../adapters/spool_files.ts";

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

test("memspool, which does not say its versions, is asked in version 1, and other services in version 2", async () => {
  const asked = async (parameters: Record<string, string>): Promise<number> => {
    const sent: Uint8Array[] = [];
    const kaetzchen = new Map([["spool", new Map(Object.entries({ endpoint: "+spool", ...parameters }))]]);
    const client = {
      document: () => ({ providers: [{ name: "p1", kaetzchen }] }),
      query: (_to: unknown, bytes: Uint8Array) => {
        sent.push(bytes);
        return Promise.reject(new ClientError("timeout"));
      },
    } as unknown as MixClient;
    const options = {
      client,
      suite,
      clock: katzenpostClock,
      at: null,
      signal: AbortSignal.timeout(60_000),
      print() {},
    };
    await assert.rejects(spoolCommand(["create", join(folder, "version"), "P1"])(options), { code: "timeout" });
    return decodeMemspoolRequest(sent[0]!) === null ? 2 : 1;
  };
  assert.deepEqual([await asked({}), await asked({ versions: "1 2" }), await asked({ versions: "2" })], [1, 2, 2]);
});

test("a descriptor serves what it was made for", () => {
  const file = join(folder, "root.json");
  const place = { spool: new Uint8Array(32).fill(1), replicas: [] };
  writeSpoolFile(file, {
    kind: "replicated-admin",
    spool: { ...place, adminKey: new Uint8Array(64) },
    sequence: 0,
  });
  refused(["append", file, "text"], `${file} is not for writing: take the .write.json`);
  refused(["read", file], `${file} is not for reading: take the .read.json`);
  refused(["remove", file], `${file} is not the .read.json of a spool with replicas`);
  refused(["list", file], `${file} is not the .read.json of a spool with replicas`);
  refused(["purge", file], `${file} gives and takes roles: only the root key deletes the spool (NAME.root.json)`);
  refused(["append", file], "spool append expects a FILE and a text");
  refused(["fly"], "spool expects create, append, read, list, remove, roles, grant, revoke, purge");
  refused(["grant", file, "king", "x"], 'there is no role "king": expected writer, reader, canonical, admin');
  refused(
    ["grant", file, "writer"],
    "spool grant expects a FILE, a role (writer, reader, canonical, admin) and a NAME",
  );
  refused(["revoke", file, "nobody"], "nobody is neither a key in base64 or hex, nor a file");
  const reader = join(folder, "reader.json");
  writeSpoolFile(reader, {
    kind: "replicated-reader",
    spool: { ...place, readKey: new Uint8Array(64), decryptionKey: new Uint8Array(32) },
    position: null,
    last: null,
    removals: 0,
  });
  refused(["remove", reader], `nothing was read with ${reader}: say which IDs to remove`);
  refused(["remove", reader, "xyz"], '"xyz" is no ID: expected 8 to 64 hexadecimal digits');
  refused(["grant", reader, "writer", "x"], `${reader} is not the .root.json or .admin.json of a spool with replicas`);
  const purged = `${reader} is not the .read.json of a spool without replicas, nor the .root.json of one with replicas`;
  refused(["purge", reader], purged);
  assert.throws(() => spoolCommand(["read", join(folder, "gone.json")]), /cannot read the spool descriptor .*gone/);
});

test("a descriptor that somebody has changed is refused, saying where, and without what stands there", () => {
  const file = join(folder, "changed.json");
  const place = { version: 2, provider: "p", capability: "spool", id: new Uint8Array(12) } as const;
  const changed = (from: string, to: string, message: RegExp): void => {
    writeSpoolFile(file, { kind: "spool-writer", spool: { ...place, writeKey: new Uint8Array(64) } });
    assert.equal(readSpoolFile(file).kind, "spool-writer");
    writeFileSync(file, readFileSync(file, "utf8").replace(from, to));
    assert.throws(() => readSpoolFile(file), message);
  };
  changed('"provider": "p"', '"provider": 7', /changed\.json: spool\.provider is not string$/);
  changed("A".repeat(16), "AAAA", /spool\.id is not 12 bytes in base64$/);
  changed("spool-writer", "spool-thief", /expected a spool descriptor/);
  const keys = { writeKey: new Uint8Array(64), encryptTo: [], retired: [] };
  const replicated = { spool: new Uint8Array(32), replicas: [], ...keys };
  writeSpoolFile(file, { kind: "replicated-writer", spool: replicated, sequence: 3 });
  assert.equal(readSpoolFile(file).kind, "replicated-writer");
  writeFileSync(file, readFileSync(file, "utf8").replace('"sequence": 3', '"sequence": -3'));
  assert.throws(() => readSpoolFile(file), /sequence is not a count$/);
});
