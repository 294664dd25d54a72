/**
 * Benchmark of SendPacket over loopback (specs/wire-protocol.rst §3.3): both ends in this process, over real TCP, from
 * one session's Send until the other has the packet. Rounds take turns with the unit (measure.ts).
 *
 * @module
 */
import assert from "node:assert/strict";
import { nativeSuite as suite } from "../../adapters/crypto_native.ts";
import { createMetrics } from "../../adapters/metrics.ts";
import { type Shell, startShell } from "../../adapters/shell.ts";
import { createMemoryStore } from "../../adapters/store_memory.ts";
import { equal } from "../../core/bytes.ts";
import { type Effect, type Incoming, tell } from "../../core/effects.ts";
import { katzenpostGeometry as geometry } from "../../core/sphinx/geometry.ts";
import { createSystem } from "../../core/system.ts";
import { commandHeaderLength } from "../../core/wire/commands.ts";
import { createSession, type SessionConfig, type SessionReport } from "../../core/wire/session.ts";
import { median, type Result, resultOf, timeOf, x25519Unit } from "./measure.ts";
import { roleOf } from "./role.ts";

const rounds = 41;
const packetsInRound = 64;

const configOf = (role: SessionConfig["role"], self: string): SessionConfig => ({
  self,
  owner: "owner",
  role,
  staticPrivate: new Uint8Array(32).fill(role.type === "initiator" ? 1 : 2),
  additionalData: new Uint8Array(32),
  deadlines: { dialMs: 10_000, handshakeMs: 10_000, idleMs: null, writeMs: 10_000 },
  receives: ["SendPacket"],
  commandLengthMax: commandHeaderLength + geometry.packetLength,
  queueLength: packetsInRound,
});

type OwnerEvent =
  | Incoming
  | SessionReport
  | { readonly type: "Dial"; readonly address: string }
  | { readonly type: "Round"; readonly packets: ReadonlyArray<Uint8Array> };

interface Watched {
  readonly onUp: () => void;
  readonly onPacket: (packet: Uint8Array) => void;
}

const ownerOf = ({ onUp, onPacket }: Watched) =>
  roleOf<OwnerEvent>((event) => {
    if (event.type === "Dial") {
      return [spawn("link", { type: "initiator", addresses: [event.address] })];
    }
    if (event.type === "Incoming") return [spawn(event.connection, { type: "responder", remote: event.remote })];
    if (event.type === "Round") {
      return event.packets.map((packet) => tell("link", { type: "Send", command: { type: "SendPacket", packet } }));
    }
    const { session, report } = event;
    if (report.type === "Authorize") return [tell(session, { type: "Allowed" })];
    if (report.type === "Up") onUp();
    if (report.type === "Command" && report.command.type === "SendPacket") onPacket(report.command.packet);
    return [];
  });

const spawn = (at: string, role: SessionConfig["role"]): Effect => ({
  type: "Spawn",
  at,
  kind: "session",
  config: configOf(role, at),
});

const startEnd = (watched: Watched, listens: boolean): Promise<Shell> =>
  startShell({
    system: createSystem({ owner: ownerOf(watched), session: createSession({ suite, geometry }) }),
    boot: [{ type: "Spawn", at: "owner", kind: "owner", config: null }],
    sphinx: { suite, geometry },
    store: createMemoryStore({ bytesMax: 1 << 20 }),
    listeners: listens ? [{ address: "127.0.0.1:0", owner: "owner" }] : [],
    onNotify: () => {},
    log: { write: () => {}, reopen: () => {}, close: () => {} },
    metrics: createMetrics(),
  });

/** Measures; every packet's bytes are checked in the first round, their number in all. */
export const sendPackets = async (): Promise<Result> => {
  const packet = Uint8Array.from({ length: geometry.packetLength }, (_, at) => at * 7);
  let [arrived, isChecked] = [0, false];
  let onRound: () => void = () => {};
  let onUp: () => void = () => {};
  const up = new Promise<void>((resolve) => (onUp = resolve));
  const onPacket = (received: Uint8Array): void => {
    if (!isChecked) assert.equal(equal(received, packet), true);
    if (++arrived === packetsInRound) onRound();
  };
  const there = await startEnd({ onUp: () => {}, onPacket }, true);
  const here = await startEnd({ onUp, onPacket: () => {} }, false);
  here.tell("owner", { type: "Dial", address: there.listening[0] });
  await up;
  const round = async (): Promise<number> => {
    // A packet belongs to whom it is handed: each Send has bytes of its own.
    const packets = Array.from({ length: packetsInRound }, () => packet.slice());
    arrived = 0;
    const began = performance.now();
    const ended = new Promise<void>((resolve) => (onRound = resolve));
    here.tell("owner", { type: "Round", packets });
    await ended;
    return (performance.now() - began) / packetsInRound;
  };
  await round();
  isChecked = true;
  const unit = x25519Unit();
  const [times, units]: [number[], number[]] = [[], []];
  for (let at = 0; at < rounds; at++) {
    units.push(timeOf(unit));
    times.push(await round());
  }
  await Promise.all([here.stop(), there.stop()]);
  return resultOf("send-packet-loopback-both-ends", median(times), median(units));
};
