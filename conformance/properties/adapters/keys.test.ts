/**
 * Keys in PEM files (wire-facts §3).
 *
 * @module
 */
import { strict as assert } from "node:assert";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { nobleSuite as suite } from "../../../core/crypto/noble.ts";
import { decodePem, encodePem, ensureDataDir, loadClientKeys, loadNodeKeys } from "../../../adapters/keys.ts";

const inFolder = (run: (folder: string) => void): void => {
  const folder = mkdtempSync(join(tmpdir(), "samtpfote-keys-"));
  try {
    run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
};

const modeOf = (file: string): number => statSync(file).mode & 0o777;
const refused = (run: () => void, message: RegExp): void =>
  assert.throws(
    run,
    (error) => (error as { readonly code: number }).code === 78 && message.test((error as Error).message),
  );

test("keys are made on the first start, in files of mode 0600 in a folder of mode 0700, and are the same ever after", () => {
  inFolder((parent) => {
    const folder = join(parent, "a", "b");
    const made = loadNodeKeys(suite, folder);
    const files = ["identity.private.pem", "identity.public.pem", "link.private.pem", "link.public.pem"];
    assert.deepEqual(readdirSync(folder).sort(), files);
    assert.equal(modeOf(folder), 0o700);
    for (const file of files) assert.equal(modeOf(join(folder, file)), 0o600);
    assert.deepEqual(loadNodeKeys(suite, folder), made);
    assert.deepEqual(made.identityPrivate.slice(32), made.identityKey);
    assert.deepEqual(suite.ed25519Public(made.identityPrivate.slice(0, 32)), made.identityKey);
    assert.deepEqual(suite.x25519Public(made.linkPrivate), made.linkKey);
    assert.match(
      readFileSync(join(folder, "identity.private.pem"), "utf8"),
      /^-----BEGIN ED25519 PRIVATE KEY-----\n[\w+/=]{64}\n[\w+/=]{24}\n-----END ED25519 PRIVATE KEY-----\n$/,
    );
  });
});

test("a client's keys are both of X25519", () => {
  inFolder((folder) => {
    chmodSync(folder, 0o700);
    const made = loadClientKeys(suite, folder);
    assert.deepEqual(suite.x25519Public(made.identityPrivate), made.identityKey);
    assert.match(readFileSync(join(folder, "identity.private.pem"), "utf8"), /BEGIN X25519 PRIVATE KEY/);
    assert.deepEqual(loadClientKeys(suite, folder), made);
  });
});

test("a public key that was lost is written again; one that does not belong is refused", () => {
  inFolder((parent) => {
    const folder = join(parent, "d");
    const made = loadNodeKeys(suite, folder);
    const file = join(folder, "identity.public.pem");
    rmSync(file);
    assert.deepEqual(loadNodeKeys(suite, folder), made);
    writeFileSync(file, encodePem("ED25519 PUBLIC KEY", new Uint8Array(32)));
    refused(() => loadNodeKeys(suite, folder), /identity\.public\.pem does not belong to .*identity\.private\.pem$/);
  });
});

test("a private key that is gone while its public key is there is not replaced", () => {
  inFolder((parent) => {
    const folder = join(parent, "d");
    loadNodeKeys(suite, folder);
    rmSync(join(folder, "link.private.pem"));
    refused(() => loadNodeKeys(suite, folder), /link\.public\.pem is there, but not .*link\.private\.pem$/);
    assert.equal(readdirSync(folder).includes("link.private.pem"), false);
  });
});

test("damaged files are refused without their contents being shown", () => {
  inFolder((parent) => {
    const folder = join(parent, "d");
    loadNodeKeys(suite, folder);
    const file = join(folder, "link.private.pem");
    const whole = readFileSync(file, "utf8");
    const cases = [
      whole + "x",
      whole.replaceAll("X25519", "ED25519"),
      encodePem("X25519 PRIVATE KEY", new Uint8Array(31)),
      whole.repeat(2),
      whole.slice(0, 40),
      "",
    ];
    for (const damaged of cases) {
      writeFileSync(file, damaged);
      refused(
        () => loadNodeKeys(suite, folder),
        /link\.private\.pem is not one PEM block "X25519 PRIVATE KEY" of 32 bytes$/,
      );
    }
    writeFileSync(file, whole);
    const identity = join(folder, "identity.private.pem");
    writeFileSync(identity, encodePem("ED25519 PRIVATE KEY", new Uint8Array(64)));
    refused(() => loadNodeKeys(suite, folder), /identity\.private\.pem is damaged$/);
  });
});

test("[HB-AUTH-1-02] a folder that others can read is refused, and so is a file in its place", () => {
  inFolder((parent) => {
    const folder = join(parent, "d");
    mkdirSync(folder);
    chmodSync(folder, 0o750);
    refused(() => ensureDataDir(folder), /has mode 0750: others could read its keys \(chmod 700 /);
    const file = join(parent, "f");
    writeFileSync(file, "");
    refused(() => ensureDataDir(file), /cannot use DataDir .*: EEXIST$/);
  });
});

test("PEM: round trip, line ends of Windows, one block and no other", () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, i) => i);
  const pem = encodePem("A KEY", bytes);
  assert.deepEqual(decodePem("A KEY", pem), bytes);
  assert.deepEqual(decodePem("A KEY", pem.replaceAll("\n", "\r\n")), bytes);
  for (const bad of [` ${pem}`, pem.replace("END A", "END B"), pem.replace("A", "!"), `${pem}\n`]) {
    assert.equal(decodePem("A KEY", bad), null);
  }
});
