/**
 * The management socket (wire-facts §10): drives core/management/conversation.ts over a Unix socket. Whoever may open
 * the file may manage the process: there is no other authentication, as in Go.
 *
 * Bounds, which are ours: 16 connections; 5 minutes from line to line; 64 KiB of replies that a peer does not read.
 *
 * @module
 */
import { createServer, type Server, type Socket } from "node:net";
import {
  answered,
  begin,
  type Conversation,
  type ConversationEffect,
  type ConversationStep,
  inputEnded,
  received,
  shown,
} from "../core/management/conversation.ts";
import type { Role } from "../core/management/verbs.ts";
import { absurd } from "../core/machine.ts";
import type { Inquiries } from "./inquiries.ts";
import type { Logger } from "./log.ts";
import { closeUnix, listenUnix } from "./unix_listener.ts";

export interface ManagementOptions {
  readonly path: string;
  readonly role: Role;
  /** Whom the greeting names. */
  readonly identifier: string;
  readonly inquiries: Inquiries<unknown>;
  /** Ends the process; may be called more than once. */
  readonly shutdown: () => void;
  readonly log: Logger;
  readonly idleMs?: number;
}

export interface Management {
  /** Rejects with a CommandError where it cannot listen. */
  readonly listen: () => Promise<void>;
  /** Closes the connections, after what was written, and removes the socket. */
  readonly stop: () => Promise<void>;
}

const connectionsMax = 16;
const idleDefaultMs = 5 * 60_000;
const unreadMax = 64 * 1024;
/** How long a peer may take to read the last reply, and to close. */
const lingerMs = 500;

export const createManagement = (options: ManagementOptions): Management => {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    converse(options, socket);
  });
  server.maxConnections = connectionsMax;
  return {
    listen: () => listenUnix(server, options.path),
    stop: async () => {
      for (const socket of sockets) closeGently(socket);
      await closeUnix(server, options.path);
    },
  };
};

/** Reads on: what a peer is still writing would turn the close into an error, before which it may read nothing. */
const closeGently = (socket: Socket): void => {
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once("close", () => clearTimeout(timer));
  socket.resume();
  socket.end();
};

const converse = ({ role, identifier, inquiries, shutdown, log, idleMs }: ManagementOptions, socket: Socket): void => {
  let state: Conversation;
  const timer = setTimeout(() => socket.destroy(), idleMs ?? idleDefaultMs);

  const settle = (step: ConversationStep): void => {
    state = step.state;
    if (step.effects.length > 0) timer.refresh();
    for (const effect of step.effects) perform(effect);
    // Unanswered, a peer is not read: what waits for it stays bounded.
    if (state.awaiting === undefined) socket.resume();
    else socket.pause();
  };

  const perform = (effect: ConversationEffect): void => {
    switch (effect.type) {
      case "Write":
        socket.write(effect.text);
        if (socket.writableLength > unreadMax) socket.destroy();
        return;
      case "Ask":
        log.write({ module: "management", level: "INFO", reason: "managed", message: effect.request.type });
        return void inquiries.manage(effect.request).then((answer) => settle(answered(state, answer)));
      case "AskStatus":
        return void inquiries.status().then((view) => settle(shown(state, view ?? undefined)));
      case "Shutdown":
        return shutdown();
      case "Close":
        return closeGently(socket);
      default:
        return absurd(effect);
    }
  };

  socket.on("error", () => socket.destroy());
  socket.on("data", (bytes: Uint8Array) => settle(received(state, bytes)));
  socket.on("end", () => settle(inputEnded(state)));
  socket.on("close", () => clearTimeout(timer));
  settle(begin(role, identifier));
};
