/** A Provider as its clients and its senders see it: accounts, mailboxes, acknowledgements, services, limits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isZero } from "../../../core/bytes.ts";
import { E } from "../../../core/fp.ts";
import { emptyMailboxes, entriesOf, withEntry, withoutHead } from "../../../core/provider/mailbox.ts";
import { stream } from "../../../core/random.ts";
import type { RoutingCommand } from "../../../core/sphinx/commands.ts";
import { newSurb, openSurbReply, type Surb } from "../../../core/sphinx/surb.ts";
import { unwrap } from "../../../core/sphinx/unwrap.ts";
import type { Command } from "../../../core/wire/commands.ts";
import {
  assertConserved,
  createDriver,
  documentOf,
  type Driver,
  dropped,
  firstEpoch,
  forwardTo,
  geometry,
  keysOf,
  logged,
  recipient,
  suite,
  told,
} from "../mix/fixture.ts";
import { arrive, createProvider, delayed, payloadOf, to } from "./harness.ts";

const sphinx = { suite, geometry };
const random = stream(new Uint8Array(32).fill(9));

/** A SURB whose only hop is a1, and what opens the reply. */
const surbTo = (name: string): { surb: Surb; keys: Uint8Array; privateKey: Uint8Array } => {
  const privateKey = random.bytes(32);
  const path = [{
    id: keysOf(name).identityKey,
    publicKey: suite.x25519Public(privateKey),
    commands: [{ type: "Recipient", id: recipient("x") }, { type: "SurbReply", id: new Uint8Array(16) }] as const,
  }];
  const made = newSurb(sphinx, { r: random, filler: random }, path);
  assert.ok(E.isRight(made));
  return { ...made.right, privateKey };
};

const reply = (n: number): RoutingCommand => ({ type: "SurbReply", id: new Uint8Array(16).fill(n) });

const retrieve = (provider: Driver, session: string, sequence: number): Command | "closed" => {
  const effects = [
    ...provider.report(session, { type: "Command", command: { type: "RetrieveMessage", sequence } }),
    ...provider.flush(),
  ];
  const [answer] = told(effects, session);
  if (answer?.type === "Close") return "closed";
  assert.ok(answer?.type === "Send");
  return answer.command;
};

const textOf = (command: Command | "closed"): string =>
  command !== "closed" && command.type === "Message"
    ? new TextDecoder().decode(command.payload).replace(/\0+$/, "")
    : "";

test("[MIXNET-2-01] [E2E-3.2.1-09] [E2E-4.1-07] [CLIENT-3.1-01] [E2E-4.1-01] [E2E-3.2.1-05] a message is stored and retrieved; replies to SURBs come with their id", () => {
  const provider = createProvider();
  arrive(provider, [to("alice")], payloadOf(null, "one"));
  arrive(provider, [to("ALICE"), reply(7)], new Uint8Array(geometry.forwardPayloadLength + 16).fill(3));
  arrive(provider, [delayed(9), to("alice")], payloadOf(null, "three"));
  assert.equal(provider.state().tally.delivered, 3);
  const { session } = provider.connect(new TextEncoder().encode("Alice"), keysOf("alice").linkKey);
  const first = retrieve(provider, session, 0);
  assert.ok(first !== "closed" && first.type === "Message");
  assert.deepEqual([first.queueSizeHint, first.sequence, textOf(first)], [2, 0, "one"]);
  assert.equal(first.payload.length, geometry.userPayloadLength);
  const second = retrieve(provider, session, 1);
  assert.ok(second !== "closed" && second.type === "MessageAck");
  assert.deepEqual([second.queueSizeHint, second.surbId, second.payload.length], [1, new Uint8Array(16).fill(7), 1040]);
  assert.equal(textOf(retrieve(provider, session, 2)), "three");
  assert.deepEqual(retrieve(provider, session, 3), { type: "MessageEmpty", sequence: 3 });
  assert.equal(provider.state().provider!.mailboxes.entries.size, 0);
  const left = provider.store.perform({ type: "Scan", id: 0, table: "mailboxes", after: null, limit: 9 });
  assert.ok(left.type === "Scanned" && left.entries.length === 0, "what was delivered is deleted from the store");
  assertConserved(provider);
});

