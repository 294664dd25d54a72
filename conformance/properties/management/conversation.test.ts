/**
 * The management socket's protocol (wire-facts §10): verbs, replies, and what a connection keeps.
 *
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toBase64, toHex, utf8 } from "../../../core/bytes.ts";
import {
  answered,
  begin,
  type Conversation,
  type ConversationEffect,
  type ConversationStep,
  inputEnded,
  lineLengthMax,
  received,
  shown,
} from "../../../core/management/conversation.ts";
import type { ManageAnswer, ManageRequest } from "../../../core/management/request.ts";
import { readLine, type Role } from "../../../core/management/verbs.ts";

const key = new Uint8Array(32).fill(7);
const ok = "250 Requested action ok, completed\r\n";
const unknown = "500 Syntax error, command unrecognised\r\n";
const syntax = "501 Syntax error in parameters or arguments\r\n";
const failed = "554 Transaction failed\r\n";

const requestOf = (line: string): ManageRequest | null => {
  const asked = readLine("provider", line);
  return asked.type === "Manage" ? asked.request : null;
};

test("[HB-MIX-5-01] every verb is read, in any case, with keys in base64 or hex", () => {
  const expected: ReadonlyArray<readonly [string, ManageRequest]> = [
    [`ADD_USER alice ${toHex(key)}`, { type: "AddUser", user: "alice", linkKey: key }],
    [`add_user Alice ${toBase64(key)}\r`, { type: "AddUser", user: "Alice", linkKey: key }],
    [`UPDATE_USER alice ${toBase64(key)}`, { type: "UpdateUser", user: "alice", linkKey: key }],
    ["REMOVE_USER alice", { type: "RemoveUser", user: "alice" }],
    [`SET_USER_IDENTITY alice ${toHex(key)}`, { type: "SetUserIdentity", user: "alice", identityKey: key }],
    ["SET_USER_IDENTITY alice", { type: "SetUserIdentity", user: "alice", identityKey: null }],
    ["REMOVE_USER_IDENTITY alice", { type: "SetUserIdentity", user: "alice", identityKey: null }],
    ["USER_IDENTITY alice", { type: "UserIdentity", user: "alice" }],
    ["\t user_link alice ", { type: "UserLink", user: "alice" }],
    ["SEND_RATE 30", { type: "SendRate", ratePerMinute: 30 }],
    ["SEND_BURST 0", { type: "SendBurst", burst: 0 }],
    ["SEND_RATE 18446744073709551615", { type: "SendRate", ratePerMinute: Number.MAX_SAFE_INTEGER }],
  ];
  for (const [line, request] of expected) assert.deepEqual(requestOf(line), request, line);
  assert.deepEqual(readLine("mix", "Quit now"), { type: "Quit" });
  assert.deepEqual(readLine("authority", "SHUTDOWN"), { type: "Shutdown" });
  assert.deepEqual(readLine("authority", "status"), { type: "Status" });
});

test("wrong arguments are a 501, what is no verb of this role a 500", () => {
  const wrong = [
    "ADD_USER",
    "ADD_USER alice",
    "ADD_USER alice AAAA",
    `ADD_USER  alice ${toHex(key)}`,
    `ADD_USER alice ${toHex(key)} more`,
    "REMOVE_USER",
    "REMOVE_USER alice bob",
    "SET_USER_IDENTITY alice nokey",
    "USER_LINK",
    "SEND_RATE -1",
    "SEND_RATE +1",
    "SEND_RATE 1e3",
    "SEND_RATE 18446744073709551616",
    `SEND_RATE ${"9".repeat(500)}`,
    "SEND_BURST",
    "STATUS please",
  ];
  for (const line of wrong) assert.deepEqual(readLine("provider", line), { type: "Refused", code: 501 }, line);
  const strange = ["", " ", "HELP", "ADD_USERS a", "QUIT\u00a0", "constructor", "__proto__", "\u0000"];
  for (const line of strange) assert.deepEqual(readLine("provider", line), { type: "Refused", code: 500 }, line);
  for (const role of ["mix", "authority"] as const) {
    assert.deepEqual(readLine(role, `ADD_USER alice ${toHex(key)}`), { type: "Refused", code: 500 });
  }
});

/** A conversation that is driven by hand. */
const open = (role: Role = "provider") => {
  let state: Conversation;
  const take = (step: ConversationStep): ReadonlyArray<ConversationEffect> => {
    state = step.state;
    return step.effects;
  };
  const greeted = take(begin(role, "node1"));
  return {
    greeted,
    state: () => state,
    send: (text: string | Uint8Array) => take(received(state, typeof text === "string" ? utf8(text) : text)),
    end: () => take(inputEnded(state)),
    answer: (answer: ManageAnswer) => take(answered(state, answer)),
    show: (status: unknown) => take(shown(state, status)),
  };
};

const textOf = (effects: ReadonlyArray<ConversationEffect>): string =>
  effects.flatMap((effect) => (effect.type === "Write" ? [effect.text] : [])).join("");
const typesOf = (effects: ReadonlyArray<ConversationEffect>): ReadonlyArray<string> => effects.map(({ type }) => type);

