/**
 * The management socket over a real Unix socket: who may open it, what it survives, how it ends.
 *
 * @module
 */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createConnection, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createInquiries } from "../../../adapters/inquiries.ts";
import { createManagement, type Management } from "../../../adapters/management.ts";
import type { Manage } from "../../../core/management/request.ts";

const ok = "250 Requested action ok, completed\r\n";
const unknown = "500 Syntax error, command unrecognised\r\n";
const greeting = "220 p1 Katzenpost Management Interface Service ready\r\n";

interface Served {
  readonly path: string;
  readonly management: Management;
  readonly shutdowns: string[];
  readonly stop: () => Promise<void>;
}

/** A socket whose machine says yes to everything, a little later. */
const serve = async (idleMs?: number): Promise<Served> => {
  const folder = mkdtempSync(join(tmpdir(), "samtpfote-management-"));
  const path = join(folder, "management_sock");
  const shutdowns: string[] = [];
  const inquiries = createInquiries<unknown>((event) => {
    const { type, id } = event as Manage | { readonly type: "Status"; readonly id: number };
    const answer = type === "Manage"
      ? { type: "Managed", id, answer: { type: "Done" } }
      : { type: "Status", id, view: { epoch: 7 } };
    setTimeout(() => inquiries.onNotify(answer), 1);
    return true;
  });
  const log = { write: () => {}, reopen: () => {}, close: () => {} };
  const management = createManagement({
    path,
    role: "provider",
    identifier: "p1",
    inquiries,
    shutdown: () => void shutdowns.push("SHUTDOWN"),
    log,
    ...(idleMs === undefined ? {} : { idleMs }),
  });
  await management.listen();
  const stop = async (): Promise<void> => {
    await management.stop();
    rmSync(folder, { recursive: true });
  };
  return { path, management, shutdowns, stop };
};

/** What a peer reads until the connection ends; `talk` is called once it is open. */
const converse = (path: string, talk: (socket: Socket) => void, allowHalfOpen = true): Promise<string> =>
  new Promise((resolve) => {
    const socket = createConnection({ path, allowHalfOpen });
    let text = "";
    socket.on("connect", () => talk(socket));
    socket.on("data", (bytes: Uint8Array) => (text += new TextDecoder().decode(bytes)));
    socket.on("end", () => socket.end());
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });

test("[HB-MIX-3-04] the socket is its owner's alone, and gone with the process", async () => {
  const { path, management, stop } = await serve();
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(await converse(path, (socket) => socket.write("STATUS\nQUIT\n")), `${greeting}250 {"epoch":7}\r\n${ok}`);
  await management.stop();
  assert.equal(existsSync(path), false);
  await stop();
});

test("a socket that a dead process left is replaced, that of a live one and what is no socket are not", async () => {
  const { path, stop } = await serve();
  const another = (at: string): Management =>
    createManagement({
      path: at,
      role: "mix",
      identifier: "m",
      inquiries: createInquiries(() => false),
      shutdown: () => {},
      log: { write: () => {}, reopen: () => {}, close: () => {} },
    });
  await assert.rejects(another(path).listen(), {
    code: 69,
    message: `cannot listen on ${path}: another process listens there`,
  });
  assert.equal(await converse(path, (socket) => socket.write("QUIT\n")), greeting + ok);
  const file = `${path}_file`;
  writeFileSync(file, "mine");
  chmodSync(file, 0o600);
  await assert.rejects(another(file).listen(), /there is a file that is no socket/);
  await assert.rejects(another(`/tmp/${"x".repeat(120)}`).listen(), /longer than 107 bytes/);
  const stale = `${path}_stale`;
  await leaveStale(stale);
  const heir = another(stale);
  await heir.listen();
  assert.match(await converse(stale, (socket) => socket.write("QUIT\n")), /^220 m /);
  await heir.stop();
  await stop();
});

/** A socket file that nobody listens at: a hard link outlives the listener's own name. */
const leaveStale = async (path: string): Promise<void> => {
  const { linkSync } = await import("node:fs");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${path}_0`, () => resolve()));
  linkSync(`${path}_0`, path);
  await new Promise((resolve) => server.close(resolve));
};

test("[FAULT-40] unknown verbs, a line of 1 MB, garbage and half-closed peers are answered, and nothing breaks", async () => {
  const { path, stop } = await serve();
  assert.equal(await converse(path, (socket) => socket.end("EHLO\n")), greeting + unknown);
  const long = await converse(path, (socket) => void socket.write("A".repeat(1024 * 1024)));
  assert.equal(long, greeting + unknown);
  const half = await converse(path, (socket) => socket.end("REMOVE_USER alice\nREMOVE_USER bob"));
  assert.equal(half, greeting + ok + ok);
  assert.equal(await converse(path, (socket) => socket.end(Uint8Array.of(0, 255, 10))), greeting + unknown);
  await converse(path, (socket) => socket.destroy());
  await converse(path, (socket) => {
    socket.write("REMOVE_USER alice\n");
    socket.destroy();
  });
  assert.equal(await converse(path, (socket) => socket.write("QUIT\n")), greeting + ok);
  await stop();
});

test("[FAULT-40] [FAULT-15] SHUTDOWN from many at once is answered to each; connections are bounded; silent ones end", async () => {
  const { path, shutdowns, stop } = await serve(300);
  const many = await Promise.all(
    Array.from({ length: 8 }, () => converse(path, (socket) => socket.write("SHUTDOWN\n"))),
  );
  assert.deepEqual(new Set(many), new Set([greeting + ok]));
  assert.equal(shutdowns.length, 8);
  const silent = await Promise.all(Array.from({ length: 40 }, () => converse(path, () => {})));
  assert.equal(silent.filter((text) => text === greeting).length <= 16, true, "no more than 16 are greeted");
  assert.equal(silent.includes(greeting), true, "some are greeted");
  const slow = await converse(path, (socket) => {
    const timer = setInterval(() => socket.write("A"), 50);
    socket.on("close", () => clearInterval(timer));
  });
  assert.equal(slow, greeting);
  await stop();
});
