/** The Provider's own services, and their table. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PersistentMap } from "../../../core/collections/map.ts";
import { fromUtf8, toBase64, toHex, utf8 } from "../../../core/bytes.ts";
import { keyserver } from "../../../core/provider/keyserver.ts";
import { loop } from "../../../core/provider/loop.ts";
import { createServices, publishedServices } from "../../../core/provider/services.ts";
import { userId, type Users } from "../../../core/provider/users.ts";

const rules = { binaryRecipients: false, caseSensitiveRecipients: false, recipientDelimiter: "" };
const identityKey = new Uint8Array(32).fill(0xfb);
const users: Users = PersistentMap([
  [userId(utf8("alice")), { linkKey: new Uint8Array(32), identityKey }],
  [userId(utf8("bob")), { linkKey: new Uint8Array(32), identityKey: null }],
]);

const noPlugins = new Map<string, ReadonlyMap<string, string>>();

const ask = (request: string, hasSurb = true): string | null => {
  const payload = new Uint8Array(2000);
  payload.set(utf8(request));
  const answer = keyserver(rules)(users, { payload, hasSurb });
  return answer.type === "Reply" ? fromUtf8(answer.data) : null;
};

test("[KEYSERVER-3.2-01] [KEYSERVER-3.1-01] the keyserver answers in exactly the bytes of the reference", () => {
  const key = toBase64(identityKey);
  const table: ReadonlyArray<readonly [string, string]> = [
    ['{"Version":0,"User":"alice"}', `{"PublicKey":"${key}","StatusCode":0,"User":"alice","Version":0}`],
    ['{"User":"alice","Version":0}', `{"PublicKey":"${key}","StatusCode":0,"User":"alice","Version":0}`],
    ['{"User":"alice"}', `{"PublicKey":"${key}","StatusCode":0,"User":"alice","Version":0}`],
    // Looked up in its mapped form, answered as it was asked.
    ['{"Version":0,"User":"ALICE"}', `{"PublicKey":"${key}","StatusCode":0,"User":"ALICE","Version":0}`],
    // No identity key and no such user are one answer.
    ['{"Version":0,"User":"bob"}', '{"PublicKey":"","StatusCode":2,"User":"bob","Version":0}'],
    ['{"Version":0,"User":"carol"}', '{"PublicKey":"","StatusCode":2,"User":"carol","Version":0}'],
    [
      '{"Version":0,"User":"<&>\\"\\n"}',
      '{"PublicKey":"","StatusCode":2,"User":"\\u003c\\u0026\\u003e\\"\\n","Version":0}',
    ],
  ];
  for (const [request, response] of table) assert.equal(ask(request), response);
});

test("[KEYSERVER-3.1-01] [KEYSERVER-5-01] a malformed request is a syntax error", () => {
  const wrong = [
    "",
    "{",
    "null",
    "[]",
    '"alice"',
    '{"Version":1,"User":"alice"}',
    '{"Version":-1,"User":"alice"}',
    '{"Version":0,"User":7}',
    '{"Version":0,"User":"alice","Extra":1}',
    '{"Version":0,"User":"alice","User":"alice"}',
    '{"Version":0,"User":"alice"}x',
    '{"Version":0,"User":"' + "a".repeat(1100) + '"}',
  ];
  for (const request of wrong) {
    assert.equal(ask(request), '{"PublicKey":"","StatusCode":1,"User":"","Version":0}', request.slice(0, 60));
  }
});

test("[CLIENT-5.1.1-13] [DECOY-4-02] services answer nothing where there is no SURB", () => {
  assert.equal(ask('{"Version":0,"User":"alice"}', false), null);
  assert.deepEqual(loop(users, { payload: new Uint8Array(9), hasSurb: false }), { type: "NoReply" });
});

test("[DECOY-2-01] the loop service answers anything with nothing but zeros", () => {
  assert.deepEqual(loop(users, { payload: utf8("anything"), hasSurb: true }), {
    type: "Reply",
    data: new Uint8Array(0),
  });
});

test("[KAETZ-3-05] [KAETZ-4-03] endpoints have 1 to 64 bytes, and endpoints and capabilities come once", () => {
  const create = (...endpoints: ReadonlyArray<readonly ["loop" | "keyserver", string]>) =>
    createServices(rules, {
      services: endpoints.map(([capability, endpoint]) => ({ capability, endpoint })),
      plugins: [],
    });
  assert.equal(create(["loop", ""]), "endpoint");
  assert.equal(create(["loop", "a".repeat(65)]), "endpoint");
  assert.equal(create(["loop", "+x"], ["keyserver", "+x"]), "duplicate-endpoint");
  assert.equal(create(["loop", "+x"], ["loop", "+y"]), "duplicate-capability");
  const services = create(["loop", "a".repeat(64)], ["keyserver", "+keyserver"]);
  assert.ok(typeof services !== "string");
  assert.ok(services.has(toHex(new Uint8Array(64).fill(97))));
});

test("[KAETZ-4-02] [KAETZ-4-04] what is published has an endpoint each, and is absent without services", () => {
  const services = createServices(rules, {
    services: [{ capability: "loop", endpoint: "+loop" }],
    plugins: [],
  });
  assert.ok(typeof services !== "string");
  assert.deepEqual(publishedServices(services, noPlugins), new Map([["loop", new Map([["endpoint", "+loop"]])]]));
  assert.equal(publishedServices(new Map(), noPlugins), null);
});
