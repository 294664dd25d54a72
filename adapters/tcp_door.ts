/**
 * How many connections from outside a process has, and from where. Nothing has been read from them yet, so that this is
 * only the outer bound: their owners decide who stays (core/wire/admission.ts).
 *
 * @module
 */
import type { Socket } from "node:net";
import { formatHostPort } from "./address.ts";
import { addressOf } from "../core/wire/remote_address.ts";

/** What connections may take of the process, before their owner has decided on them and after. */
export interface TcpLimits {
  /** Connections from outside that may be open at once. */
  readonly accepted: number;
  /** Of these, from one address (core/wire/remote_address.ts), without those that we have hung up on. */
  readonly acceptedPerAddress: number;
  /** Bytes that may wait for all peers together. */
  readonly unsentBytes: number;
}

/** More than the owners, whose bounds are finer, make of it. */
export const defaultTcpLimits: TcpLimits = {
  accepted: 16_384,
  acceptedPerAddress: 1024,
  unsentBytes: 256 * 1024 * 1024,
};

export const overloadReasons = [
  /** As many connections from outside are open as may be. */
  "process-full",
  /** As many of them come from the address as may. */
  "address-accepted",
  /** Too much waits for all peers together, and most of it for this one. */
  "unsent-bytes",
] as const;

export type OverloadReason = typeof overloadReasons[number];

/** How long a hung-up connection may take to deliver what was written. */
const lingerMs = 5000;

export const remoteOf = (socket: Socket): string =>
  socket.remoteAddress === undefined
    ? "unknown"
    : formatHostPort(socket.remoteAddress.replace(/^::ffff:/, ""), socket.remotePort ?? 0);

export interface Door {
  /** Lets a connection in, or says why not. */
  readonly enter: (socket: Socket) => OverloadReason | null;
  /** Delivers what was written, then closes. Meanwhile the connection gives way to any newcomer. */
  readonly leaveGently: (socket: Socket) => void;
}

export const createDoor = ({ accepted, acceptedPerAddress }: TcpLimits): Door => {
  const inside = new Map<Socket, string>();
  const byAddress = new Map<string, number>();
  /** From inside, oldest first. */
  const leaving = new Set<Socket>();

  const forgetAddress = (socket: Socket): void => {
    const from = inside.get(socket)!;
    const left = byAddress.get(from)! - 1;
    if (left === 0) byAddress.delete(from);
    else byAddress.set(from, left);
  };

  const onClose = (socket: Socket): void => {
    if (!leaving.delete(socket)) forgetAddress(socket);
    inside.delete(socket);
  };

  return {
    enter: (socket) => {
      const from = addressOf(remoteOf(socket));
      const fromThere = byAddress.get(from) ?? 0;
      if (fromThere >= acceptedPerAddress) return "address-accepted";
      if (inside.size - leaving.size >= accepted) return "process-full";
      const [oldest] = leaving;
      if (inside.size >= accepted) oldest?.destroy();
      inside.set(socket, from);
      byAddress.set(from, fromThere + 1);
      socket.once("close", () => onClose(socket));
      return null;
    },
    leaveGently: (socket) => {
      if (inside.has(socket) && !leaving.has(socket)) {
        forgetAddress(socket);
        leaving.add(socket);
      }
      const timer = setTimeout(() => socket.destroy(), lingerMs);
      socket.once("close", () => clearTimeout(timer));
      // Unread bytes would turn the close into a reset.
      socket.resume();
      socket.end();
    },
  };
};
