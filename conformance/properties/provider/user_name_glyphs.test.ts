/** New accounts have no names that look as others would. Letters that look alike are written as escapes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "../../../core/bytes.ts";
import { type NameRules, newUserName, userName } from "../../../core/provider/user_name.ts";

const rules: NameRules = { binaryRecipients: false, caseSensitiveRecipients: false, recipientDelimiter: "" };

const verdict = (name: string, of: NameRules = rules): string => {
  const mapped = newUserName(of, utf8(name));
  return typeof mapped === "string" ? mapped : "ok";
};

const verdicts = (names: ReadonlyArray<string>) => names.map((name) => [name, verdict(name)]);
const each = (names: ReadonlyArray<string>, of: string) => names.map((name) => [name, of]);

test("[KEYSERVER-6-01] [FAULT-39] names of one script and of languages are taken, in their scripts and with their marks", () => {
  const names = [
    ...[
      "Ren\u00e9e",
      "E\u0301mile",
      "\u00f8ystein",
      "\u0142ukasz",
      "\u00e5sa",
      "nguy\u1ec5n",
      "\u1ecd\u0301l\u00e1",
      "ay\u015fe",
      "\u0131\u015f\u0131k",
      "\u0259li",
      "\u0257anladi",
    ],
    ...[
      "\u0434\u043c\u0438\u0442\u0440\u0438\u0439",
      "\u0430\u043d\u043d\u0430.99",
      "\u0457\u0436\u0430\u043a",
      "\u03c3\u03b9\u03c3\u03c5\u03c6\u03bf\u03c3",
      "\u03ae\u03c1\u03b1-1",
      "\u0561\u0580\u0561\u0574",
    ],
    ...[
      "\u05d0\u05d1\u05d2",
      "\u0645\u062d\u0645\u062f",
      "\u0645\u062d\u0645\u062f\u0661",
      "\u0645\u0650\u0635\u0631",
      "\u0930\u093e\u092e",
      "\u0915\u094d\u200d\u0916",
      "\u0e2a\u0e21\u0e0a\u0e32\u0e22",
    ],
    ...[
      "\u65e5\u672c",
      "\u3055\u304f\u3089",
      "\u5c71\u7530\u30e6\u30fc\u30b6\u30fc",
      "\u30ac\u30f3\u30c0\u30e0",
      "\uae40\ucca0\uc218",
      "l\u00b7l",
    ],
  ];
  assert.deepEqual(verdicts(names), each(names, "ok"));
});

test("[KEYSERVER-6-01] [FAULT-39] scripts do not mix, and those that nobody writes any more are no one's", () => {
  const names = [
    ...[
      "\u0430lice",
      "ali\u0441e",
      "b\u043eb",
      "\u03bfmega",
      "bo\u0585",
      "p\u0430ul",
      "a\u65e5",
      "\u043e\u03bf\u0436",
      "\u05e1\u0645",
    ],
    ...[
      "\u13aa\u13ae",
      "\u10480\u10481".replace("0", ""),
      "\ua4d0\ua4e1",
      "\u2c81\u2c83",
      "alice\u0a66",
      "\ud801\udc28",
    ],
  ].filter((name) => userName(rules, utf8(name)) !== null);
  assert.equal(names.length >= 10, true, `${names.length} of them are names`);
  assert.deepEqual(verdicts(names), each(names, "confusable-name"));
});

test("[KEYSERVER-6-01] [FAULT-39] what is written in one other script and reads as Latin is refused, one other letter and it is not", () => {
  const looks = [
    "\u0430\u0441\u0435", // ace
    "\u0440\u0430\u0443\u0440\u0430\u04cf", // paypal
    "\u0441\u043e\u0441\u043e-1",
    "\u0451\u0445\u043e", // with a diaeresis
    "\u03bf\u03bd\u03b1\u03b9",
    "\u0585\u0578\u057d",
    "\u09ea\u09ea", // Bengali digits without a letter
  ];
  assert.deepEqual(verdicts(looks), each(looks, "confusable-name"));
  const differ = ["\u0430\u0441\u0435\u0436", "\u03bf\u03bd\u03b1\u03b9\u03b4", "\u0585\u0578\u057d\u0583"];
  assert.deepEqual(verdicts(differ), each(differ, "ok"));
});

test("[KEYSERVER-6-01] [FAULT-39] letters of notations and marks that hide are refused", () => {
  const names = [
    "\u0251lice",
    "\u0261eor\u0261e",
    "al\u01c0ce",
    "bob\u02bc",
    "\u1d00nn",
    "i\u0307stanbul",
    "\u0130stanbul",
    "l\u0131\u0307sa",
  ];
  const marks = ["o\u0338la", "l\u0335isa", "e\u0301\u0301va", "a\u064elice"];
  for (const name of names) assert.notEqual(userName(rules, utf8(name)), null, name);
  assert.deepEqual(verdicts([...names, ...marks]), each([...names, ...marks], "confusable-name"));
});

test("[KEYSERVER-6-01] [FAULT-39] where case counts capitals look alike as well; where names are bytes nothing does", () => {
  const preserved = { ...rules, caseSensitiveRecipients: true };
  const names = ["\u0410\u0412\u0421", "\u0391\u0392\u0395", "\u0410lice", "\u0410\u0416", "Alice"];
  assert.deepEqual(names.map((name) => verdict(name, preserved)), [
    "confusable-name",
    "confusable-name",
    "confusable-name",
    "ok",
    "ok",
  ]);
  assert.equal(verdict("\u0430lice", { ...rules, binaryRecipients: true }), "ok");
});

test("[KEYSERVER-6-01] what is ASCII, as the names that Go's programs make, is never refused", () => {
  const ascii = fc.string({
    unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
    minLength: 1,
    maxLength: 64,
  });
  fc.assert(fc.property(ascii, (name) => assert.equal(verdict(name), "ok")));
});

test("[KEYSERVER-6-01] any name has a verdict, and its mapped form the same", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 12 }), (name) => {
      const mapped = newUserName(rules, utf8(name));
      if (typeof mapped !== "string") assert.deepEqual(newUserName(rules, mapped), mapped);
    }),
    { numRuns: 300 },
  );
  assert.equal(verdict("i" + "\u0323".repeat(30)), "confusable-name");
});