test("[MIXNET-2-01] [DECOY-2-04] [E2E-4.1-06] [E2E-4.1-05] an acknowledgement of zeros leaves once the message is durable", () => {
  const provider = createProvider();
  const { surb, keys, privateKey } = surbTo("a1");
  provider.send(provider.connectNode("c1"));
  const { id, keys: mixKeys } = provider.unwraps.shift()!;
  const result = {
    ok: true,
    epoch: mixKeys[0]!.epoch,
    replayTag: new Uint8Array(32),
    commands: [delayed(300), to("alice")],
    packet: null,
    payload: payloadOf(surb),
  } as const;
  provider.tell({ type: "Unwrapped", id, result });
  provider.tell(provider.store.perform(provider.storing.shift()!));
  // The commit is under way.
  assert.deepEqual([provider.state().tally.created, provider.state().tally.delivered], [0, 0]);
  provider.sleep(5);
  provider.flush();
  assert.deepEqual([provider.state().tally.created, provider.state().tally.delivered], [1, 1]);
  assert.deepEqual(provider.advance(299).filter(({ type }) => type === "Tell"), []);
  const packets = provider.advance(1).flatMap((effect) => (effect.type === "Tell" ? [effect] : []));
  assert.equal(packets.length, 1);
  const link = provider.state().links.bySession.get(packets[0]!.to);
  assert.equal(link, keysOf("a1").id);
  const [send] = told(packets, packets[0]!.to);
  assert.ok(send?.type === "Send" && send.command.type === "SendPacket");
  const opened = unwrap(sphinx, privateKey, send.command.packet);
  assert.ok(E.isRight(opened));
  const ack = openSurbReply(sphinx, keys, opened.right.payload!);
  assert.ok(ack !== null && isZero(ack) && ack.length === geometry.forwardPayloadLength);
});

test("[E2E-4.1-06] nothing is acknowledged, and nothing delivered, where the store fails", () => {
  const provider = createProvider();
  provider.send(provider.connectNode("c1"));
  const { id, keys } = provider.unwraps.shift()!;
  const commands = [delayed(1), to("alice")];
  const opened = { ok: true, epoch: keys[0]!.epoch, replayTag: new Uint8Array(32), commands, packet: null } as const;
  provider.tell({ type: "Unwrapped", id, result: { ...opened, payload: payloadOf(surbTo("a1").surb) } });
  provider.tell(provider.store.perform(provider.storing.shift()!));
  const commit = provider.storing.shift()!;
  assert.equal(commit.type, "Commit");
  const effects = provider.tell({ type: "CommitFailed", id: commit.id, reason: "full" });
  assert.deepEqual(dropped(effects), ["store-failed"]);
  assert.equal(logged(effects, "store-failed").length, 1);
  assert.deepEqual([provider.state().tally.created, provider.state().tally.delivered], [0, 0]);
  assert.equal(provider.state().provider!.mailboxes.entries.size, 0);
  assertConserved(provider);
});

test("[E2E-4.1-04] where the flags promise a SURB and there is none, the message is stored and nothing answered", () => {
  const provider = createProvider();
  for (const name of ["alice", "+loop"]) {
    const payload = payloadOf(null);
    payload[0] = 1;
    const effects = arrive(provider, [delayed(5), to(name)], payload);
    assert.ok(effects.some((effect) => effect.type === "Count" && effect.label === "surb"));
  }
  assert.deepEqual([provider.state().tally.created, provider.state().tally.delivered], [0, 2]);
});

test("a SURB without a delay at the last hop gets no acknowledgement; the message is stored", () => {
  const provider = createProvider();
  const effects = arrive(provider, [to("alice")], payloadOf(surbTo("a1").surb));
  assert.ok(effects.some((effect) => effect.type === "Count" && effect.name === "replies-refused"));
  assert.deepEqual([provider.state().tally.created, provider.state().tally.delivered], [0, 1]);
});

test("a reply whose first hop is no neighbour, or whose delay is too long, is dropped with a reason", () => {
  const provider = createProvider();
  assert.deepEqual(dropped(arrive(provider, [delayed(5), to("alice")], payloadOf(surbTo("b1").surb))), [
    "next-hop-unknown",
  ]);
  assert.deepEqual(dropped(arrive(provider, [delayed(20_001), to("alice")], payloadOf(surbTo("a1").surb))), [
    "delay-too-long",
  ]);
  assertConserved(provider);
});

