/** Routing commands: exact, total, one encoding a list. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, equal, isZero, toHex } from "../../../core/bytes.ts";
import { E } from "../../../core/fp.ts";
import { decodeCommands, encodeCommands, padRecipient, type RoutingCommand } from "../../../core/sphinx/commands.ts";
import { leftOf, rightOf } from "./fixture.ts";

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });

const nextNodeHop = fc.tuple(bytes(32), bytes(16)).map(([id, mac]): RoutingCommand => ({
  type: "NextNodeHop",
  id,
  mac,
}));
const recipient = bytes(64).map((id): RoutingCommand => ({ type: "Recipient", id }));
const surbReply = bytes(16).map((id): RoutingCommand => ({ type: "SurbReply", id }));
const delays = fc.oneof(fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
const nodeDelay = delays.map((delayMs): RoutingCommand => ({ type: "NodeDelay", delayMs }));

/** Lists that fit into 82 bytes, in any order. */
const commandLists: fc.Arbitrary<ReadonlyArray<RoutingCommand>> = fc.oneof(
  fc.constant([]),
  fc.tuple(nodeDelay, nextNodeHop),
  fc.tuple(nextNodeHop, surbReply, nodeDelay),
  fc.tuple(nodeDelay, recipient),
  fc.tuple(recipient),
  fc.tuple(recipient, surbReply),
  fc.tuple(surbReply),
);

const blockOf = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const block = new Uint8Array(82);
  block.set(concat(...parts));
  return block;
};

const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

test("[MIXNET-3.2-01] [MIXNET-3.3-01] [SPHINX-4.1.1-01][SPHINX-4.1.1-02] each command has its id and its layout", () => {
  const id = filled(32, 0xaa);
  const mac = filled(16, 0xbb);
  const forward = rightOf(
    encodeCommands([{ type: "NodeDelay", delayMs: 0x01020304 }, { type: "NextNodeHop", id, mac }]),
  );
  assert.equal(toHex(forward), `8001020304${"01"}${"aa".repeat(32)}${"bb".repeat(16)}${"00".repeat(28)}`);
  const reply = rightOf(encodeCommands([
    { type: "Recipient", id: filled(64, 0xcc) },
    { type: "SurbReply", id: filled(16, 0xdd) },
  ]));
  assert.equal(toHex(reply), `02${"cc".repeat(64)}03${"dd".repeat(16)}`);
});

test("[SPHINX-4.1.1-03][SPHINX-4.1.1-04] blocks have 82 bytes and decode to what was encoded", () => {
  fc.assert(fc.property(commandLists, (commands) => {
    const block = rightOf(encodeCommands(commands));
    assert.equal(block.length, 82);
    assert.deepEqual(rightOf(decodeCommands(block)), commands);
  }));
});

/** Blocks that are nearly right, and some that are not at all. */
const blocks = fc.oneof(
  bytes(82),
  fc.tuple(commandLists, fc.array(fc.tuple(fc.nat(81), fc.nat(255)), { maxLength: 2 })).map(([commands, changes]) => {
    const block = rightOf(encodeCommands(commands));
    for (const [at, value] of changes) block[at] = value;
    return block;
  }),
);

test("[SPHINX-6.1-07] [FAULT-14] no block makes the decoder throw, and what decodes encodes to the same bytes", () => {
  let decodes = 0;
  fc.assert(
    fc.property(blocks, (block) => {
      const decoded = decodeCommands(block);
      if (E.isLeft(decoded)) return;
      decodes++;
      assert.equal(equal(rightOf(encodeCommands(decoded.right)), block), true);
    }),
    { numRuns: 500 },
  );
  assert.equal(decodes > 50, true);
});

test("[SPHINX-6.1-05] every id but the four of the specification is refused", () => {
  const known = new Set([0x00, 0x01, 0x02, 0x03, 0x80]);
  for (let id = 0; id < 256; id++) {
    const decoded = decodeCommands(blockOf(Uint8Array.of(id)));
    if (known.has(id)) assert.ok(E.isRight(decoded), `id ${id}`);
    else assert.equal(leftOf(decoded), "unknown", `id ${id}`);
  }
});

