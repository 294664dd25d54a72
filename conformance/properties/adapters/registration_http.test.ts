/**
 * Registration over HTTP (wire-facts §10).
 *
 * @module
 */
import { strict as assert } from "node:assert";
import { createConnection } from "node:net";
import { test } from "node:test";
import { toBase64, toHex } from "../../../core/bytes.ts";
import type { Register, RegisterOutcome } from "../../../core/provider/registration.ts";
import { freePorts } from "../../../adapters/free_ports.ts";
import {
  createRegistration,
  defaultRegistrationLimits,
  readRegistration,
} from "../../../adapters/registration_http.ts";

const linkKey = new Uint8Array(32).fill(7);
const identityKey = new Uint8Array(32).fill(9);
const form = { version: "0", command: "register_link_key", user: "alice", link_key: toBase64(linkKey) };
const bodyOf = (fields: Record<string, string>): string => new URLSearchParams(fields).toString();

test("the form's fields are read, keys in base64 or hex", () => {
  assert.deepEqual(readRegistration(bodyOf(form)), { user: "alice", linkKey, identityKey: null });
  const both = {
    ...form,
    command: "register_link_and_identity_key",
    link_key: toHex(linkKey),
    identity_key: toBase64(identityKey),
  };
  assert.deepEqual(readRegistration(bodyOf(both)), { user: "alice", linkKey, identityKey });
});

test("a form that is wrong is named by its first fault", () => {
  const cases: ReadonlyArray<readonly [Record<string, string>, string]> = [
    [{}, "unknown version"],
    [{ ...form, version: "1" }, "unknown version"],
    [{ ...form, command: "drop" }, "unknown command"],
    [{ ...form, user: "" }, "user is missing"],
    [{ ...form, link_key: "AAAA" }, "link_key is no key"],
    [{ ...form, command: "register_link_and_identity_key" }, "identity_key is no key"],
  ];
  for (const [fields, fault] of cases) assert.equal(readRegistration(bodyOf(fields)), fault);
});

/** A service whose node answers `outcome`, or nothing where it is null. */
const serve = async (outcome: RegisterOutcome | null, limits = defaultRegistrationLimits) => {
  const requests: Register[] = [];
  const registration = createRegistration({
    limits,
    tell: (request) => {
      requests.push(request);
      if (outcome === null) return false;
      setTimeout(() => registration.onRegistered({ type: "Registered", id: request.id, outcome }), 1);
      return true;
    },
  });
  const [port] = await freePorts("127.0.0.1", 1);
  const address = `127.0.0.1:${port}`;
  await registration.listen([address]);
  const post = async (path: string, init: RequestInit): Promise<readonly [number, string]> => {
    const response = await fetch(`http://${address}${path}`, init);
    return [response.status, await response.text()];
  };
  return { registration, requests, address, post };
};

test("an account is answered with OK once the node has it", async () => {
  const { registration, requests, post } = await serve("ok");
  assert.deepEqual(await post("/registration", { method: "POST", body: new URLSearchParams(form) }), [200, "OK\n"]);
  assert.deepEqual(requests, [{ type: "Register", id: 0, user: "alice", linkKey, identityKey: null }]);
  await registration.stop();
});

test("what the node refuses is a 500 that says why, and so is a node that takes nothing", async () => {
  const taken = await serve("exists");
  assert.deepEqual(await taken.post("/registration", { method: "POST", body: bodyOf(form) }), [500, "exists\n"]);
  await taken.registration.stop();
  const busy = await serve(null);
  assert.deepEqual(await busy.post("/registration", { method: "POST", body: bodyOf(form) }), [500, "busy\n"]);
  await busy.registration.stop();
});

test("another path is a 404; another method, a long body and a bad form are a 500", async () => {
  const { registration, requests, post } = await serve("ok");
  assert.deepEqual(await post("/other", { method: "POST", body: bodyOf(form) }), [404, "not found\n"]);
  assert.deepEqual(await post("/registration", { method: "GET" }), [500, "POST is expected\n"]);
  assert.deepEqual(await post("/registration", { method: "POST", body: "x".repeat(5000) }), [
    500,
    "the request is too long\n",
  ]);
  assert.deepEqual(await post("/registration", { method: "POST", body: "x" }), [500, "unknown version\n"]);
  assert.deepEqual(requests, []);
  await registration.stop();
});

