/**
 * Connections of machines over TCP: performs Dial, Write, Hangup, Pause, Resume and Refuse (core/effects.ts) and
 * reports what happens as socket events. A connection is named by the address of its machine, one each. Listeners take
 * connections from outside and report Incoming to their owner.
 *
 * @module
 */
import { createServer, type Server, type Socket } from "node:net";
import type { Dial, Incoming, SocketEvent } from "../core/effects.ts";
import { lengthOf } from "../core/bytes.ts";
import { invariant } from "../core/machine.ts";
import type { Address } from "../core/system.ts";
import { formatHostPort, parseHostPort } from "./address.ts";
import { listenFailure, notAnAddress } from "./listen_failure.ts";
import { dialInTurn, discard, reasonOf } from "./tcp_dial.ts";
import { createDoor, type OverloadReason, remoteOf, type TcpLimits } from "./tcp_door.ts";

export interface Listener {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
  /** The machine that is told Incoming. */
  readonly owner: Address;
}

export interface TcpOptions {
  /**
   * Takes an event for a machine, never from within one of the functions below. Events may wait: the taker asks `claim`
   * when the event's turn comes, and forgets it on false, since the machine may have hung up meanwhile.
   */
  readonly report: (to: Address, event: SocketEvent | Incoming, claim: () => boolean) => void;
  readonly limits: TcpLimits;
  /** A connection from outside was closed at once, or one was lost to a bound. */
  readonly onOverload: (reason: OverloadReason) => void;
}

export interface Tcp {
  /** Resolves with the address listened at; rejects with a CommandError of exit code 69. */
  readonly listen: (listener: Listener) => Promise<string>;
  readonly dial: (at: Address, effect: Dial) => void;
  /** Writes bytes that come in pieces. */
  readonly write: (at: Address, pieces: ReadonlyArray<Uint8Array>) => void;
  readonly hangup: (at: Address) => void;
  readonly pause: (at: Address) => void;
  /** Also begins to read from a connection that a listener took, once its machine is spawned. */
  readonly resume: (at: Address) => void;
  /** Closes a connection without what was written: it was refused, or its machine is gone. */
  readonly destroy: (at: Address) => void;
  /** While held, reads from no connection, whatever machines ask: the process is behind with its work. */
  readonly hold: (held: boolean) => void;
  /** Closes the listeners, and the connections after what was written. */
  readonly close: () => Promise<void>;
}

/** What a Received event carries at most, in bytes. */
const receivedLengthMax = 64 * 1024;
/** What may wait for a peer that does not read, in bytes; sessions wait for Flushed long before. */
const unsentLengthMax = 64 * 1024 * 1024;
const keepaliveMs = 3 * 60 * 1000;

type Connection =
  | { readonly type: "dialling"; readonly giveUp: () => void }
  | { readonly type: "open"; readonly socket: Socket; paused: boolean }
  /** Failed, or closed by the peer: its machine is about to learn of it. */
  | { readonly type: "lost"; readonly socket: Socket | null };

