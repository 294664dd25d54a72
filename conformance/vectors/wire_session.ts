/**
 * wire_session.json: a whole link between two Go programs, every write of both sides (wire-facts §2.3 to §2.5). Both
 * sides are played by the session machine with the recorded randomness: each is fed what the other wrote, and its
 * writes are compared.
 *
 * The commands of a session are of any kind, so they go through the codec: what decodes and encodes again is sent.
 *
 * @module
 */
import { concat } from "../../core/bytes.ts";
import type { Suite } from "../../core/crypto/suite.ts";
import type { Effect } from "../../core/effects.ts";
import { E } from "../../core/fp.ts";
import { mono, wall } from "../../core/machine.ts";
import { katzenpostGeometry } from "../../core/sphinx/geometry.ts";
import {
  type Command,
  commandLengthLimit,
  type CommandType,
  decodeCommand,
  encodeCommand,
} from "../../core/wire/commands.ts";
import { createSession, type SessionConfig, type SessionEvent, type SessionReport } from "../../core/wire/session.ts";
import { compareBytes, compareLists, compareValues, type Differences, recordedRandom } from "./compare.ts";
import { count, type Decoded, hex, list, object, text } from "./decode.ts";
import { defineFormat, singleCase } from "./format.ts";

const file = object({
  initiator_additional_data: hex(),
  initiator_commands: list(hex()),
  initiator_reads: list(hex(32)),
  initiator_static_private: hex(32),
  initiator_writes: list(hex()),
  note: text,
  responder_additional_data: hex(),
  responder_commands: list(hex()),
  responder_first_command: hex(),
  responder_reads: list(hex(32)),
  responder_static_private: hex(32),
  responder_writes: list(hex()),
  time_max: count,
  time_min: count,
});

type Session = Decoded<typeof file>;

const minute = 60_000;
const deadlines = { dialMs: minute, handshakeMs: minute, idleMs: minute, writeMs: minute };
const everyCommand: ReadonlyArray<CommandType> = [
  "SendPacket",
  "RetrieveMessage",
  "Message",
  "MessageAck",
  "MessageEmpty",
  "GetConsensus",
  "Consensus",
  "PostDescriptor",
  "PostDescriptorStatus",
  "Vote",
  "VoteStatus",
  "GetVote",
  "Reveal",
  "RevealStatus",
];

/** One side of the link, with what it wrote and reported. */
interface Player {
  readonly tell: (event: SessionEvent) => void;
  readonly writes: ReadonlyArray<Uint8Array>;
  readonly reports: ReadonlyArray<SessionReport["report"]>;
  readonly leftovers: () => Differences;
}

interface Side {
  readonly role: SessionConfig["role"];
  readonly staticPrivate: Uint8Array;
  readonly additionalData: Uint8Array;
  readonly reads: ReadonlyArray<Uint8Array>;
}

const play = (suite: Suite, side: Side, unixTime: number): Player => {
  const random = recordedRandom(side.reads, `${side.role.type}_reads`);
  const machine = createSession({ suite, geometry: katzenpostGeometry, random: () => random });
  const context = { now: mono(0), wall: wall(unixTime * 1000), seed: new Uint8Array(32) };
  const writes: Uint8Array[] = [];
  const reports: SessionReport["report"][] = [];
  const perform = (effects: ReadonlyArray<Effect>): void => {
    for (const effect of effects) {
      if (effect.type === "Write") writes.push(concat(...effect.pieces));
      if (effect.type === "Tell") reports.push((effect.event as SessionReport).report);
    }
  };
  const { role, staticPrivate, additionalData } = side;
  const config: SessionConfig = {
    self: "session",
    owner: "owner",
    role,
    staticPrivate,
    additionalData,
    deadlines,
    receives: everyCommand,
    commandLengthMax: commandLengthLimit,
    queueLength: 1,
  };
  let step = machine.start(context, config, undefined);
  perform(step.effects);
  const tell = (event: SessionEvent): void => {
    const before = writes.length;
    step = machine.step(context, step.state, event);
    perform(step.effects);
    for (const bytes of writes.slice(before)) tell({ type: "Flushed", length: bytes.length });
  };
  return { tell, writes, reports, leftovers: random.leftovers };
};

/** The responder's time, from the clock skew that an initiator at time 0 sees. */
const recordedTime = (suite: Suite, initiator: Side, vector: Session): number => {
  const probe = play(suite, initiator, 0);
  const [message2, noOp] = vector.responder_writes;
  probe.tell({ type: "Connected", remote: "" });
  probe.tell({ type: "Received", bytes: message2!.slice() });
  probe.tell({ type: "Allowed" });
  probe.tell({ type: "Received", bytes: noOp!.slice() });
  const up = probe.reports.find((report) => report.type === "Up");
  return up?.type === "Up" ? -up.clockSkewMs / 1000 : Number.NaN;
};

