/**
 * Dialling: tries addresses in turn within one deadline.
 *
 * @module
 */
import { createConnection, type Socket } from "node:net";
import { clearImmediate, setImmediate } from "node:timers";
import { type HostPort, parseHostPort } from "./address.ts";

export type DialOutcome =
  | { readonly ok: true; readonly socket: Socket }
  /** Each address with its error code. */
  | { readonly ok: false; readonly reason: string };

/** Codes as they are (`ECONNREFUSED`): messages repeat the address. */
export const reasonOf = (error: Error): string => (error as NodeJS.ErrnoException).code ?? error.message;

/** Ends a socket that nobody listens to any more; an unheard error would end the process. */
export const discard = (socket: Socket): void => {
  socket.on("error", () => {});
  socket.destroy();
};

const connect = (target: HostPort, timeoutMs: number, done: (outcome: Socket | string) => void): () => void => {
  const socket = createConnection(target);
  const silence = (): void => {
    clearTimeout(timer);
    socket.off("connect", onConnect);
    socket.off("error", onError);
  };
  const fail = (reason: string): void => {
    silence();
    discard(socket);
    done(reason);
  };
  const onConnect = (): void => {
    silence();
    done(socket);
  };
  const onError = (error: Error): void => fail(reasonOf(error));
  const timer = setTimeout(() => fail("ETIMEDOUT"), timeoutMs);
  socket.on("connect", onConnect);
  socket.on("error", onError);
  return () => {
    silence();
    discard(socket);
  };
};

/** Calls `done` once, later, unless the function given back was called before: it gives up. */
export const dialInTurn = (
  addresses: ReadonlyArray<string>,
  timeoutMs: number,
  done: (outcome: DialOutcome) => void,
): () => void => {
  const deadline = performance.now() + timeoutMs;
  const failures: string[] = [];

  const next = (index: number): void => {
    const address = addresses[index];
    if (address === undefined) {
      return done({ ok: false, reason: failures.length === 0 ? "no address" : failures.join(", ") });
    }
    const fail = (reason: string): void => {
      failures.push(`${address} ${reason}`);
      next(index + 1);
    };
    const target = parseHostPort(address);
    if (target === null || target.port === 0) return fail("is not host:port");
    // Each address gets its share of what is left, so that the last one is tried in time, too.
    const shareMs = Math.max(1, (deadline - performance.now()) / (addresses.length - index));
    giveUp = connect(
      target,
      shareMs,
      (outcome) => (typeof outcome === "string" ? fail(outcome) : done({ ok: true, socket: outcome })),
    );
  };

  // Later, since not even an address that cannot be parsed may answer from within.
  const start = setImmediate(() => next(0));
  let giveUp = (): void => clearImmediate(start);
  return () => giveUp();
};