test("[E2E-4.1-02] [E2E-4.1-03] unknown recipients and malformed payloads are dropped, each with its reason", () => {
  const provider = createProvider();
  const surbReply = new Uint8Array(geometry.forwardPayloadLength + 16);
  const flags = (first: number, second: number): Uint8Array => {
    const payload = payloadOf(null);
    payload.set([first, second]);
    return payload;
  };
  const cases: ReadonlyArray<readonly [ReadonlyArray<RoutingCommand>, Uint8Array, string]> = [
    [[to("bob")], payloadOf(null), "recipient-unknown"],
    [[to("bob"), reply(1)], surbReply, "recipient-unknown"],
    [[to("a b")], payloadOf(null), "recipient-invalid"],
    [[to("")], payloadOf(null), "recipient-invalid"],
    [[to("+loop"), reply(1)], surbReply, "reply-to-service"],
    [[to("alice")], flags(2, 0), "payload-format"],
    [[to("alice")], flags(0, 1), "payload-format"],
    [[to("+loop")], flags(255, 0), "payload-format"],
    [[to("alice")], payloadOf(null).slice(1), "payload-format"],
    [forwardTo("a1", 5), payloadOf(null), "mix-must-terminate"],
  ];
  for (const [commands, payload, reason] of cases) {
    assert.deepEqual(dropped(arrive(provider, commands, payload)), [reason]);
  }
  assert.equal(provider.state().tally.delivered, 0);
  assertConserved(provider);
});

test("[KEYSERVER-1-01] [KAETZ-2-01] [KAETZ-3-01] [KAETZ-3-06] [KAETZ-3.1-03] [KAETZ-3.1-04] services answer by SURB with 01 00, in a full packet, again the same when asked again, and look at the exact recipient", () => {
  const provider = createProvider();
  const ask = (name: string): Uint8Array | null => {
    const { surb, keys, privateKey } = surbTo("a1");
    arrive(provider, [delayed(5), to(name)], payloadOf(surb, '{"Version":0,"User":"alice"}'));
    const [request] = provider.advance(5).flatMap((
      effect,
    ) => (effect.type === "Tell" ? told([effect], effect.to) : []));
    if (request?.type !== "Send" || request.command.type !== "SendPacket") return null;
    const opened = unwrap(sphinx, privateKey, request.command.packet);
    return E.isRight(opened) ? openSurbReply(sphinx, keys, opened.right.payload!) : null;
  };
  const loop = ask("+loop")!;
  assert.deepEqual([loop[0], loop[1], isZero(loop.subarray(2))], [1, 0, true]);
  const keyserver = ask("+keyserver")!;
  const expected = '{"PublicKey":"","StatusCode":2,"User":"alice","Version":0}';
  assert.equal(new TextDecoder().decode(keyserver.subarray(2)).replace(/\0+$/, ""), expected);
  for (const [name, answer] of [["+loop", loop], ["+keyserver", keyserver]] as const) {
    assert.equal(answer.length, geometry.forwardPayloadLength);
    assert.deepEqual(ask(name), answer);
  }
  assert.equal(ask("+Loop"), null);
});

test("[HB-MIX-3-07] a packet that waited too long for the replay detection is dropped", () => {
  const cases = [["alice", "provider-late", { providerDelayMs: 10 }], ["+loop", "kaetzchen-late", {
    kaetzchenDelayMs: 10,
  }]] as const;
  for (const [name, reason, limits] of cases) {
    const provider = createProvider({ limits });
    provider.send(provider.connectNode("c1"));
    const { id, keys } = provider.unwraps.shift()!;
    const commands = [to(name)];
    const opened = { ok: true, epoch: keys[0]!.epoch, replayTag: new Uint8Array(32), commands, packet: null } as const;
    provider.tell({ type: "Unwrapped", id, result: { ...opened, payload: payloadOf(null) } });
    provider.sleep(11);
    assert.deepEqual(dropped(provider.flush()), [reason]);
  }
});

