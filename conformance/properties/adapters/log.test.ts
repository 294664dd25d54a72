/**
 * The log: formats, levels, what is not written, files.
 *
 * @module
 */
import { strict as assert } from "node:assert";
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { LogLevel } from "../../../core/effects.ts";
import { jsonLine, type LogRecord, openLogger, textLine } from "../../../adapters/log.ts";

const at = new Date(2020, 3, 1, 9, 5, 7, 8);
const record: LogRecord = {
  module: "node",
  level: "NOTICE",
  reason: "up",
  message: "Node is up",
  fields: { layer: 2, peers: ["a", "b"] },
};

const inFolder = (run: (folder: string) => void): void => {
  const folder = mkdtempSync(join(tmpdir(), "samtpfote-log-"));
  try {
    run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
};

test("a text line is written as the Go programs write it, fields behind the message", () => {
  assert.equal(textLine(at, record), "09:05:07.008 NOTI node: Node is up layer=2 peers=a,b");
});

test("a JSON line has time, level, module, reason and message first, and fields that cannot replace them", () => {
  const forged = { ...record, fields: { ...record.fields, reason: "other", level: "ERROR" } };
  assert.equal(
    jsonLine(at, forged),
    `{"time":"${at.toISOString()}","level":"NOTICE","module":"node","reason":"up","message":"Node is up",` +
      `"layer":2,"peers":["a","b"]}`,
  );
});

test("what a peer sends cannot forge a line or steer a terminal", () => {
  const line = textLine(at, { ...record, message: "a\nb\u001b[2J\u2028c\u0085", fields: { name: "x\r\ny" } });
  assert.equal(line, "09:05:07.008 NOTI node: a\\u000ab\\u001b[2J\\u2028c\\u0085 name=x\\u000d\\u000ay");
  assert.equal(jsonLine(at, { ...record, message: "a\nb" }).includes("\n"), false);
});

test("fields that are named like secrets are not written", () => {
  const fields = { linkPrivateKey: "00", SharedSecret: "00", seed: "00", Password: "00", identityKey: "public" };
  const text = textLine(at, { ...record, fields });
  const json = JSON.parse(jsonLine(at, { ...record, fields })) as Record<string, unknown>;
  assert.equal(text.match(/\[redacted\]/g)?.length, 4);
  assert.equal(json["linkPrivateKey"], "[redacted]");
  assert.equal(json["identityKey"], "public");
});

test("a line is bounded", () => {
  assert.ok(textLine(at, { ...record, message: "x".repeat(100_000) }).length < 5000);
  assert.ok(jsonLine(at, { ...record, message: "x".repeat(100_000) }).length < 5000);
});

test("levels below the configured one are not written; the file has mode 0600 and is appended to", () => {
  inFolder((folder) => {
    const file = join(folder, "log");
    for (const start of ["first", "second"]) {
      const log = openLogger({ format: "text", level: "NOTICE", output: { file }, disable: false });
      for (
        const level of ["DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL"] as const satisfies ReadonlyArray<
          LogLevel
        >
      ) {
        log.write({ module: start, level, reason: "r", message: "m" });
      }
      log.close();
    }
    const lines = readFileSync(file, "utf8").trimEnd().split("\n").map((line) => line.slice(13));
    const expected = ["NOTI", "WARN", "ERRO", "CRIT"];
    assert.deepEqual(lines, [
      ...expected.map((level) => `${level} first: m`),
      ...expected.map((level) => `${level} second: m`),
    ]);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });
});

test("reopening goes on in a new file after the old one was moved away", () => {
  inFolder((folder) => {
    const file = join(folder, "log");
    const log = openLogger({ format: "json", level: "DEBUG", output: { file }, disable: false });
    log.write({ ...record, message: "before" });
    renameSync(file, `${file}.1`);
    log.reopen();
    log.write({ ...record, message: "after" });
    log.close();
    assert.match(readFileSync(`${file}.1`, "utf8"), /before"/);
    assert.match(readFileSync(file, "utf8"), /^[^\n]*after"[^\n]*\n$/);
  });
});

test("a disabled log writes nothing and makes no file; one that cannot be opened is a CommandError with exit code 78", () => {
  inFolder((folder) => {
    const disabled = openLogger({
      format: "text",
      level: "DEBUG",
      output: { file: join(folder, "none") },
      disable: true,
    });
    disabled.write(record);
    disabled.close();
    assert.throws(() => statSync(join(folder, "none")));
    const file = join(folder, "missing", "log");
    assert.throws(() => openLogger({ format: "text", level: "DEBUG", output: { file }, disable: false }), {
      code: 78,
      message: `cannot write the log file ${file}: ENOENT`,
    });
  });
});
