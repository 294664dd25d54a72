/** Descriptors that are meant to do harm: what each is answered with, what it may cost, and what is kept of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../../core/bytes.ts";
import type { Suite } from "../../../core/crypto/suite.ts";
import type { Effect } from "../../../core/effects.ts";
import { tick } from "../../../core/machine.ts";
import { createAuthority } from "../../../core/pki/authority.ts";
import { uploadsMax } from "../../../core/pki/authority_enrolment.ts";
import { sign } from "../../../core/pki/cert.ts";
import { type DescriptorFields, encodeDescriptor } from "../../../core/pki/descriptor.ts";
import { descriptorStatus } from "../../../core/wire/commands.ts";
import { jsonLine, textLine } from "../../../adapters/log.ts";
import { at, config, createRun, epoch, periodMs, requestsTo, self, sent } from "./authority_run.ts";
import { expiration, keysOf, mixFields, providerFields, signed, suite } from "./fixture.ts";

const next = epoch + 1;
const { ok, invalid, conflict, forbidden } = descriptorStatus;
const mix = mixFields("mix1", next);

/** Certified as they are, whatever they say. */
const certified = (text: string | Uint8Array, name = "mix1"): Uint8Array =>
  sign(suite, keysOf(name).identityPrivate, typeof text === "string" ? utf8(text) : text, expiration);

const textOf = (fields: DescriptorFields): string => new TextDecoder().decode(encodeDescriptor(fields));

const withAddresses = (...addresses: ReadonlyArray<readonly [string, ReadonlyArray<string>]>): DescriptorFields => ({
  ...mix,
  addresses: new Map(addresses),
});

test("[HB-MIX-1-01] [FAULT-20] every abuse of a descriptor has its status, and leaves nothing behind", () => {
  const many = Array.from({ length: 50_000 }, (_, i) => `192.0.2.${i & 255}:${1 + (i % 60_000)}`);
  const abuses: ReadonlyArray<readonly [string, Uint8Array, number, number]> = [
    ["two epochs ago", signed(mixFields("mix1", epoch - 2)), epoch - 2, invalid],
    ["two epochs ahead", signed(mixFields("mix1", epoch + 2)), epoch + 2, invalid],
    ["far ahead", signed(mixFields("mix1", 2 ** 40)), 2 ** 40, invalid],
    ["epoch 0", signed(mixFields("mix1", 0)), 0, invalid],
    ["the largest epoch", signed(mix), Number.MAX_SAFE_INTEGER, invalid],
    ["one epoch as another", signed(mix), epoch - 1, invalid],
    ["nothing", new Uint8Array(0), next, invalid],
    ["noise", new Uint8Array(500).fill(0xff), next, invalid],
    ["longer than any", certified(textOf(mix).replace("}", `,"X":"${"x".repeat(70_000)}"}`)), next, invalid],
    ["as long as a command", new Uint8Array(1_048_000), next, invalid],
    ["as many addresses as a command holds", signed(withAddresses(["tcp4", many])), next, invalid],
    ["17 addresses", signed(withAddresses(["tcp4", many.slice(0, 17)])), next, invalid],
    ["no address", signed(withAddresses(["tcp4", []])), next, invalid],
    ["the same key twice", certified(textOf(mix).replace('"Layer"', '"Layer":"255","Layer"')), next, invalid],
    ["a Provider's layer", signed({ ...providerFields("mix1", next) }), next, forbidden],
    ["another node's", signed(mixFields("mix2", next)), next, forbidden],
    ["another's signature", certified(encodeDescriptor(mix), "mix2"), next, invalid],
    ["an unknown node's", signed(mixFields("stranger", next)), next, forbidden],
    ...[
      "",
      "192.0.2.1",
      "192.0.2.1:",
      ":1",
      "192.0.2.1:0",
      "192.0.2.1:65536",
      "192.0.2.1:1e3",
      "192.0.2.1 :1",
      "192.0.2.256:1",
      "010.0.0.1:1",
      "example.org:1",
      "[::1]:1",
      "192.0.2.1:1\n",
      "192.0.2.1:-1",
      "localhost:1",
    ].map((
      address,
    ) => [`tcp4 ${JSON.stringify(address)}`, signed(withAddresses(["tcp4", [address]])), next, invalid] as const),
    ["a transport without a name", signed(withAddresses(["tcp4", ["192.0.2.1:1"]], ["", ["x"]])), next, invalid],
    [
      "a mix with a transport of its own",
      signed(withAddresses(["tcp4", ["192.0.2.1:1"]], ["x", ["y"]])),
      next,
      invalid,
    ],
  ];
  const run = createRun();
  for (const [what, payload, of, status] of abuses) assert.equal(run.post(100, "mix1", payload, of), status, what);
  assert.equal(run.state().descriptors.size, 0);
  assert.equal(run.state().storage.keys.size, 0);
  assert.equal(run.post(200, "mix1", signed(mix)), ok, "the honest one");
});

test("[FAULT-20] a node has one descriptor an epoch: the same bytes again are ok, other content is a conflict", () => {
  const run = createRun();
  for (const  of of[epoch - 1, epoch, next]) {
    const first = signed(mixFields("mix1", of));
    assert.equal(run.post(100, "mix1", first, of), ok);
    assert.equal(run.post(200, "mix1", first, of), ok);
    assert.equal(run.post(300, "mix1", signed({ ...mixFields("mix1", of), loadWeight: 5 }), of), conflict);
    assert.deepEqual(run.state().descriptors.get(of)?.first()?.raw, first);
  }
  assert.equal(run.state().descriptors.size, 3);
});