test("a byte other than zero after the null command is refused, wherever it stands", () => {
  const used = 1 + 64;
  for (let at = used + 1; at < 82; at++) {
    const block = blockOf(Uint8Array.of(0x02), filled(64, 7));
    block[at] = 1;
    assert.equal(leftOf(decodeCommands(block)), "padding");
  }
});

test("[SPHINX-6.1-07] a command that runs over its block is refused", () => {
  const recipientThen = (id: number): Uint8Array => blockOf(Uint8Array.of(0x02), filled(64, 7), Uint8Array.of(id));
  assert.equal(leftOf(decodeCommands(recipientThen(0x01))), "truncated");
  assert.equal(
    leftOf(decodeCommands(blockOf(Uint8Array.of(0x80, 0, 0, 0, 1), recipientThen(0x03).subarray(0, 66)))),
    "truncated",
  );
  // A SURB reply fills the block to its last byte: nothing is missing.
  assert.equal(E.isRight(decodeCommands(recipientThen(0x03))), true);
});

test("a command may stand once", () => {
  const delay = Uint8Array.of(0x80, 0, 0, 0, 1);
  const surb = concat(Uint8Array.of(0x03), filled(16, 1));
  assert.equal(leftOf(decodeCommands(blockOf(delay, delay))), "repeated");
  assert.equal(leftOf(decodeCommands(blockOf(surb, delay, surb))), "repeated");
  // A second one of these does not fit.
  assert.equal(leftOf(decodeCommands(blockOf(filled(1, 0x01), filled(48, 1), filled(1, 0x01)))), "truncated");
  assert.equal(leftOf(decodeCommands(blockOf(filled(1, 0x02), filled(64, 1), filled(1, 0x02)))), "truncated");
  assert.equal(
    leftOf(encodeCommands([{ type: "NodeDelay", delayMs: 1 }, { type: "NodeDelay", delayMs: 1 }])),
    "repeated",
  );
});

test("what does not fit is not encoded", () => {
  const wrong: ReadonlyArray<RoutingCommand> = [
    { type: "NextNodeHop", id: new Uint8Array(31), mac: new Uint8Array(16) },
    { type: "NextNodeHop", id: new Uint8Array(32), mac: new Uint8Array(17) },
    { type: "Recipient", id: new Uint8Array(63) },
    { type: "SurbReply", id: new Uint8Array(0) },
    { type: "NodeDelay", delayMs: -1 },
    { type: "NodeDelay", delayMs: 2 ** 32 },
    { type: "NodeDelay", delayMs: 0.5 },
    { type: "NodeDelay", delayMs: NaN },
  ];
  for (const command of wrong) assert.equal(leftOf(encodeCommands([command])), "field");
  const recipient: RoutingCommand = { type: "Recipient", id: new Uint8Array(64) };
  const surb: RoutingCommand = { type: "SurbReply", id: new Uint8Array(16) };
  assert.equal(leftOf(encodeCommands([recipient, surb, { type: "NodeDelay", delayMs: 1 }])), "long");
});

test("decoded fields are copies: they outlive the packet's buffer", () => {
  const block = blockOf(Uint8Array.of(0x03), filled(16, 9));
  const [command] = rightOf(decodeCommands(block));
  block.fill(0);
  assert.ok(command?.type === "SurbReply" && !isZero(command.id), "the expected kind");
});

test("recipients are padded with zeros to 64 bytes", () => {
  assert.deepEqual(padRecipient(Uint8Array.of(1, 2)), concat(Uint8Array.of(1, 2), new Uint8Array(62)));
  assert.deepEqual(padRecipient(filled(64, 3)), filled(64, 3));
  assert.equal(padRecipient(new Uint8Array(65)), null);
});
