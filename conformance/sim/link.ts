/**
 * What lies between two hosts: its latency, its faults, and the connections over it.
 *
 * @module
 */
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

/** A connection under way to being one: handlers are known only once both sides have taken it. */
export interface End {
  readonly host: string;
  readonly socket: Socket;
  handler: SocketHandler | null;
  hungUp: boolean;
}

interface Connection {
  readonly ends: readonly [near: End, far: End];
  readonly pipes: readonly [out: Pipe, back: Pipe];
}

export interface Link {
  /** One way, ms. */
  readonly baseMs: number;
  readonly isCut: () => boolean;
  readonly isStalled: () => boolean;
  /** Makes a connection from one host to the other; nobody is told yet. */
  readonly connect: (near: string, far: string) => Connection["ends"];
  /** Does it as soon as the link is not stalled. */
  readonly whenFree: (action: () => void) => void;
  /* Faults add up: the link is whole when each has ended. */
  readonly cut: (by: 1 | -1) => void;
  readonly stall: (by: 1 | -1) => void;
  readonly slow: (byMs: number) => void;
  /** A host's process has died: the other end learns it. */
  readonly abandon: (host: string) => void;
}

const hangUp = (end: End): void => {
  end.hungUp = true;
};

export const createLink = (agenda: Agenda, seed: Uint8Array, name: string, latency: Latency): Link => {
  const prng: Prng = createPrng(seed, `link ${name}`);
  const baseMs = latency.minMs + prng.below(latency.maxMs - latency.minMs + 1);
  const connections = new Set<Connection>();
  let [cuts, stalls, slowMs] = [0, 0, 0];
  let waiting: Array<() => void> = [];
  const isStalled = (): boolean => stalls > 0;
  const latencyMs = (): number => baseMs + slowMs + prng.below(latency.jitterMs + 1);

  const pipe = (writer: () => End, reader: () => End): Pipe =>
    createPipe({ agenda, prng, latencyMs, isStalled }, {
      received: (bytes) => reader().hungUp || reader().handler?.received(bytes),
      flushed: (length) => writer().hungUp || writer().handler?.flushed(length),
      ended: () => close(reader(), "closed by peer"),
    });

  const close = (end: End, reason: string): void => {
    if (end.hungUp) return;
    hangUp(end);
    forgetEnded();
    end.handler?.disconnected(reason);
  };

  const forgetEnded = (): void => {
    for (const connection of connections) {
      if (connection.ends.every(({ hungUp }) => hungUp)) connections.delete(connection);
    }
  };

  const endOf = (host: string, out: Pipe, back: Pipe): End => {
    const hangup = (): void => {
      hangUp(end);
      back.cut();
      out.end();
      forgetEnded();
    };
    const socket: Socket = { write: out.write, hangup, pause: back.pause, resume: back.resume };
    const end: End = { host, socket, handler: null, hungUp: false };
    return end;
  };

  const breakOff = ({ ends, pipes }: Connection): void => {
    for (const each of pipes) each.cut();
    for (const end of ends) agenda.at(agenda.now(), () => close(end, "connection reset"));
  };

  return {
    baseMs,
    isCut: () => cuts > 0,
    isStalled,
    connect: (nearHost, farHost) => {
      const out: Pipe = pipe(() => near, () => far);
      const back: Pipe = pipe(() => far, () => near);
      const near = endOf(nearHost, out, back);
      const far = endOf(farHost, back, out);
      const connection: Connection = { ends: [near, far], pipes: [out, back] };
      connections.add(connection);
      return connection.ends;
    },
    whenFree: (action) => {
      if (stalls === 0) action();
      else waiting.push(action);
    },
    cut: (by) => {
      cuts += by;
      if (cuts > 0) { for (const connection of [...connections]) breakOff(connection); }
    },
    stall: (by) => {
      stalls += by;
      if (stalls > 0) return;
      // The news of a connection comes before what was written to it.
      const freed = waiting;
      waiting = [];
      for (const action of freed) agenda.at(agenda.now(), action);
      for (const { pipes } of connections) for (const each of pipes) each.unstall();
    },
    slow: (byMs) => {
      slowMs += byMs;
    },
    abandon: (host) => {
      for (const connection of [...connections]) {
        for (const end of connection.ends) if (end.host === host) hangUp(end);
        breakOff(connection);
      }
      forgetEnded();
    },
  };
};
