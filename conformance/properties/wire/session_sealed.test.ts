/** Commands of one length that a session reports as they came: their owner has them opened elsewhere. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat } from "../../../core/bytes.ts";
import { nonceLimit } from "../../../core/noise/cipher_state.ts";
import { type Command, commandHeaderLength, encodeCommand } from "../../../core/wire/commands.ts";
import { rightOf, toySuite } from "../noise/fixture.ts";
import { flipped } from "../sphinx/fixture.ts";
import { packetIn } from "../sealed.ts";
import {
  carry,
  commandsOf,
  configOf,
  type Cut,
  downOf,
  type End,
  oneByteEach,
  type Pair,
  smallGeometry,
  startEnd,
  upPair,
  whole,
} from "./fixture.ts";

const sealedLength = commandHeaderLength + 500;

const packet = (fill: number, length = 500): Extract<Command, { type: "SendPacket" }> => ({
  type: "SendPacket",
  packet: new Uint8Array(length).fill(fill),
});

const sealedPair = (): Pair => upPair({ responder: { sealedLength } });

const sealedOf = ({ reports }: End) => reports.flatMap((report) => report.type === "Sealed" ? [report.message] : []);

const packetsOf = (end: End) => sealedOf(end).map((message) => packetIn(toySuite, smallGeometry, message));

test("packets of the length come sealed, in order and with what opens them, however the network cuts them", () => {
  const lengths = fc.array(fc.constantFrom(500, 500, 499, 0), { maxLength: 6 });
  const cuts = fc.constantFrom<Cut>(whole, oneByteEach, (bytes) => [bytes.slice(0, 300), bytes.slice(300)]);
  fc.assert(
    fc.property(lengths, cuts, (sent, cut) => {
      const { initiator, responder } = sealedPair();
      sent.forEach((length, at) => initiator.tell({ type: "Send", command: packet(at, length) }));
      carry(initiator, responder, cut);
      const [long, others] = [true, false].map((isLong) =>
        sent.flatMap((length, at) => (length === 500) === isLong ? [packet(at, length)] : [])
      );
      assert.deepEqual(packetsOf(responder), long!.map(({ packet }) => packet));
      assert.deepEqual(commandsOf(responder), others);
    }),
    { numRuns: 40 },
  );
});

test("a key goes with its message: no other message has it, and the session does not wipe it", () => {
  const { initiator, responder } = sealedPair();
  for (let fill = 0; fill < 3; fill++) initiator.tell({ type: "Send", command: packet(fill) });
  carry(initiator, responder);
  const keys = sealedOf(responder).map(({ cipher }) => cipher.key.join());
  assert.equal(new Set(keys).size, 3);
  assert.equal(responder.consumed.some((secret) => keys.includes(secret.join())), false);
});

test("what does not decrypt ends the session once its owner has found out; what came after it was reported", () => {
  const { initiator, responder } = sealedPair();
  initiator.tell({ type: "Send", command: packet(1) });
  initiator.tell({ type: "Send", command: packet(2) });
  const [first, second] = initiator.takeWrites();
  responder.tell({ type: "Received", bytes: flipped(first!, 8 * 300) });
  responder.tell({ type: "Received", bytes: second! });
  const [tampered, untouched] = sealedOf(responder);
  assert.throws(() => packetIn(toySuite, smallGeometry, tampered!));
  assert.deepEqual(packetIn(toySuite, smallGeometry, untouched!), packet(2).packet);
  responder.tell({ type: "Opened", bytes: null });
  assert.equal(downOf(responder), "decrypt");
  responder.tell({ type: "Opened", bytes: null });
});

/** What reads as another command, padded to the length. */
const padded = (command: Command): Uint8Array =>
  concat(rightOf(encodeCommand(smallGeometry, command)), new Uint8Array(sealedLength)).subarray(0, sealedLength);

test("another command that is padded to the length is read once its owner has had it opened", () => {
  const cases: ReadonlyArray<readonly [Command | Uint8Array, string | null]> = [
    [{ type: "RetrieveMessage", sequence: 7 }, null],
    [{ type: "NoOp" }, null],
    [{ type: "Disconnect" }, "peer-disconnected"],
    [{ type: "VoteStatus", status: 0 }, "unexpected-command"],
    [new Uint8Array(sealedLength).fill(200), "malformed-command"],
  ];
  for (const [command, reason] of cases) {
    const { responder } = sealedPair();
    const bytes = command instanceof Uint8Array ? command : padded(command);
    responder.tell({ type: "Opened", bytes });
    assert.equal(downOf(responder), reason);
    const isTold = reason === null && "type" in command && command.type !== "NoOp";
    assert.deepEqual(commandsOf(responder), isTold ? [command] : []);
  }
});

test("a frame that has begun keeps its deadline while an earlier one is read", () => {
  const { clock, initiator, responder } = sealedPair();
  initiator.tell({ type: "Send", command: packet(1) });
  responder.tell({ type: "Received", bytes: initiator.takeWrites()[0]!.slice(0, 100) });
  const due = responder.wakeAt();
  clock.now += 10;
  responder.tell({ type: "Opened", bytes: padded({ type: "NoOp" }) });
  assert.equal(responder.wakeAt(), due);
  responder.wake();
  assert.equal(downOf(responder), "frame-timeout");
});

test("a counter that is used up ends the session, as where the session opens", () => {
  const { initiator, responder } = sealedPair();
  initiator.tell({ type: "Send", command: packet(1) });
  const frame = initiator.takeWrites()[0]!;
  responder.tell({ type: "Received", bytes: frame.slice(0, 20) });
  const state = responder.state();
  assert.equal(state.phase.type, "up");
  if (state.phase.type !== "up") return;
  const { receiver } = state.phase;
  const cipher = { ...receiver.cipher, nonce: nonceLimit };
  const used = { ...state, phase: { ...state.phase, receiver: { ...receiver, cipher } } };
  const end = startEnd({ now: 0 }, configOf("responder", { sealedLength }), toySuite, used);
  end.tell({ type: "Received", bytes: frame.slice(20) });
  assert.equal(downOf(end), "nonces-exhausted");
});