test("[E2E-3.2.1-03] a retrieval out of sequence, or while another is being answered, ends the session", () => {
  const provider = createProvider();
  arrive(provider, [to("alice")], payloadOf(null));
  for (const sequence of [2, 2 ** 32 - 1]) {
    const session = provider.connectUser("alice");
    assert.equal(retrieve(provider, session, sequence), "closed");
    provider.report(session, { type: "Down", reason: "closed" });
  }
  const session = provider.connectUser("alice");
  const ask = { type: "Command", command: { type: "RetrieveMessage", sequence: 0 } } as const;
  provider.report(session, ask);
  assert.equal(told(provider.report(session, ask), session)[0]?.type, "Close");
  // The answer to the first one is for nobody now.
  assert.deepEqual(told(provider.flush(), session), []);
});

test("a message that the store cannot give back ends the session and is an error for the operator", () => {
  const provider = createProvider();
  arrive(provider, [to("alice")], payloadOf(null));
  const session = provider.connectUser("alice");
  provider.report(session, { type: "Command", command: { type: "RetrieveMessage", sequence: 0 } });
  const scan = provider.storing.shift()!;
  const effects = provider.tell({ type: "ScanFailed", id: scan.id, reason: "corrupt" });
  assert.equal(told(effects, session)[0]?.type, "Close");
  assert.equal(logged(effects, "mailbox-unreadable")[0]?.level, "ERROR");
});

test("the queue size hint is the true count of what follows, clamped to 255", () => {
  const provider = createProvider();
  for (let i = 0; i < 258; i++) arrive(provider, [to("alice")], payloadOf(null, String(i)));
  const session = provider.connectUser("alice");
  const hints = [0, 1, 2, 3].map((sequence) => {
    const command = retrieve(provider, session, sequence);
    return command !== "closed" && command.type === "Message" ? command.queueSizeHint : null;
  });
  assert.deepEqual(hints, [255, 255, 255, 254]);
});

test("messages that are stored at the same time do not overwrite one another", () => {
  const provider = createProvider();
  const sender = provider.connectNode("c1");
  for (const text of ["one", "two"]) {
    provider.send(sender);
    const { id, keys } = provider.unwraps.shift()!;
    const opened = { ok: true, epoch: keys[0]!.epoch, commands: [to("alice")], packet: null } as const;
    const replayTag = new Uint8Array(32).fill(id);
    provider.tell({ type: "Unwrapped", id, result: { ...opened, replayTag, payload: payloadOf(null, text) } });
    provider.tell(provider.store.perform(provider.storing.pop()!));
  }
  assert.deepEqual(provider.storing.map(({ type }) => type), ["Commit", "Commit"]);
  provider.flush();
  const session = provider.connectUser("alice");
  assert.deepEqual([0, 1].map((sequence) => textOf(retrieve(provider, session, sequence))), ["one", "two"]);
});

test("only the oldest entry of a mailbox is removed, and only if it is the one that was meant", () => {
  const two = withEntry(withEntry(emptyMailboxes, "ff", 3), "ff", 5);
  assert.equal(withoutHead(two, "ff", 5), two);
  assert.equal(withoutHead(two, "00", 3), two);
  assert.deepEqual([...entriesOf(withoutHead(two, "ff", 3), "ff")], [5]);
});

test("mailboxes are bounded", () => {
  const provider = createProvider({ provider: { mailboxEntriesMax: 2 } });
  const drops = [1, 2, 3].flatMap(() => dropped(arrive(provider, [to("alice")], payloadOf(null))));
  assert.deepEqual(drops, ["mailbox-full"]);
});

test("accounts and messages are there again after a restart, in their order", () => {
  const provider = createProvider();
  for (let i = 0; i < 150; i++) arrive(provider, [to("alice")], payloadOf(null, `message ${i}`));
  const again = createDriver("p1", {}, provider.store);
  again.document(documentOf(firstEpoch));
  assert.equal(again.state().restoring, null);
  const session = again.connectUser("alice");
  for (let i = 0; i < 3; i++) assert.equal(textOf(retrieve(again, session, i)), `message ${i}`);
  arrive(again, [to("alice")], payloadOf(null, "a new one"));
  for (let i = 3; i < 150; i++) retrieve(again, session, i);
  assert.equal(textOf(retrieve(again, session, 150)), "a new one");
});