test("garbage does not disturb the service", async () => {
  const { registration, address, post } = await serve("ok");
  const [host, port] = address.split(":");
  for (
    const garbage of [
      "\0\0\0",
      "GET http://[ HTTP/1.1\r\n\r\n",
      "POST /registration HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nshort",
    ]
  ) {
    const socket = createConnection({ host: host!, port: Number(port) });
    socket.on("error", () => {});
    socket.resume();
    await new Promise((resolve) => socket.on("connect", resolve));
    socket.write(garbage);
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.destroy();
  }
  assert.deepEqual(await post("/registration", { method: "POST", body: bodyOf(form) }), [200, "OK\n"]);
  await registration.stop();
});

test("[FAULT-16] an address has so many requests a minute, and the rest are told so before they are read", async () => {
  const { registration, requests, post } = await serve("ok", { ...defaultRegistrationLimits, perMinute: 2 });
  const request = () => post("/registration", { method: "POST", body: bodyOf(form) });
  const answers = [await request(), await request(), await request()];
  assert.deepEqual(answers, [[200, "OK\n"], [200, "OK\n"], [500, "too many requests\n"]]);
  assert.equal(requests.length, 2);
  await registration.stop();
});

/** A peer that sends a byte of its request now and then; resolves with the ms that it was let, at most ten seconds. */
const trickle = (address: string, from: string, request: string): Promise<number> => {
  const [host, port] = address.split(":");
  const begun = performance.now();
  const socket = createConnection({ host: host!, port: Number(port), localAddress: from });
  let at = 0;
  const timer = setInterval(() => {
    if (performance.now() - begun > 10_000) socket.destroy();
    else if (at < request.length) socket.write(request[at++]!);
  }, 50);
  socket.on("error", () => {});
  socket.resume();
  return new Promise((resolve) =>
    socket.on("close", () => {
      clearInterval(timer);
      resolve(performance.now() - begun);
    })
  );
};

const longBody = `POST /registration HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n${"x".repeat(4000)}`;
const slowRequests: Readonly<Record<string, string>> = {
  "nothing at all": "",
  "a header byte by byte": `POST /registration HTTP/1.1\r\nX: ${"x".repeat(4000)}`,
  "a body byte by byte": longBody,
};

for (const [what, request] of Object.entries(slowRequests)) {
  test(`[FAULT-15] [FAULT-47] peers that send ${what} are cut at the deadline, others served`, async () => {
    const deadlineMs = 1500;
    const limits = { ...defaultRegistrationLimits, pendingMax: 64, perAddress: 16, deadlineMs };
    const { registration, requests, address, post } = await serve("ok", limits);
    // As many as are let in, from four addresses.
    const slow = Array.from({ length: 64 }, (_, index) => trickle(address, `127.0.0.${2 + index % 4}`, request));
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.deepEqual(await post("/registration", { method: "POST", body: bodyOf(form) }), [200, "OK\n"]);
    assert.equal(requests.length, 1);
    const times = await Promise.all(slow);
    const cut = times.filter((ms) => ms > deadlineMs - 100);
    assert.equal(cut.length >= 63, true, `one has to go for the newcomer, the others have their time: ${times}`);
    assert.equal(Math.max(...times) < 9000, true, `${times}`);
    await registration.stop();
  });
}

test("[FAULT-16] an address has so many connections: one more ends its oldest, and nobody else's", async () => {
  const limits = { ...defaultRegistrationLimits, perAddress: 2, deadlineMs: 2000 };
  const { registration, address } = await serve("ok", limits);
  const next = async (from: string): Promise<{ readonly ms: Promise<number> }> => {
    const ms = trickle(address, from, "");
    await new Promise((resolve) => setTimeout(resolve, 100));
    return { ms };
  };
  const ends: Promise<number>[] = [];
  for (const from of ["127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.2"]) ends.push((await next(from)).ms);
  const [first, ...others] = await Promise.all(ends);
  assert.equal(first! < 1900, true, `the oldest of the address: ${first} ms`);
  for (const ms of others) assert.equal(ms > 1900, true, `${ms} ms`);
  await registration.stop();
});

test("[FAULT-51] keys named like properties of objects are no fields", () => {
  assert.equal(readRegistration("__proto__=1&constructor=2&version=0"), "unknown command");
  assert.equal(readRegistration(`version=0&command=register_link_key&user=${"%".repeat(4000)}`), "link_key is no key");
});

test("an address in use is a CommandError with exit code 69", async () => {
  const first = await serve("ok");
  const second = createRegistration({ tell: () => false, limits: defaultRegistrationLimits });
  await assert.rejects(second.listen([first.address]), {
    code: 69,
    message: `cannot listen on ${first.address}: the port is in use`,
  });
  await second.stop();
  await first.registration.stop();
});
