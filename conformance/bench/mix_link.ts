/**
 * An end of a link that costs next to nothing: the session's machine (core/wire/session.ts) is driven by hand until it
 * is up; then its cipher and its socket are the bench's, which seals frames before it measures and opens them after.
 *
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { nativeSuite as suite } from "../../adapters/crypto_native.ts";
import { concat } from "../../core/bytes.ts";
import type { Effect } from "../../core/effects.ts";
import { type Context, mono, wall } from "../../core/machine.ts";
import type { CipherState } from "../../core/noise/cipher_state.ts";
import { katzenpostGeometry as geometry } from "../../core/sphinx/geometry.ts";
import { append, emptyByteQueue } from "../../core/wire/byte_queue.ts";
import { commandHeaderLength, commandPieces, decodeCommand } from "../../core/wire/commands.ts";
import { frameHeaderLength, openNext, type Receiver, sealFrame } from "../../core/wire/framing.ts";
import { createSession, type SessionConfig, type SessionEvent, type SessionReport } from "../../core/wire/session.ts";
import type { SessionState } from "../../core/wire/session_state.ts";
import { rightOf } from "../properties/sphinx/fixture.ts";

const commandLengthMax = commandHeaderLength + geometry.packetLength;
const tagLength = 16;
/** Of a packet's frame, in bytes. */
export const frameLength = frameHeaderLength + commandLengthMax + tagLength;

export interface LinkEnd {
  readonly socket: Socket;
  readonly send: CipherState;
  readonly receiver: Receiver;
}

export type LinkConfig = Pick<SessionConfig, "role" | "staticPrivate" | "additionalData">;

const configOf = (config: LinkConfig): SessionConfig => ({
  ...config,
  self: "link",
  owner: "owner",
  deadlines: { dialMs: 10_000, handshakeMs: 30_000, idleMs: null, writeMs: 60_000 },
  receives: ["SendPacket"],
  commandLengthMax,
  queueLength: 1,
});

const context = (): Context => ({
  now: mono(performance.now()),
  wall: wall(Date.now()),
  seed: new Uint8Array(randomBytes(32)),
});

/** Resolves when the session over a connected socket is up; the peer is let in whoever it is. */
export const linkUp = (socket: Socket, link: LinkConfig): Promise<LinkEnd> =>
  new Promise((resolve, reject) => {
    const machine = createSession({ suite, geometry });
    const config = configOf(link);
    const started = machine.start(context(), config, undefined);
    let state: SessionState = started.state;

    const tell = (event: SessionEvent): void => {
      const step = machine.step(context(), state, event);
      state = step.state;
      step.effects.forEach(perform);
    };

    const perform = (effect: Effect): void => {
      if (effect.type === "Write") socket.write(concat(...effect.pieces));
      if (effect.type === "Tell") onReport((effect.event as SessionReport).report);
    };

    const onReport = (report: SessionReport["report"]): void => {
      if (report.type === "Authorize") return tell({ type: "Allowed" });
      if (report.type === "Down") return reject(new Error(`a link ended: ${report.reason}`));
      if (report.type !== "Up") return;
      const { phase, inbox } = state;
      assert.equal(phase.type === "up" && inbox.length === 0, true, "nothing was sent before the link was up");
      if (phase.type !== "up") return;
      socket.off("data", onData);
      resolve({ socket, send: phase.send, receiver: phase.receiver });
    };

    const onData = (bytes: Uint8Array): void => tell({ type: "Received", bytes: new Uint8Array(bytes) });

    socket.setNoDelay(true);
    socket.on("data", onData);
    socket.on("error", reject);
    if (config.role.type === "initiator") tell({ type: "Connected", remote: "mix" });
  });

/** The frame of a packet, and the cipher for the next one. */
export const sealPacket = (
  cipher: CipherState,
  packet: Uint8Array,
): { readonly frame: Uint8Array; readonly cipher: CipherState } => {
  const { pieces, cipher: next } = rightOf(
    sealFrame(suite, cipher, rightOf(commandPieces(geometry, { type: "SendPacket", packet }))),
  );
  return { frame: concat(...pieces), cipher: next };
};

/** The packets in whole frames, and the receiver for the next ones. */
export const openPackets = (
  receiver: Receiver,
  frames: Uint8Array,
): { readonly packets: ReadonlyArray<Uint8Array>; readonly receiver: Receiver } => {
  const packets: Uint8Array[] = [];
  let [at, rest] = [receiver, append(emptyByteQueue, frames)];
  while (rest.length > 0) {
    const opened = rightOf(openNext(suite, at, rest, commandLengthMax));
    if (opened === null) assert.fail("a frame did not come whole");
    [at, rest] = [opened.receiver, opened.rest];
    if (opened.command === null) continue;
    const command = rightOf(decodeCommand(geometry, opened.command));
    if (command.type === "SendPacket") packets.push(command.packet);
    else assert.fail(`a mix sends packets, not ${command.type}`);
  }
  return { packets, receiver: at };
};
