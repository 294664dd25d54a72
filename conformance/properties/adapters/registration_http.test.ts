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
