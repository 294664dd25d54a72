/** The client library as applications see it: calls as promises, messages as an iterator, and how both end. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import type { ClientNotice, ClientRequest, SentPacket } from "../../../core/client/events.ts";
import { createCalls } from "../../../adapters/client_calls.ts";
import { ClientError, connect, type ConnectOptions } from "../../../adapters/client_api.ts";
import { createMailbag, messagesMax, type ReceivedMessage } from "../../../adapters/mailbag.ts";
import { authorityNames, keysOf } from "../client/network.ts";

const sent = (etaMs: number): SentPacket => ({ path: [], delaysMs: [], returnPath: [], returnDelaysMs: [], etaMs });

const query = (id: string): ClientRequest => ({
  type: "Query",
  id,
  target: { type: "Service", capability: "loop", provider: null },
  payload: new Uint8Array(0),
  lengthPrefix: false,
});

const isCode = (code: string) => (error: unknown): boolean => error instanceof ClientError && error.code === code;

const createTold = (answer = true) => {
  const told: ClientRequest[] = [];
  const calls = createCalls((request) => {
    told.push(request);
    return answer;
  });
  const ask = (signal?: AbortSignal) =>
    calls.call(query, signal, (outcome, packets) => (outcome.type === "Reply" ? { outcome, packets } : null));
  return { told, calls, ask };
};

const idOf = (
  request: ClientRequest | undefined,
): string => (request !== undefined && "id" in request ? request.id : "");

test("a call resolves with its own reply, its packets in order", async () => {
  const { told, calls, ask } = createTold();
  const [first, second] = [ask(), ask()];
  const [one, two] = told.map(idOf) as [string, string];
  assert.notEqual(one, two);
  const reply = (id: string): ClientNotice => ({ type: "Reply", id, payload: new Uint8Array(1), rttMs: 7 });
  calls.onNotice({ type: "Accepted", id: two });
  calls.onNotice({ type: "Sent", id: two, packet: 1, of: 2, sent: sent(11) });
  calls.onNotice({ type: "Sent", id: two, packet: 0, of: 2, sent: sent(10) });
  calls.onNotice(reply(two));
  assert.deepEqual((await second).packets.map(({ etaMs }) => etaMs), [10, 11]);
  calls.onNotice(reply("of nobody"));
  calls.onNotice(reply(one));
  assert.equal((await first).packets.length, 0);
});

test("a call rejects with the code of what went wrong", async () => {
  const failures: ReadonlyArray<readonly [(id: string) => ClientNotice, string]> = [
    [(id) => ({ type: "Refused", id, reason: "queue-full" }), "queue-full"],
    [(id) => ({ type: "Failed", id, reason: "unknown-service" }), "unknown-service"],
    [(id) => ({ type: "Timeout", id, afterMs: 3 }), "timeout"],
  ];
  for (const [notice, code] of failures) {
    const { told, calls, ask } = createTold();
    const call = ask();
    calls.onNotice(notice(idOf(told[0])));
    await assert.rejects(call, isCode(code));
  }
  await assert.rejects(createTold(false).ask(), isCode("overloaded"));
});

test("an aborted call is cancelled and rejects with the signal's reason; a later outcome means nothing", async () => {
  const { told, calls, ask } = createTold();
  const controller = new AbortController();
  const call = ask(controller.signal);
  const id = idOf(told[0]);
  const reason = new Error("no longer wanted");
  controller.abort(reason);
  assert.deepEqual(told[1], { type: "Cancel", id });
  calls.onNotice({ type: "Failed", id, reason: "cancelled" });
  await assert.rejects(call, (error) => error === reason);
  calls.onNotice({ type: "Reply", id, payload: new Uint8Array(0), rttMs: 1 });
  await assert.rejects(ask(AbortSignal.abort(reason)), (error) => error === reason);
  assert.equal(told.length, 2, "what is aborted before it began is not asked");
});

test("the end fails what is under way and what comes", async () => {
  const { calls, ask } = createTold();
  const call = ask();
  calls.end("internal");
  await assert.rejects(call, isCode("internal"));
  await assert.rejects(ask(), isCode("internal"));
});

const message = (id: number): ReceivedMessage => ({
  from: new Uint8Array(32),
  id: String(id),
  payload: new Uint8Array(0),
  text: "",
});

test("[CLIENT-4-01] messages reach their reader in order, before and after it waits, up to the end", async () => {
  const bag = createMailbag();
  bag.put(message(1));
  const reader = bag.read();
  assert.equal((await reader.next()).value.id, "1");
  const waiting = reader.next();
  bag.put(message(2));
  assert.equal((await waiting).value.id, "2");
  bag.put(message(3));
  bag.end();
  const rest: string[] = [];
  for await (const { id } of reader) rest.push(id);
  assert.deepEqual(rest, ["3"]);
});

test("a mailbag that nobody empties loses the oldest and says so", () => {
  const bag = createMailbag();
  for (let i = 0; i < messagesMax; i++) assert.equal(bag.put(message(i)), false);
  assert.equal(bag.put(message(messagesMax)), true);
});

const optionsFor = (address: string): ConnectOptions => ({
  user: "alice",
  provider: "p1",
  linkPrivate: new Uint8Array(32).fill(1),
  authorities: authorityNames.map((name) => {
    const { identityKey, linkKey } = keysOf(name);
    return { identityKey, linkKey, addresses: [address] };
  }),
});

/** A server that accepts connections and says nothing. */
const silentServer = async (): Promise<{ readonly address: string; readonly close: () => Promise<void> }> => {
  const server = createServer((socket) => void socket.on("error", () => {}).resume());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  assert.ok(bound !== null && typeof bound === "object");
  return { address: `127.0.0.1:${bound.port}`, close: () => new Promise((resolve) => server.close(() => resolve())) };
};

test("connecting gives up in time, and leaves no connection behind", async () => {
  const { address, close } = await silentServer();
  await assert.rejects(connect({ ...optionsFor(address), timeoutMs: 50 }), isCode("connect-timeout"));
  // Resolves only when every connection to the server has ended.
  await close();
});

test("connecting ends with the reason of its signal", async () => {
  const { address, close } = await silentServer();
  const reason = new Error("changed my mind");
  const controller = new AbortController();
  const connecting = connect({ ...optionsFor(address), signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(connecting, (error) => error === reason);
  await close();
});