test("greeting and replies are those of the Go programs", () => {
  const talk = open();
  assert.equal(textOf(talk.greeted), "220 node1 Katzenpost Management Interface Service ready\r\n");
  assert.equal(textOf(talk.send("HELP\n")), unknown);
  assert.equal(textOf(talk.send("ADD_USER alice\r\n")), syntax);
  talk.send(`ADD_USER alice ${toHex(key)}\n`);
  assert.equal(textOf(talk.answer({ type: "Done" })), ok);
  talk.send("USER_LINK alice\n");
  assert.equal(textOf(talk.answer({ type: "Key", key })), `250 ${toBase64(key)}\r\n`);
  talk.send("USER_LINK bob\n");
  assert.equal(textOf(talk.answer({ type: "Failed", reason: "no-such-user" })), failed);
  talk.send("USER_LINK b\u00a0b\n");
  assert.equal(textOf(talk.answer({ type: "Failed", reason: "invalid-name" })), syntax);
  talk.send(`ADD_USER \u0430lice ${toHex(key)}\n`);
  const confusable = talk.answer({ type: "Failed", reason: "confusable-name" });
  assert.equal(textOf(confusable), "501 the name may look as another one\r\n");
  talk.send("SEND_RATE 030\n");
  assert.equal(textOf(talk.answer({ type: "Done" })), "250 30\r\n");
  talk.send("STATUS\n");
  assert.equal(textOf(talk.show({ epoch: 7, text: "a\nb" })), `250 {"epoch":7,"text":"a\\nb"}\r\n`);
  talk.send("STATUS\n");
  assert.equal(textOf(talk.show(undefined)), failed);
  assert.equal(textOf(talk.send("QUIT\nHELP\n")), ok);
  assert.deepEqual(talk.send("HELP\n"), []);
});

test("lines are answered in order, one after another, however they are cut", () => {
  const script = `USER_LINK a\nHELP\nSEND_RATE 5\r\nUSER_LINK b`;
  const expected = ["USER_LINK a", unknown, "SEND_RATE 5", "USER_LINK b", "Close"];
  fc.assert(fc.property(fc.array(fc.nat({ max: script.length })), (cuts) => {
    const talk = open();
    const seen: string[] = [];
    const note = (effects: ReadonlyArray<ConversationEffect>): void => {
      for (const effect of effects) {
        if (effect.type === "Write") seen.push(effect.text);
        else if (effect.type === "Close") seen.push("Close");
        else if (effect.type === "Ask") {
          const { request } = effect;
          seen.push(request.type === "SendRate" ? "SEND_RATE 5" : `USER_LINK ${(request as { user: string }).user}`);
        }
      }
    };
    const answerAll = (): void => {
      while (talk.state().awaiting !== undefined) note(talk.answer({ type: "Done" }));
    };
    const at = [0, ...cuts.sort((a, b) => a - b), script.length];
    at.slice(1).forEach((end, index) => {
      note(talk.send(script.slice(at[index]!, end)));
      answerAll();
    });
    note(talk.end());
    answerAll();
    assert.deepEqual(seen.filter((line) => line !== ok && line !== "250 5\r\n"), expected);
  }));
});

test("[FAULT-40] a line that is too long is refused and ends the connection, wherever it is cut; little is kept", () => {
  const talk = open();
  const chunk = new Uint8Array(lineLengthMax).fill(0x41);
  assert.deepEqual(talk.send(chunk), []);
  const effects = talk.send(chunk.subarray(0, 1));
  assert.deepEqual([textOf(effects), typesOf(effects)], [unknown, ["Write", "Close"]]);
  assert.deepEqual([talk.send(chunk), talk.state().pending.length, talk.end()], [[], 0, []]);
  const whole = open();
  assert.deepEqual(typesOf(whole.send(`${"A".repeat(lineLengthMax + 1)}\nQUIT\n`)), ["Write", "Close"]);
});

test("[FAULT-40] bytes that are no text, ends at any moment and an answer that comes late break nothing", () => {
  assert.equal(textOf(open().send(Uint8Array.of(0xff, 0xfe, 0x0a))), unknown);
  const half = open();
  half.send("USER_LINK alice\n");
  assert.deepEqual(half.end(), []);
  const effects = half.answer({ type: "Key", key });
  assert.deepEqual(typesOf(effects), ["Write", "Close"]);
  assert.deepEqual(half.answer({ type: "Done" }), []);
  assert.deepEqual(typesOf(open().end()), ["Close"]);
  assert.deepEqual(typesOf(open().send("SHUTDOWN\n")), ["Write", "Shutdown", "Close"]);
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 2000 })), (chunks) => {
    const talk = open("mix");
    for (const chunk of chunks) {
      const replies = textOf(talk.send(chunk)).split("\r\n").slice(0, -1);
      for (const line of replies) assert.match(line, /^(250|500|501) /);
      assert.equal(talk.state().pending.length <= lineLengthMax, true);
      if (talk.state().awaiting !== undefined) talk.show({});
    }
  }));
});
