/**
 * A link of the wire protocol by hand: sends given packets as whoever has the keys, over real TCP. It says nothing of
 * what becomes of them: the peer's log does.
 *
 * @module
 */
import { nativeSuite as suite } from "../../adapters/crypto_native.ts";
import { createMetrics } from "../../adapters/metrics.ts";
import { startShell } from "../../adapters/shell.ts";
import { createMemoryStore } from "../../adapters/store_memory.ts";
import { type Effect, tell } from "../../core/effects.ts";
import type { Machine } from "../../core/machine.ts";
import { katzenpostGeometry as geometry } from "../../core/sphinx/geometry.ts";
import { type AnyMachine, createSystem } from "../../core/system.ts";
import { commandHeaderLength } from "../../core/wire/commands.ts";
import { createSession, type SessionConfig, type SessionReport } from "../../core/wire/session.ts";

export interface Credentials {
  /** A node's identity key, or a user's name. */
  readonly additionalData: Uint8Array;
  /** X25519, 32 bytes. */
  readonly linkPrivate: Uint8Array;
}

const configOf = (address: string, { additionalData, linkPrivate }: Credentials): SessionConfig => ({
  self: "link",
  owner: "owner",
  role: { type: "initiator", addresses: [address] },
  staticPrivate: linkPrivate.slice(),
  additionalData,
  deadlines: { dialMs: 5000, handshakeMs: 5000, idleMs: null, writeMs: 5000 },
  receives: [],
  commandLengthMax: commandHeaderLength + geometry.packetLength,
  queueLength: 64,
});

/** Sends the packets in turn and hangs up: true when the peer let us in and its system has taken all bytes. */
export const sendRaw = async (
  address: string,
  credentials: Credentials,
  packets: ReadonlyArray<Uint8Array>,
): Promise<boolean> => {
  let end: (sent: boolean) => void = () => {};
  const ended = new Promise<boolean>((resolve) => (end = resolve));
  let taken = false;
  const react = ({ report }: SessionReport): Effect[] => {
    if (report.type === "Authorize") return [tell("link", { type: "Allowed" })];
    if (report.type === "Up") {
      return packets.map((packet, id) =>
        tell("link", { type: "Send", id, command: { type: "SendPacket", packet: packet.slice() } })
      );
    }
    // Not before: a peer that has closed may be noticed before what the system has taken is.
    if (report.type === "Sent" && report.dropped === null && report.id === packets.length - 1) {
      taken = true;
      return [tell("link", { type: "Close", polite: true })];
    }
    if (report.type === "Down") end(taken);
    return [];
  };
  const owner: Machine<null, null, SessionReport, Effect> = {
    start: () => ({
      state: null,
      effects: [{ type: "Spawn", at: "link", kind: "session", config: configOf(address, credentials) }],
      wakeAt: null,
    }),
    step: (_context, state, event) => ({
      state,
      effects: event.type === "Session" ? react(event) : [],
      wakeAt: null,
    }),
  };
  const shell = await startShell({
    system: createSystem({ owner: owner as AnyMachine, session: createSession({ suite, geometry }) }),
    boot: [{ type: "Spawn", at: "owner", kind: "owner", config: null }],
    sphinx: { suite, geometry },
    store: createMemoryStore({ bytesMax: 1 << 20 }),
    listeners: [],
    onNotify: () => {},
    log: { write: () => {}, reopen: () => {}, close: () => {} },
    metrics: createMetrics(),
  });
  const sent = await ended;
  await shell.stop();
  return sent;
};