export const createTcp = ({ report, limits, onOverload }: TcpOptions): Tcp => {
  const connections = new Map<Address, Connection>();
  const servers = new Set<Server>();
  const sockets = new Set<Socket>();
  const door = createDoor(limits);
  /** Bytes that peers have not taken yet. */
  let unsent = 0;
  let incoming = 0;
  let held = false;

  const socketOf = (at: Address): Socket | null => {
    const connection = connections.get(at);
    return connection?.type === "open" ? connection.socket : null;
  };

  /** Also for a little while after it was lost, so that what was received before can still be read. */
  const belongsTo = (at: Address, socket: Socket): boolean => {
    const connection = connections.get(at);
    return connection !== undefined && connection.type !== "dialling" && connection.socket === socket;
  };

  const reportOpen = (at: Address, connection: Connection, event: SocketEvent): void =>
    report(at, event, () => connections.get(at) === connection);

  const reportLost = (at: Address, socket: Socket | null, event: SocketEvent): void => {
    const lost: Connection = { type: "lost", socket };
    connections.set(at, lost);
    report(at, event, () => connections.get(at) === lost && connections.delete(at));
  };

  const lose = (at: Address, socket: Socket, reason: string): void => {
    if (socketOf(at) !== socket) return;
    socket.destroy();
    reportLost(at, socket, { type: "Disconnected", reason });
  };

  const receive = (at: Address, socket: Socket, chunk: Uint8Array): void => {
    const connection = connections.get(at);
    if (connection?.type !== "open" || connection.socket !== socket) return;
    for (let from = 0; from < chunk.length; from += receivedLengthMax) {
      const length = Math.min(receivedLengthMax, chunk.length - from);
      // A plain view: slice() of a Buffer would not copy.
      const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset + from, length);
      report(at, { type: "Received", bytes }, () => belongsTo(at, socket));
    }
  };

  const adopt = (at: Address, socket: Socket, paused: boolean): Connection => {
    const connection: Connection = { type: "open", socket, paused };
    connections.set(at, connection);
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepaliveMs);
    socket.on("data", (chunk: Uint8Array) => receive(at, socket, chunk));
    socket.on("end", () => lose(at, socket, "closed"));
    socket.on("error", (error) => lose(at, socket, reasonOf(error)));
    socket.on("close", () => {
      sockets.delete(socket);
      lose(at, socket, "closed");
    });
    if (paused || held) socket.pause();
    return connection;
  };

  const take = (owner: Address, socket: Socket): void => {
    const overload = door.enter(socket);
    if (overload !== null) {
      discard(socket);
      onOverload(overload);
      return;
    }
    const connection = `conn/${incoming++}`;
    const opened = adopt(connection, socket, true);
    report(
      owner,
      { type: "Incoming", connection, remote: remoteOf(socket) },
      () => connections.get(connection) === opened,
    );
  };

  const listen = ({ address, owner }: Listener): Promise<string> => {
    const target = parseHostPort(address);
    if (target === null) return Promise.reject(notAnAddress(address));
    const server = createServer({ pauseOnConnect: true }, (socket) => take(owner, socket));
    return new Promise((resolve, reject) => {
      server.on("error", (error) => reject(listenFailure(address, error)));
      server.listen(target, () => {
        servers.add(server);
        const bound = server.address();
        resolve(typeof bound === "object" && bound !== null ? formatHostPort(bound.address, bound.port) : address);
      });
    });
  };

  const dial = (at: Address, { addresses, timeoutMs }: Dial): void => {
    invariant(!connections.has(at), `${at} has a connection already`);
    const giveUp = dialInTurn(addresses, timeoutMs, (outcome) => {
      if (!outcome.ok) return reportLost(at, null, { type: "DialFailed", reason: outcome.reason });
      const remote = remoteOf(outcome.socket);
      reportOpen(at, adopt(at, outcome.socket, false), { type: "Connected", remote });
    });
    connections.set(at, { type: "dialling", giveUp });
  };

  const write = (at: Address, pieces: ReadonlyArray<Uint8Array>): void => {
    const connection = connections.get(at);
    if (connection?.type !== "open") return;
    const { socket } = connection;
    const length = lengthOf(pieces);
    if (socket.writableLength + length > unsentLengthMax) return lose(at, socket, "send-buffer-full");
    unsent += length;
    if (unsent > limits.unsentBytes) loseSlowest();
    const onWritten = (error?: Error | null): void => {
      unsent -= length;
      if (!error) reportOpen(at, connection, { type: "Flushed", length });
    };
    // Corked, so that the system gets them in one call.
    socket.cork();
    pieces.forEach((piece, index) => socket.write(piece, index === pieces.length - 1 ? onWritten : undefined));
    socket.uncork();
  };

  const loseSlowest = (): void => {
    let slowest: { readonly at: Address; readonly socket: Socket } | null = null;
    for (const [at, connection] of connections) {
      if (connection.type !== "open") continue;
      const { socket } = connection;
      if (slowest === null || socket.writableLength > slowest.socket.writableLength) slowest = { at, socket };
    }
    if (slowest === null) return;
    onOverload("unsent-bytes");
    lose(slowest.at, slowest.socket, "send-buffer-full");
  };

  const close = (at: Address, closeSocket: (socket: Socket) => void): void => {
    const connection = connections.get(at);
    connections.delete(at);
    if (connection?.type === "dialling") connection.giveUp();
    if (connection?.type === "open") closeSocket(connection.socket);
  };

  const setPaused = (at: Address, paused: boolean): void => {
    const connection = connections.get(at);
    if (connection?.type !== "open") return;
    connection.paused = paused;
    if (paused) connection.socket.pause();
    else if (!held) connection.socket.resume();
  };

  const hangup = (at: Address): void => close(at, door.leaveGently);

  return {
    listen,
    dial,
    write,
    hangup,
    pause: (at) => setPaused(at, true),
    resume: (at) => setPaused(at, false),
    destroy: (at) => close(at, (socket) => socket.destroy()),
    hold: (hold) => {
      held = hold;
      for (const connection of connections.values()) {
        if (connection.type !== "open") continue;
        if (hold) connection.socket.pause();
        else if (!connection.paused) connection.socket.resume();
      }
    },
    close: async () => {
      const closed = [...servers].map((server) => new Promise((resolve) => server.close(resolve)));
      for (const at of [...connections.keys()]) hangup(at);
      closed.push(...[...sockets].map((socket) => new Promise((resolve) => socket.once("close", resolve))));
      await Promise.all(closed);
    },
  };
};
