/**
 * The sequence numbers of retrieval, for one session of a client (specs/end_to_end.rst §3.2.1, wire-facts §6.4). They
 * start at 0; the same number again asks for the same message, the next one says that it has arrived.
 *
 * In Go the next number deletes whatever is the head by then. Here it deletes what was delivered, so that a client
 * which counts up after an empty answer does not lose a message that it never saw.
 *
 * @module
 */

export interface Retrieval {
  readonly sequence: number;
  /** The number of the entry that was delivered under this sequence number, or null. */
  readonly delivered: number | null;
  /** A request is being answered. */
  readonly busy: boolean;
}

export const newRetrieval: Retrieval = { sequence: 0, delivered: null, busy: false };

export type RetrievalRequest =
  /** Answer with the head, after deleting `arrived`. */
  | { readonly type: "Serve"; readonly retrieval: Retrieval; readonly arrived: number | null }
  /** The session must end. */
  | { readonly type: "Refuse"; readonly reason: "retrieval-concurrent" | "retrieval-out-of-sequence" };

export const requestRetrieval = (retrieval: Retrieval, sequence: number): RetrievalRequest => {
  if (retrieval.busy) return { type: "Refuse", reason: "retrieval-concurrent" };
  if (sequence === retrieval.sequence) return { type: "Serve", retrieval: { ...retrieval, busy: true }, arrived: null };
  if (sequence !== (retrieval.sequence + 1) % 2 ** 32) return { type: "Refuse", reason: "retrieval-out-of-sequence" };
  return { type: "Serve", retrieval: { sequence, delivered: null, busy: true }, arrived: retrieval.delivered };
};

/** The request has been answered with the entry, or as empty. */
export const answerRetrieval = (retrieval: Retrieval, delivered: number | null): Retrieval => ({
  ...retrieval,
  delivered,
  busy: false,
});

/** The true count of what waits behind the message, as its byte allows (specs/end_to_end.rst §3.2.1). */
export const queueSizeHint = (waiting: number): number => Math.min(waiting, 255);