test("[FAULT-20] [FAULT-17] a node has so many descriptors checked in an epoch; the same bytes cost nothing", () => {
  const run = createRun();
  const first = signed(mix);
  assert.equal(run.post(1, "mix1", first), ok);
  for (let upload = 1; upload < uploadsMax; upload++) {
    assert.equal(run.post(2, "mix1", signed({ ...mix, loadWeight: upload & 127 || 9 })), conflict);
  }
  assert.equal(run.state().uploads.counts.first(), uploadsMax);
  assert.equal(run.post(3, "mix1", new Uint8Array(9)), conflict, "not even looked at");
  assert.equal(run.post(4, "mix1", first), ok);
  assert.equal(run.post(5, "mix2", signed(mixFields("mix2", next))), ok, "others have their own");
  assert.equal(run.post(periodMs + 1, "mix1", signed(mixFields("mix1", next + 1)), next + 1), ok, "the next epoch");
});

/** How often a signature is checked while somebody posts. */
const checksOf = (payload: Uint8Array, as: string): number => {
  let checks = 0;
  const counting: Suite = {
    ...suite,
    ed25519Verify: (...given) => {
      checks++;
      return suite.ed25519Verify(...given);
    },
  };
  const machine = createAuthority(counting, self);
  let { state } = machine.start(at(0), config, undefined);
  const { identityKey } = keysOf(as);
  const key = suite.ed25519PublicToX25519(identityKey)!;
  const session = "in/0";
  state = machine.step(at(1), state, { type: "Scanned", id: 0, entries: [] }).state;
  state = machine.step(at(2), state, { type: "Incoming", connection: session, remote: "198.51.100.1:1" }).state;
  const authorize = { type: "Authorize", additionalData: identityKey, key, remote: "" } as const;
  state = machine.step(at(3), state, { type: "Session", session, report: authorize }).state;
  const command = { type: "PostDescriptor", epoch: next, payload } as const;
  machine.step(at(4), state, { type: "Session", session, report: { type: "Command", command } });
  return checks;
};

test("[FAULT-17] [FAULT-20] nobody has a signature checked who may not join", () => {
  assert.equal(checksOf(signed(mix), "mix1"), 1);
  assert.equal(checksOf(signed(mixFields("stranger", next)), "stranger"), 0, "turned away by the link");
  assert.equal(checksOf(signed(mixFields("stranger", next)), "mix1"), 0, "another node's");
  assert.equal(checksOf(signed(providerFields("mix1", next)), "mix1"), 0, "in a role that it does not have");
});

test("[FAULT-17] a connection has one command heard: what is pipelined behind it costs nothing", () => {
  const run = createRun();
  const { identityKey } = keysOf("mix1");
  const session = "in/pipelined";
  run.step(1, { type: "Incoming", connection: session, remote: "198.51.100.1:1" });
  const key = suite.ed25519PublicToX25519(identityKey)!;
  run.report(2, session, { type: "Authorize", additionalData: identityKey, key, remote: "" });
  run.setDisk("held");
  const command = { type: "PostDescriptor", epoch: next, payload: signed(mix) } as const;
  run.report(3, session, { type: "Command", command });
  const before = run.state();
  for (let more = 0; more < 100; more++) {
    assert.deepEqual(run.report(4, session, { type: "Command", command }), [], "while it is being written down");
  }
  assert.equal(run.state().storage, before.storage);
  assert.equal(run.held().length, 1);
  const answered = run.release(5);
  assert.equal(sent(answered, session)?.type, "PostDescriptorStatus");
  assert.equal(requestsTo(answered, session).length, 2, "an answer and the end");
  assert.deepEqual(run.report(6, session, { type: "Command", command }), [], "after the answer");
});

test("[FAULT-20] [FAULT-49] names cannot write lines of their own into the log", () => {
  const run = createRun();
  const name = "mix\n12:00 CRIT \u001b[31mx";
  const session = "in/log";
  const { identityKey } = keysOf("mix1");
  run.step(1, { type: "Incoming", connection: session, remote: "198.51.100.1:1" });
  const key = suite.ed25519PublicToX25519(identityKey)!;
  run.report(2, session, { type: "Authorize", additionalData: identityKey, key, remote: "" });
  const payload = certified(encodeDescriptor({ ...mix, name }));
  const effects = run.report(3, session, {
    type: "Command",
    command: { type: "PostDescriptor", epoch: next, payload },
  });
  const lines = effects.flatMap((effect: Effect) => effect.type === "Log" ? [effect] : []);
  assert.equal(lines.length, 1, "the name is logged as it was posted");
  for (const line of lines) {
    for (const format of [textLine, jsonLine]) {
      // deno-lint-ignore no-control-regex
      assert.doesNotMatch(format(new Date(0), { module: "authority", ...line }), /[\u0000-\u001f]/);
    }
  }
});

test("[FAULT-20] refusals are counted by reason", () => {
  const run = createRun();
  const session = "in/count";
  const { identityKey } = keysOf("mix1");
  run.step(1, { type: "Incoming", connection: session, remote: "198.51.100.1:1" });
  const key = suite.ed25519PublicToX25519(identityKey)!;
  run.report(2, session, { type: "Authorize", additionalData: identityKey, key, remote: "" });
  const command = { type: "PostDescriptor", epoch: next, payload: signed(mixFields("mix2", next)) } as const;
  const counted = run.report(3, session, { type: "Command", command }).flatMap((effect) =>
    effect.type === "Count" ? [`${effect.name} ${effect.label}`] : []
  );
  assert.deepEqual(counted, ["descriptors-refused other-node"]);
  run.step(4, tick);
});
