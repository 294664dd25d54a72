/**
 * Why a call of the client library failed.
 *
 * @module
 */
import type { ClientNotice, DocumentRefusal, FailureReason, RefusalReason } from "../core/client/events.ts";

export type ClientErrorCode =
  | RefusalReason
  | FailureReason
  | DocumentRefusal
  /** No reply came in time. */
  | "timeout"
  /** No document or no connection in time. */
  | "connect-timeout"
  /** The client is closed, or its process cannot keep up. */
  | "closed"
  | "overloaded"
  /** A bug of ours. */
  | "internal";

const explanations: Readonly<Partial<Record<ClientErrorCode, string>>> = {
  timeout: "no reply came in time",
  "connect-timeout": "no document or no connection in time",
  closed: "the client is closed",
  shutdown: "the client was closed",
  "queue-full": "40 packets wait already: try again when some are sent",
  "too-long": "the message is too long",
  "bad-key": "the recipient's key is none",
  "unknown-provider": "the network has no such Provider",
  "unknown-service": "no Provider offers this service",
  "no-identity-key": "messages between users need an identity key",
  "not-sent": "the packet could not be sent",
  "malformed-reply": "the reply is not of the form that was expected: perhaps the recipient is no service, or no user",
  "provider-without-loop": "a Provider without a loop service is in the document: decoys would give its users away",
  "pin-mismatch": "the Provider's identity key is not the pinned one",
  "own-provider-missing": "the document does not list the Provider",
};

/** `code` is for programs, `message` for people. */
export class ClientError extends Error {
  override readonly name = "ClientError";
  readonly code: ClientErrorCode;
  constructor(code: ClientErrorCode, detail?: string) {
    const text = explanations[code] ?? code;
    super(detail === undefined ? text : `${text}: ${detail}`);
    this.code = code;
  }
}

/** The error of a notice that says no. */
export const errorOf = (notice: ClientNotice): ClientError => {
  switch (notice.type) {
    case "Refused":
    case "Failed":
    case "DocumentRefused":
      return new ClientError(notice.reason);
    case "Timeout":
      return new ClientError("timeout", `${Math.round(notice.afterMs)} ms after it was sent`);
    default:
      return new ClientError("internal", notice.type);
  }
};
