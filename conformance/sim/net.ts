/**
 * The network between hosts: listeners by address, dialling, and a link (link.ts) for every pair of hosts.
 *
 * @module
 */
import type { Dial } from "../../core/effects.ts";
import { invariant } from "../../core/machine.ts";
import type { Agenda } from "./agenda.ts";
import { createLink, type Latency, type Link, type Socket, type SocketHandler } from "./link.ts";

export interface Listener {
  readonly host: string;
  /** Takes the connection and gives its handler, or refuses it. */
  readonly incoming: (socket: Socket, remote: string) => SocketHandler | null;
}

export interface DialHandler {
  readonly connected: (socket: Socket, remote: string) => SocketHandler;
  readonly failed: (reason: string) => void;
}

export interface Net {
  readonly listen: (address: string, listener: Listener) => void;
  /** Gives a function that calls the attempt off. */
  readonly dial: (host: string, effect: Dial, handler: DialHandler) => () => void;
  readonly link: (a: string, b: string) => Link;
  /** A process has died: its listeners are gone, its connections break. */
  readonly abandon: (host: string) => void;
}

export const createNet = (agenda: Agenda, seed: Uint8Array, latency: Latency): Net => {
  const listeners = new Map<string, Listener>();
  /** Whose addresses are, also while nobody listens. */
  const owners = new Map<string, string>();
  const links = new Map<string, { readonly hosts: ReadonlyArray<string>; readonly link: Link }>();
  let connections = 0;

  const link = (a: string, b: string): Link => {
    const hosts = [a, b].sort();
    const name = hosts.join("|");
    const known = links.get(name);
    if (known !== undefined) return known.link;
    const made = createLink(agenda, seed, name, latency);
    links.set(name, { hosts, link: made });
    return made;
  };

  const dial: Net["dial"] = (host, effect, handler) => {
    let isOver = false;
    const fail = (reason: string): void => {
      if (isOver) return;
      isOver = true;
      handler.failed(reason);
    };
    const attempt = (remaining: ReadonlyArray<string>): void => {
      const [address, ...others] = remaining;
      if (isOver) return;
      if (address === undefined) return fail("refused");
      const over = link(host, owners.get(address) ?? address);
      agenda.at(agenda.now() + over.baseMs, () => over.whenFree(() => arrive(over, address, others)));
    };
    const arrive = (over: Link, address: string, others: ReadonlyArray<string>): void => {
      const listener = listeners.get(address);
      if (isOver) return;
      const isThere = listener !== undefined && over === link(host, listener.host);
      if (!isThere || over.isCut()) return agenda.at(agenda.now() + over.baseMs, () => attempt(others));
      const [near, far] = over.connect(host, listener.host);
      // Planned first: what the listener writes at once arrives no earlier than the news of the connection.
      agenda.at(agenda.now() + over.baseMs, () =>
        over.whenFree(() => {
          if (isOver) return near.socket.hangup();
          if (near.hungUp) return fail("reset");
          isOver = true;
          near.handler = handler.connected(near.socket, address);
        }));
      far.handler = listener.incoming(far.socket, `${host}:${++connections}`);
      if (far.handler === null) far.socket.hangup();
    };
    agenda.at(agenda.now() + effect.timeoutMs, () => fail("timeout"));
    attempt(effect.addresses);
    return () => {
      isOver = true;
    };
  };

  return {
    listen: (address, listener) => {
      invariant(!listeners.has(address), `${address} is taken`);
      listeners.set(address, listener);
      owners.set(address, listener.host);
    },
    dial,
    link,
    abandon: (host) => {
      for (const [address, listener] of listeners) if (listener.host === host) listeners.delete(address);
      for (const { hosts, link } of links.values()) if (hosts.includes(host)) link.abandon(host);
    },
  };
};
