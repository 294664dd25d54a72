/**
 * Requests to a client machine as promises: each settles by its request's outcome, by the end of the client, or, after
 * the request was cancelled, by the reason of its AbortSignal.
 *
 * @module
 */
import type { ClientNotice, ClientRequest, SentPacket } from "../core/client/events.ts";
import { ClientError, type ClientErrorCode, errorOf } from "./client_error.ts";

/** A request under way. */
interface Pending {
  /** By their number. */
  readonly packets: SentPacket[];
  readonly settle: (outcome: ClientNotice) => void;
  readonly fail: (error: ClientError) => void;
}

/** What an outcome means; null where it is none of success. */
type Read<A> = (outcome: ClientNotice, packets: ReadonlyArray<SentPacket>) => A | null;

export interface Calls {
  /** Makes a request of an id that is free. */
  readonly call: <A>(
    request: (id: string) => ClientRequest,
    signal: AbortSignal | undefined,
    read: Read<A>,
  ) => Promise<A>;
  readonly onNotice: (notice: ClientNotice) => void;
  /** Fails what is under way and what comes. */
  readonly end: (code: ClientErrorCode) => void;
}

/** `tell` hands a request to the machine, or answers false where it cannot. */
export const createCalls = (tell: (request: ClientRequest) => boolean): Calls => {
  const pending = new Map<string, Pending>();
  let numbers = 0;
  let ended: ClientErrorCode | null = null;

  const call: Calls["call"] = (request, signal, read) =>
    new Promise((resolve, reject) => {
      if (ended !== null) return reject(new ClientError(ended));
      if (signal?.aborted) return reject(signal.reason);
      const id = `call-${numbers++}`;
      const packets: SentPacket[] = [];
      const cancel = (): void => void tell({ type: "Cancel", id });
      const forget = (): void => {
        pending.delete(id);
        signal?.removeEventListener("abort", cancel);
      };
      const settle = (outcome: ClientNotice): void => {
        forget();
        const result = read(outcome, packets);
        const wasCancelled = outcome.type === "Failed" && outcome.reason === "cancelled";
        if (result !== null) resolve(result);
        else reject(wasCancelled ? signal?.reason : errorOf(outcome));
      };
      const fail = (error: ClientError): void => {
        forget();
        reject(error);
      };
      signal?.addEventListener("abort", cancel, { once: true });
      pending.set(id, { packets, settle, fail });
      if (!tell(request(id))) fail(new ClientError("overloaded"));
    });

  return {
    call,
    onNotice: (notice) => {
      if (!("id" in notice) || notice.type === "Accepted") return;
      const under = pending.get(notice.id);
      if (under === undefined) return;
      if (notice.type === "Sent") under.packets[notice.packet] = notice.sent;
      else under.settle(notice);
    },
    end: (code) => {
      ended = code;
      for (const { fail } of [...pending.values()]) fail(new ClientError(code));
    },
  };
};
