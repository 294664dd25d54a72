#!/usr/bin/env node
// A plugin with a fault, `-fault NAME`; with `-fault none` it echoes. It is written without the kit, down to HTTP.
import { createServer } from "node:net";
import { unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const fault = process.argv[process.argv.indexOf("-fault") + 1];
const path = join(tmpdir(), `${process.pid}.faulty.socket`);
const http = (body, status = "200 OK", length = body.length) =>
  Buffer.concat([Buffer.from(`HTTP/1.1 ${status}\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n`), body]);
const bytes = (payload) => {
  const head = Buffer.from([0x5a, 0, 0, 0, 0]);
  head.writeUInt32BE(payload.length, 1);
  return Buffer.concat([head, payload]);
};
const response = (payload) => Buffer.concat([Buffer.from([0xa1, 0x67]), Buffer.from("Payload"), bytes(payload)]);
const good = response(Buffer.from("answer"));

const answers = {
  none: () => http(good),
  partial: () => http(good.subarray(0, 12)),
  "cut-off": () => http(good, "200 OK", good.length + 9),
  oversized: () => http(response(Buffer.alloc(51_199, 1))),
  endless: () => http(Buffer.alloc(1 << 20, 1)),
  "no-reply": () => http(Buffer.alloc(0), "500 Internal Server Error"),
  garbage: () => Buffer.from("\0\x01\x02 this is no HTTP\r\n\r\n"),
  "other-id": () => http(Buffer.concat([Buffer.from([0xa2, 0x62, 0x49, 0x44, 0x18, 99]), good.subarray(1)])),
  twice: () => Buffer.concat([http(good), http(response(Buffer.from("another")))]),
  bomb: () => http(Buffer.alloc(50_000, 0x81)),
  duplicate: () => http(Buffer.concat([Buffer.from([0xa2]), good.subarray(1), good.subarray(1)])),
  "empty-map": () => http(Buffer.from([0xa0])),
  exit: () => process.exit(0),
  stop: () => process.kill(process.pid, "SIGSTOP") && Buffer.alloc(0),
};

if (fault === "exit-at-once") process.exit(0);
if (fault === "bad-parameters") answers.none = undefined;
if (fault === "stubborn") { for (const signal of ["SIGHUP", "SIGTERM"]) process.on(signal, () => {}); }
else {
  for (const signal of ["SIGHUP", "SIGTERM"]) {
    process.on(signal, () => {
      unlinkSync(path);
      process.exit(0);
    });
  }
}
if (fault === "flood") {
  for (let i = 0; i < 20_000; i++) process.stderr.write(`line ${i} ${"x".repeat(100)}\n`);
  process.stderr.write("y".repeat(100_000));
}

const server = createServer((socket) => {
  socket.on("error", () => {});
  let [head, wanted] = ["", -1];
  socket.on("data", (chunk) => {
    head += chunk.toString("latin1");
    const end = head.indexOf("\r\n\r\n");
    if (end === -1) return;
    wanted = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0) + end + 4;
    if (head.length < wanted) return;
    const isParameters = head.startsWith("POST /parameters");
    const parameters = Buffer.from(fault === "bad-parameters" ? [0x81, 0x01] : [0xf6]);
    socket.end(isParameters ? http(parameters) : (answers[fault] ?? answers.none)());
  });
});
server.listen(path, () => process.stdout.write(fault === "no-socket" ? "/nonexistent\n" : `${path}\nmore\n`));
