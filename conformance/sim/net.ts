/**
 * The network between hosts: listeners by address, dialling, connections made of two pipes, a latency of its own for
 * every pair of hosts.
 *
 * @module
 */
import type { Dial } from "../../core/effects.ts";
import { invariant } from "../../core/machine.ts";
import type { Agenda } from "./agenda.ts";
import { createPipe, type Pipe } from "./pipe.ts";
import { createPrng, type Prng } from "./prng.ts";

export interface Latency {
  /** One way, of a pair of hosts: drawn once from [min, max] ms. */
  readonly minMs: number;
  readonly maxMs: number;
  /** Added to each segment: drawn from [0, jitter] ms. */
  readonly jitterMs: number;
}

/** What a host's end of a connection is told. */
export interface SocketHandler {
  readonly received: (bytes: Uint8Array) => void;
  readonly flushed: (length: number) => void;
  readonly disconnected: (reason: string) => void;
}

/** A host's end of a connection. After `hangup` its handler is told nothing more. */
export interface Socket {
  readonly write: (bytes: Uint8Array) => void;
  readonly hangup: () => void;
  readonly pause: () => void;
  readonly resume: () => void;
}

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
}

/** A connection under way to being one: handlers are known only once both sides have taken it. */
interface End {
  handler: SocketHandler | null;
  hungUp: boolean;
}

export const createNet = (agenda: Agenda, seed: Uint8Array, latency: Latency): Net => {
  const listeners = new Map<string, Listener>();
  const prngs = new Map<string, { readonly prng: Prng; readonly baseMs: number }>();
  let connections = 0;

  const link = (a: string, b: string): { readonly prng: Prng; readonly baseMs: number } => {
    const name = [a, b].sort().join("|");
    const known = prngs.get(name);
    if (known !== undefined) return known;
    const prng = createPrng(seed, `link ${name}`);
    const made = { prng, baseMs: latency.minMs + prng.below(latency.maxMs - latency.minMs + 1) };
    prngs.set(name, made);
    return made;
  };

  const connect = (
    a: string,
    b: string,
  ): { readonly near: Socket; readonly far: Socket; readonly ends: readonly [End, End] } => {
    const { prng, baseMs } = link(a, b);
    const latencyMs = (): number => baseMs + prng.below(latency.jitterMs + 1);
    const near: End = { handler: null, hungUp: false };
    const far: End = { handler: null, hungUp: false };
    const pipe = (writer: End, reader: End): Pipe =>
      createPipe(agenda, prng, latencyMs, {
        received: (bytes) => reader.hungUp || reader.handler?.received(bytes),
        flushed: (length) => writer.hungUp || writer.handler?.flushed(length),
        ended: () => {
          if (reader.hungUp) return;
          reader.hungUp = true;
          reader.handler?.disconnected("closed by peer");
        },
      });
    const [out, back] = [pipe(near, far), pipe(far, near)];
    return { near: socketOf(near, out, back), far: socketOf(far, back, out), ends: [near, far] };
  };

  const dial: Net["dial"] = (host, effect, handler) => {
    let calledOff = false;
    const attempt = (remaining: ReadonlyArray<string>): void => {
      const [address, ...others] = remaining;
      if (calledOff) return;
      if (address === undefined) return handler.failed("refused");
      const listener = listeners.get(address);
      const oneWayMs = link(host, listener?.host ?? address).baseMs;
      if (listener === undefined) return agenda.at(agenda.now() + 2 * oneWayMs, () => attempt(others));
      agenda.at(agenda.now() + oneWayMs, () => arrive(listener, address, oneWayMs));
    };
    const arrive = (listener: Listener, address: string, oneWayMs: number): void => {
      if (calledOff) return;
      const { near, far, ends } = connect(host, listener.host);
      // Planned first: what the listener writes at once arrives no earlier than the news of the connection.
      agenda.at(agenda.now() + oneWayMs, () => {
        if (calledOff) return near.hangup();
        ends[0].handler = handler.connected(near, address);
      });
      ends[1].handler = listener.incoming(far, `${host}:${++connections}`);
      if (ends[1].handler === null) far.hangup();
    };
    attempt(effect.addresses);
    return () => {
      calledOff = true;
    };
  };

  return {
    listen: (address, listener) => {
      invariant(!listeners.has(address), `${address} is taken`);
      listeners.set(address, listener);
    },
    dial,
  };
};

const socketOf = (end: End, out: Pipe, back: Pipe): Socket => ({
  write: out.write,
  hangup: () => {
    end.hungUp = true;
    back.cut();
    out.end();
  },
  pause: back.pause,
  resume: back.resume,
});