const parse = (bytes: Uint8Array): Command => {
  const decoded = decodeCommand(katzenpostGeometry, bytes);
  if (E.isLeft(decoded)) throw new Error(`a recorded command is refused: ${decoded.left}`);
  return decoded.right;
};

const checkSession = (suite: Suite, vector: Session): Differences => {
  const initiatorSide: Side = {
    role: { type: "initiator", addresses: ["responder"] },
    staticPrivate: vector.initiator_static_private,
    additionalData: vector.initiator_additional_data,
    reads: vector.initiator_reads,
  };
  const responderSide: Side = {
    role: { type: "responder", remote: "initiator" },
    staticPrivate: vector.responder_static_private,
    additionalData: vector.responder_additional_data,
    reads: vector.responder_reads,
  };
  const time = recordedTime(suite, initiatorSide, vector);
  const initiator = play(suite, initiatorSide, time);
  const responder = play(suite, responderSide, time);
  playHandshake(initiator, responder, vector);
  const ends = [...vector.initiator_commands, ...vector.responder_commands].some((bytes) => bytes[0] === 1);
  playCommands(initiator, vector.initiator_commands, vector.responder_writes.slice(2));
  playCommands(responder, vector.responder_commands, vector.initiator_writes.slice(2));
  return [
    ...compareValues("the responder's time is in its range", time >= vector.time_min && time <= vector.time_max, true),
    ...compareLists("initiator_writes", initiator.writes, vector.initiator_writes, compareBytes),
    ...compareLists("responder_writes", responder.writes, vector.responder_writes, compareBytes),
    ...compareReports("initiator", initiator, responderSide, suite, vector.responder_commands, ends),
    ...compareReports("responder", responder, initiatorSide, suite, vector.initiator_commands, ends),
    ...compareValues("responder_first_command", parse(vector.responder_first_command).type, "NoOp"),
    ...initiator.leftovers(),
    ...responder.leftovers(),
  ];
};

const playHandshake = (initiator: Player, responder: Player, vector: Session): void => {
  const received = (bytes: Uint8Array | undefined): SessionEvent => ({
    type: "Received",
    bytes: (bytes ?? new Uint8Array(0)).slice(),
  });
  initiator.tell({ type: "Connected", remote: "responder" });
  responder.tell(received(vector.initiator_writes[0]));
  initiator.tell(received(vector.responder_writes[0]));
  initiator.tell({ type: "Allowed" });
  responder.tell(received(vector.initiator_writes[1]));
  responder.tell({ type: "Allowed" });
  initiator.tell(received(vector.responder_writes[1]));
};

const playCommands = (player: Player, own: ReadonlyArray<Uint8Array>, theirs: ReadonlyArray<Uint8Array>): void => {
  for (const bytes of own) {
    const command = parse(bytes);
    player.tell(command.type === "Disconnect" ? { type: "Close", polite: true } : { type: "Send", command });
  }
  for (const bytes of theirs) player.tell({ type: "Received", bytes: bytes.slice() });
};

/** What a side reported: whom it met and what that one sent. NoOps are not reported, a Disconnect is the end. */
const compareReports = (
  what: string,
  { reports }: Player,
  peer: Side,
  suite: Suite,
  commands: ReadonlyArray<Uint8Array>,
  ends: boolean,
): Differences => {
  const asked = reports.find((report) => report.type === "Authorize");
  const received = reports.flatMap((report) => (report.type === "Command" ? [report.command] : []));
  const expected = commands.filter((bytes) => !["NoOp", "Disconnect"].includes(parse(bytes).type));
  const encoded = received.map((command) => {
    const bytes = encodeCommand(katzenpostGeometry, command);
    return E.isRight(bytes) ? bytes.right : null;
  });
  if (asked?.type !== "Authorize") return [`${what}: was not asked about its peer`];
  return [
    ...compareBytes(`${what}: the peer's additional data`, asked.additionalData, peer.additionalData),
    ...compareBytes(`${what}: the peer's key`, asked.key, suite.x25519Public(peer.staticPrivate)),
    ...compareLists(`${what}: commands received`, encoded, expected, compareBytes),
    ...compareValues(`${what}: up`, reports.some((report) => report.type === "Up"), true),
    ...compareValues(`${what}: down`, reports.some((report) => report.type === "Down"), ends),
  ];
};

export const wireSessionFormat = defineFormat("wire_session", file, (vector) => [
  singleCase("session", (suite) => checkSession(suite, vector)),
]);
